/**
 * Expire intents: closes those that nobody paid within their day.
 *
 * It walks the intents that are older than a day, oldest first, and asks the actor of each PENDING one without an open
 * attempt to close it. The actor's statement checks all of that again, so two gateways may do it at once.
 *
 * It goes in laps, and a lap of many intents takes several rounds. Progress stays before the oldest attempt that was
 * open when the lap began, whose intent may be PENDING again tomorrow and is looked at again in the next lap.
 *
 * @module
 */

import { firstIdAt, type IntentId, makeId, shardOfId } from '../domain/ids.ts';
import type { AskShard } from '../messages/ask.ts';
import type { RecoveryScan } from '../storage/recovery-scan.ts';
import { BEFORE_ALL, earlier, idBeforePayment } from './id-order.ts';
import { SETTLED_AGE_MS } from './walk.ts';

export interface ExpireDeps {
  scan: Pick<RecoveryScan, 'pendingIntents' | 'readProgress' | 'writeProgress'>;
  ask: AskShard;
  askDeadlineMs: number;
  now(): number;
  randomBytes(length: number): Uint8Array;
  /** Every attempt up to this id is final or known to be open. */
  settledTo(): string;
  /** The lowest id of an attempt known to be open; null when there is none. */
  oldestOpen(): string | null;
  /** True when the round should end early. */
  stopping(): boolean;
  /** Kept by the caller from round to round, one per database; begins as `{ at: null, atMost: '' }`. */
  lap: Lap;
}

/** Where a lap goes on (null: a new one begins), and how far it may move the progress. */
export interface Lap {
  at: string | null;
  atMost: string;
}

const PROGRESS = 'pending-intents';
const PAGE_ROWS = 500;
const ASKED_AT_ONCE = 16;
const PAGES_PER_ROUND = 100;

/** One round. Resolves with how many intents it closed; rejects when the database cannot be read. */
export async function expireIntents(deps: ExpireDeps): Promise<number> {
  const { scan, lap } = deps;
  // Above `settledTo` an open attempt may not be known yet, and progress could pass over it. That may be a later attempt
  // of the very intent `settledTo` lies in.
  const before = earlier(firstIdAt(deps.now() - SETTLED_AGE_MS), idBeforePayment(deps.settledTo()));
  const begun = (await scan.readProgress(PROGRESS)) ?? BEFORE_ALL;
  // Known before anything is looked at: an attempt that ends meanwhile may leave an intent PENDING that was passed.
  if (lap.at === null) {
    const oldest = deps.oldestOpen();
    lap.at = begun;
    lap.atMost = oldest === null ? before : earlier(before, idBeforePayment(oldest));
  }
  let at = lap.at;
  let expired = 0;
  for (let pages = 0; pages < PAGES_PER_ROUND && at < before && !deps.stopping(); pages++) {
    const { rows, next } = await scan.pendingIntents(at, before, PAGE_ROWS);
    const closed = await expireAll(deps, rows);
    if (closed === null) break;
    expired += closed;
    at = next ?? before;
  }
  lap.at = at < before ? at : null;
  const held = earlier(at, lap.atMost);
  if (held > begun) await scan.writeProgress(PROGRESS, held);
  return expired;
}

/** How many were closed; null when one was refused and the page must be walked again. */
async function expireAll(deps: ExpireDeps, intentIds: readonly IntentId[]): Promise<number | null> {
  let closed = 0;
  for (let from = 0; from < intentIds.length; from += ASKED_AT_ONCE) {
    if (deps.stopping()) return null;
    const asked = intentIds.slice(from, from + ASKED_AT_ONCE).map((intentId) => expireOne(deps, intentId));
    const answers = await Promise.all(asked);
    if (answers.includes(null)) return null;
    closed += answers.filter((answer) => answer === true).length;
  }
  return closed;
}

/** Null when the actor could not do it now. */
async function expireOne(deps: ExpireDeps, intentId: IntentId): Promise<boolean | null> {
  const shard = shardOfId(intentId);
  const now = deps.now();
  const eventId = makeId(now, shard, deps.randomBytes(8));
  const reply = await deps.ask(shard, { type: 'expire-intent', intentId, eventId, now }, deps.askDeadlineMs);
  if (reply.type === 'intent-expired') return reply.expired;
  return reply.type === 'refused' && reply.refusal.code === 'payment_not_found' ? false : null;
}
