/**
 * Identifiers: a prefix and fourteen letters and digits.
 *
 * @module
 */
import { hash, randomBytes } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const LENGTH = 14;

/** A new identifier, such as `order_EKwxwAgItmmXdp`: 83 bits of chance. */
export function newIdentifier(prefix: 'order' | 'pay' | 'rfnd'): string {
  return `${prefix}_${lettersOf(randomBytes(2 * LENGTH))}`;
}

/** The identifier of something that has no record of its own: the same facts, the same identifier. */
export function derivedIdentifier(prefix: 'card' | 'setl', facts: string): string {
  return `${prefix}_${lettersOf(hash('sha256', facts, 'buffer'))}`;
}

/** Two bytes a letter: what the remainder favours is far below what anybody could see. */
function lettersOf(bytes: Buffer): string {
  let letters = '';
  for (let index = 0; index < LENGTH; index++)
    letters += ALPHABET[bytes.readUInt16BE(2 * index) % ALPHABET.length];
  return letters;
}
