/**
 * Rate limit: a token bucket per name, in bounded memory.
 *
 * A bucket that is full again is the same as no bucket, so those unused for longest are dropped when there are too
 * many: whoever floods it with new names can lengthen nobody's wait, only shorten it.
 *
 * @module
 */

export interface RateLimitOptions {
  /** Requests that may come at once, and again in every period. */
  count: number;
  perSeconds: number;
  /** Names remembered at once. */
  namesMax: number;
}

/** Takes one token of `name`; false when there is none. `nowMs` must not run backwards by much. */
export type RateLimit = (name: string, nowMs: number) => boolean;

interface Bucket {
  tokens: number;
  updatedMs: number;
}

/** A merchant that runs ahead of these is broken or hostile; load tests of one merchant stay below. */
export const MERCHANT_RATE_DEFAULT = { count: 50_000, perSeconds: 1 } as const;

/**
 * Changes of a merchant's webhook endpoints, test sends and replays: each tells every thread's caches, asks name servers, waits for a
 * stranger's server or makes a thousand deliveries due. A day of a million dead deliveries is replayed in four minutes.
 */
export const WEBHOOK_CHANGE_RATE = { count: 300, perSeconds: 60 } as const;

/** Posts of a card in one session: an impatient finger stays below, whoever tries out cards does not. */
export const SESSION_RATE_DEFAULT = { count: 60, perSeconds: 60 } as const;

/** Payments with one card, in live mode; in test mode all the world pays with a few test cards. */
export const CARD_RATE_LIVE_DEFAULT = { count: 10, perSeconds: 60 } as const;

/** Sessions, cards and addresses remembered: a minute's worth at 1,600 payments a second, some 20 MB each when full. */
export const SHOPPER_NAMES_MAX = 100_000;

/** Makes a limit. Buckets start full. */
export function createRateLimit(options: RateLimitOptions): RateLimit {
  const tokensPerMs = options.count / (options.perSeconds * 1000);
  const generationMax = Math.max(1, Math.floor(options.namesMax / 2));
  /** Names used since the last change of generations, and those used in the one before. */
  let young = new Map<string, Bucket>();
  let old = new Map<string, Bucket>();

  const bucketOf = (name: string, nowMs: number): Bucket => {
    const known = young.get(name);
    if (known !== undefined) return known;
    const bucket = old.get(name) ?? { tokens: options.count, updatedMs: nowMs };
    if (young.size >= generationMax) {
      old = young;
      young = new Map();
    }
    young.set(name, bucket);
    return bucket;
  };

  return (name, nowMs) => {
    const bucket = bucketOf(name, nowMs);
    const elapsedMs = Math.max(0, nowMs - bucket.updatedMs);
    bucket.tokens = Math.min(options.count, bucket.tokens + elapsedMs * tokensPerMs);
    bucket.updatedMs = Math.max(bucket.updatedMs, nowMs);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  };
}
