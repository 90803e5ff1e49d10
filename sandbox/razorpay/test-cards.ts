/**
 * Test cards of the Razorpay dialect: the published numbers, and BINs of our own that need no shopper or play a fault.
 *
 * The published cards ask the shopper, as at Razorpay: by the bank's page or by a one-time password. The BINs are unused ones
 * beside the published list, with the last two digits of the plain dialect's where they do the same. README.md shows the table.
 * @module
 */
import { BIN_LENGTH, cardNumber } from '../card-numbers.ts';
import type { AnswerManner, Funding } from '../dialect.ts';
import type { Reason } from './reasons.ts';

/** How the shopper is asked: not at all, by the bank's page, by a one-time password at the shop, or by either. */
export type Asking = 'nothing' | 'page' | 'otp' | 'either';

/**
 * What becomes of a payment that nobody keeps back: money, a failure for the card's reason, nothing at all, money when the
 * webhook is due; or a failure for want of an answer that turns out an authorisation, in time for the capture or not.
 */
export type Outcome = 'money' | 'failure' | 'silence' | 'money_later' | 'late' | 'too_late';

/** What a card makes the bank do. */
export interface CardBehaviour {
  /** One full number of this behaviour. */
  readonly example: string;
  readonly funding: Funding;
  readonly asks: Asking;
  /** When nobody is asked, or the shopper approves. */
  readonly outcome: Outcome;
  /** Whether a right one-time password makes it fail for its reason: where no page has a button for that. */
  readonly failsByOtp: boolean;
  /** Why it fails: by its outcome, or when the shopper chooses so. */
  readonly reason: Reason;
  readonly answer: AnswerManner;
  /** Whether the bank sends webhooks on its own. */
  readonly webhooks: boolean;
  /** For the page at `GET /`. */
  readonly words: string;
}

const plainSuccess: CardBehaviour = {
  example: '4111111111111111',
  funding: 'credit',
  asks: 'nothing',
  outcome: 'money',
  failsByOtp: false,
  reason: 'authentication_failed',
  answer: 'plain',
  webhooks: true,
  words: 'success at once (so does every Luhn-valid card not named here)',
};

const publishedSuccesses = [
  '4100280000001007',
  '5500670000001002',
  '6527658900001005',
  '36082800091007',
  '340256000401007',
  '4386289407660153',
  '5267318187975449',
  '5555555555554444',
  '5105105105105100',
  '5104060000000008',
  '4012888888881881',
];

const publishedFailures: readonly (readonly [Reason, ...string[]])[] = [
  ['payment_timed_out', '4100280000090000', '5305620000060000'],
  ['insufficient_fund', '4100280000080001', '5305620000050001'],
  ['payment_cancelled', '4100280000070002', '5305620000040002'],
  ['card_declined', '4100280000060003', '4100280000050004', '4100280000040005'],
  ['card_declined', '5305620000030003', '5305620000020004', '5305620000010005'],
  ['card_disabled_for_online_payments', '4100280000030006', '5305620000000006'],
  ['card_number_invalid', '4100280000010008', '5305620000080008'],
  ['gateway_technical_error', '4100280000020007', '5305620000090007'],
  ['authentication_failed', '4100280000000009', '5305620000070009'],
];

const published: CardBehaviour[] = [
  ...publishedSuccesses.map((example) => ({
    ...plainSuccess,
    example,
    asks: 'either' as const,
    words: '3-D Secure or a one-time password, then success',
  })),
  ...publishedFailures.flatMap(([reason, ...numbers]) =>
    numbers.map((example) => ({
      ...plainSuccess,
      example,
      asks: 'either' as const,
      failsByOtp: true,
      reason,
      words: `3-D Secure, then ${reason} by Failure; by a right one-time password, too`,
    })),
  ),
];

/** Two declines that every dialect of the bank knows. */
const declines: CardBehaviour[] = [
  failing('4000000000000002', 'card_declined'),
  failing('4000000000000119', 'insufficient_funds'),
];

const ofBins: CardBehaviour[] = [
  { ...ofBin('80'), funding: 'debit', words: 'success at once, a debit card' },
  { ...ofBin('81'), asks: 'page', words: '3-D Secure by the page only, then success when approved' },
  {
    ...ofBin('82'),
    asks: 'page',
    outcome: 'failure',
    reason: 'insufficient_funds',
    words: '3-D Secure, then insufficient_funds although approved',
  },
  {
    ...ofBin('83'),
    asks: 'page',
    outcome: 'money_later',
    words: '3-D Secure, when approved created, then captured by webhook',
  },
  { ...ofBin('84'), asks: 'otp', words: 'a one-time password only, then success' },
  failing(ofBin('85').example, 'payment_risk_check_failed'),
  {
    ...ofBin('86'),
    outcome: 'late',
    reason: 'payment_timed_out',
    words: 'payment_timed_out, then authorised after all and captured',
  },
  {
    ...ofBin('87'),
    outcome: 'too_late',
    reason: 'payment_timed_out',
    words: 'payment_timed_out, then authorised too late to be captured, then refunded',
  },
  failing(ofBin('88').example, 'card_network_not_enabled'),
  failing(ofBin('90').example, 'gateway_technical_error'),
  { ...ofBin('91'), outcome: 'silence', webhooks: false, words: 'created for ever, no webhook' },
  { ...ofBin('92'), outcome: 'money_later', words: 'created, then captured by webhook' },
  { ...ofBin('93'), webhooks: false, words: 'success at once, no webhook ever' },
  { ...ofBin('94'), answer: 'lost', webhooks: false, words: 'captured, answer lost, no webhook' },
  { ...ofBin('95'), answer: 'lost', words: 'captured, answer lost, webhooks come' },
  { ...ofBin('96'), answer: 'late', words: 'captured, answered after 60 s, webhooks come' },
  { ...ofBin('97'), answer: 'error500', words: 'captured, answered with HTTP 500, webhooks come' },
  { ...ofBin('98'), answer: 'html502', webhooks: false, words: 'not charged, 502 with an HTML page' },
];

const byNumber: ReadonlyMap<string, CardBehaviour> = new Map(
  [...published, ...declines].map((behaviour) => [behaviour.example, behaviour]),
);
const byBin: ReadonlyMap<string, CardBehaviour> = new Map(
  ofBins.map((behaviour) => [behaviour.example.slice(0, BIN_LENGTH), behaviour]),
);

/** Every documented behaviour, in the order of README.md. */
export const testCards: readonly CardBehaviour[] = [plainSuccess, ...published, ...declines, ...ofBins];

/** The behaviour of a card number, digits only. */
export function behaviourOf(number: string): CardBehaviour {
  return byNumber.get(number) ?? byBin.get(number.slice(0, BIN_LENGTH)) ?? plainSuccess;
}

function ofBin(lastTwo: string): CardBehaviour {
  return { ...plainSuccess, example: cardNumber(`410028${lastTwo}`, 0) };
}

function failing(example: string, reason: Reason): CardBehaviour {
  return { ...plainSuccess, example, outcome: 'failure', reason, words: `fails at once: ${reason}` };
}
