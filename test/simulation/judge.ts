/**
 * Judge: what must hold once a run has come to rest: the faults are over, time enough has passed, nothing is under way.
 *
 * The banks' books, the databases and what clients were told are joined payment by payment and handed to the rules of
 * `sluice verify`: a run is judged as a real gateway is.
 *
 * @module
 */

import { type IntentId, intentIdOf } from '../../src/domain/ids.ts';
import type { Payment } from '../../src/domain/payment-intent.ts';
import { isFailedByReport } from '../../src/domain/transaction.ts';
import {
  type BookedCharge,
  type BookedRefusal,
  judge as findingsOf,
  INTENT_CLOSED_AFTER_MS,
  RULES,
  type Story,
  type Terms,
} from '../../src/verification/rules.ts';
import type { Told } from '../../src/verification/told.ts';
import type { ModelStore } from '../support/model-store.ts';
import type { BookEntry } from './bank.ts';
import type { Checker } from './checker.ts';
import { EPOCH } from './host.ts';

export interface Verdict {
  intents: number;
  attempts: number;
  charged: number;
  /** Late successes. */
  recovered: number;
  /** Successes that a report took back. */
  reversed: number;
  /** Attempts that went to their second bank. */
  fellBack: number;
}

/** Recovery comes round to every unpaid intent, whatever its clock says, within this time. */
const CLOSED_LATE_MS = 30 * 60_000;

/**
 * Judges every payment; what is wrong goes to the checker.
 * @param restMs when the run came to rest, milliseconds since its start
 */
export function judge(
  models: readonly ModelStore[],
  book: readonly BookEntry[],
  checker: Checker,
  restMs: number,
): Verdict {
  const verdict: Verdict = { intents: 0, attempts: 0, charged: 0, recovered: 0, reversed: 0, fellBack: 0 };
  const effects = new Set<string>();
  // Whatever is still open is open too long: that it was waited for is what rest means.
  const terms: Terms = {
    account: null,
    processors: null,
    now: EPOCH * 2,
    unknownAfterMs: 0,
    closedBefore: EPOCH + restMs - INTENT_CLOSED_AFTER_MS - CLOSED_LATE_MS,
  };
  for (const story of storiesOf(models, book, checker).values()) {
    for (const { rule, id } of findingsOf(story, terms)) {
      checker.violate(`${rule}: ${RULES[rule].what}: ${id}`, story.intentId);
    }
    verdict.intents += story.intents.length;
    verdict.attempts += story.attempts.length;
    verdict.charged += story.charges!.length;
    verdict.recovered += story.events.filter(({ type }) => type === 'payment.recovered').length;
    verdict.reversed += story.events.filter(({ type }) => type === 'payment.reversed').length;
    verdict.fellBack += story.attempts.filter(({ processor }) => processor === 'SANDBOX_B').length;
    effects.add(story.intentId);
    for (const { transactionId } of story.attempts) effects.add(transactionId);
  }
  for (const { effectId } of models.flatMap(({ keys }) => [...keys.values()])) {
    if (!effects.has(effectId)) checker.violate(`a key stands for ${effectId}, which is not there`, effectId);
  }
  for (const what of checker.unanswered()) checker.violate(`${what} was never answered`);
  return verdict;
}

interface WritableStory extends Story {
  intents: Story['intents'][number][];
  attempts: Story['attempts'][number][];
  events: Story['events'][number][];
  charges: BookedCharge[];
  refusals: BookedRefusal[];
  told: Told[];
}

function storiesOf(
  models: readonly ModelStore[],
  book: readonly BookEntry[],
  { acknowledged }: Checker,
): Map<IntentId, Story> {
  const stories = new Map<IntentId, WritableStory>();
  const storyOf = (id: string): WritableStory => {
    const intentId = intentIdOf(id);
    const known = stories.get(intentId);
    if (known !== undefined) return known;
    const made = {
      ...{ intentId, intents: [], attempts: [], events: [], entries: [], finals: [] },
      ...{ charges: [], refusals: [], told: [] },
    };
    stories.set(intentId, made);
    return made;
  };
  for (const { payments, outbox } of models) {
    for (const payment of payments.values()) addPayment(storyOf(payment.intent.paymentIntentId), payment);
    for (const { paymentIntentId, ...row } of outbox) {
      storyOf(paymentIntentId).events.push({ intentId: paymentIntentId, ...row });
    }
  }
  for (const { transactionId, charge } of book) {
    const { amount, currency, account, status } = charge;
    // Banks are told apart by their accounts.
    const at = { transactionId, processor: null, account };
    if (status === 'succeeded') storyOf(transactionId).charges.push({ ...at, amount, currency });
    else storyOf(transactionId).refusals.push({ ...at, declineCode: charge.decline_code ?? null });
  }
  for (const [intentId, order] of acknowledged.intents) {
    storyOf(intentId).told.push({ kind: 'intent', intentId, ...order });
  }
  for (const transactionId of acknowledged.attempts) {
    storyOf(transactionId).told.push({ kind: 'pay', transactionId, askedFor: intentIdOf(transactionId) });
  }
  return stories;
}

function addPayment(story: WritableStory, { intent, attempts }: Payment): void {
  const { paymentIntentId, createdAt, updatedAt } = intent;
  story.intents.push({ ...intent, intentId: paymentIntentId, changedAfterMs: updatedAt - createdAt });
  for (const attempt of attempts) {
    const { routing, evidence } = attempt;
    story.attempts.push({
      ...attempt,
      isFailedByReport: isFailedByReport(attempt),
      routed: { legs: routing.legs, evidence },
    });
  }
}
