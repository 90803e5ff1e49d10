/**
 * Corrections: what a settlement report has shown to be otherwise goes to the actors of its transactions.
 *
 * A correction is a row of its shard database until it is closed there, so nothing here has to remember anything: whoever has the duty
 * reads what waits, sends it over the bus, and after a while sends past it what still waits. The actor makes a correction once however
 * often it hears of it; what it refuses for good is for a person.
 *
 * @module
 */

import type { ApplyCorrection, Corrected, CorrectionSent } from '../bus/bus.ts';
import { makeId, shardOfId } from '../domain/ids.ts';
import { OUTCOMES, refusal } from '../domain/outcomes.ts';
import type { ProcessorWord } from '../domain/processor-word.ts';
import { SETTLEMENT_FAILED } from '../domain/transaction.ts';
import type { AskShard } from '../messages/ask.ts';
import type { ShardReply } from '../messages/replies.ts';
import type { Correction, SettlementStore } from '../storage/settlement-store.ts';

/** How a correction was closed. */
export type Closed = 'corrected' | 'refused';

export interface ApplyDeps {
  ask: AskShard;
  askDeadlineMs: number;
  /** The database of a logical shard. */
  storeOf(shard: number): Pick<SettlementStore, 'corrections' | 'closeCorrection'>;
  /** A database that cannot be reached, and may be later. */
  isAway(error: unknown): boolean;
  /** Milliseconds since 1970. */
  now(): number;
  randomBytes(length: number): Uint8Array;
  onClosed(correction: Correction, as: Closed): void;
}

/** The way of a correction, by its name, to its actor: it is applied as its row has it, and closed. */
export function applyCorrection(deps: ApplyDeps): ApplyCorrection {
  return async ({ id, transactionId }) => {
    const store = deps.storeOf(shardOfId(transactionId));
    try {
      const [correction] = await store.corrections(id - 1, 1);
      // The first that waits from this number on: another's number, and ours is closed.
      if (correction?.id !== id) return { ok: true };
      if (correction.transactionId !== transactionId)
        return { ok: false, refusal: refusal('invalid_request', 'The correction is of another transaction') };
      return await apply(deps, correction);
    } catch (error) {
      if (!deps.isAway(error)) throw error;
      return { ok: false, refusal: refusal('storage_unavailable', String(error)) };
    }
  };
}

async function apply(deps: ApplyDeps, correction: Correction): Promise<Corrected> {
  const { id, transactionId } = correction;
  const shard = shardOfId(transactionId);
  const now = deps.now();
  const reply = await deps.ask(
    shard,
    {
      type: 'hear-settlement',
      transactionId,
      word: wordOf(correction, now),
      operator: 'reconciliation',
      reason: `${correction.class}: ${rowOf(correction)}`,
      eventId: makeId(now, shard, deps.randomBytes(8)),
      now,
    },
    deps.askDeadlineMs,
  );
  if (reply.type === 'refused' && OUTCOMES[reply.refusal.code][0] === 503)
    return { ok: false, refusal: reply.refusal };
  const { as, detail } = closingOf(reply);
  await deps.storeOf(shard).closeCorrection(id, as, detail, deps.now());
  deps.onClosed(correction, as);
  return { ok: true };
}

/** What an answer that will not change makes of a correction. */
function closingOf(reply: ShardReply): { as: Closed; detail: string } {
  if (reply.type === 'refused')
    return { as: 'refused', detail: `${reply.refusal.code}: ${reply.refusal.detail}` };
  if (reply.type !== 'settlement-heard') throw new Error(`hear-settlement was answered ${reply.type}`);
  const { verdict, reason, status } = reply;
  const isMade = verdict === 'applied' || verdict === 'duplicate';
  return isMade
    ? { as: 'corrected', detail: `it is ${status} now` }
    : { as: 'refused', detail: `${verdict}: ${reason ?? 'no reason was given'}; it stays ${status}` };
}

function wordOf(correction: Correction, at: number): ProcessorWord {
  const { scope, row } = correction;
  const isSettled = row.outcome === 'settled';
  return {
    source: 'settlement',
    said: isSettled ? 'charged' : 'declined',
    // A report knows of no legs: the attempt finds its own by processor and account.
    leg: null,
    processor: scope.processor,
    processorAccount: row.account ?? scope.account,
    processorTxnId: row.processorTxnId,
    amount: row.amount,
    currency: row.currency,
    failureCode: isSettled ? null : SETTLEMENT_FAILED,
    referenceClosed: false,
    elsewhere: false,
    nextAction: null,
    paymentMethodType: null,
    at,
    detail: rowOf(correction),
  };
}

/** Names the row: the same each time, since by it the actor knows what it has heard. */
function rowOf({ scope, runId, line }: Correction): string {
  return `row ${line} of run ${runId}, report of ${scope.processor} of ${scope.day}`;
}

export interface CorrectionsDeps {
  /** Of one shard database. */
  store: Pick<SettlementStore, 'corrections'>;
  publish(correction: Correction): Promise<CorrectionSent>;
  /** Past the bus. */
  apply: ApplyCorrection;
  /** Whether the duty is ours. */
  isOurs(): boolean;
  monotonicMs(): number;
  /** Hears of what failed and is tried again. */
  onTrouble(error: unknown): void;
}

/** Corrections in hand at once, oldest first: no more than these is read, or remembered. */
const PAGE = 500;
/** Sent at once: payments go first. */
const AT_ONCE = 16;
/** What was put on the bus and still waits is applied past it: its consumers are away, or parked it. */
const ON_BUS_MS = 15_000;
const AGAIN_MS = 1000;
const AGAIN_MS_MAX = 60_000;

/** What was done with a correction that waits. */
interface Sent {
  /** It was put on the bus. */
  onBus: boolean;
  /** How often in a row it was refused. */
  refused: number;
  /** When something is to be done again. */
  dueAtMs: number;
}

/**
 * Makes the rounds of one database. A round sends what is due of the oldest corrections, those of one transaction one after the other,
 * and goes on with the next ones as long as these are closed at once. It rejects when the database cannot be read.
 */
export function createCorrections(deps: CorrectionsDeps): { round(): Promise<void> } {
  const { store, isOurs, monotonicMs } = deps;
  /** Only of the last page, so it is as bounded as the page. */
  let sent = new Map<number, Sent>();

  async function sendPage(): Promise<{ more: boolean }> {
    const page = await store.corrections(0, PAGE);
    sent = new Map(page.flatMap(({ id }) => (sent.has(id) ? [[id, sent.get(id)!]] : [])));
    const due = firstOfEach(page).filter(({ id }) => (sent.get(id)?.dueAtMs ?? 0) <= monotonicMs());
    let closed = 0;
    const lanes = Array.from({ length: AT_ONCE }, async () => {
      for (let next = due.shift(); next !== undefined && isOurs(); next = due.shift())
        if (await send(next)) closed++;
    });
    await Promise.all(lanes);
    return { more: closed > 0 };
  }

  /** True when it is closed. */
  async function send(correction: Correction): Promise<boolean> {
    const { id } = correction;
    const before = sent.get(id) ?? { onBus: false, refused: 0, dueAtMs: 0 };
    const now = monotonicMs();
    try {
      const answer = await (before.onBus ? pastBus(correction) : deps.publish(correction));
      if (answer.ok && answer.closed) {
        sent.delete(id);
        return true;
      }
      if (answer.ok) {
        sent.set(id, { onBus: true, refused: 0, dueAtMs: now + ON_BUS_MS });
        return false;
      }
    } catch (error) {
      deps.onTrouble(error);
    }
    const dueAtMs = now + Math.min(AGAIN_MS * 2 ** before.refused, AGAIN_MS_MAX);
    sent.set(id, { ...before, refused: before.refused + 1, dueAtMs });
    return false;
  }

  async function pastBus(correction: Correction): Promise<CorrectionSent> {
    const applied = await deps.apply(correction);
    return applied.ok ? { ok: true, closed: true } : applied;
  }

  return {
    async round() {
      while (isOurs() && (await sendPage()).more);
    },
  };
}

/** Of each transaction the first that waits: what a later report says of it comes after. */
function firstOfEach(page: readonly Correction[]): Correction[] {
  const seen = new Set<string>();
  return page.filter(({ transactionId }) => !seen.has(transactionId) && seen.add(transactionId));
}
