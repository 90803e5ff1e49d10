/**
 * Card numbers: their check digit, and how much of one is kept.
 * @module
 */

/** First digits of a card that are kept in the book, beside the last four. */
export const BIN_LENGTH = 8;

/** A Luhn-valid number of sixteen digits: the BIN, `sequence` in seven digits, the check digit. */
export function cardNumber(bin: string, sequence: number): string {
  const payload = bin + String(sequence).padStart(15 - bin.length, '0');
  return payload + String((10 - (luhnSum(`${payload}0`) % 10)) % 10);
}

/** Whether `number`, digits only, passes the Luhn check. */
export function isLuhnValid(number: string): boolean {
  return luhnSum(number) % 10 === 0;
}

function luhnSum(number: string): number {
  let sum = 0;
  let doubled = false;
  for (let index = number.length - 1; index >= 0; index--) {
    let digit = number.charCodeAt(index) - 48;
    if (doubled) {
      digit *= 2;
      if (digit > 9) digit -= 9;
    }
    sum += digit;
    doubled = !doubled;
  }
  return sum;
}
