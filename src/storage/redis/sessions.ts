/**
 * Sessions in Redis, as the requirements' 7.2 and Q9 have them: JSON at `session:sess_…` with the session's lifetime, and the same at
 * `session:expired:sess_…` for the grace beyond it. Redis' own clock decides what has expired.
 *
 * A Redis that may evict keys (`maxmemory-policy`) would forget open sessions under load; `ping` refuses it by name, so that a gateway on
 * such a server never becomes ready.
 *
 * @module
 */

import { assertSessionId, isSessionId } from '../../domain/checkout-session.ts';
import {
  type CheckoutSession,
  type LiveSession,
  type SessionStore,
  SessionStoreError,
  SessionStoreRefused,
} from '../sessions.ts';
import type { RedisConnection } from './connection.ts';
import { RedisRefused } from './errors.ts';

/** Keeps sessions through a connection that stays its owner's: `close` leaves it open. */
export function createRedisSessions(redis: RedisConnection): SessionStore {
  return {
    put: async (sessionId, session, lifetimeMs, graceMs) => {
      assertSessionId(sessionId);
      await told(() => put(redis, sessionId, session, { lifetimeMs, graceMs }));
    },
    get: async (sessionId) => {
      if (!isSessionId(sessionId)) return undefined;
      return await told(
        async () =>
          (await read(redis, openKey(sessionId), 'open')) ??
          (await read(redis, graceKey(sessionId), 'grace')),
      );
    },
    ping: () => told(() => redis.check()),
    close: async () => undefined,
  };
}

/**
 * In a cluster the two keys may be at two servers. The session is kept when the first is written: a grace that was lost with its server
 * costs a shopper who is a minute late a second start, not every shopper now.
 */
async function put(
  redis: RedisConnection,
  sessionId: string,
  session: CheckoutSession,
  { lifetimeMs, graceMs }: { lifetimeMs: number; graceMs: number },
): Promise<void> {
  const json = JSON.stringify(session);
  const [open] = await Promise.allSettled([
    redis.command(openKey(sessionId), 'set', json, 'PX', lifetime(lifetimeMs)),
    redis.command(graceKey(sessionId), 'set', json, 'PX', lifetime(lifetimeMs + graceMs)),
  ]);
  if (open.status === 'rejected') throw open.reason;
}

async function read(
  redis: RedisConnection,
  key: string,
  state: LiveSession['state'],
): Promise<LiveSession | undefined> {
  const [json, remainingMs] = (await Promise.all([
    redis.command(key, 'get'),
    redis.command(key, 'pttl'),
  ])) as [string | null, number];
  // Negative: it expired between the two commands.
  if (json === null || remainingMs <= 0) return undefined;
  return { session: JSON.parse(json) as CheckoutSession, state, remainingMs };
}

/** In the words of the door. */
async function told<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof RedisRefused) throw new SessionStoreRefused(error.message);
    throw new SessionStoreError('the session store cannot be reached', error);
  }
}

function openKey(sessionId: string): string {
  return `session:${sessionId}`;
}

function graceKey(sessionId: string): string {
  return `session:expired:${sessionId}`;
}

/** A lifetime that is over already is told to Redis as one that is about to be: it refuses zero. */
function lifetime(ms: number): number {
  return Math.max(1, Math.ceil(ms));
}
