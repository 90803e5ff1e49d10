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

/**
 * What a stored key means for a command that would create `effectId`:
 * `mine` is this very command, whose commit returned no word; `replay` the same request again; `reused` another one.
 */
export function judgeKey(stored: StoredKey, key: KeyRef, effectId: string): 'mine' | 'replay' | 'reused' {
  if (stored.effectId === effectId) return 'mine';
  return stored.bodyHash === key.bodyHash ? 'replay' : 'reused';
}

/** One string per scope and key, for maps. */
export function keyName(key: Pick<KeyRef, 'merchantId' | 'endpoint' | 'key'>): string {
  return `${key.merchantId}\u0000${key.endpoint}\u0000${key.key}`;
}
