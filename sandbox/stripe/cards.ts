/**
 * Stripe's test cards: which number, or which token, makes the bank do what. Source: processors.md 3f.
 *
 * One BIN is the bank's own: an error of processing, of which a bank that speaks otherwise knows nothing.
 * A number that is not named here behaves as it does in the bank's own table (`../plain/cards.ts`).
 * @module
 */
import { BIN_LENGTH } from '../card-numbers.ts';
import type { AnswerManner, Funding } from '../dialect.ts';
import { behaviourOf, documentedCards } from '../plain/cards.ts';
import type { CardDecline } from './failures.ts';

/** What a card does in this dialect. */
export interface StripeCard {
  /** Whether 3-D Secure is asked for: `optional` only when the request asks. */
  readonly authentication: 'none' | 'optional' | 'required';
  /** What comes then, or at once: a decline code, `processing` or `succeeded`. */
  readonly outcome: CardDecline | 'processing' | 'succeeded';
  readonly funding: Funding;
  /** Whether a processing charge succeeds when its callback is due. */
  readonly settles: boolean;
  readonly callback: boolean;
  readonly answer: AnswerManner;
}

/** One row of 3f. */
export interface MagicCard {
  readonly number: string;
  /** Its test token, where it has one. */
  readonly token: string | undefined;
  readonly authentication: StripeCard['authentication'];
  readonly outcome: CardDecline | 'succeeded';
}

export type Brand = 'amex' | 'diners' | 'discover' | 'jcb' | 'mastercard' | 'unionpay' | 'visa' | 'unknown';

/** Every row that can be charged. */
export const MAGIC_CARDS: readonly MagicCard[] = [
  row('4242424242424242', 'pm_card_visa'),
  row('5555555555554444', 'pm_card_mastercard'),
  row('378282246310005', 'pm_card_amex'),
  row('6011111111111117', 'pm_card_discover'),
  row('3056930009020004', 'pm_card_diners'),
  row('30569309025904', undefined),
  row('3566002020360505', 'pm_card_jcb'),
  row('6200000000000005', 'pm_card_unionpay'),
  row('6205500000000000004', undefined),
  row('4000003560000008', 'pm_card_in'),
  row('4000000000000002', 'pm_card_visa_chargeDeclined', 'none', 'generic_decline'),
  row('4000000000009995', 'pm_card_visa_chargeDeclinedInsufficientFunds', 'none', 'insufficient_funds'),
  row('4000000000009987', 'pm_card_visa_chargeDeclinedLostCard', 'none', 'lost_card'),
  row('4000000000009979', 'pm_card_visa_chargeDeclinedStolenCard', 'none', 'stolen_card'),
  row('4000000000000069', 'pm_card_chargeDeclinedExpiredCard', 'none', 'expired_card'),
  row('4000000000000127', 'pm_card_chargeDeclinedIncorrectCvc', 'none', 'incorrect_cvc'),
  row('4000000000000119', 'pm_card_chargeDeclinedProcessingError', 'none', 'processing_error'),
  row('4100000000000019', undefined, 'none', 'fraudulent'),
  row('4000002500003155', 'pm_card_authenticationRequiredOnSetup', 'required'),
  row('4000002760003184', 'pm_card_authenticationRequired', 'required'),
  row(
    '4000008260003178',
    'pm_card_authenticationRequiredChargeDeclinedInsufficientFunds',
    'required',
    'insufficient_funds',
  ),
  row('4000000000003220', 'pm_card_threeDSecure2Required', 'required'),
  row('4000008400001629', 'pm_card_threeDSecureRequiredChargeDeclined', 'required', 'generic_decline'),
  row('4000008400001280', 'pm_card_threeDSecureRequiredProcessingError', 'required', 'processing_error'),
  row('4000000000003055', 'pm_card_threeDSecureOptional', 'optional'),
];

/** A processor's own trouble, for whoever would see another processor take the card. */
const PROCESSING_ERROR_BIN = '40000079';

const byNumber = new Map(MAGIC_CARDS.map((card) => [card.number, card]));
const byToken = new Map(MAGIC_CARDS.map((card) => [card.token, card]));

/** Cards of the bank's own table that do here what is said of them there. */
export const OWN_CARDS = documentedCards.filter(
  ({ example, declineCode }) => !byNumber.has(example) && declineCode !== 'acquirer_unavailable',
);

/** The number a test token stands for, or undefined. */
export function numberOfToken(token: string): string | undefined {
  return byToken.get(token)?.number;
}

/** What a card does here: Stripe's row, else the bank's own. */
export function stripeCardOf(number: string): StripeCard {
  const magic = byNumber.get(number);
  if (magic !== undefined) {
    const { authentication, outcome } = magic;
    return { authentication, outcome, funding: 'credit', settles: false, callback: true, answer: 'plain' };
  }
  const { asks, status, declineCode, funding, settles, callback, answer } = behaviourOf(number);
  const own = number.slice(0, BIN_LENGTH) === PROCESSING_ERROR_BIN ? 'processing_error' : null;
  return {
    authentication: asks ? 'required' : 'none',
    outcome: own ?? (status === 'declined' ? declineOf(declineCode) : status),
    funding,
    settles,
    callback,
    answer,
  };
}

/** The brand by the first digits of a number. Source: processors.md 6. */
export function brandOf(number: string): Brand {
  const four = Number(number.slice(0, 4));
  if (number.startsWith('4')) return 'visa';
  if ((four >= 5100 && four <= 5599) || (four >= 2221 && four <= 2720)) return 'mastercard';
  if (/^3[47]/.test(number)) return 'amex';
  if (/^(30[0-5]|36|38|39)/.test(number)) return 'diners';
  if (/^(6011|64[4-9]|65)/.test(number)) return 'discover';
  if (four >= 3528 && four <= 3589) return 'jcb';
  return /^(62|81)/.test(number) ? 'unionpay' : 'unknown';
}

/** The bank's own decline codes in Stripe's words: its own trouble is an error of processing. */
function declineOf(declineCode: string | undefined): CardDecline {
  if (declineCode === 'acquirer_unavailable') return 'processing_error';
  return declineCode === 'insufficient_funds' ? 'insufficient_funds' : 'generic_decline';
}

function row(
  number: string,
  token: string | undefined,
  authentication: MagicCard['authentication'] = 'none',
  outcome: MagicCard['outcome'] = 'succeeded',
): MagicCard {
  return { number, token, authentication, outcome };
}
