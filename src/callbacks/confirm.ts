/**
 * Confirm: a callback that is only a hint makes the gateway ask its processor at once, and the answer goes to the shard as a query's word.
 *
 * The hint is durable before anything is asked, and its processor is not kept waiting. Recovery asks too, in its own time: a question that
 * is dropped, or whose answer is lost, makes a payment late and nothing else.
 *
 * Promises: one question per transaction at a time, and after it one more for all hints that came meanwhile, which may know more than it
 * did; so many in a while, for a hint has no time and whoever saw it may send it again for ever; so many at once at each processor, so
 * that one that hangs takes no turn at another; what waits is bounded; an attempt that ended FAILED is asked about as well, for it may
 * have been charged late.
 *
 * @module
 */

import type { TransactionId } from '../domain/ids.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import type { RoutedLeg } from '../domain/routing.ts';
import { type Attempt, moveAttempt } from '../domain/transaction.ts';
import {
  askAboutLeg,
  type InquiryDeps,
  readAttempt,
  type ShardDeps,
  tellWord,
  wordOfAnswer,
} from '../inquiry/inquiry.ts';

export interface ConfirmDeps extends ShardDeps, InquiryDeps {
  /** One more question about a transaction now, at a hint signed by this account? Nobody uses up another's. */
  mayAsk(transactionAndAccount: string, now: number): boolean;
  /** Counts hints by what was done with them. */
  onHint(processor: ProcessorName, outcome: HintOutcome): void;
  /** Hears why a question could not be asked or told of. */
  onTrouble(error: unknown): void;
}

/** A question of its own, the one that waits already, or none: too many wait, or were asked of it. */
export type HintOutcome = 'taken' | 'merged' | 'dropped';

/** What a hint is about. */
export interface Hint {
  processor: ProcessorName;
  transactionId: TransactionId;
  /** Whose secret signed it; it need not be the one that was charged. Null: it says nothing of a charge. */
  account: string | null;
}

export interface Confirm {
  /** Has the processor asked, and waits for nothing. */
  onHint(hint: Hint): void;
  /** Begins no other question, and resolves when those under way are over. */
  close(): Promise<void>;
}

/** Questions under way at one processor: as many connections as a connector has for them leave half to others who ask. */
const IN_FLIGHT_MAX = 32;
/** Transactions that wait for a turn at one processor. */
const WAITING_MAX = 10_000;

/** The questions of one processor. */
interface Desk {
  underWay: Map<TransactionId, Promise<void>>;
  /** Oldest first; one of them may be under way as well. */
  waiting: Set<TransactionId>;
}

/** Makes the asker of one thread. */
export function createConfirm(deps: ConfirmDeps): Confirm {
  const desks = new Map<ProcessorName, Desk>();
  let closed = false;

  function deskOf(processor: ProcessorName): Desk {
    const known = desks.get(processor);
    if (known !== undefined) return known;
    const made: Desk = { underWay: new Map(), waiting: new Set() };
    desks.set(processor, made);
    return made;
  }

  function take(processor: ProcessorName, desk: Desk): void {
    const { underWay, waiting } = desk;
    for (const transactionId of waiting) {
      if (closed || underWay.size >= IN_FLIGHT_MAX) return;
      if (underWay.has(transactionId)) continue;
      waiting.delete(transactionId);
      const asking = confirm(deps, { processor, transactionId })
        .catch(deps.onTrouble)
        .finally(() => {
          underWay.delete(transactionId);
          take(processor, desk);
        });
      underWay.set(transactionId, asking);
    }
  }

  return {
    onHint(hint) {
      const { processor, transactionId } = hint;
      const desk = deskOf(processor);
      const outcome = closed ? 'dropped' : outcomeOf(desk, hint, deps);
      deps.onHint(processor, outcome);
      if (outcome !== 'taken') return;
      desk.waiting.add(transactionId);
      take(processor, desk);
    },
    async close() {
      closed = true;
      await Promise.all([...desks.values()].flatMap(({ underWay }) => [...underWay.values()]));
    },
  };
}

function outcomeOf({ waiting }: Desk, { transactionId, account }: Hint, deps: ConfirmDeps): HintOutcome {
  if (waiting.has(transactionId)) return 'merged';
  const hasRoom = waiting.size < WAITING_MAX;
  return hasRoom && deps.mayAsk(`${transactionId} ${account}`, deps.now()) ? 'taken' : 'dropped';
}

async function confirm(
  deps: ConfirmDeps,
  { processor, transactionId }: Pick<Hint, 'processor' | 'transactionId'>,
): Promise<void> {
  const attempt = await readAttempt(deps, transactionId);
  if (attempt === 'unreadable') return deps.onTrouble(`${transactionId} cannot be read`);
  // Its first commit may not be through, or it is none of ours: recovery asks about the former.
  if (attempt === null) return;
  const legs = attempt.routing.legs.filter((leg) => leg.processor === processor);
  await Promise.all(legs.map((leg) => confirmLeg(deps, attempt, leg)));
}

async function confirmLeg(deps: ConfirmDeps, attempt: Attempt, leg: RoutedLeg): Promise<void> {
  // Paid is paid; that another leg was paid as well is what must not go unnoticed.
  if (attempt.status === 'SUCCESS' && attempt.leg === leg.leg) return;
  const asked = await askAboutLeg(deps, attempt, leg);
  if (asked === null || asked.answer.kind !== 'found') return;
  const word = wordOfAnswer(asked.answer, leg, 'query', deps.now());
  const { verdict, incidents } = moveAttempt(attempt, word);
  if (verdict !== 'applied' && incidents.length === 0) return;
  const reply = await tellWord(deps, attempt.transactionId, word);
  if (reply.type === 'refused') deps.onTrouble(reply.refusal.code);
}
