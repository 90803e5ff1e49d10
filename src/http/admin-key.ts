/**
 * Admin key: who may use the admin API on the ops port.
 *
 * @module
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import { type Refusal, refusal } from '../domain/outcomes.ts';

/** Why a request with this Authorization header is refused; null: it is not. */
export type AdminGate = (authorization: string) => Refusal | null;

const BEARER = /^bearer +([\x21-\x7e]+) *$/i;

/** Makes the check of one key. Digests are compared, which are equally long and tell nothing of it. */
export function createAdminGate(adminKey: string): AdminGate {
  const expected = digestOf(adminKey);
  return (authorization) => {
    const given = BEARER.exec(authorization)?.[1];
    if (given !== undefined && timingSafeEqual(digestOf(given), expected)) return null;
    return refusal('unauthorized', 'Send SLUICE_ADMIN_KEY as "Authorization: Bearer …".');
  };
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
