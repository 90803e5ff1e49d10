/**
 * This thread's connection to Redis.
 *
 * @module
 */

import type { RedisConnection } from '../storage/redis/connection.ts';
import type { GatewayThread } from './gateway.ts';

/** Null where no Redis is named. One that cannot be reached holds up the start for three seconds, and is used once it is there. */
export async function openRedis(guest: GatewayThread): Promise<RedisConnection | null> {
  const { urls, caFile } = guest.options.options.redis;
  if (urls.length === 0) return null;
  // Its client is loaded only where there is a Redis.
  const { connectRedis } = await import('../storage/redis/connection.ts');
  const redis = connectRedis({
    urls,
    caFile,
    onLost: (error) => guest.log('warn', 'redis_lost', { errorMessage: error.message }),
    onAway: (servers) => {
      guest.metrics.redisAway.of().set(servers);
      guest.log(servers === 0 ? 'info' : 'warn', servers === 0 ? 'redis_back' : 'redis_away', {
        count: servers,
      });
    },
    onCommandFailed: () => guest.metrics.redisFailed.of().add(),
  });
  guest.metrics.redisAway.of().set(0);
  await redis.opened;
  return redis;
}
