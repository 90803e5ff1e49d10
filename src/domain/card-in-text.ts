/**
 * Card in text: card numbers in what others write, found or masked.
 *
 * @module
 */

import { cardBrand, luhnValid, maskPan } from './card.ts';

/** Digits in one piece, or in pieces as people write card numbers. */
const DIGITS = /[0-9]+(?:[ .-][0-9]+)*/g;
const LENGTH_MIN = 13;
const LENGTH_MAX = 19;

/** The text with each number of a known brand's range and a right check digit masked, `411111****1111`; another's long numbers stay. */
export function withoutCardNumbers(text: string): string {
  return text.replace(DIGITS, masked);
}

function masked(run: string): string {
  // Pieces, and between them what parts them.
  const parts = run.split(/([ .-])/);
  for (let from = 0; from < parts.length; from += 2) {
    let digits = '';
    for (let to = from; to < parts.length && digits.length < LENGTH_MAX; to += 2) {
      digits += parts[to]!;
      const pan = Buffer.from(digits);
      if (!isCard(pan)) continue;
      const [before, after] = [parts.slice(0, from), parts.slice(to + 1)];
      return `${before.join('')}${maskPan(pan)}${withoutCardNumbers(after.join(''))}`;
    }
  }
  return run;
}

function isCard(pan: Uint8Array): boolean {
  return isCardNumber(pan) && cardBrand(pan) !== 'UNKNOWN';
}

/** Whether a number of any brand's length has a right check digit. A bank's longer references are none. */
export function holdsCardNumber(text: string): boolean {
  return (text.match(DIGITS) ?? []).some((run) => {
    const pieces = run.split(/[ .-]/);
    return pieces.some((_, from) =>
      pieces.some((_, to) => to >= from && isCardNumber(Buffer.from(pieces.slice(from, to + 1).join('')))),
    );
  });
}

function isCardNumber(digits: Uint8Array): boolean {
  const { length } = digits;
  return length >= LENGTH_MIN && length <= LENGTH_MAX && luhnValid(digits);
}
