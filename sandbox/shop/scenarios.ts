/**
 * Scenarios: what the person behind the counter lets happen to an order, by a test card or UPI and by faults of the bank.
 *
 * Faults are armed at the bank when the order is made, by the reference of its first attempt, so that they strike this order only.
 * @module
 */
import { cardNumber } from '../cards.ts';
import type { FaultKind, FaultStep } from '../faults.ts';

/** A fault as a scenario orders it; it strikes once. */
export interface ScenarioFault {
  readonly step: FaultStep;
  readonly fault: FaultKind;
  /** For `delay`, `bookLate` and `decideLate`, ms. */
  readonly ms?: number;
}

export interface Scenario {
  readonly id: string;
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

const SUCCESS = '4111111111111111';
const ANSWER_LOST = cardNumber('40000095', 0);
const SLOW_MS = 6000;

export const scenarios: readonly Scenario[] = [
  {
    id: 'paid',
    group: 'Every day',
    title: 'Paid at once',
    words: 'The bank says yes, calls back, and the shop hears of it by webhook.',
    card: SUCCESS,
    faults: [],
  },
  {
    id: 'declined',
    group: 'Every day',
    title: 'Declined',
    words: 'The bank says no for certain. Another card may follow on the same order.',
    card: '4000000000000002',
    faults: [],
  },
  {
    id: 'insufficient-funds',
    group: 'Every day',
    title: 'Insufficient funds',
    words: 'Also a certain no, with its own reason.',
    card: '4000000000000119',
    faults: [],
  },
  {
    id: 'processing',
    group: 'Every day',
    title: 'Processing, then paid',
    words: 'The bank answers that it works on it; its callback brings the final word.',
    card: cardNumber('40000092', 0),
    faults: [],
  },
  {
    id: '3d-secure',
    group: 'Every day',
    title: 'With 3-D Secure',
    words: 'The bank asks the shopper on its own page. What the address says on the way back proves nothing.',
    card: cardNumber('40000081', 0),
    faults: [],
  },
  {
    id: '3d-secure-declined',
    group: 'Every day',
    title: '3-D Secure, declined',
    words:
      'The shopper approves, and the bank says no all the same. Or decline it on the bank’s page yourself.',
    card: cardNumber('40000082', 0),
    faults: [],
  },
  {
    id: 'upi',
    group: 'Every day',
    title: 'By UPI',
    words:
      'Choose UPI at the checkout, for a price in rupees. A page of the bank stands for the app on your phone.',
    card: null,
    faults: [],
  },
  {
    id: 'slow',
    group: 'Trouble at the bank',
    title: 'Slow bank',
    words: 'The charge is booked at once, its answer takes six seconds. The callback is faster.',
    card: SUCCESS,
    faults: [{ step: 'charge', fault: 'delay', ms: SLOW_MS }],
  },
  {
    id: 'answer-lost',
    group: 'Trouble at the bank',
    title: 'Answer lost',
    words: 'Charged, and the connection dies before the answer. The callback says what became of it.',
    card: ANSWER_LOST,
    faults: [],
  },
  {
    id: 'silence',
    group: 'Trouble at the bank',
    title: 'Answer lost, no callback',
    words:
      'Charged, then silence. Nobody guesses: Sluice asks the bank until it knows, and never charges twice.',
    card: cardNumber('40000094', 0),
    faults: [],
  },
  {
    id: 'server-error',
    group: 'Trouble at the bank',
    title: 'Error 500 after charging',
    words: 'The answer is an error, the money is taken. A 500 is not a no.',
    card: cardNumber('40000097', 0),
    faults: [],
  },
  {
    id: 'bank-trouble',
    group: 'Trouble at the bank',
    title: 'Bank’s own trouble',
    words:
      'A certain no that is not the card’s fault. Where there is a fallback, the second bank takes the payment.',
    card: cardNumber('40000090', 0),
    faults: [],
  },
  {
    id: 'refused',
    group: 'Trouble at the bank',
    title: 'First bank cannot be reached',
    words:
      'Not a byte left, and that is proof: nothing was charged. The second bank may take it; without one, another card may follow.',
    card: cardNumber('40000099', 0),
    faults: [],
  },
  {
    id: 'hung-up',
    group: 'Trouble at the bank',
    title: 'Hung up before charging',
    words:
      'Nothing is charged, but nobody can see that from outside. It takes minutes of asking before it is proven.',
    card: SUCCESS,
    faults: [{ step: 'charge', fault: 'dropBefore' }],
  },
  {
    id: 'callback-first',
    group: 'Trouble with messages',
    title: 'Callback before the answer',
    words: 'The bank calls back before it answers, and once more later. The payment is counted once.',
    card: SUCCESS,
    faults: [{ step: 'charge', fault: 'callbackFirst' }],
  },
  {
    id: 'callback-thrice',
    group: 'Trouble with messages',
    title: 'Three callbacks at once',
    words: 'The same event arrives three times in the same moment. One webhook comes out of it.',
    card: SUCCESS,
    faults: [{ step: 'callback', fault: 'duplicate' }],
  },
  {
    id: 'callback-forged',
    group: 'Trouble with messages',
    title: 'Forged callback',
    words: 'Somebody without the secret says the opposite, before the true word. It is not believed.',
    card: ANSWER_LOST,
    faults: [{ step: 'callback', fault: 'forge' }],
  },
  {
    id: 'callback-late',
    group: 'Trouble with messages',
    title: 'Answer lost, callback late',
    words: 'The answer is lost and the first callback too. The second, or a query, tells.',
    card: ANSWER_LOST,
    faults: [{ step: 'callback', fault: 'drop' }],
  },
  {
    id: 'shop-down',
    group: 'Trouble with messages',
    title: 'Shop is down for a webhook',
    words: 'The shop answers the first webhook with 503. Sluice sends it again, with the same id.',
    card: SUCCESS,
    faults: [],
    receiverFailsOnce: true,
  },
];

const byId = new Map(scenarios.map((scenario) => [scenario.id, scenario]));

/** The scenario of an id, or undefined. */
export function findScenario(id: string): Scenario | undefined {
  return byId.get(id);
}
