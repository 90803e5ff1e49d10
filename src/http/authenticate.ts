/**
 * Authenticate: API key → merchant.
 *
 * Only the SHA-256 of a key is stored and looked up, so a comparison of secrets byte by byte never happens and
 * its time tells nothing. A key that is unknown and a key that is malformed get the same answer.
 *
 * @module
 */

import { hash } from 'node:crypto';
import { type Refusal, refusal } from '../domain/outcomes.ts';

export type Mode = 'test' | 'live';

/** Whose key it is. */
export interface Merchant {
  merchantId: string;
  name: string;
  mode: Mode;
  /** Logical shards the merchant spreads over; 1 unless it is large. */
  spread: number;
  /** Where its shoppers may be sent after checkout, as browsers write origins. */
  redirectOrigins: readonly string[];
}

export type Authenticated = { ok: true; merchant: Merchant } | { ok: false; refusal: Refusal };

/** @param authorization value of the Authorization header; empty when absent */
export type Authenticate = (authorization: string) => Promise<Authenticated>;

export interface AuthenticateOptions {
  /** Mode of the gateway: keys of the other mode are refused. */
  mode: Mode;
  /** @param digest SHA-256 of the whole key, hex. May reject when the control data cannot be had. */
  merchantByKeyDigest(digest: string): Promise<Merchant | undefined>;
  /** Hears why a lookup failed. */
  onLookupFailed(error: unknown): void;
}

const KEY_SHAPE = /^sk_(test|live)_[A-Za-z0-9_-]{16,128}$/;
const SCHEME = /^(bearer|basic) +([A-Za-z0-9+/=._~-]+) *$/i;

/** Makes the check of a gateway in one mode. */
export function createAuthenticate(options: AuthenticateOptions): Authenticate {
  return async (authorization) => {
    const key = keyOf(authorization);
    const keyMode = key === null ? undefined : KEY_SHAPE.exec(key)?.[1];
    if (key === null || keyMode === undefined) return unauthorized();
    if (keyMode !== options.mode) return wrongMode(options.mode);
    let merchant: Merchant | undefined;
    try {
      merchant = await options.merchantByKeyDigest(hash('sha256', key, 'hex'));
    } catch (error) {
      options.onLookupFailed(error);
      return refused(refusal('storage_unavailable', 'API keys cannot be looked up right now.'));
    }
    if (merchant === undefined) return unauthorized();
    return merchant.mode === options.mode ? { ok: true, merchant } : wrongMode(options.mode);
  };
}

/** The key in `Bearer <key>` or in `Basic base64(<key>:)`. */
function keyOf(authorization: string): string | null {
  const [, scheme, credentials] = SCHEME.exec(authorization) ?? [];
  if (scheme === undefined || credentials === undefined) return null;
  if (scheme.toLowerCase() === 'bearer') return credentials;
  const userAndPassword = Buffer.from(credentials, 'base64').toString('latin1');
  const colon = userAndPassword.indexOf(':');
  return colon < 0 ? null : userAndPassword.slice(0, colon);
}

function unauthorized(): Authenticated {
  return refused(
    refusal('unauthorized', 'Send the secret key as "Authorization: Bearer sk_…" or as the Basic user.'),
  );
}

function wrongMode(mode: Mode): Authenticated {
  return refused(refusal('wrong_mode', `This gateway takes keys that begin with sk_${mode}_.`));
}

function refused(cause: Refusal): Authenticated {
  return { ok: false, refusal: cause };
}
