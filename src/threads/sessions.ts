/**
 * Which session store this gateway uses.
 *
 * @module
 */

import { createPostgresSessions } from '../storage/postgres/sessions.ts';
import { createRedisSessions } from '../storage/redis/sessions.ts';
import type { SessionStore } from '../storage/sessions.ts';
import type { GatewayThread } from './gateway.ts';

/** Redis where there is one, else the control database. */
export async function openSessions(guest: GatewayThread): Promise<SessionStore> {
  const { options } = guest.options;
  const onLost = (error: Error): void =>
    guest.log('warn', 'session_store_lost', { errorMessage: error.message });
  return options.redisUrls.length > 0
    ? await createRedisSessions(options.redisUrls, onLost)
    : createPostgresSessions(options.databases.control, onLost);
}
