/**
 * Rate limit: a token bucket per name, in bounded memory.
 *
 * A bucket that is full again is the same as no bucket, so the oldest ones are dropped when the map is at its
 * bound: whoever floods it with new names can lengthen nobody's wait, only shorten it.
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

/** Makes a limit. Buckets start full. */
export function createRateLimit(options: RateLimitOptions): RateLimit {
  const tokensPerMs = options.count / (options.perSeconds * 1000);
  /** Least recently used first. */
  const buckets = new Map<string, Bucket>();

  return (name, nowMs) => {
    const bucket = buckets.get(name) ?? { tokens: options.count, updatedMs: nowMs };
    const elapsedMs = Math.max(0, nowMs - bucket.updatedMs);
    bucket.tokens = Math.min(options.count, bucket.tokens + elapsedMs * tokensPerMs);
    bucket.updatedMs = Math.max(bucket.updatedMs, nowMs);
    buckets.delete(name);
    buckets.set(name, bucket);
    if (buckets.size > options.namesMax) dropOldest(buckets);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  };
}

function dropOldest(buckets: Map<string, Bucket>): void {
  const oldest = buckets.keys().next();
  if (oldest.done !== true) buckets.delete(oldest.value);
}
