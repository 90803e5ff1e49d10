/**
 * Sessions in Redis, as the requirements' 7.2 has them: JSON at `session:sess_…` with the session's lifetime, and the
 * same at `session:expired:sess_…` for the grace beyond it. Redis' own clock decides what has expired.
 *
 * Commands of one tick go to the server in one write. Nothing waits for a Redis that is away: a command then is refused at
 * once, and one that gets no answer after a second. A Redis that may evict keys (`maxmemory-policy`) would forget open
 * sessions under load; `ping` refuses it by name, so that a gateway on such a server never becomes ready.
 *
 * @module
 */

import { Cluster, Redis } from 'ioredis';
import { assertSessionId, isSessionId } from '../../domain/checkout-session.ts';
import { type CheckoutSession, type LiveSession, type SessionStore, SessionStoreError } from '../sessions.ts';

const COMMAND_TIMEOUT_MS = 1000;
const CONNECT_TIMEOUT_MS = 3000;
const RETRY_MS_MAX = 2000;
/** Calls under way; over it the next is refused. */
const CALLS_MAX = 16_384;

/**
 * Connects in the background; the first calls wait for it up to three seconds.
 * @param urls `redis://` or `rediss://`; several are the seeds of a cluster, with the first one's user and password
 * @param onLost hears of every loss of a connection and of every failed try
 */
export function createRedisSessions(
  urls: readonly string[],
  onLost: (error: Error) => void = () => undefined,
): SessionStore {
  const redis = connect(urls);
  // Without a listener a lost connection would end the process; each command is refused by itself.
  redis.on('error', onLost);
  const connectedOnce = connectedWithin(redis, CONNECT_TIMEOUT_MS);
  let calls = 0;

  async function run<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    if (calls >= CALLS_MAX) throw new SessionStoreError(`${CALLS_MAX} calls are under way`);
    calls += 1;
    try {
      await connectedOnce;
      return await ask();
    } catch (error) {
      throw error instanceof SessionStoreError ? error : unavailable(error);
    } finally {
      calls -= 1;
    }
  }

  return {
    put: async (sessionId, session, lifetimeMs, graceMs) => {
      assertSessionId(sessionId);
      const json = JSON.stringify(session);
      await run(() =>
        Promise.all([
          redis.set(openKey(sessionId), json, 'PX', lifetime(lifetimeMs)),
          redis.set(graceKey(sessionId), json, 'PX', lifetime(lifetimeMs + graceMs)),
        ]),
      );
    },
    get: async (sessionId) => {
      if (!isSessionId(sessionId)) return undefined;
      return run(
        async () =>
          (await read(redis, openKey(sessionId), 'open')) ??
          (await read(redis, graceKey(sessionId), 'grace')),
      );
    },
    ping: () => run(() => checkPolicies(redis)),
    close: async () => redis.disconnect(),
  };
}

function connect(urls: readonly string[]): Redis | Cluster {
  const [first] = urls;
  if (first === undefined) throw new RangeError('at least one Redis URL is needed');
  const common = {
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    connectionName: 'sluice-sessions',
  };
  const retry = (attempt: number): number => Math.min(50 * 2 ** Math.min(attempt, 10), RETRY_MS_MAX);
  if (urls.length === 1) {
    return new Redis(first, {
      ...common,
      enableAutoPipelining: true,
      enableOfflineQueue: false,
      retryStrategy: retry,
    });
  }
  const { username, password, protocol } = new URL(first);
  return new Cluster([...urls], {
    enableAutoPipelining: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: retry,
    redisOptions: {
      ...common,
      ...(username !== '' && { username: decodeURIComponent(username) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' && { tls: {} }),
    },
  });
}

function connectedWithin(redis: Redis | Cluster, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, withinMs);
    redis.once('ready', () => {
      clearTimeout(timer);
      resolve();
    });
    redis.once('end', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function read(
  redis: Redis | Cluster,
  key: string,
  state: LiveSession['state'],
): Promise<LiveSession | undefined> {
  const [json, remainingMs] = await Promise.all([redis.get(key), redis.pttl(key)]);
  // Negative: it expired between the two commands.
  if (json === null || remainingMs <= 0) return undefined;
  return { session: JSON.parse(json) as CheckoutSession, state, remainingMs };
}

async function checkPolicies(redis: Redis | Cluster): Promise<void> {
  const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis];
  if (nodes.length === 0) throw new SessionStoreError('the Redis cluster has no master that can be reached');
  for (const policy of await Promise.all(nodes.map(evictionPolicy))) {
    if (policy === 'noeviction') continue;
    throw new SessionStoreError(
      `SLUICE_REDIS_URL: maxmemory-policy is ${policy} and must be noeviction, or open sessions are lost under load`,
    );
  }
}

/** From INFO, which hosted servers allow where they forbid CONFIG. */
async function evictionPolicy(node: Redis): Promise<string> {
  return /^maxmemory_policy:(\S+)/m.exec(await node.info('memory'))?.[1] ?? 'unknown';
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

function unavailable(cause: unknown): SessionStoreError {
  return new SessionStoreError('the session store cannot be reached', cause);
}
