/**
 * Counts of a limit in Redis: one counter per name and window, `limit:{limit}:{digest of the name}`, gone when the window ends.
 *
 * One script call takes any number of requests (rate-limiter-flexible's), sent with whatever else this tick sends. Who is limited waits a
 * moment for it at most: when an answer is late, no other call waits until it has come.
 *
 * @module
 */

import { hash } from 'node:crypto';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateCounts, Taken } from '../rate-counts.ts';
import type { RedisConnection } from './connection.ts';

/** A request waits so long for its allowance; Redis takes one. */
const PATIENCE_MS = 100;
/** Bytes of a name's digest that are kept. */
const DIGEST_BYTES = 16;

export interface RateCountsOptions {
  /** Name of the limit in keys. */
  limit: string;
  count: number;
  perSeconds: number;
}

/** Makes the counts of limits of one thread, which wait together: one connection has one silence. */
export function createRedisRateCounts(redis: RedisConnection): (options: RateCountsOptions) => RateCounts {
  let late = 0;

  /** Null when there is no answer in time, or none to use. */
  function inTime(asked: Promise<Taken>): Promise<Taken | null> {
    return new Promise((resolve) => {
      let overdue = false;
      let patience: NodeJS.Immediate | undefined;
      const timer = setTimeout(() => {
        // What arrived while this thread was busy is read first: it is not late.
        patience = setImmediate(() => {
          overdue = true;
          late += 1;
          resolve(null);
        });
      }, PATIENCE_MS);
      const settle = (taken: Taken | null): void => {
        clearTimeout(timer);
        clearImmediate(patience);
        if (overdue) late -= 1;
        else resolve(taken);
      };
      asked.then(settle, () => settle(null));
    });
  }

  return ({ limit, count, perSeconds }) => {
    const prefix = `limit:${limit}`;
    const limiter = new RateLimiterRedis({
      storeClient: redis.client,
      keyPrefix: prefix,
      points: count,
      duration: perSeconds,
    });

    async function consume(digest: string, wanted: number): Promise<Taken> {
      const answer = await limiter.consume(digest, wanted).catch((error: unknown) => {
        // The library throws a limit that is reached.
        if (error instanceof RateLimiterRes) return error;
        throw error;
      });
      const over = Math.max(0, answer.consumedPoints - count);
      return { granted: Math.max(0, wanted - over), remainingMs: answer.msBeforeNext };
    }

    return {
      take(name, wanted) {
        if (late > 0) return null;
        const digest = digestOf(name);
        const key = `${prefix}:${digest}`;
        if (redis.isAway(key)) return null;
        return inTime(redis.call(key, () => consume(digest, wanted)));
      },
    };
  };
}

/** A name may be a shopper's address or a session's key, and as long as its sender likes. */
function digestOf(name: string): string {
  return hash('sha256', name, 'buffer').toString('base64url', 0, DIGEST_BYTES);
}
