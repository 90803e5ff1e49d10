/**
 * Idempotency keys: first, replay, or conflict (design 8).
 *
 * @module
 */

import type { KeyRef } from './facts.ts';

/** A key as storage holds it. */
export interface StoredKey {
  bodyHash: string;
  effectId: string;
  /** JSON text of the answer's body. */
  answer: string;
  createdAt: number;
}

export type KeyVerdict =
  | { kind: 'first' }
  | { kind: 'mine' }
  | { kind: 'replay'; answer: string; effectId: string; createdAt: number }
  | { kind: 'reused' };

/**
 * What a key means for a command that would create `effectId`.
 * `mine` is this very command whose commit returned no word: it is in the database already.
 */
export function judgeKey(stored: StoredKey | null, key: KeyRef, effectId: string): KeyVerdict {
  if (stored === null) return { kind: 'first' };
  if (stored.effectId === effectId) return { kind: 'mine' };
  if (stored.bodyHash !== key.bodyHash) return { kind: 'reused' };
  return { kind: 'replay', answer: stored.answer, effectId: stored.effectId, createdAt: stored.createdAt };
}

/** One string per scope and key, for maps. */
export function keyName(key: Pick<KeyRef, 'merchantId' | 'endpoint' | 'key'>): string {
  return `${key.merchantId}\u0000${key.endpoint}\u0000${key.key}`;
}
