/**
 * Scenarios at Stripe: its published test cards where they do it, else BINs of the bank’s own (../stripe/README.md).
 * @module
 */
import { cardNumber } from '../card-numbers.ts';
import { messageScenarios, type Scenario } from './scenario.ts';

const PAID = '4242424242424242';
const ANSWER_LOST = cardNumber('40000095', 0);

export const stripeScenarios: readonly Scenario[] = [
  {
    id: 'stripe-paid',
    till: 'stripe',
    group: 'Every day',
    title: 'Paid at once',
    words:
      'Stripe’s own 4242 card. Its events tell every step: created, charge.succeeded, payment_intent.succeeded.',
    card: PAID,
    faults: [],
  },
  {
    id: 'stripe-3d-secure',
    till: 'stripe',
    group: 'Every day',
    title: 'With 3-D Secure',
    words: 'Stripe’s published card that always asks: requires_action, the bank’s page, and back.',
    card: '4000002760003184',
    faults: [],
  },
  {
    id: 'stripe-3d-secure-declined',
    till: 'stripe',
    group: 'Every day',
    title: '3-D Secure, declined',
    words:
      'Asked and approved, and declined all the same. Sluice cancels the intent before another card may follow.',
    card: '4000008400001629',
    faults: [],
  },
  {
    id: 'stripe-declined',
    till: 'stripe',
    group: 'Every day',
    title: 'Declined',
    words: 'A generic decline, published by Stripe. Another card may follow on the same order.',
    card: '4000000000000002',
    faults: [],
  },
  {
    id: 'stripe-insufficient-funds',
    till: 'stripe',
    group: 'Every day',
    title: 'Insufficient funds',
    words: 'Also a certain no, with its own decline code.',
    card: '4000000000009995',
    faults: [],
  },
  {
    id: 'stripe-processing',
    till: 'stripe',
    group: 'Every day',
    title: 'Processing, then paid',
    words: 'The intent is processing; payment_intent.succeeded brings the final word.',
    card: cardNumber('40000092', 0),
    faults: [],
  },
  {
    id: 'stripe-upi',
    till: 'stripe',
    group: 'Every day',
    title: 'By UPI',
    words:
      'Choose UPI at the checkout, for a price in rupees. The app is a page of the bank, linked in the story of the order.',
    card: null,
    faults: [],
  },
  {
    id: 'stripe-processing-error',
    till: 'stripe',
    group: 'Trouble at the bank',
    title: 'Processing error',
    words: 'Stripe’s own trouble with the card, as its test card has it. Another card may follow.',
    card: '4000000000000119',
    faults: [],
  },
  {
    id: 'stripe-answer-lost',
    till: 'stripe',
    group: 'Trouble at the bank',
    title: 'Answer lost',
    words:
      'Charged, and the connection dies before the answer. The same idempotency key gets the same answer.',
    card: ANSWER_LOST,
    faults: [],
  },
  {
    id: 'stripe-silence',
    till: 'stripe',
    group: 'Trouble at the bank',
    title: 'Answer lost, no event',
    words: 'Charged, then silence. Sluice asks for the intent until it knows, and never charges twice.',
    card: cardNumber('40000094', 0),
    faults: [],
  },
  {
    id: 'stripe-server-error',
    till: 'stripe',
    group: 'Trouble at the bank',
    title: 'Error 500 after charging',
    words:
      'Stripe keeps a 500 for its idempotency key, and repeats it. So Sluice asks instead of trying again.',
    card: cardNumber('40000097', 0),
    faults: [],
  },
  ...messageScenarios('stripe', { paid: PAID, answerLost: ANSWER_LOST }),
];
