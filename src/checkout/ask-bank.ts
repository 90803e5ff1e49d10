/**
 * Ask bank: asks the processor now what became of an attempt that waits for its shopper, and tells the shard.
 *
 * For a shopper who comes back from the bank's page, and for a page that waits while the callback does not come. Recovery asks
 * too, in its own time; this only makes a page true sooner, so a question that is not asked, or whose answer is lost, costs nothing.
 *
 * Promises: what a browser said reaches the connector's question as hints, and nobody else; the processor is asked with the account
 * the attempt was charged at; one question per transaction at a time, a few a second of it, and so many at each processor, so that one
 * that hangs takes no turn at another; nobody waits longer than {@link RETURN_WAIT_MS}.
 *
 * @module
 */

import type { Returned } from '../connectors/connector.ts';
import type { TransactionId } from '../domain/ids.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { type Attempt, isFinal } from '../domain/transaction.ts';
import { askAboutLeg, type InquiryDeps, type ShardDeps, tellWord, wordOfAnswer } from '../inquiry/inquiry.ts';

export interface AskBankDeps extends ShardDeps, InquiryDeps {
  /** `process.hrtime` in milliseconds. */
  monotonicMs(): number;
  /** Calls after a while; returns how not to. */
  later(call: () => void, ms: number): () => void;
  /** Hears why a question could not be asked or told of. */
  onTrouble(error: unknown): void;
}

export interface AskBank {
  /**
   * The shopper is back. Resolves when the shard has heard what the bank says, or before, when that takes long. Never rejects.
   * @param returned what this browser brought back
   */
  onReturn(attempt: Attempt, returned: Returned): Promise<void>;
  /** A page waits for the shopper's deed to be told. Asks now and then, and waits for nothing. */
  whileWaiting(attempt: Attempt): void;
}

/** Questions under way at one processor; as many connections as a connector has for them. */
const IN_FLIGHT_MAX = 64;
/** With as many under way the pages that wait ask no more: a shopper who is back goes before them. */
const IN_FLIGHT_LOOK_MAX = 32;
/** Between two questions for returns of one transaction; the second waits its turn. */
const RETURN_GAP_MS = 300;
/** A shopper sees a page after this, whatever the bank does; the page then waits. */
const RETURN_WAIT_MS = 3000;
/** Between two questions of the pages that wait for one transaction; and the callback's time to come first. */
const LOOK_GAP_MS = 5000;
/** Transactions whose last question is remembered. */
const ASKED_MAX = 10_000;

/** A question under way or due. Never rejects. */
interface Question {
  processor: ProcessorName;
  asking: Promise<void>;
}

/** Asked as soon as it may be, with the hints of whoever brought any last. */
interface DueQuestion extends Question {
  returned: Returned;
}

const NO_HINTS: Returned = {};

function countAt(processor: ProcessorName, questions: ReadonlyMap<TransactionId, Question>): number {
  return [...questions.values()].filter((question) => question.processor === processor).length;
}

/** Makes the asker of one thread. */
export function createAskBank(deps: AskBankDeps): AskBank {
  /** Bounded by `IN_FLIGHT_MAX` of each processor. */
  const underWay = new Map<TransactionId, Question>();
  /** Questions of returns that have not begun: what began before a shopper was back may know nothing of it. As bounded. */
  const due = new Map<TransactionId, DueQuestion>();
  /** When each was last asked for a return or a look, the longest ago first. */
  const askedAt = new Map<string, number>();

  function dueInMs(name: string, gapMs: number): number {
    const before = askedAt.get(name);
    return before === undefined ? 0 : Math.max(0, before + gapMs - deps.monotonicMs());
  }

  function begin(
    name: string,
    attempt: Attempt,
    source: 'return' | 'query',
    returned: Returned,
  ): Promise<void> {
    const { transactionId, processor } = attempt;
    const max = source === 'return' ? IN_FLIGHT_MAX : IN_FLIGHT_LOOK_MAX;
    if (countAt(processor, underWay) >= max) return Promise.resolve();
    askedAt.delete(name);
    if (askedAt.size >= ASKED_MAX) askedAt.delete(askedAt.keys().next().value!);
    askedAt.set(name, deps.monotonicMs());
    const asking = askAndTell(deps, attempt, source, returned)
      .catch(deps.onTrouble)
      .finally(() => underWay.delete(transactionId));
    underWay.set(transactionId, { processor, asking });
    return asking;
  }

  function askInTurn(attempt: Attempt, returned: Returned): Promise<void> {
    const { transactionId, processor } = attempt;
    if (countAt(processor, due) >= IN_FLIGHT_MAX) return Promise.resolve();
    const name = `return ${transactionId}`;
    const before = underWay.get(transactionId)?.asking ?? Promise.resolve();
    const asking = before
      .then(() => pause(deps, dueInMs(name, RETURN_GAP_MS)))
      .then(() => {
        const hints = due.get(transactionId)?.returned ?? NO_HINTS;
        due.delete(transactionId);
        return begin(name, attempt, 'return', hints);
      });
    due.set(transactionId, { processor, asking, returned });
    return asking;
  }

  return {
    async onReturn(attempt, returned) {
      if (isFinal(attempt.status)) return;
      const waiting = due.get(attempt.transactionId);
      if (waiting !== undefined && Object.keys(returned).length > 0) waiting.returned = returned;
      const asking = waiting?.asking ?? askInTurn(attempt, returned);
      await atMost(deps, asking, RETURN_WAIT_MS);
    },
    whileWaiting(attempt) {
      const { transactionId, status, updatedAt } = attempt;
      if (status !== 'REQUIRES_ACTION' || deps.now() - updatedAt < LOOK_GAP_MS) return;
      const name = `look ${transactionId}`;
      if (underWay.has(transactionId) || due.has(transactionId) || dueInMs(name, LOOK_GAP_MS) > 0) return;
      void begin(name, attempt, 'query', NO_HINTS);
    },
  };
}

function pause(deps: AskBankDeps, ms: number): Promise<void> {
  return ms === 0 ? Promise.resolve() : new Promise((resolve) => deps.later(resolve, ms));
}

/** Resolves with the promise, or after a while without it. */
function atMost(deps: AskBankDeps, promise: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const stop = deps.later(resolve, ms);
    void promise.then(() => {
      stop();
      resolve();
    });
  });
}

async function askAndTell(
  deps: AskBankDeps,
  attempt: Attempt,
  source: 'return' | 'query',
  returned: Returned,
): Promise<void> {
  const asked = await askAboutLeg(deps, attempt, attempt, returned);
  if (asked === null) return;
  const { answer } = asked;
  // That the shopper still has to act is no news to the page that says so; that one was back is told whatever the bank answers: it is
  // part of the payment's story.
  const isNews = answer.kind === 'found' && answer.word.said !== 'action_required';
  if (source === 'query' && !isNews) return;
  // Once: a word that was not heard is asked for again, by the page or by recovery.
  const reply = await tellWord(
    deps,
    attempt.transactionId,
    wordOfAnswer(answer, attempt, source, deps.now()),
  );
  if (reply.type === 'refused') deps.onTrouble(reply.refusal.code);
}
