/**
 * Webhook receiver: verifies what Sluice sends, notes it durably, and only then says 204.
 *
 * Sluice sends at least once and in any order; what a webhook means for an order is decided in order.ts, not here. Load runs of the
 * demo merchant send thousands a second of orders the shop never made: those are acknowledged and counted, and the newest are kept
 * in memory only.
 * @module
 */
import type { IncomingHttpHeaders } from 'node:http';
import { verifyWebhook } from '../../clients/typescript/webhook.ts';
import { isRecord } from '../json.ts';
import type { Order, WebhookNote } from './order.ts';
import type { Orders } from './orders.ts';
import { findScenario } from './scenarios.ts';
import type { ShopFile } from './shop-file.ts';
import type { TillName } from './tills.ts';

/** How many webhooks have arrived since the start, and what became of them. */
export interface ReceiverCounts {
  readonly arrived: number;
  /** Their signature was right. */
  readonly verified: number;
  /** Answered 400. */
  readonly refused: number;
  /** Answered 503 because somebody behind the counter wanted to see a retry. */
  readonly failed: number;
  /** Of orders the shop does not know. */
  readonly unknown: number;
}

/** A webhook as the counter lists it. */
export interface Arrival {
  readonly at: number;
  /** What it was answered. */
  readonly status: 204 | 400 | 503;
  /** Its type, or why it was refused: the code of the verification. */
  readonly what: string;
  readonly webhookId: string;
  /** As it claims; only believe it of one that was answered 204. */
  readonly orderId: string | null;
}

/** What to answer, and whether the sender's own fault is named. */
export interface ReceiverAnswer {
  readonly status: 204 | 400 | 503;
  readonly code: string | null;
}

/** The fields of an event that the shop reads. */
interface ReadEvent {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const ARRIVALS_MAX = 100;
/** How long the shop plays dead after the button, ms. */
export const FAILING_MS = 10_000;
/** Shown of a request; no other header is kept. */
const SHOWN_HEADERS = [
  'webhook-id',
  'webhook-timestamp',
  'webhook-signature',
  'content-type',
  'user-agent',
] as const;

export class WebhookReceiver {
  readonly #orders: Orders;
  readonly #file: ShopFile;
  readonly #clock: () => number;
  readonly #counts = { arrived: 0, verified: 0, refused: 0, failed: 0, unknown: 0 };
  /** A ring: the newest overwrites the oldest. */
  readonly #arrivals: Arrival[] = [];
  #next = 0;

  constructor(parts: { readonly orders: Orders; readonly file: ShopFile; readonly clock: () => number }) {
    this.#orders = parts.orders;
    this.#file = parts.file;
    this.#clock = parts.clock;
  }

  get counts(): ReceiverCounts {
    return this.#counts;
  }

  /** The newest arrivals, newest first; of one order when it is named. */
  arrivals(count: number, orderId?: string): Arrival[] {
    const inOrder = [...this.#arrivals.slice(this.#next), ...this.#arrivals.slice(0, this.#next)].reverse();
    return inOrder.filter((one) => orderId === undefined || one.orderId === orderId).slice(0, count);
  }

  /** Takes one request at the endpoint of a till. Resolves when what must be kept is on disk. */
  async receive(till: TillName, headers: IncomingHttpHeaders, body: Buffer): Promise<ReceiverAnswer> {
    const now = this.#clock();
    this.#counts.arrived += 1;
    const verified = await this.#verify(till, headers, body, now);
    if (!verified.ok) {
      const status = verified.code === 'shop_not_set_up' ? 503 : 400;
      if (status === 400) this.#counts.refused += 1;
      this.#list({ at: now, status, what: verified.code, ...claimsOf(headers, body) });
      return { status, code: verified.code };
    }
    this.#counts.verified += 1;
    const { event } = verified;
    const order = this.#orderOf(till, event);
    if (order === undefined) {
      if (event.type !== 'webhook.test') this.#counts.unknown += 1;
      const orderId = textOf(event.data.orderId);
      this.#list({ at: now, status: 204, what: event.type, webhookId: idOf(headers), orderId });
      return { status: 204, code: null };
    }
    const status = this.#mustFail(order, now) ? 503 : 204;
    if (status === 503) this.#counts.failed += 1;
    await this.#orders.note(order, noteOf(headers, body, event, status, now));
    const { orderId } = order;
    this.#list({ at: now, status, what: event.type, webhookId: idOf(headers), orderId });
    return { status, code: status === 503 ? 'shop_plays_dead' : null };
  }

  /** With the secret of the file; where it does not fit, with the file as it is now: the secret may just have changed. */
  async #verify(
    till: TillName,
    headers: IncomingHttpHeaders,
    body: Buffer,
    now: number,
  ): Promise<
    { readonly ok: true; readonly event: ReadEvent } | { readonly ok: false; readonly code: string }
  > {
    const known = await this.#file.account(till);
    let verified = known.ok ? check(known.account.webhookSecret, headers, body, now) : null;
    if (verified?.ok !== true) {
      const fresh = await this.#file.accountAsOfNow(till);
      if (!fresh.ok) return { ok: false, code: 'shop_not_set_up' };
      const isOther = !known.ok || known.account.webhookSecret !== fresh.account.webhookSecret;
      if (verified === null || isOther) verified = check(fresh.account.webhookSecret, headers, body, now);
    }
    return verified;
  }

  /** The order of the event. Till and intent must be the order's: another payment may bear the same order id. */
  #orderOf(till: TillName, event: ReadEvent): Order | undefined {
    const orderId = textOf(event.data.orderId);
    const order = orderId === null ? undefined : this.#orders.find(orderId);
    const isIts = order?.till === till && order.paymentIntentId === event.data.paymentIntentId;
    return isIts ? order : undefined;
  }

  #mustFail(order: Order, now: number): boolean {
    const failing = order.last('failing');
    if (failing !== undefined && now < failing.untilAt) return true;
    const failsOnce = findScenario(order.scenarioId)?.receiverFailsOnce === true;
    return failsOnce && order.last('webhook') === undefined;
  }

  #list(arrival: Arrival): void {
    this.#arrivals[this.#next] = arrival;
    this.#next = (this.#next + 1) % ARRIVALS_MAX;
  }
}

function check(
  secret: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
  now: number,
): { readonly ok: true; readonly event: ReadEvent } | { readonly ok: false; readonly code: string } {
  const verified = verifyWebhook({ secret, headers, body, now });
  if (!verified.ok) return { ok: false, code: verified.code };
  const event: unknown = verified.event;
  if (!isRecord(event) || typeof event.type !== 'string' || !isRecord(event.data)) {
    return { ok: false, code: 'not_an_event' };
  }
  return { ok: true, event: { type: event.type, data: event.data } };
}

function noteOf(
  headers: IncomingHttpHeaders,
  body: Buffer,
  { type, data }: ReadEvent,
  answered: 204 | 503,
  at: number,
): WebhookNote {
  const shown = SHOWN_HEADERS.flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' ? [[name, value] as const] : [];
  });
  return {
    kind: 'webhook',
    at,
    id: idOf(headers),
    answered,
    type,
    sequence: typeof data.sequence === 'number' ? data.sequence : 0,
    transactionId: textOf(data.transactionId),
    failureCode: textOf(data.failureCode),
    amount: typeof data.amount === 'number' ? data.amount : 0,
    currency: textOf(data.currency) ?? '',
    headers: Object.fromEntries(shown),
    body: body.toString('utf8'),
  };
}

/** What a request that was not believed says of itself, cut short. */
function claimsOf(
  headers: IncomingHttpHeaders,
  body: Buffer,
): { readonly webhookId: string; readonly orderId: string | null } {
  const claimed = /"orderId":"([\w-]{1,100})"/.exec(body.subarray(0, 4096).toString('latin1'));
  return { webhookId: idOf(headers), orderId: claimed?.[1] ?? null };
}

function idOf(headers: IncomingHttpHeaders): string {
  const id = headers['webhook-id'];
  return typeof id === 'string' ? id.slice(0, 100) : '';
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
