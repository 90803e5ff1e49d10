/**
 * The whole bank with one Stripe account, and a merchant who hears its webhooks.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Endpoint, openEndpoint } from '../../testing/endpoint.ts';
import { type RunningBank, runApart, runHere } from '../../testing/running-bank.ts';

export const ACCOUNT = 'acct_demo';
export const SECRET_KEY = 'sk_test_demo';
export const WEBHOOK_SECRET = 'whsec_demo';

/** A webhook as it came. */
export interface HeardWebhook {
  readonly body: string;
  readonly signature: string;
  readonly event: {
    readonly id: string;
    readonly type: string;
    readonly account?: string;
    readonly request: { readonly id: string; readonly idempotency_key: string | null };
    readonly data: { readonly object: Record<string, unknown> };
  };
}

/** The fields of answers that tests look at. */
export interface Answered {
  readonly id: string;
  readonly status: string;
  readonly latest_charge: string | null;
  readonly client_secret: string;
  readonly next_action: {
    readonly redirect_to_url: { readonly url: string; readonly return_url: string };
    readonly upi_handle_redirect_or_display_qr_code: {
      readonly hosted_instructions_url: string;
      readonly qr_code: { readonly image_url_png: string; readonly image_url_svg: string };
    };
  } | null;
  readonly error: {
    readonly type: string;
    readonly code?: string;
    readonly decline_code?: string;
    readonly param?: string;
    readonly message: string;
    readonly charge?: string;
    readonly payment_intent?: Answered;
  };
  readonly data: readonly Record<string, unknown>[];
  readonly has_more: boolean;
  readonly [field: string]: unknown;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Answered;
}

export class StripeBank {
  readonly heard: HeardWebhook[];
  #bank: RunningBank | undefined;
  #run = runHere;
  readonly #dataDir: string;
  readonly #merchant: Endpoint;
  readonly #options: Readonly<Record<string, unknown>>;

  private constructor(
    dataDir: string,
    merchant: Endpoint,
    heard: HeardWebhook[],
    options: Readonly<Record<string, unknown>>,
  ) {
    this.heard = heard;
    this.#dataDir = dataDir;
    this.#merchant = merchant;
    this.#options = options;
  }

  /** @param options of the account, beside what every one has */
  static async start(options: Readonly<Record<string, unknown>> = {}): Promise<StripeBank> {
    const dataDir = await mkdtemp(join(tmpdir(), 'sandbox-stripe-'));
    const heard: HeardWebhook[] = [];
    const merchant = await openEndpoint((body, headers) => {
      heard.push({ body, signature: String(headers['stripe-signature']), event: JSON.parse(body) });
      return 200;
    });
    const bank = new StripeBank(dataDir, merchant, heard, options);
    await bank.#open();
    return bank;
  }

  get url(): string {
    return this.#bank!.url;
  }

  /** From now on the bank is a process of its own, which can be killed. */
  async moveApart(): Promise<void> {
    this.#run = runApart;
    await this.killAndRestart();
  }

  /** Ends the process at once and starts it again over the same book. */
  async killAndRestart(): Promise<void> {
    if (this.#run !== runApart) throw new Error('only a bank apart can be killed');
    await this.#bank?.end();
    await this.#open();
  }

  async stop(): Promise<void> {
    await this.#bank?.end();
    this.#merchant.close();
    await rm(this.#dataDir, { recursive: true });
  }

  /** Types of the webhooks about an intent or a charge of it, in the order in which they came. */
  typesAbout(intent: string): string[] {
    return this.heard
      .filter(({ event }) => [event.data.object.id, event.data.object.payment_intent].includes(intent))
      .map(({ event }) => event.type);
  }

  /** @param headers more of them, or others */
  async post(
    path: string,
    params: Readonly<Record<string, string | number | boolean>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    const body = new URLSearchParams();
    for (const [name, value] of Object.entries(params)) body.append(name, String(value));
    return await this.request(path, { method: 'POST', body, headers });
  }

  async get(path: string): Promise<Reply> {
    return await this.request(path, {});
  }

  async request(path: string, init: RequestInit): Promise<Reply> {
    const headers = { Authorization: `Bearer ${SECRET_KEY}`, ...(init.headers as Record<string, string>) };
    const response = await fetch(new URL(path, this.url), { redirect: 'manual', ...init, headers });
    const text = await response.text();
    const isJson = response.headers.get('Content-Type')?.startsWith('application/json');
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: (isJson ? JSON.parse(text) : {}) as Answered,
    };
  }

  /** What the operator orders. */
  async operate(path: string, body: object): Promise<void> {
    const response = await fetch(`${this.url}/_bank/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
  }

  /** The shopper chooses on the bank's page; where that leads, or null. */
  async choose(page: string, choice: string): Promise<URL | null> {
    const body = new URLSearchParams({ choice });
    const response = await fetch(page, { method: 'POST', body, redirect: 'manual' });
    const location = response.headers.get('Location');
    return location === null ? null : new URL(location);
  }

  /** Whether every webhook was heard, and noted as heard. */
  async owesNothing(): Promise<boolean> {
    const health = (await (await fetch(`${this.url}/_bank/health`)).json()) as { callbacks_pending: number };
    return health.callbacks_pending === 0;
  }

  /** The lines of the book. */
  async book(): Promise<Record<string, unknown>[]> {
    const text = await (await fetch(`${this.url}/_bank/charges`)).text();
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  async #open(): Promise<void> {
    const account = {
      dialect: 'stripe',
      account: ACCOUNT,
      secretKey: SECRET_KEY,
      webhookSecret: WEBHOOK_SECRET,
      callbackUrl: `${this.#merchant.url}/webhooks/stripe`,
      ...this.#options,
    };
    const { callbackUrl } = account;
    const plain = {
      account: 'acct_plain',
      secretKey: 'bank_sk_plain',
      webhookSecret: 'x',
      callbackUrl,
    };
    this.#bank = await this.#run({
      SANDBOX_PORT: '0',
      SANDBOX_DATA_DIR: this.#dataDir,
      SANDBOX_CALLBACK_DELAY_MS: '10',
      SANDBOX_FSYNC: 'off',
      SANDBOX_ACCOUNTS: JSON.stringify([account, plain]),
    });
  }
}
