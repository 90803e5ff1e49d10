/**
 * Cards: distinct card numbers for a run, made when it begins.
 *
 * They begin with published test BINs and end with a right check digit; no such number stands in the source. With one card
 * only, every cache of the gateway and the fingerprint would see a world that does not exist. The BINs the bank treats
 * apart (400000…) are not among them: every card here succeeds.
 *
 * @module
 */

/** First six digits of published test cards: Visa, Mastercard, RuPay. All have 16 digits and a CVV of three. */
const BINS = ['411111', '424242', '401288', '555555', '510510', '222300', '652111', '607384'] as const;
const MIDDLE_DIGITS = 9;
const MIDDLES = 10 ** MIDDLE_DIGITS;
/** Prime, so it shares no factor with MIDDLES: stepping by it visits every middle once. */
const STEP = 618_033_989;

/** Cards of a run unless told otherwise. */
export const CARDS_IN_DECK = 100_000;

/**
 * Makes distinct card numbers.
 * @param count at most 10^9, so that no number comes twice
 * @param random from 0 to below 1; where the sequence begins
 */
export function makeCardNumbers(count: number, random: () => number): string[] {
  const first = Math.floor(random() * MIDDLES);
  return Array.from({ length: count }, (_, n) => {
    const middle = (first + n * STEP) % MIDDLES;
    const digits = BINS[n % BINS.length]! + String(middle).padStart(MIDDLE_DIGITS, '0');
    return digits + luhnDigit(digits);
  });
}

/** The digit that makes `digits` and itself pass Luhn's check. */
export function luhnDigit(digits: string): number {
  let sum = 0;
  for (let at = digits.length - 1, doubled = true; at >= 0; at--, doubled = !doubled) {
    const digit = digits.charCodeAt(at) - 48;
    const value = doubled ? digit * 2 : digit;
    sum += value > 9 ? value - 9 : value;
  }
  return (10 - (sum % 10)) % 10;
}
