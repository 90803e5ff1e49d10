/**
 * A merchant of the bank's Razorpay dialect: the whole bank, the merchant's webhook endpoint, and its calls.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { type Endpoint, openEndpoint } from '../../testing/endpoint.ts';
import { type RunningBank, runApart, runHere } from '../../testing/running-bank.ts';

/** A webhook as it came. */
export interface Heard {
  readonly event: string;
  readonly eventId: string;
  readonly signature: string;
  readonly text: string;
  readonly body: Loose;
}

/** JSON that a test looks into, whatever it is. */
export type Loose = ReturnType<typeof JSON.parse>;

/** An answer of the bank. */
export interface Answered {
  readonly status: number;
  readonly body: Loose;
}

export const KEY_ID = 'rzp_test_bank0000000001';
export const KEY_SECRET = 'key_secret_of_the_bank';
export const WEBHOOK_SECRET = 'webhook_secret_of_the_bank';
export const ACCOUNT = 'acc_bank0000000001';

/** What a card payment says beside its order, as the documentation has it. */
export const SHOPPER = {
  email: 'a@b.example',
  contact: '9000090000',
  authentication: { authentication_channel: 'browser' },
  browser: {
    java_enabled: false,
    javascript_enabled: true,
    timezone_offset: -330,
    color_depth: 24,
    screen_width: 1440,
    screen_height: 900,
    language: 'en-US',
  },
  ip: '203.0.113.7',
} as const;

/** A card that is what it should be but for its number. */
export function cardOf(number: string): Record<string, string> {
  const cvv = number.startsWith('34') ? '1234' : '123';
  return { number, name: 'A Shopper', expiry_month: '12', expiry_year: '40', cvv };
}

export class Merchant {
  readonly heard: Heard[] = [];
  answerWith = 200;
  readonly #dataDir: string;
  readonly #endpoint: Endpoint;
  #bank: RunningBank | undefined;
  #run = runHere;

  private constructor(dataDir: string, endpoint: Endpoint) {
    this.#dataDir = dataDir;
    this.#endpoint = endpoint;
  }

  /** Opens the endpoint and starts the bank. */
  static async start(): Promise<Merchant> {
    const endpoint = await openEndpoint((text, headers) => {
      merchant.heard.push(heardOf(headers, text));
      return merchant.answerWith;
    });
    const merchant = new Merchant(await mkdtemp(join(tmpdir(), 'sandbox-razorpay-')), endpoint);
    await merchant.startBank();
    return merchant;
  }

  get url(): string {
    return this.#bank!.url;
  }

  /** From now on the bank is a process of its own, which can be killed. */
  async moveBankApart(): Promise<void> {
    this.#run = runApart;
    await this.killBank();
    await this.startBank();
  }

  /** Ends the bank without a word. */
  async killBank(): Promise<void> {
    if (this.#run !== runApart) throw new Error('only a bank apart can be killed');
    await this.#bank?.end();
  }

  async stop(): Promise<void> {
    await this.#bank?.end();
    this.#endpoint.close();
    await rm(this.#dataDir, { recursive: true });
  }

  /** Starts the bank over the data that are there. */
  async startBank(): Promise<void> {
    const callbackUrl = `${this.#endpoint.url}/hooks`;
    const account = {
      dialect: 'razorpay',
      account: ACCOUNT,
      keyId: KEY_ID,
      secretKey: KEY_SECRET,
      webhookSecret: WEBHOOK_SECRET,
      callbackUrl,
    };
    this.#bank = await this.#run({
      SANDBOX_PORT: '0',
      SANDBOX_DATA_DIR: this.#dataDir,
      SANDBOX_CALLBACK_DELAY_MS: '10',
      SANDBOX_FSYNC: 'off',
      SANDBOX_ACCOUNTS: JSON.stringify([account]),
    });
  }

  /** Calls the API with the merchant's key, or with another `authorization`. */
  async call(
    method: 'GET' | 'POST',
    path: string,
    body?: object | URLSearchParams,
    authorization = basic(KEY_ID, KEY_SECRET),
  ): Promise<Answered> {
    const isForm = body instanceof URLSearchParams;
    const response = await fetch(path.startsWith('http') ? path : `${this.url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        Authorization: authorization,
        'Content-Type': isForm ? 'application/x-www-form-urlencoded' : 'application/json',
      },
      ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('Content-Type') === 'application/json' && text !== '';
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  }

  /** Opens an order of 500 rupees that is captured by itself, with more fields. */
  async order(more: object = {}): Promise<Loose> {
    const payment = { capture: 'automatic', capture_options: { automatic_expiry_period: 12 } };
    const { status, body } = await this.call('POST', '/v1/orders', {
      amount: 50_000,
      currency: 'INR',
      payment,
      ...more,
    });
    expect(status, JSON.stringify(body)).toBe(200);
    return body;
  }

  /** Pays an order by card, with more fields. */
  pay(order: Loose, number: string, more: object = {}): Promise<Answered> {
    const { id, amount, currency } = order;
    const card = cardOf(number);
    const payment = { amount, currency, order_id: id, method: 'card', card, ...SHOPPER, ...more };
    return this.call('POST', '/v1/payments/create/json', payment);
  }

  /** The payments of an order, newest first. */
  async paymentsOf(order: Loose): Promise<Loose[]> {
    return (await this.call('GET', `/v1/orders/${order.id}/payments`)).body.items;
  }

  /** Chooses on one of the bank's pages, as a browser's form would. */
  async choose(page: string, form: Record<string, string>): Promise<string> {
    const response = await fetch(page.startsWith('http') ? page : `${this.url}${page}`, {
      method: 'POST',
      body: new URLSearchParams(form),
      redirect: 'manual',
    });
    return await response.text();
  }

  /** Says something to the operator's routes. */
  async operate(path: string, body: object): Promise<Loose> {
    const response = await fetch(`${this.url}/_bank/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    return await response.json();
  }

  /** The lines of the bank's book. */
  async book(): Promise<Loose[]> {
    const text = await (await fetch(`${this.url}/_bank/charges`)).text();
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  /** Waits until as many webhooks have come, and no fewer. */
  hears(count: number): Promise<void> {
    return vi.waitFor(() => expect(this.heard.map(({ event }) => event)).toHaveLength(count), {
      timeout: 10_000,
      interval: 10,
    });
  }
}

/** `Authorization` of a key. */
export function basic(keyId: string, secret: string): string {
  return `Basic ${Buffer.from(`${keyId}:${secret}`).toString('base64')}`;
}

function heardOf(headers: IncomingHttpHeaders, text: string): Heard {
  const body = JSON.parse(text);
  return {
    event: body.event,
    eventId: String(headers['x-razorpay-event-id']),
    signature: String(headers['x-razorpay-signature']),
    text,
    body,
  };
}
