/**
 * Which limits count what every gateway lets through, and which only their own thread (docs/decisions/0015).
 *
 * @module
 */

import {
  createRateLimit,
  createSharedRateLimit,
  type RateLimit,
  type RateLimitOptions,
} from '../http/rate-limit.ts';
import type { RedisConnection } from '../storage/redis/connection.ts';
import { createRedisRateCounts } from '../storage/redis/rate-counts.ts';
import type { GatewayThread } from './gateway.ts';

/** Names of limits that gateways share, as in keys and metrics. */
export type SharedLimit = 'merchant' | 'webhook-change' | 'session' | 'otp' | 'resend' | 'card' | 'ip';

/** Makes a limit of this thread: shared where there is a Redis. */
export type OpenRateLimit = (name: SharedLimit, options: RateLimitOptions) => RateLimit;

/** @param redis null: each thread counts for itself */
export function openRateLimits(guest: GatewayThread, redis: RedisConnection | null): OpenRateLimit {
  if (redis === null) return (_name, options) => createRateLimit(options);
  const countsOf = createRedisRateCounts(redis);
  return (limit, options) =>
    createSharedRateLimit(options, countsOf({ ...options, limit }), () =>
      guest.metrics.limitFallbacks.of(limit).add(),
    );
}
