/**
 * Order of ids: what a walk needs to say "up to here". Ids of 32 hex digits sort as text.
 *
 * @module
 */

import { type IntentId, intentIdOf } from '../domain/ids.ts';

/** Smaller than every id. */
export const BEFORE_ALL = '0'.repeat(32);

/**
 * The last id before the payment an id belongs to: neither its intent nor its attempts are up to there.
 * `BEFORE_ALL` stays what it is.
 */
export function idBeforePayment(id: string): IntentId {
  if (id === BEFORE_ALL) return BEFORE_ALL;
  const before = BigInt(`0x${intentIdOf(id)}`) - 1n;
  return before.toString(16).padStart(32, '0');
}

/** The smaller of two ids. */
export function earlier(a: string, b: string): string {
  return a < b ? a : b;
}

/** The larger of two ids. */
export function later(a: string, b: string): string {
  return a > b ? a : b;
}
