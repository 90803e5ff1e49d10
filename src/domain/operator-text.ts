/**
 * Operator text: what an operator may say for the audit. It is kept for ever and shown on terminals.
 *
 * @module
 */

import { holdsCardNumber } from './card-in-text.ts';

export const REASON_LENGTH_MAX = 500;
export const OPERATOR_LENGTH_MAX = 100;

/** What is wrong with a text, as the rest of a sentence; null: nothing. */
export function operatorTextFault(text: string, lengthMax: number): string | null {
  if (text.trim() === '') return 'is empty';
  if (text.length > lengthMax) return `is longer than ${lengthMax} characters`;
  // Half a surrogate pair, which PostgreSQL cannot keep, is one as well.
  if (/\p{C}/u.test(text)) return 'has a control character';
  return holdsCardNumber(text) ? 'has digits that look like a card number: leave them out' : null;
}
