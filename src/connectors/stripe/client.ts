/**
 * Client: the three things that are done with an intent beside making one, each of which moves no money: read it, list, cancel it.
 *
 * @module
 */

import type { HttpClient } from '../../outbound/http-client.ts';
import type { ChargeAccount } from '../connector.ts';
import { encodeForm } from '../form.ts';
import { isRecord, parseAnswer } from '../json.ts';
import type { StripeConfig } from './config.ts';
import { type Intent, readErrorAnswer, readIntent } from './intent.ts';

/** An intent, or why none can be shown. */
export type IntentAnswer = { kind: 'intent'; intent: Intent } | { kind: 'no_answer'; detail: string };

/**
 * What came of a cancel: `canceled` is proof that the intent can never be charged; `standing` when Stripe refused, with what the intent is
 * then; `no_answer` when nothing is known, neither whether it was cancelled.
 */
export type CancelAnswer =
  | { kind: 'canceled'; intent: Intent }
  | { kind: 'standing'; intent: Intent }
  | { kind: 'no_answer'; detail: string };

/** A page of a list, newest first. */
export type PageAnswer =
  | { kind: 'page'; intents: Intent[]; hasMore: boolean }
  | { kind: 'no_answer'; detail: string };

/** Between two moments in unix seconds, and older than an intent of the page before. */
export interface Window {
  fromSeconds: number;
  toSeconds: number;
  after: string | null;
}

export interface Intents {
  read(account: ChargeAccount, id: string): Promise<IntentAnswer>;
  cancel(account: ChargeAccount, id: string, reason: 'abandoned' | null): Promise<CancelAnswer>;
  page(account: ChargeAccount, window: Window): Promise<PageAnswer>;
}

/** What Stripe gives at most. */
const PAGE_SIZE = 100;

/** Headers of every request. */
export function stripeHeaders(
  { apiVersion }: StripeConfig,
  { secretKey }: ChargeAccount,
): Record<string, string> {
  return { authorization: `Bearer ${secretKey}`, 'stripe-version': apiVersion };
}

/** Headers of a request with a form. */
export function formHeaders(config: StripeConfig, account: ChargeAccount): Record<string, string> {
  return { ...stripeHeaders(config, account), 'content-type': 'application/x-www-form-urlencoded' };
}

/** Speaks of intents over these connections. */
export function createIntents(config: StripeConfig, client: HttpClient): Intents {
  const { timeoutMs } = config;

  async function get(account: ChargeAccount, path: string): Promise<Answer> {
    const headers = stripeHeaders(config, account);
    const answer = await client.exchange({ method: 'GET', path, headers, body: null, timeoutMs });
    return answer.kind === 'answered'
      ? { status: answer.status, body: parseAnswer(answer.body) }
      : { status: null, detail: answer.detail };
  }

  async function read(account: ChargeAccount, id: string): Promise<IntentAnswer> {
    const answer = await get(account, `/v1/payment_intents/${id}`);
    const intent = intentOf(answer, id);
    return intent === null ? silent(answer, 'this intent') : { kind: 'intent', intent };
  }

  return {
    read,
    async cancel(account, id, reason) {
      // No idempotency key: a cancel repeated is harmless, and an error stored under a key would be for ever.
      const answer = await client.exchange({
        method: 'POST',
        path: `/v1/payment_intents/${id}/cancel`,
        headers: formHeaders(config, account),
        body: encodeForm(reason === null ? [] : [['cancellation_reason', reason]]),
        timeoutMs,
      });
      if (answer.kind !== 'answered') return { kind: 'no_answer', detail: `cancel: ${answer.detail}` };
      const body = parseAnswer(answer.body);
      const cancelled = intentOf({ status: answer.status, body }, id);
      if (cancelled?.status === 'canceled') return { kind: 'canceled', intent: cancelled };
      const code = readErrorAnswer(body)?.error.code;
      if (answer.status !== 400 || code !== 'payment_intent_unexpected_state') {
        return { kind: 'no_answer', detail: `cancel: answered ${answer.status} without a cancelled intent` };
      }
      const now = await read(account, id);
      if (now.kind === 'no_answer')
        return { kind: 'no_answer', detail: `cancel refused, then ${now.detail}` };
      // Somebody else was quicker.
      return { kind: now.intent.status === 'canceled' ? 'canceled' : 'standing', intent: now.intent };
    },
    async page(account, { fromSeconds, toSeconds, after }) {
      const from = `created[gte]=${fromSeconds}&created[lte]=${toSeconds}&limit=${PAGE_SIZE}`;
      const more = after === null ? '' : `&starting_after=${after}`;
      const answer = await get(account, `/v1/payment_intents?${from}${more}`);
      return pageOf(answer) ?? silent(answer, 'a list of intents');
    },
  };
}

/** An answer's status and JSON, or why there was none. */
type Answer = { status: number; body: unknown } | { status: null; detail: string };

function silent(answer: Answer, without: string): { kind: 'no_answer'; detail: string } {
  const detail =
    answer.status === null ? answer.detail : `the bank answered ${answer.status} without ${without}`;
  return { kind: 'no_answer', detail };
}

function intentOf(answer: Answer, id: string): Intent | null {
  const intent = answer.status === 200 ? readIntent(answer.body) : null;
  return intent?.id === id ? intent : null;
}

/** Null when it is no list, or one that goes on without an end, or one with something in it that could be ours and cannot be read. */
function pageOf(answer: Answer): PageAnswer | null {
  if (answer.status !== 200 || !isRecord(answer.body)) return null;
  const { object, data, has_more: hasMore } = answer.body;
  if (object !== 'list' || !Array.isArray(data) || typeof hasMore !== 'boolean') return null;
  const intents = data.map(readIntent).filter((intent) => intent !== null);
  if (intents.length !== data.length || (hasMore && data.length === 0)) return null;
  return { kind: 'page', intents, hasMore };
}
