/**
 * Card number: brand, groups and check digit of what is being typed. A copy of the rules of src/domain/card.ts for the browser;
 * a test compares the two over all prefixes.
 *
 * @module
 */

/** First six digits from, to, brand; the narrower range first. */
const RANGES = [
  [652150, 653149, 'RUPAY'],
  [601100, 601199, 'DISCOVER'],
  [622126, 622925, 'DISCOVER'],
  [353000, 353999, 'RUPAY'],
  [356000, 356999, 'RUPAY'],
  [501800, 501899, 'MAESTRO'],
  [502000, 502099, 'MAESTRO'],
  [503800, 503899, 'MAESTRO'],
  [589300, 589399, 'MAESTRO'],
  [630400, 630499, 'MAESTRO'],
  [675900, 675999, 'MAESTRO'],
  [676100, 676399, 'MAESTRO'],
  [309500, 309599, 'DINERS'],
  [352800, 358999, 'JCB'],
  [222100, 272099, 'MASTERCARD'],
  [300000, 305999, 'DINERS'],
  [508000, 508999, 'RUPAY'],
  [644000, 649999, 'DISCOVER'],
  [340000, 349999, 'AMEX'],
  [370000, 379999, 'AMEX'],
  [360000, 369999, 'DINERS'],
  [380000, 399999, 'DINERS'],
  [510000, 559999, 'MASTERCARD'],
  [600000, 609999, 'RUPAY'],
  [620000, 629999, 'UNIONPAY'],
  [650000, 659999, 'DISCOVER'],
  [810000, 829999, 'RUPAY'],
  [400000, 499999, 'VISA'],
];

const LENGTHS = {
  VISA: [13, 16, 19],
  MASTERCARD: [16],
  AMEX: [15],
  RUPAY: [16, 17, 18, 19],
  DISCOVER: [16, 17, 18, 19],
  DINERS: [14, 15, 16, 17, 18, 19],
  JCB: [16, 17, 18, 19],
  UNIONPAY: [16, 17, 18, 19],
};

export const BRAND_NAMES = {
  VISA: 'Visa',
  MASTERCARD: 'Mastercard',
  AMEX: 'Amex',
  RUPAY: 'RuPay',
  DISCOVER: 'Discover',
  DINERS: 'Diners Club',
  JCB: 'JCB',
  MAESTRO: 'Maestro',
  UNIONPAY: 'UnionPay',
};

/** The brand that every number beginning with these digits has; 'UNKNOWN' while several are possible. */
export function brandOf(digits) {
  if (digits === '') return 'UNKNOWN';
  const low = Number(digits.slice(0, 6).padEnd(6, '0'));
  const high = Number(digits.slice(0, 6).padEnd(6, '9'));
  const brands = new Set();
  for (const [from, to, brand] of RANGES) {
    if (to < low || from > high) continue;
    brands.add(brand);
    // Narrower ranges stand first: this one has all the rest.
    if (from <= low && to >= high) return brands.size === 1 ? brand : 'UNKNOWN';
  }
  return 'UNKNOWN';
}

/** Digits in the groups in which the brand prints them. */
export function grouped(digits) {
  const brand = brandOf(digits);
  const short = brand === 'AMEX' || (brand === 'DINERS' && digits.length <= 14);
  if (!short) return digits.replace(/(\d{4})(?=\d)/g, '$1 ');
  return [digits.slice(0, 4), digits.slice(4, 10), digits.slice(10)]
    .filter((group) => group !== '')
    .join(' ');
}

/** Where the caret stands in `text` after so many digits. */
export function caretAfter(text, digitsBefore) {
  let seen = 0;
  let place = 0;
  while (place < text.length && seen < digitsBefore) {
    if (text[place] >= '0' && text[place] <= '9') seen++;
    place++;
  }
  return place;
}

/** What is wrong with a whole number, as a code of the server's; null when nothing is. */
export function numberFault(typed) {
  const digits = typed.replace(/[ -]/g, '');
  if (!/^\d+$/.test(digits)) return 'card_number_not_digits';
  const lengths = LENGTHS[digits.length < 6 ? 'UNKNOWN' : brandOf(digits)];
  const fits =
    lengths === undefined ? digits.length >= 12 && digits.length <= 19 : lengths.includes(digits.length);
  if (!fits) return 'card_number_length';
  return luhnValid(digits) ? null : 'card_number_check_digit';
}

function luhnValid(digits) {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const weighted = i % 2 === 0 ? digit : digit * 2;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}
