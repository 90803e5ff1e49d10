/**
 * Merchant: what the shop's server says to Sluice, through the TypeScript client, as any merchant's server would.
 *
 * Everything goes from server to server with the secret key; the browser gets one thing, the address of the checkout page.
 * @module
 */
import type { Transaction } from '../../clients/typescript/api.ts';
import { createSluice, type Sluice, SluiceError } from '../../clients/typescript/sluice.ts';
import type { BankSide } from './bank-side.ts';
import type { Product } from './catalogue.ts';
import { createNotingFetch, type NotingFetch } from './exchanges.ts';
import type { Note, Order } from './order.ts';
import type { Orders } from './orders.ts';
import type { Scenario } from './scenario.ts';
import type { ShopAccount, ShopFile } from './shop-file.ts';
import { webhookPathOf } from './tills.ts';

/** Where the shopper goes next, or why not. */
export type Sent =
  | { readonly ok: true; readonly redirectUrl: string }
  | { readonly ok: false; readonly problem: string };

/** One line of the gateway's own timeline. */
export interface GatewayEvent {
  /** Ms. */
  readonly at: number;
  readonly type: string;
  readonly source: string;
  readonly detail: string;
}

/** An attempt as the gateway shows it. */
export interface AttemptView {
  readonly transaction: Transaction;
  readonly events: GatewayEvent[];
}

/** What the gateway says of an order's payment when it is asked. */
export type GatewayView =
  | {
      readonly ok: true;
      readonly attempts: readonly AttemptView[];
      /** Why timelines are missing, if they are: the payments themselves are known all the same. */
      readonly timelineProblem: string | null;
    }
  | { readonly ok: false; readonly problem: string };

/** The shop has one customer: whoever sits before it. */
const CUSTOMER_ID = 'customer_demo';
/** Stories of one order that are open in several tabs share an answer this old, ms. */
const VIEW_KEPT_MS = 300;
const VIEWS_MAX = 50;
/** A story is shown without the gateway's part rather than later, ms. */
const LOOK_TIMEOUT_MS = 3000;

export class Merchant {
  readonly #orders: Orders;
  readonly #file: ShopFile;
  readonly #bank: BankSide;
  readonly #clock: () => number;
  readonly #views = new Map<string, { readonly at: number; readonly view: Promise<GatewayView> }>();

  constructor(parts: {
    readonly orders: Orders;
    readonly file: ShopFile;
    readonly bank: BankSide;
    readonly clock: () => number;
  }) {
    this.#orders = parts.orders;
    this.#file = parts.file;
    this.#bank = parts.bank;
    this.#clock = parts.clock;
  }

  /** Notes the order, makes its intent, arms the scenario's faults, and opens a checkout. */
  async buy(orderId: string, product: Product, scenario: Scenario): Promise<Sent> {
    const order = await this.#orders.place(orderId, {
      kind: 'ordered',
      at: this.#clock(),
      productId: product.id,
      scenarioId: scenario.id,
      till: scenario.till,
      amount: product.price,
      currency: product.currency,
    });
    return await this.checkOut(order, scenario);
  }

  /** A checkout page for the order. Its intent is made where there is none yet: the first time, or when that failed. */
  async checkOut(order: Order, scenario?: Scenario): Promise<Sent> {
    const read = await this.#file.account(order.till);
    if (!read.ok) return read;
    if (order.paymentIntentId === null) {
      const problem = await this.#createIntent(order, read.account);
      if (problem !== null) return { ok: false, problem };
      for (const fault of scenario?.faults ?? []) await this.#arm(order, fault);
    }
    return await this.#createSession(order, read.account);
  }

  /** Asks the gateway how the payment stands, and notes a final word: with it the shop need not wait for a webhook. */
  look(order: Order): Promise<GatewayView> {
    const now = this.#clock();
    const known = this.#views.get(order.orderId);
    if (known !== undefined && now - known.at < VIEW_KEPT_MS) return known.view;
    if (this.#views.size >= VIEWS_MAX) this.#views.clear();
    const view = this.#look(order);
    this.#views.set(order.orderId, { at: now, view });
    return view;
  }

  /** Asks the gateway to send the newest webhook of the order again. Resolves to what stands in the way, or null. */
  async replayWebhook(order: Order): Promise<string | null> {
    const read = await this.#file.account(order.till);
    if (!read.ok) return read.problem;
    const webhook = order.last('webhook');
    if (webhook === undefined) return 'No webhook of this order has arrived yet.';
    const noting = createNotingFetch();
    const sluice = open(read.account, noting);
    const url = read.account.sandboxUrl + webhookPathOf(order.till);
    const problem = await refusalOf(async () => {
      const { endpoints } = await sluice.webhookEndpoints.list();
      const endpoint = endpoints.find((one) => one.url === url);
      if (endpoint === undefined) return `Sluice has no webhook endpoint ${url}.`;
      await sluice.webhookEndpoints.replay(endpoint.endpointId, { eventId: webhook.id });
      return null;
    });
    const exchanges = noting.exchanges.filter(({ method }) => method === 'POST');
    await this.#orders.note(order, { kind: 'replayed', at: this.#clock(), exchanges });
    return problem;
  }

  async #createIntent(order: Order, account: ShopAccount): Promise<string | null> {
    const noting = createNotingFetch();
    const at = this.#clock();
    let paymentIntentId: string | null = null;
    const problem = await refusalOf(async () => {
      const intent = await open(account, noting).createIntent(
        {
          amount: order.amount,
          currency: order.currency,
          orderId: order.orderId,
          customerId: CUSTOMER_ID,
          metadata: { product: order.productId },
        },
        { idempotencyKey: order.orderId },
      );
      paymentIntentId = intent.paymentIntentId;
      return null;
    });
    await this.#orders.note(order, { kind: 'intent', at, exchanges: noting.exchanges, paymentIntentId });
    return problem;
  }

  async #arm(order: Order, fault: Scenario['faults'][number]): Promise<void> {
    const taken = this.#bank.arm(order.paymentIntentId!, fault);
    const note: Note = { kind: 'armed', at: this.#clock(), step: fault.step, fault: fault.fault, taken };
    await this.#orders.note(order, note);
  }

  /** Each visit to the checkout has a session of its own, and so an idempotency key of its own. */
  async #createSession(order: Order, account: ShopAccount): Promise<Sent> {
    const noting = createNotingFetch();
    const at = this.#clock();
    const number = order.notes.filter((note) => note.kind === 'session').length + 1;
    const storyUrl = `${account.sandboxUrl}/shop/orders/${order.orderId}`;
    let redirectUrl: string | null = null;
    let expiresAt: string | null = null;
    const problem = await refusalOf(async () => {
      const session = await open(account, noting).createSession(
        {
          paymentIntentId: order.paymentIntentId!,
          successUrl: `${storyUrl}?returned=1`,
          cancelUrl: `${storyUrl}?cancelled=1`,
        },
        { idempotencyKey: `${order.orderId}-session-${number}` },
      );
      ({ redirectUrl, expiresAt } = session);
      return null;
    });
    const { exchanges } = noting;
    await this.#orders.note(order, { kind: 'session', at, exchanges, redirectUrl, expiresAt });
    if (redirectUrl === null) return { ok: false, problem: problem ?? 'Sluice made no session.' };
    return { ok: true, redirectUrl };
  }

  async #look(order: Order): Promise<GatewayView> {
    const { paymentIntentId } = order;
    if (paymentIntentId === null) return { ok: true, attempts: [], timelineProblem: null };
    const read = await this.#file.account(order.till);
    if (!read.ok) return read;
    const sluice = createSluice({ ...read.account, retries: 0, timeoutMs: LOOK_TIMEOUT_MS });
    const transactions: Transaction[] = [];
    const problem = await refusalOf(async () => {
      const intent = await sluice.getIntent(paymentIntentId);
      for (const { transactionId } of intent.transactions) {
        transactions.push(await sluice.getTransaction(transactionId));
      }
      return null;
    });
    if (problem !== null) return { ok: false, problem };
    // A refusal of an earlier card is no news while a later one is under way.
    const telling = transactions.findLast(({ status }) => status === 'SUCCESS') ?? transactions.at(-1);
    if (telling !== undefined) await this.#noteFinalWord(order, telling);
    const attempts: AttemptView[] = transactions.map((transaction) => ({ transaction, events: [] }));
    const timelineProblem = await refusalOf(async () => {
      for (const attempt of attempts) attempt.events.push(...(await eventsOf(sluice, attempt.transaction)));
      return null;
    });
    return { ok: true, attempts, timelineProblem };
  }

  /** Only of a transaction that is this order's, to the last paisa, and only what no webhook has told. */
  async #noteFinalWord(order: Order, transaction: Transaction): Promise<void> {
    const { transactionId, status, amount, currency, orderId, failureCode } = transaction;
    if (status !== 'SUCCESS' && status !== 'FAILED') return;
    if (amount !== order.amount || currency !== order.currency || orderId !== order.orderId) return;
    if (status === 'SUCCESS' && order.state.word === 'paid') return;
    const isKnown = order.notes.some(
      (note) =>
        (note.kind === 'looked' || (note.kind === 'webhook' && note.answered === 204)) &&
        note.transactionId === transactionId &&
        status === 'FAILED',
    );
    if (isKnown) return;
    await this.#orders.note(order, {
      kind: 'looked',
      at: this.#clock(),
      transactionId,
      status,
      failureCode,
    });
  }
}

function open(account: ShopAccount, noting: NotingFetch): Sluice {
  return createSluice({ ...account, fetch: noting.fetch });
}

async function eventsOf(sluice: Sluice, { transactionId }: Transaction): Promise<GatewayEvent[]> {
  const { events } = await sluice.transactionEvents(transactionId);
  return events.map(({ at, type, source, detail }) => ({ at: Date.parse(at), type, source, detail }));
}

/** Runs what may be refused, and says in a sentence why it was. */
async function refusalOf(ask: () => Promise<string | null>): Promise<string | null> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    const wrong = error.errors.map(({ pointer, detail }) => ` ${pointer} ${detail}.`).join('');
    return `Sluice refused (${error.code}): ${error.detail}${wrong}`;
  }
}
