/**
 * Scenarios at the sandbox bank.
 * @module
 */
import { cardNumber } from '../card-numbers.ts';
import type { Scenario } from './scenario.ts';

const SUCCESS = '4111111111111111';
const ANSWER_LOST = cardNumber('40000095', 0);
const SLOW_MS = 6000;

export const plainScenarios: readonly Scenario[] = [
  {
    id: 'paid',
    till: 'plain',
    group: 'Every day',
    title: 'Paid at once',
    words: 'The bank says yes, calls back, and the shop hears of it by webhook.',
    card: SUCCESS,
    faults: [],
  },
  {
    id: 'declined',
    till: 'plain',
    group: 'Every day',
    title: 'Declined',
    words: 'The bank says no for certain. Another card may follow on the same order.',
    card: '4000000000000002',
    faults: [],
  },
  {
    id: 'insufficient-funds',
    till: 'plain',
    group: 'Every day',
    title: 'Insufficient funds',
    words: 'Also a certain no, with its own reason.',
    card: '4000000000000119',
    faults: [],
  },
  {
    id: 'processing',
    till: 'plain',
    group: 'Every day',
    title: 'Processing, then paid',
    words: 'The bank answers that it works on it; its callback brings the final word.',
    card: cardNumber('40000092', 0),
    faults: [],
  },
  {
    id: '3d-secure',
    till: 'plain',
    group: 'Every day',
    title: 'With 3-D Secure',
    words: 'The bank asks the shopper on its own page. What the address says on the way back proves nothing.',
    card: cardNumber('40000081', 0),
    faults: [],
  },
  {
    id: '3d-secure-declined',
    till: 'plain',
    group: 'Every day',
    title: '3-D Secure, declined',
    words:
      'The shopper approves, and the bank says no all the same. Or decline it on the bank’s page yourself.',
    card: cardNumber('40000082', 0),
    faults: [],
  },
  {
    id: 'upi',
    till: 'plain',
    group: 'Every day',
    title: 'By UPI',
    words:
      'Choose UPI at the checkout, for a price in rupees. A page of the bank stands for the app on your phone.',
    card: null,
    faults: [],
  },
  {
    id: 'slow',
    till: 'plain',
    group: 'Trouble at the bank',
    title: 'Slow bank',
    words: 'The charge is booked at once, its answer takes six seconds. The callback is faster.',
    card: SUCCESS,
    faults: [{ step: 'charge', fault: 'delay', ms: SLOW_MS }],
  },
  {
    id: 'answer-lost',
    till: 'plain',
    group: 'Trouble at the bank',
    title: 'Answer lost',
    words: 'Charged, and the connection dies before the answer. The callback says what became of it.',
    card: ANSWER_LOST,
    faults: [],
  },
  {
    id: 'silence',
    till: 'plain',
    group: 'Trouble at the bank',
    title: 'Answer lost, no callback',
    words:
      'Charged, then silence. Nobody guesses: Sluice asks the bank until it knows, and never charges twice.',
    card: cardNumber('40000094', 0),
    faults: [],
  },
  {
    id: 'server-error',
    till: 'plain',
    group: 'Trouble at the bank',
    title: 'Error 500 after charging',
    words: 'The answer is an error, the money is taken. A 500 is not a no.',
    card: cardNumber('40000097', 0),
    faults: [],
  },
  {
    id: 'bank-trouble',
    till: 'plain',
    group: 'Trouble at the bank',
    title: 'Bank’s own trouble',
    words:
      'A certain no that is not the card’s fault. Where there is a fallback, the second bank takes the payment.',
    card: cardNumber('40000090', 0),
    faults: [],
  },
  {
    id: 'refused',
    till: 'plain',
    group: 'Trouble at the bank',
    title: 'First bank cannot be reached',
    words:
      'Not a byte left, and that is proof: nothing was charged. The second bank may take it; without one, another card may follow.',
    card: cardNumber('40000099', 0),
    faults: [],
  },
  {
    id: 'hung-up',
    till: 'plain',
    group: 'Trouble at the bank',
    title: 'Hung up before charging',
    words:
      'Nothing is charged, but nobody can see that from outside. It takes minutes of asking before it is proven.',
    card: SUCCESS,
    faults: [{ step: 'charge', fault: 'dropBefore' }],
  },
  {
    id: 'callback-first',
    till: 'plain',
    group: 'Trouble with messages',
    title: 'Callback before the answer',
    words: 'The bank calls back before it answers, and once more later. The payment is counted once.',
    card: SUCCESS,
    faults: [{ step: 'charge', fault: 'callbackFirst' }],
  },
  {
    id: 'callback-thrice',
    till: 'plain',
    group: 'Trouble with messages',
    title: 'Three callbacks at once',
    words: 'The same event arrives three times in the same moment. One webhook comes out of it.',
    card: SUCCESS,
    faults: [{ step: 'callback', fault: 'duplicate' }],
  },
  {
    id: 'callback-forged',
    till: 'plain',
    group: 'Trouble with messages',
    title: 'Forged callback',
    words: 'Somebody without the secret says the opposite, before the true word. It is not believed.',
    card: ANSWER_LOST,
    faults: [{ step: 'callback', fault: 'forge' }],
  },
  {
    id: 'callback-late',
    till: 'plain',
    group: 'Trouble with messages',
    title: 'Answer lost, callback late',
    words: 'The answer is lost and the first callback too. The second, or a query, tells.',
    card: ANSWER_LOST,
    faults: [{ step: 'callback', fault: 'drop' }],
  },
  {
    id: 'shop-down',
    till: 'plain',
    group: 'Trouble with messages',
    title: 'Shop is down for a webhook',
    words: 'The shop answers the first webhook with 503. Sluice sends it again, with the same id.',
    card: SUCCESS,
    faults: [],
    receiverFailsOnce: true,
  },
];
