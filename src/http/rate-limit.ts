/**
 * Rate limit: a token bucket per name, in bounded memory; and behind it, where gateways share their limits, counts of them all.
 *
 * A bucket that is full again is the same as no bucket, so those unused for longest are dropped when there are too
 * many: whoever floods it with new names can lengthen nobody's wait, only shorten it.
 *
 * Shared counts are taken in lots of a hundredth of the limit: a merchant at thousands of requests a second costs a few calls, a limit of
 * some dozens is exact. Every request passes this thread's own bucket first; that alone decides while the counts are away, at once.
 *
 * @module
 */

import type { RateCounts, Taken } from '../storage/rate-counts.ts';

export interface RateLimitOptions {
  /** Requests that may come at once, and again in every period. */
  count: number;
  perSeconds: number;
  /** Names remembered at once. */
  namesMax: number;
}

/**
 * Takes one token of `name`; false when there is none. `nowMs` must not run backwards by much. A promise, which never rejects, only
 * where other gateways' counts have to be asked.
 */
export type RateLimit = (name: string, nowMs: number) => boolean | Promise<boolean>;

/** A limit of this thread alone. */
export type LocalRateLimit = (name: string, nowMs: number) => boolean;

interface Bucket {
  tokens: number;
  updatedMs: number;
}

/** What this thread has taken of a shared limit and not used yet. */
interface Lot {
  left: number;
  /** When the window ends, and the lot with it. */
  endsMs: number;
  /** The window has no more. */
  usedUp: boolean;
  /** Requests that wait for the next lot. */
  waiting: number;
  /** The next lot, when it is asked for; resolves with false when it cannot be had. */
  next: Promise<boolean> | null;
}

/** Lots in a window's limit: what a thread takes and does not use is a hundredth at most. */
const LOTS_PER_WINDOW = 100;

/** A merchant that runs ahead of these is broken or hostile; load tests of one merchant stay below. */
export const MERCHANT_RATE_DEFAULT = { count: 50_000, perSeconds: 1 } as const;

/**
 * Changes of a merchant's webhook endpoints, test sends and replays: each tells every thread's caches, asks name servers, waits for a
 * stranger's server or makes a thousand deliveries due. A day of a million dead deliveries is replayed in four minutes.
 */
export const WEBHOOK_CHANGE_RATE = { count: 300, perSeconds: 60 } as const;

/** Posts of a card in one session: an impatient finger stays below, whoever tries out cards does not. */
export const SESSION_RATE_DEFAULT = { count: 60, perSeconds: 60 } as const;

/** Questions about one transaction that its callbacks make a processor be asked: retries of true ones stay below. */
export const HINT_RATE = { count: 10, perSeconds: 60 } as const;

/** One-time passwords of one transaction: more than a bank takes, and what a guess at four digits takes is refused. */
export const OTP_RATE = { count: 10, perSeconds: 300 } as const;

/** New one-time passwords of one transaction: each is a message to the shopper's phone. */
export const OTP_RESEND_RATE = { count: 3, perSeconds: 180 } as const;

/** Payments with one card, in live mode; in test mode all the world pays with a few test cards. */
export const CARD_RATE_LIVE_DEFAULT = { count: 10, perSeconds: 60 } as const;

/** Sessions, cards and addresses remembered: a minute's worth at 1,600 payments a second, some 20 MB each when full. */
export const SHOPPER_NAMES_MAX = 100_000;

/** Makes a limit of this thread alone. Buckets start full. */
export function createRateLimit(options: RateLimitOptions): LocalRateLimit {
  const tokensPerMs = options.count / (options.perSeconds * 1000);
  const bucketOf = keepNames(
    (nowMs): Bucket => ({ tokens: options.count, updatedMs: nowMs }),
    options.namesMax,
  );

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

/**
 * Makes a limit that all gateways share, which is never looser than one of this thread alone.
 * @param counts of all gateways
 * @param onFallback hears of each request for which the counts could not be asked
 */
export function createSharedRateLimit(
  options: RateLimitOptions,
  counts: RateCounts,
  onFallback: () => void,
): RateLimit {
  const passesHere = createRateLimit(options);
  const lotSize = Math.max(1, Math.floor(options.count / LOTS_PER_WINDOW));
  const lotOf = keepNames(newLot, options.namesMax);

  return (name, nowMs) => {
    const lot = lotOf(name, nowMs);
    if (lot.usedUp && nowMs < lot.endsMs) return false;
    if (!passesHere(name, nowMs)) return false;
    if (takeOf(lot, nowMs)) return true;
    if ((lot.next ?? askNext(name, lot, nowMs)) !== null) return afterNext(name, lot, nowMs);
    onFallback();
    return true;
  };

  /** Null: nobody is to wait for the counts now. */
  function askNext(name: string, lot: Lot, nowMs: number): Promise<boolean> | null {
    const asked = counts.take(name, Math.max(lotSize, lot.waiting));
    if (asked === null) return null;
    lot.next = asked.then((taken) => {
      lot.next = null;
      if (taken !== null) refill(lot, taken, nowMs);
      return taken !== null;
    });
    return lot.next;
  }

  async function afterNext(name: string, lot: Lot, nowMs: number): Promise<boolean> {
    lot.waiting += 1;
    try {
      for (;;) {
        const next = lot.next ?? askNext(name, lot, nowMs);
        if (next === null || !(await next)) {
          onFallback();
          return true;
        }
        if (takeOf(lot, nowMs)) return true;
        if (lot.usedUp) return false;
      }
    } finally {
      lot.waiting -= 1;
    }
  }
}

function newLot(nowMs: number): Lot {
  return { left: 0, endsMs: nowMs, usedUp: false, waiting: 0, next: null };
}

function refill(lot: Lot, { granted, remainingMs }: Taken, askedMs: number): void {
  lot.left = granted;
  lot.endsMs = askedMs + remainingMs;
  lot.usedUp = granted === 0;
}

function takeOf(lot: Lot, nowMs: number): boolean {
  if (lot.left === 0 || nowMs >= lot.endsMs) return false;
  lot.left -= 1;
  return true;
}

/** Remembers something of each name; of too many names those unused for longest are forgotten. */
function keepNames<Kept>(
  make: (nowMs: number) => Kept,
  namesMax: number,
): (name: string, nowMs: number) => Kept {
  const generationMax = Math.max(1, Math.floor(namesMax / 2));
  /** Names used since the last change of generations, and those used in the one before. */
  let young = new Map<string, Kept>();
  let old = new Map<string, Kept>();

  return (name, nowMs) => {
    const known = young.get(name);
    if (known !== undefined) return known;
    const kept = old.get(name) ?? make(nowMs);
    if (young.size >= generationMax) {
      old = young;
      young = new Map();
    }
    young.set(name, kept);
    return kept;
  };
}
