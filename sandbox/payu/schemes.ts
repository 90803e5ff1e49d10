/**
 * Card schemes by their first digits, in PayU's codes. Coarse: enough for test cards.
 * @module
 */

const SCHEMES: readonly (readonly [RegExp, string])[] = [
  [/^(508[5-9]|60|652[1-9]|653|81|82)/, 'RUPAY'],
  [/^3[47]/, 'AMEX'],
  [/^3(0[0-5]|[689])/, 'DINR'],
  [/^4/, 'VISA'],
  [/^(5[1-5]|2[2-7])/, 'MAST'],
];

/** `VISA`, `MAST`, `RUPAY`, `AMEX`, `DINR`, else `UNKNOWN`. @param number a card number or its first digits */
export function schemeOf(number: string): string {
  return SCHEMES.find(([digits]) => digits.test(number))?.[1] ?? 'UNKNOWN';
}

/** Whether a bankcode that names a scheme names the card's. `CC`, `DC` and codes unknown here name none. */
export function fitsScheme(bankcode: string, number: string): boolean {
  const named = SCHEMES.some(([, scheme]) => scheme === bankcode);
  return !named || schemeOf(number) === bankcode;
}
