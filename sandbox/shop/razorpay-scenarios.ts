/**
 * Scenarios at Razorpay: its published test cards where they do it, else BINs of the bank’s own (../razorpay/README.md).
 * @module
 */
import { cardNumber } from '../card-numbers.ts';
import { messageScenarios, type Scenario } from './scenario.ts';

const PAID = '4111111111111111';
const ANSWER_LOST = cardNumber('41002895', 0);

export const razorpayScenarios: readonly Scenario[] = [
  {
    id: 'razorpay-paid',
    till: 'razorpay',
    group: 'Every day',
    title: 'Paid at once',
    words:
      'Authorised and captured without a question. Razorpay says so three times: payment.authorized, payment.captured, order.paid.',
    card: PAID,
    faults: [],
  },
  {
    id: 'razorpay-3d-secure',
    till: 'razorpay',
    group: 'Every day',
    title: 'With 3-D Secure',
    words:
      'Razorpay’s published Visa test card. The bank asks on its own page and sends the shopper back by a signed form.',
    card: '4100280000001007',
    faults: [],
  },
  {
    id: 'razorpay-3d-secure-funds',
    till: 'razorpay',
    group: 'Every day',
    title: '3-D Secure, insufficient funds',
    words: 'Another published card: decline it on the bank’s page, and the reason is insufficient_fund.',
    card: '4100280000080001',
    faults: [],
  },
  {
    id: 'razorpay-password',
    till: 'razorpay',
    group: 'Every day',
    title: 'By a one-time password',
    words: 'The shopper types it at the checkout. Any four to ten digits are right; a third wrong try fails.',
    card: cardNumber('41002884', 0),
    faults: [],
  },
  {
    id: 'razorpay-declined',
    till: 'razorpay',
    group: 'Every day',
    title: 'Declined',
    words: 'Razorpay says no for certain. Another card may follow on the same order.',
    card: '4000000000000002',
    faults: [],
  },
  {
    id: 'razorpay-processing',
    till: 'razorpay',
    group: 'Every day',
    title: 'Created, then captured',
    words: 'The answer says created and nothing more; a webhook brings the final word.',
    card: cardNumber('41002892', 0),
    faults: [],
  },
  {
    id: 'razorpay-upi',
    till: 'razorpay',
    group: 'Every day',
    title: 'By UPI',
    words:
      'Choose UPI at the checkout, for a price in rupees. The app is a page of the bank, linked in the story of the order.',
    card: null,
    faults: [],
  },
  {
    id: 'razorpay-late',
    till: 'razorpay',
    group: 'Trouble at the bank',
    title: 'Late authorisation',
    words:
      'It fails with payment_timed_out, and the shopper’s bank says yes two seconds later. So a time-out does not mean no.',
    card: cardNumber('41002886', 0),
    faults: [],
  },
  {
    id: 'razorpay-too-late',
    till: 'razorpay',
    group: 'Trouble at the bank',
    title: 'Authorised too late',
    words:
      'Authorised after the time for a capture: the money goes back by itself, and the order is not paid.',
    card: cardNumber('41002887', 0),
    faults: [],
  },
  {
    id: 'razorpay-answer-lost',
    till: 'razorpay',
    group: 'Trouble at the bank',
    title: 'Answer lost',
    words: 'Captured, and the connection dies before the answer. The webhooks say what became of it.',
    card: ANSWER_LOST,
    faults: [],
  },
  {
    id: 'razorpay-silence',
    till: 'razorpay',
    group: 'Trouble at the bank',
    title: 'Answer lost, no webhook',
    words:
      'Captured, then silence. Sluice asks for the payments of the order until it knows, and never charges twice.',
    card: cardNumber('41002894', 0),
    faults: [],
  },
  {
    id: 'razorpay-server-error',
    till: 'razorpay',
    group: 'Trouble at the bank',
    title: 'Error 500 after capturing',
    words: 'The answer is an error, the money is taken. A 500 is not a no.',
    card: cardNumber('41002897', 0),
    faults: [],
  },
  {
    id: 'razorpay-order-lost',
    till: 'razorpay',
    group: 'Trouble at the bank',
    title: 'Order opened, answer lost',
    words:
      'The first step is lost, before any card was sent: proof that nothing was charged. Another card may follow.',
    card: PAID,
    faults: [{ step: 'order', fault: 'drop' }],
  },
  ...messageScenarios('razorpay', { paid: PAID, answerLost: ANSWER_LOST }),
];
