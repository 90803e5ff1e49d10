/**
 * Outcome plans: what a payment at two banks meets at the first one, and at the second should it get there.
 *
 * The first bank's part is a fault plan or a card of the sandbox. Cards of 40000091, which the bank works on for ever, are not
 * among them: such a payment ends on the operator's list, and here every payment ends.
 *
 * @module
 */

import { CARDS } from '../support/shop.ts';
import type { CampaignRun } from './campaign.ts';
import type { Choice } from './challenged-shopper.ts';
import { dealt, type FaultOrder, type FaultPlan, faultPlans, SECOND_FAULTS } from './fault-plans.ts';
import type { Means } from './logged-shop.ts';

export interface OutcomePlan {
  name: string;
  means: Means;
  faults: readonly FaultOrder[];
  /** What befalls it at the second bank. */
  faultsAtB: readonly FaultOrder[];
  /** What its shopper answers where the bank asks. */
  choice: Choice;
  /** The first bank takes the charge and books nothing, ever: only that it does not fall back shows that nobody guessed. */
  leavesNoTrace: boolean;
}

/** Shares of a deck: were more than half of the charges to fail, the breakers would be open most of the time. */
const SOUND = 30;
/** Of orders, whose faults at the first bank await them at the second as well; of the others, which some other fault awaits there. */
const SAME_AT_B = 0.5;
const OTHER_AT_B = 0.2;

const plain = (name: string, card: Means): FaultPlan => ({
  name,
  card,
  faults: [],
  ends: 'SUCCESS',
  calledBack: card === CARDS.success,
});

const asked = (name: string, card: Means, choice: Choice): FaultPlan & { choice: Choice } => ({
  ...plain(name, card),
  choice,
});

const CARD_PLANS: ReadonlyArray<FaultPlan & { choice?: Choice }> = [
  plain('a decline that allows another card', CARDS.declined),
  plain('too little money', CARDS.insufficientFunds),
  plain("the bank's own trouble", CARDS.bankTrouble),
  plain("the bank's own trouble", CARDS.bankTrouble),
  plain("the bank's own trouble", CARDS.bankTrouble),
  plain('a debit card', CARDS.debit),
  plain('success by callback', CARDS.successByCallback),
  plain('success without a callback', CARDS.successWithoutCallback),
  plain('answer lost', CARDS.answerLost),
  plain('answer lost, callback comes', CARDS.answerLostCallbackComes),
  plain('answer late', CARDS.answerLate),
  plain('charged with a 500', CARDS.error500),
  plain('not charged with a 502', CARDS.notChargedHtml502),
  asked('3-D Secure approved', CARDS.threeDSecure, 'approve'),
  asked('3-D Secure declined', CARDS.threeDSecure, 'decline'),
  asked('3-D Secure left', CARDS.threeDSecure, 'leave'),
  asked('3-D Secure approved, then declined', CARDS.threeDSecureDeclined, 'approve'),
  asked('3-D Secure approved, slow', CARDS.threeDSecureSlow, 'approve'),
  asked('UPI approved', 'upi', 'approve'),
  asked('UPI approved', 'upi', 'approve'),
  asked('UPI declined', 'upi', 'decline'),
  asked('UPI with too little money', 'upi', 'insufficient_funds'),
  asked('UPI left', 'upi', 'leave'),
];

const FAULT_PLANS = faultPlans('SANDBOX');

const DECK: ReadonlyArray<FaultPlan & { choice?: Choice }> = [
  ...Array.from({ length: SOUND }, () => plain('no fault', CARDS.success)),
  ...FAULT_PLANS,
  ...CARD_PLANS,
];

/** What may befall any order at the second bank; faults of questions and challenges need a card that brings them about. */
const OTHERS_AT_B: readonly FaultOrder[] = [
  ...FAULT_PLANS.flatMap(({ faults }) => faults).filter(
    ({ step, count = 1 }) => step === 'charge' && count === 1,
  ),
  ...SECOND_FAULTS,
];

/** The plans of a run, by its seed. */
export function outcomePlans(run: CampaignRun): OutcomePlan[] {
  return dealt(DECK, run).map(({ name, card: means, faults, ends, calledBack, choice = 'approve' }) => {
    const charge = faults.find(({ step }) => step === 'charge');
    const leavesNoTrace = charge !== undefined && ends === 'FAILED' && !calledBack && faults.length === 1;
    return { name, means, faults, faultsAtB: dealtAtB(faults, run), choice, leavesNoTrace };
  });
}

function dealtAtB(faults: readonly FaultOrder[], { random }: CampaignRun): readonly FaultOrder[] {
  if (random() < SAME_AT_B) return faults;
  return random() < OTHER_AT_B ? [OTHERS_AT_B[Math.floor(random() * OTHERS_AT_B.length)]!] : [];
}
