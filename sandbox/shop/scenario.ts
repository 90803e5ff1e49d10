/**
 * Scenario: what the person behind the counter lets happen to an order, by a test card or UPI and by faults of the bank.
 *
 * Faults are armed at the bank when the order is made, by the reference of its first attempt, so that they strike this order only.
 * @module
 */
import type { FaultKind, FaultStep } from '../faults.ts';
import type { TillName } from './tills.ts';

/** A fault as a scenario orders it; it strikes once. */
export interface ScenarioFault {
  readonly step: FaultStep;
  readonly fault: FaultKind;
  /** For `delay`, `bookLate` and `decideLate`, ms. */
  readonly ms?: number;
}

export interface Scenario {
  readonly id: string;
  readonly till: TillName;
  readonly group: 'Every day' | 'Trouble at the bank' | 'Trouble with messages';
  readonly title: string;
  /** What happens and how the story should end. */
  readonly words: string;
  /** The test card to pay with, digits only; null: pay by UPI. */
  readonly card: string | null;
  readonly faults: readonly ScenarioFault[];
  /** Whether the shop answers the first webhook of the order with 503. */
  readonly receiverFailsOnce?: true;
}

/** What can go wrong on the way to Sluice and to the shop is the same wherever the money is. */
export function messageScenarios(
  till: TillName,
  cards: { readonly paid: string; readonly answerLost: string },
): readonly Scenario[] {
  const group = 'Trouble with messages';
  return [
    {
      id: `${till}-callback-thrice`,
      till,
      group,
      title: 'Three callbacks at once',
      words: 'Each event arrives three times in the same moment. One webhook comes out of it.',
      card: cards.paid,
      faults: [{ step: 'callback', fault: 'duplicate' }],
    },
    {
      id: `${till}-callback-forged`,
      till,
      group,
      title: 'Forged callback',
      words: 'Somebody without the secret says the opposite, before the true word. It is not believed.',
      card: cards.answerLost,
      faults: [{ step: 'callback', fault: 'forge' }],
    },
    {
      id: `${till}-shop-down`,
      till,
      group,
      title: 'Shop is down for a webhook',
      words: 'The shop answers the first webhook with 503. Sluice sends it again, with the same id.',
      card: cards.paid,
      faults: [],
      receiverFailsOnce: true,
    },
  ];
}
