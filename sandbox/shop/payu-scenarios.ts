/**
 * Scenarios at PayU: it publishes cards that are paid and none that fail, so the rest are the bank’s own (../payu/README.md).
 * @module
 */
import { cardNumber } from '../card-numbers.ts';
import { messageScenarios, type Scenario } from './scenario.ts';

const PAID = '4111111111111111';
const ANSWER_LOST = cardNumber('40000095', 0);

export const payuScenarios: readonly Scenario[] = [
  {
    id: 'payu-paid',
    till: 'payu',
    group: 'Every day',
    title: 'Paid at once',
    words:
      'PayU answers captured, under the reverse hash. Sluice asks verify_payment before it believes that.',
    card: PAID,
    faults: [],
  },
  {
    id: 'payu-3d-secure',
    till: 'payu',
    group: 'Every day',
    title: 'With 3-D Secure',
    words:
      'PayU’s published test card, 05/2030 and CVV 123. The bank’s page takes the one-time password 123456, or a button.',
    card: '5123456789012346',
    faults: [],
  },
  {
    id: 'payu-3d-secure-funds',
    till: 'payu',
    group: 'Every day',
    title: '3-D Secure, insufficient funds',
    words: 'The shopper approves, and the bank says no all the same: E706.',
    card: cardNumber('40000082', 0),
    faults: [],
  },
  {
    id: 'payu-declined',
    till: 'payu',
    group: 'Every day',
    title: 'Declined',
    words: 'E312, the issuer says no. Another card may follow on the same order.',
    card: '4000000000000002',
    faults: [],
  },
  {
    id: 'payu-insufficient-funds',
    till: 'payu',
    group: 'Every day',
    title: 'Insufficient funds',
    words: 'Also a certain no, with its own code: E706.',
    card: '4000000000000119',
    faults: [],
  },
  {
    id: 'payu-processing',
    till: 'payu',
    group: 'Every day',
    title: 'Pending, then captured',
    words: 'PayU answers pending; its callback makes Sluice ask, and the answer is the final word.',
    card: cardNumber('40000092', 0),
    faults: [],
  },
  {
    id: 'payu-upi',
    till: 'payu',
    group: 'Every day',
    title: 'By UPI',
    words: 'Choose UPI at the checkout. The app is a page of the bank, linked in the story of the order.',
    card: null,
    faults: [],
  },
  {
    id: 'payu-late',
    till: 'payu',
    group: 'Trouble at the bank',
    title: 'Dropped, then captured',
    words: 'PayU says dropped, E209, and has the money three seconds later. So dropped does not mean no.',
    card: cardNumber('40000086', 0),
    faults: [],
  },
  {
    id: 'payu-refunded',
    till: 'payu',
    group: 'Trouble at the bank',
    title: 'Dropped, then refunded',
    words:
      'Dropped, and then autoRefund. Neither is proof, so Sluice asks for a quarter of an hour before it says not paid.',
    card: cardNumber('40000087', 0),
    faults: [],
  },
  {
    id: 'payu-additional',
    till: 'payu',
    group: 'Trouble at the bank',
    title: 'Additional charges',
    words: 'The bank puts ten rupees on top, and its hash covers them. The order is paid for its own price.',
    card: cardNumber('40000089', 0),
    faults: [],
  },
  {
    id: 'payu-answer-lost',
    till: 'payu',
    group: 'Trouble at the bank',
    title: 'Answer lost',
    words: 'Captured, and the connection dies before the answer. The callback makes Sluice ask.',
    card: ANSWER_LOST,
    faults: [],
  },
  {
    id: 'payu-silence',
    till: 'payu',
    group: 'Trouble at the bank',
    title: 'Answer lost, no callback',
    words: 'Captured, then silence. Sluice asks verify_payment until it knows, and never charges twice.',
    card: cardNumber('40000094', 0),
    faults: [],
  },
  {
    id: 'payu-server-error',
    till: 'payu',
    group: 'Trouble at the bank',
    title: 'Error 500 after capturing',
    words: 'The answer is an error, the money is taken. A 500 is not a no.',
    card: cardNumber('40000097', 0),
    faults: [],
  },
  ...messageScenarios('payu', { paid: PAID, answerLost: ANSWER_LOST }),
];
