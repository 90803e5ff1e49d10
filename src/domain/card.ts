/**
 * A payment card: Luhn, brand, mask and the checks of the card form. Pure, and on bytes.
 *
 * Card number and code stay bytes from the form to the wire, because bytes can be wiped and strings cannot.
 * The only strings made of a PAN here are what may be shown: its first six and last four digits. The name is
 * sent to processors as text; one that could hold a card number is refused before a string is made of it.
 *
 * @module
 */

/** A card as the shopper typed it. `cvv` is never stored, sealed or sent to another thread. */
export interface CardDetails {
  /** ASCII digits, no spaces. */
  pan: Uint8Array;
  /** 1 to 12. */
  expiryMonth: number;
  /** Four digits. */
  expiryYear: number;
  /** ASCII digits. */
  cvv: Uint8Array;
  /** UTF-8. */
  cardholderName: Uint8Array;
}

export type CardBrand =
  | 'VISA'
  | 'MASTERCARD'
  | 'AMEX'
  | 'RUPAY'
  | 'DISCOVER'
  | 'DINERS'
  | 'JCB'
  | 'MAESTRO'
  | 'UNIONPAY'
  | 'UNKNOWN';

export type CardField = 'cardNumber' | 'expiryMonth' | 'expiryYear' | 'cvv' | 'cardholderName';

export type CardErrorCode =
  | 'card_number_not_digits'
  | 'card_number_length'
  | 'card_number_check_digit'
  | 'expiry_month_invalid'
  | 'expiry_year_invalid'
  | 'expiry_too_far'
  | 'card_expired'
  | 'cvv_invalid'
  | 'name_missing'
  | 'name_too_long'
  | 'name_holds_number'
  | 'name_invalid';

export interface CardError {
  field: CardField;
  code: CardErrorCode;
  detail: string;
}

export type CardCheck = { ok: true; brand: CardBrand } | { ok: false; errors: CardError[] };

export const PAN_DIGITS_MIN = 12;
export const PAN_DIGITS_MAX = 19;
export const NAME_CHARACTERS_MAX = 100;
const EXPIRY_YEARS_AHEAD_MAX = 20;

const ZERO = 0x30;
const NINE = 0x39;

/**
 * Published issuer ranges as first six digits, the narrower range first where two overlap.
 * RuPay shares 60 and 65 with Discover and 353, 356 with JCB: Discover keeps 6011 and all of 65 but RuPay's own
 * 652150 to 653149; 353 and 356 are RuPay's (co-branded with JCB).
 */
const RANGES: readonly (readonly [number, number, CardBrand])[] = [
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

/** Lengths a brand issues, in digits; a brand that is not listed may have 12 to 19. */
const LENGTHS: Readonly<Partial<Record<CardBrand, readonly number[]>>> = {
  VISA: [13, 16, 19],
  MASTERCARD: [16],
  AMEX: [15],
  RUPAY: [16, 17, 18, 19],
  DISCOVER: [16, 17, 18, 19],
  DINERS: [14, 15, 16, 17, 18, 19],
  JCB: [16, 17, 18, 19],
  UNIONPAY: [16, 17, 18, 19],
};

/** True when the bytes are digits and their last is the Luhn check digit of the others. */
export function luhnValid(pan: Uint8Array): boolean {
  if (pan.length < 2) return false;
  let sum = 0;
  for (let i = 0; i < pan.length; i++) {
    const digit = pan[pan.length - 1 - i]! - ZERO;
    if (digit < 0 || digit > 9) return false;
    const weighted = i % 2 === 0 ? digit : digit * 2;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}

/** The brand by issuer range; `UNKNOWN` outside the published ranges or when the first six are not digits. */
export function cardBrand(pan: Uint8Array): CardBrand {
  let firstSix = 0;
  for (let i = 0; i < 6; i++) {
    const byte = pan[i];
    if (byte === undefined || byte < ZERO || byte > NINE) return 'UNKNOWN';
    firstSix = firstSix * 10 + (byte - ZERO);
  }
  const range = RANGES.find(([low, high]) => firstSix >= low && firstSix <= high);
  return range === undefined ? 'UNKNOWN' : range[2];
}

/** First six and last four digits, what PCI DSS 3.4 lets be shown: `411111****1234`. */
export function maskPan(pan: Uint8Array): string {
  return `${digitsOf(pan, 0, 6)}****${digitsOf(pan, pan.length - 4, pan.length)}`;
}

/** First six digits. */
export function binOf(pan: Uint8Array): string {
  return digitsOf(pan, 0, 6);
}

/** Last four digits. */
export function lastFourOf(pan: Uint8Array): string {
  return digitsOf(pan, pan.length - 4, pan.length);
}

/** True when the bytes are a PAN by form: 12 to 19 ASCII digits. */
export function panShaped(pan: Uint8Array): boolean {
  return pan.length >= PAN_DIGITS_MIN && pan.length <= PAN_DIGITS_MAX && allDigits(pan);
}

/**
 * Checks a typed card and collects all that is wrong with it.
 * A card is good until its month has ended everywhere on earth (UTC-12), so the issuer and not our clock refuses
 * a card on its last day.
 * @param now the moment of the check
 */
export function checkCard(card: CardDetails, now: Date): CardCheck {
  const brand = cardBrand(card.pan);
  const errors = [
    ...checkNumber(card.pan, brand),
    ...checkExpiry(card.expiryMonth, card.expiryYear, now),
    ...checkCvv(card.cvv, brand),
    ...checkName(card.cardholderName),
  ];
  return errors.length === 0 ? { ok: true, brand } : { ok: false, errors };
}

function checkNumber(pan: Uint8Array, brand: CardBrand): CardError[] {
  if (pan.length === 0 || !allDigits(pan)) {
    return [refusal('cardNumber', 'card_number_not_digits', 'the card number must be digits only')];
  }
  const lengths = LENGTHS[brand];
  const lengthFits = panShaped(pan) && (lengths === undefined || lengths.includes(pan.length));
  if (!lengthFits) return [refusal('cardNumber', 'card_number_length', 'the card number has a wrong length')];
  if (!luhnValid(pan)) {
    return [refusal('cardNumber', 'card_number_check_digit', 'the card number is mistyped')];
  }
  return [];
}

function checkExpiry(month: number, year: number, now: Date): CardError[] {
  const monthOk = Number.isInteger(month) && month >= 1 && month <= 12;
  const yearOk = Number.isInteger(year) && year >= 1000 && year <= 9999;
  if (!monthOk || !yearOk) {
    const errors: CardError[] = [];
    if (!monthOk) errors.push(refusal('expiryMonth', 'expiry_month_invalid', 'the month must be 1 to 12'));
    if (!yearOk) errors.push(refusal('expiryYear', 'expiry_year_invalid', 'the year must have four digits'));
    return errors;
  }
  // Month 12 rolls over into January; twelve hours later the month has ended at UTC-12 too.
  const endOfMonthMs = Date.UTC(year, month, 1, 12);
  if (now.getTime() >= endOfMonthMs) return [refusal('expiryYear', 'card_expired', 'the card has expired')];
  if (year > now.getUTCFullYear() + EXPIRY_YEARS_AHEAD_MAX) {
    return [refusal('expiryYear', 'expiry_too_far', 'the year is more than 20 years ahead')];
  }
  return [];
}

function checkCvv(cvv: Uint8Array, brand: CardBrand): CardError[] {
  const lengthOk =
    brand === 'AMEX'
      ? cvv.length === 4
      : brand === 'UNKNOWN'
        ? cvv.length === 3 || cvv.length === 4
        : cvv.length === 3;
  if (lengthOk && allDigits(cvv)) return [];
  const digits = brand === 'AMEX' ? '4' : brand === 'UNKNOWN' ? '3 or 4' : '3';
  return [refusal('cvv', 'cvv_invalid', `the security code must be ${digits} digits`)];
}

function checkName(name: Uint8Array): CardError[] {
  if (digitCount(name) >= PAN_DIGITS_MIN) {
    return [
      refusal('cardholderName', 'name_holds_number', 'the name must be the name on the card, not its number'),
    ];
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(name);
  } catch {
    return [refusal('cardholderName', 'name_invalid', 'the name is not UTF-8')];
  }
  if (text.trim() === '') return [refusal('cardholderName', 'name_missing', 'the name is missing')];
  if ([...text].length > NAME_CHARACTERS_MAX) {
    return [refusal('cardholderName', 'name_too_long', 'the name is longer than 100 characters')];
  }
  if (/\p{Cc}/u.test(text)) {
    return [refusal('cardholderName', 'name_invalid', 'the name contains a control character')];
  }
  return [];
}

function refusal(field: CardField, code: CardErrorCode, detail: string): CardError {
  return { field, code, detail };
}

function allDigits(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte < ZERO || byte > NINE) return false;
  return true;
}

/** ASCII digits among the bytes, wherever they stand and whatever stands between them. */
function digitCount(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) if (byte >= ZERO && byte <= NINE) count++;
  return count;
}

function digitsOf(pan: Uint8Array, from: number, to: number): string {
  let digits = '';
  for (let i = Math.max(0, from); i < to; i++) digits += String.fromCharCode(pan[i]!);
  return digits;
}
