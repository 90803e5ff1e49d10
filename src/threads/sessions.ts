/**
 * Which session store this gateway uses.
 *
 * @module
 */

import { createPostgresSessions } from '../storage/postgres/sessions.ts';
import type { RedisConnection } from '../storage/redis/connection.ts';
import { createRedisSessions } from '../storage/redis/sessions.ts';
import type { SessionStore } from '../storage/sessions.ts';
import type { GatewayThread } from './gateway.ts';

/** Redis where there is one, else the control database. */
export function openSessions(guest: GatewayThread, redis: RedisConnection | null): SessionStore {
  if (redis !== null) return createRedisSessions(redis);
  return createPostgresSessions(guest.options.options.databases.control, (error) =>
    guest.log('warn', 'session_store_lost', { errorMessage: error.message }),
  );
}
