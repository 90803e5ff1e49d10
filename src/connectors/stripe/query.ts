/**
 * Asks Stripe what became of a reference: by the intent's id where that is known, else by the list of what was made around that time.
 * The search by metadata is no help: it lags, and merchants in India do not have it (reference 3b).
 *
 * An intent that waits for its shopper never ends by itself, so one that has waited too long is cancelled and the answer is what came of
 * that (decision 0013).
 *
 * @module
 */

import { createHttpClient } from '../../outbound/http-client.ts';
import type { ChargeAccount, Query, QueryAnswer, QueryRequest } from '../connector.ts';
import { createIntents, type Intents } from './client.ts';
import type { StripeConfig } from './config.ts';
import { type Intent, isIntentId } from './intent.ts';
import { ABANDONED, type Hearing, wordOf } from './status.ts';

const CONNECTIONS_MAX = 64;
/** A page of a hundred intents. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
/** Pages of a list that are read: 5,000 intents. */
const PAGES_MAX = 50;
/** Seconds around an attempt's beginning in which its intent may have been made. */
interface Around {
  before: number;
  after: number;
}

/** Where nearly every intent is: clocks that are kept, and a charge that left at once. At ten a second that is a few pages. */
const NEAR: Around = { before: 10, after: 50 };
/**
 * Where all are, for clocks of ours and Stripe's may differ by five minutes, and to the last byte of a charge it may be eleven:
 * `send_before` of ten at most, and a timeout of one.
 */
const WHOLE: Around = { before: 300, after: 960 };

/** Opens the connections queries go over; idle ones close by themselves. */
export function createStripeQuery(config: StripeConfig): Query {
  const client = createHttpClient({
    origin: config.baseUrl,
    connectionsMax: CONNECTIONS_MAX,
    connectTimeoutMs: config.connectTimeoutMs,
    answerBytesMax: ANSWER_BYTES_MAX,
  });
  const intents = createIntents(config, client);
  return async (request) => {
    const { processorTxnId: id, account } = request;
    const sought =
      id !== null && isIntentId(id) ? await byId(intents, account, id) : await byList(intents, request);
    if (sought.kind !== 'intent') return sought;
    const { intent, beside } = sought;
    if (intent.transactionId !== request.transactionId) {
      return { kind: 'no_answer', detail: `${intent.id} is not this charge's` };
    }
    if (isAbandoned(intent, request.now, config)) return await abandon(intents, request, intent, config);
    return found(intent, request, config, beside);
  };
}

/** `beside`: what else was found under the reference. */
type Sought = { kind: 'intent'; intent: Intent; beside: string } | Exclude<QueryAnswer, { kind: 'found' }>;

async function byId(intents: Intents, account: ChargeAccount, id: string): Promise<Sought> {
  const answer = await intents.read(account, id);
  return answer.kind === 'intent' ? { ...answer, beside: '' } : answer;
}

/** Near its time first; that it is nowhere is for the whole list to say. */
async function byList(intents: Intents, request: QueryRequest): Promise<Sought> {
  const near = await within(intents, request, NEAR);
  return near.kind === 'not_found' ? await within(intents, request, WHOLE) : near;
}

/** Not found is only what a list says that was read to its end; what is found counts though the rest could not be read. */
async function within(
  intents: Intents,
  request: QueryRequest,
  { before, after: later }: Around,
): Promise<Sought> {
  const { account, transactionId } = request;
  const started = Math.floor(request.startedAt / 1000);
  const bounds = { fromSeconds: started - before, toSeconds: started + later };
  const ours: Intent[] = [];
  let after: string | null = null;
  let unfinished: string | null = `there are more than ${PAGES_MAX} pages`;
  for (let pages = 0; pages < PAGES_MAX; pages++) {
    const page = await intents.page(account, { ...bounds, after });
    if (page.kind === 'no_answer') {
      unfinished = page.detail;
      break;
    }
    ours.push(...page.intents.filter((intent) => intent.transactionId === transactionId));
    if (!page.hasMore) {
      unfinished = null;
      break;
    }
    after = page.intents.at(-1)!.id;
  }
  const [first, ...rest] = ours.sort((one, other) => rankOf(one) - rankOf(other));
  if (first !== undefined) {
    const beside = rest.map(({ id, status }) => `, beside it ${id} ${status}`).join('');
    return { kind: 'intent', intent: first, beside };
  }
  return unfinished === null ? { kind: 'not_found' } : { kind: 'no_answer', detail: unfinished };
}

/** Of several intents under one reference the one that counts comes first: money, then what may still become money. */
function rankOf({ status }: Intent): number {
  if (status === 'succeeded') return 0;
  if (status === 'canceled') return 3;
  return status === 'requires_payment_method' ? 2 : 1;
}

function found(intent: Intent, request: QueryRequest, config: StripeConfig, beside = ''): QueryAnswer {
  const word = wordOf(intent, hearingOf(request, config));
  return { kind: 'found', word: { ...word, detail: `${word.detail}${beside}`.slice(0, 200) } };
}

function hearingOf(
  { leg, account, now, startedAt }: QueryRequest,
  { ambiguousFailureMs }: StripeConfig,
): Hearing {
  const failuresCount = now - startedAt > ambiguousFailureMs;
  return { source: 'query', leg, account: account.account, at: now, failuresCount };
}

/** What waits for somebody to go on, who will not: the shopper at the bank's page, or us, who confirm everything at once. */
function isAbandoned(intent: Intent, now: number, { abandonedMs }: StripeConfig): boolean {
  const { status, lastError, createdAt } = intent;
  const waits =
    status === 'requires_action' ||
    status === 'requires_confirmation' ||
    (status === 'requires_payment_method' && lastError === null);
  return waits && createdAt !== null && now - createdAt > abandonedMs;
}

async function abandon(
  intents: Intents,
  request: QueryRequest,
  intent: Intent,
  config: StripeConfig,
): Promise<QueryAnswer> {
  const cancelled = await intents.cancel(request.account, intent.id, 'abandoned');
  switch (cancelled.kind) {
    case 'canceled':
      return { kind: 'found', word: wordOf(cancelled.intent, hearingOf(request, config), ABANDONED) };
    case 'standing':
      return found(cancelled.intent, request, config);
    case 'no_answer':
      return cancelled;
  }
}
