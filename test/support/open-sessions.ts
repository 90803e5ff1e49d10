/**
 * Looks into the checkout sessions of a world past the program, wherever the run's profile keeps them: in the control database, or in
 * Redis (docs/REDIS.md names its keys).
 *
 * @module
 */

import assert from 'node:assert/strict';
import { Cluster, Redis } from 'ioredis';
import { query } from './databases.ts';

export interface OpenSessions {
  /** Ids of all that are kept, those in their grace too, in alphabetical order. */
  ids(): Promise<string[]>;
  /** A session's time is over, its grace is not. */
  end(sessionId: string): Promise<void>;
  /** Its grace is over too. */
  forget(sessionId: string): Promise<void>;
}

/** Sessions in the control database, by its owner's URL. */
export function sessionsInSql(control: string): OpenSessions {
  const change = async (statement: string, sessionId: string): Promise<void> => {
    assert.equal((await query(control, `${statement} returning 1`, [sessionId])).length, 1);
  };
  return {
    async ids() {
      const rows = await query<{ session_id: string }>(control, 'select session_id from checkout_sessions');
      return rows.map((row) => row.session_id).sort();
    },
    end: (id) => change('update checkout_sessions set expires_at = now() where session_id = $1', id),
    forget: (id) => change('delete from checkout_sessions where session_id = $1', id),
  };
}

/** Sessions in Redis; several URLs are the masters of a cluster. */
export function sessionsInRedis(urls: readonly string[]): OpenSessions {
  return {
    async ids() {
      const keys = await Promise.all(
        urls.map((url) => ask(new Redis(url), (master) => master.keys('session:*'))),
      );
      return [...new Set(keys.flat().map((key) => key.slice(key.indexOf('sess_'))))].sort();
    },
    end: (id) => ask(connect(urls), async (redis) => assert.equal(await redis.del(`session:${id}`), 1)),
    forget: (id) =>
      ask(connect(urls), async (redis) => {
        // One by one: in a cluster they may be at two masters. The first may have ended before.
        await redis.del(`session:${id}`);
        assert.equal(await redis.del(`session:expired:${id}`), 1);
      }),
  };
}

function connect(urls: readonly string[]): Redis | Cluster {
  return urls.length === 1 ? new Redis(urls[0]!) : new Cluster([...urls]);
}

async function ask<Client extends Redis | Cluster, Answer>(
  client: Client,
  question: (client: Client) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}
