/**
 * Ids of a rival: shaped as Sluice's, so that the driver's audit finds a payment by any of its ids.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';

/** A UUIDv7 of 32 hex digits whose last is 0. */
export function newIntentId(nowMs: number): string {
  const random = randomUUID();
  const time = nowMs.toString(16).padStart(12, '0');
  return `${time}7${random.slice(15, 18)}${random.slice(19, 23)}${random.slice(24, 35)}0`;
}

/** The id of an intent's only attempt. */
export function transactionIdOf(intentId: string): string {
  return `${intentId.slice(0, 31)}1`;
}

export function newSessionId(): string {
  return `sess_${randomUUID().replaceAll('-', '')}`;
}

/** The 32 digits behind `pi_`; null when it is no such id. */
export function parseIntentId(shown: string): string | null {
  return /^pi_[0-9a-f]{32}$/.test(shown) ? shown.slice(3) : null;
}

/** The 32 digits behind `txn_`; null when it is no such id. */
export function parseTransactionId(shown: string): string | null {
  return /^txn_[0-9a-f]{32}$/.test(shown) ? shown.slice(4) : null;
}
