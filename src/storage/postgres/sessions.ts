/**
 * Sessions in PostgreSQL, where there is no Redis: an unlogged table of the control database, whose clock decides what
 * has expired.
 *
 * All puts of a round go in one statement, gets likewise. Commits do not wait for the disk: a session that a crash
 * forgets costs the shopper a new start, never money.
 *
 * @module
 */

import { assertSessionId, isSessionId } from '../../domain/checkout-session.ts';
import { type CheckoutSession, type LiveSession, type SessionStore, SessionStoreError } from '../sessions.ts';
import { bareArray, jsonArray } from './array-literal.ts';
import { createConnection } from './connection.ts';
import { createRounds } from './rounds.ts';

export interface PostgresSessions extends SessionStore {
  /** Deletes sessions whose grace is over, in small bites, at most 100,000 a call; tells how many. */
  sweep(): Promise<number>;
}

/** Little's law: 20,000 calls/s × 50 ms are 1000; the rest is for a store that hesitates. */
const LIMITS = { itemsPerRoundMax: 512, waitingMax: 8192 };
const FIRST_CONNECT_MS = 3000;
const SWEEP_ROWS = 1000;
const SWEEP_BITES_MAX = 100;

const PUT = `
  insert into checkout_sessions (session_id, session, expires_at, grace_until)
  select id, session, now() + lifetime * interval '1 ms', now() + (lifetime + grace) * interval '1 ms'
  from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as put (id, session, lifetime, grace)
  on conflict (session_id) do update
  set session = excluded.session, expires_at = excluded.expires_at, grace_until = excluded.grace_until`;

const GET = `
  select session_id as id, session,
         extract(epoch from expires_at - now())::float8 * 1000 as "openMs",
         extract(epoch from grace_until - now())::float8 * 1000 as "graceMs"
  from checkout_sessions where session_id = any ($1::text[]) and grace_until > now()`;

/** Locked rows are another sweeper's. */
const SWEEP = `
  delete from checkout_sessions where session_id in (
    select session_id from checkout_sessions where grace_until < now() order by grace_until limit ${SWEEP_ROWS}
    for update skip locked)`;

interface Put {
  id: string;
  session: string;
  lifetimeMs: number;
  graceMs: number;
}

interface SessionRow {
  id: string;
  session: string;
  openMs: number;
  graceMs: number;
}

/** Opens the connection in the background; the first calls wait for it up to three seconds. */
export function createPostgresSessions(
  connectionString: string,
  onLost?: (error: Error) => void,
): PostgresSessions {
  const link = createConnection({
    connectionString,
    applicationName: 'sluice sessions',
    pipeline: true,
    // The table is young and changes fast: its statistics are always wrong, the primary key is always right.
    settings: { synchronous_commit: 'off', enable_seqscan: 'off', enable_bitmapscan: 'off', jit: 'off' },
    onLost,
  });
  const connectedOnce = link.whenConnected(FIRST_CONNECT_MS);

  async function run<Row extends object>(name: string, text: string, values: unknown[] = []) {
    await connectedOnce;
    try {
      return await link.query<Row>({ name, text, values });
    } catch (error) {
      throw unavailable(error);
    }
  }

  const puts = createRounds<Put, void>(LIMITS, async (round) => {
    // One row a statement may be written once: of two puts of one session the later stays. In the order of their ids,
    // so that two threads that write the same sessions lock them in the same order and never each other.
    const newest = new Map(round.map((put) => [put.id, put]));
    const ids = [...newest.keys()].sort();
    const rows = ids.map((id) => newest.get(id)!);
    await run('session-put', PUT, [
      bareArray(ids),
      jsonArray(rows.map(({ session }) => session)),
      bareArray(rows.map(({ lifetimeMs }) => Math.ceil(lifetimeMs))),
      bareArray(rows.map(({ graceMs }) => Math.ceil(graceMs))),
    ]);
    return round.map(() => undefined);
  });

  const gets = createRounds<string, LiveSession | undefined>(LIMITS, async (round) => {
    const { rows } = await run<SessionRow>('session-get', GET, [bareArray([...new Set(round)])]);
    const found = new Map(rows.map((row) => [row.id, row]));
    return round.map((id) => liveSession(found.get(id)));
  });

  return {
    put: async (sessionId, session, lifetimeMs, graceMs) => {
      assertSessionId(sessionId);
      const put = { id: sessionId, session: JSON.stringify(session), lifetimeMs, graceMs };
      await puts.submit(put).catch(rethrow);
    },
    get: async (sessionId) => (isSessionId(sessionId) ? gets.submit(sessionId).catch(rethrow) : undefined),
    ping: async () => {
      await run('session-ping', 'select 1');
    },
    sweep: async () => {
      let swept = 0;
      for (let bite = 0; bite < SWEEP_BITES_MAX; bite++) {
        const { rowCount } = await run('session-sweep', SWEEP);
        swept += rowCount ?? 0;
        if ((rowCount ?? 0) < SWEEP_ROWS) break;
      }
      return swept;
    },
    close: () => link.close(),
  };
}

function liveSession(row: SessionRow | undefined): LiveSession | undefined {
  if (row === undefined) return undefined;
  const session = JSON.parse(row.session) as CheckoutSession;
  return row.openMs > 0
    ? { session, state: 'open', remainingMs: row.openMs }
    : { session, state: 'grace', remainingMs: row.graceMs };
}

function rethrow(error: unknown): never {
  throw error instanceof SessionStoreError ? error : unavailable(error);
}

function unavailable(cause: unknown): SessionStoreError {
  return new SessionStoreError('the session store cannot be reached', cause);
}
