/**
 * Partitions: makes the days ahead and retires the old ones.
 *
 * The service may make partitions through one function of the owner's, `sluice_ensure_partitions`, and nothing else: it
 * can create no table of its own and drop none. Retiring is the owner's: a partition is detached while writers go on
 * (DETACH CONCURRENTLY), then dropped. A run cut short anywhere is finished by the next.
 *
 * Kept whatever their age: the days of payments with an attempt that is not final or an intent that is still PENDING, the
 * days with a callback that no transaction was found for, and the days of events merchants are still to be told, with those of
 * the payments they are of: a gateway that was off for weeks tells them when it is back. Where Kafka is configured, so are the days
 * of what is still to be put there. So are the days of payments whose settlement a person is still to look at. Incidents and what operators
 * did are in no partition and never go: they are few, and somebody may have to account for them. The ledger never goes either; it has
 * months.
 *
 * @module
 */

import pg from 'pg';
import { utcDayOf } from '../../domain/day.ts';
import { firstIdAt } from '../../domain/ids.ts';
import { connectOnce, createConnection } from './connection.ts';

/** Days of partitions that are made ahead (design 4: a week). */
export const DAYS_AHEAD = 7;
/** The ledger has months, and the month ahead is there before it begins. */
const LEDGER_DAYS_AHEAD = 31;
/** Payments are asked about for days, webhooks are tried for three, reports come within the week: nothing younger is ever retired. */
export const RETENTION_DAYS_MIN = 7;
/** An idempotency key is kept 24 hours, and a claim looks at yesterday. */
const KEY_DAYS = 3;
const DAY_MS = 24 * 60 * 60 * 1000;
/** DETACH CONCURRENTLY waits for the statements under way; those end within their own timeout of five seconds. */
const DETACH_TIMEOUT_MS = 30_000;

/** Makes what is missing from yesterday to `daysAhead` after `now`, and the ledger's months; resolves to the number of days' partitions made. */
export async function ensurePartitions(
  database: Pick<pg.ClientBase, 'query'>,
  { now, daysAhead = DAYS_AHEAD }: { now: Date; daysAhead?: number },
): Promise<number> {
  const { rows } = await database.query<{ made: number }>(ensureDays(now, daysAhead));
  await database.query(ensureMonths(now));
  return rows[0]!.made;
}

export interface PartitionUpkeep {
  /** Makes the partitions of the days and months around `now`; tells how many of days were missing. */
  run(now: Date): Promise<number>;
  close(): Promise<void>;
}

/** Partition upkeep of one shard database, by the service role. */
export function createPartitionUpkeep(connectionString: string): PartitionUpkeep {
  const link = createConnection({ connectionString, applicationName: 'sluice partitions' });
  const connectedOnce = link.whenConnected(3000);
  return {
    run: async (now) => {
      await connectedOnce;
      const { rows } = await link.query<{ made: number }>(ensureDays(now, DAYS_AHEAD));
      await link.query(ensureMonths(now));
      return rows[0]!.made;
    },
    close: () => link.close(),
  };
}

function ensureDays(now: Date, daysAhead: number): pg.QueryConfig {
  return {
    text: 'select sluice_ensure_partitions($1::date, $2::date) as made',
    values: [utcDayOf(now.getTime() - DAY_MS), utcDayOf(now.getTime() + daysAhead * DAY_MS)],
  };
}

function ensureMonths(now: Date): pg.QueryConfig {
  return {
    text: 'select sluice_ensure_ledger($1::date, $2::date)',
    values: [utcDayOf(now.getTime() - DAY_MS), utcDayOf(now.getTime() + LEDGER_DAYS_AHEAD * DAY_MS)],
  };
}

/** What became of the old partitions. */
export interface Retired {
  dropped: string[];
  /** Old, but still needed. */
  kept: Array<{
    partition: string;
    reason:
      | 'open_attempt'
      | 'pending_intent'
      | 'open_break'
      | 'unmatched_callback'
      | 'untold_event'
      | 'unrelayed';
  }>;
}

/**
 * Drops the partitions of days that lie more than `retentionDays` before `now` (keys: three days).
 * @param connectionString of the role that owns the tables
 * @param retention `relays`: Kafka is configured
 */
export async function retirePartitions(
  connectionString: string,
  { now, retentionDays, relays = false }: { now: Date; retentionDays: number; relays?: boolean },
): Promise<Retired> {
  if (!(Number.isSafeInteger(retentionDays) && retentionDays >= RETENTION_DAYS_MIN)) {
    throw new RangeError(`retentionDays is ${retentionDays} and must be ${RETENTION_DAYS_MIN} or more`);
  }
  const owner = await connectOnce({
    connectionString,
    applicationName: 'sluice retire partitions',
    statementTimeoutMs: DETACH_TIMEOUT_MS,
    lockTimeoutMs: DETACH_TIMEOUT_MS,
  });
  try {
    const retired: Retired = { dropped: [], kept: [] };
    for (const partition of await dailyPartitions(owner)) {
      const days = partition.parent === 'idempotency_keys' ? KEY_DAYS : retentionDays;
      if (partition.endsAt > now.getTime() - days * DAY_MS) continue;
      const reason =
        (await reasonToKeep(owner, partition)) ??
        (relays && (await isUnrelayed(owner, partition)) ? 'unrelayed' : null);
      if (reason === null) {
        await drop(owner, partition);
        retired.dropped.push(partition.name);
      } else {
        retired.kept.push({ partition: partition.name, reason });
      }
    }
    return retired;
  } finally {
    await owner.end();
  }
}

interface DailyPartition {
  name: string;
  parent: string;
  /** `attached`; `detaching`: an earlier run was cut short within its detach; `detached`: between detach and drop. */
  state: 'attached' | 'detaching' | 'detached';
  /** Milliseconds since 1970. */
  startsAt: number;
  endsAt: number;
}

const PARENTS = [
  'payment_intents',
  'transactions',
  'outbox',
  'webhook_deliveries',
  'idempotency_keys',
  'processor_callbacks',
];

/** Written on a partition before it is detached: a table that somebody else detached, to keep it, is left alone. */
const DOOMED = 'sluice: retired, to be dropped';

/** Oldest first; within a day transactions before their intents, so that no attempt ever lacks its intent. */
async function dailyPartitions(owner: pg.Client): Promise<DailyPartition[]> {
  const { rows } = await owner.query<{ name: string; detaching: boolean | null }>(
    `select relname as name, inhdetachpending as detaching
     from pg_class left join pg_inherits on inhrelid = pg_class.oid
     where relkind = 'r' and relnamespace = 'public'::regnamespace and relname ~ '_[0-9]{8}$'
       and (inhrelid is not null or obj_description(pg_class.oid, 'pg_class') = '${DOOMED}')
     order by right(relname, 8), relname desc`,
  );
  return rows.flatMap(({ name, detaching }) => {
    const parent = name.slice(0, -9);
    const startsAt = Date.parse(name.slice(-8).replace(/(....)(..)(..)/, '$1-$2-$3T00:00:00Z'));
    if (!PARENTS.includes(parent) || Number.isNaN(startsAt)) return [];
    const state = detaching === null ? 'detached' : detaching ? 'detaching' : 'attached';
    return [{ name, parent, state, startsAt, endsAt: startsAt + DAY_MS }];
  });
}

/** A detached partition was judged by the run that detached it. */
async function reasonToKeep(
  owner: pg.Client,
  { parent, name, state, startsAt, endsAt }: DailyPartition,
): Promise<Retired['kept'][number]['reason'] | null> {
  if (state !== 'attached') return null;
  const ids = [firstIdAt(startsAt), firstIdAt(endsAt)];
  const exists = async (text: string, values: unknown[]): Promise<boolean> =>
    (await owner.query(`${text} limit 1`, values)).rowCount === 1;
  /** Whether an event whose `id` is of this day was not dispatched yet, or has a delivery that waits. */
  const isUntold = async (id: string): Promise<boolean> =>
    (await exists(
      `select from outbox o where o.dispatched_at is null and ${id} >= $1 and ${id} < $2`,
      ids,
    )) ||
    (await exists(
      `select from webhook_deliveries d join outbox o on o.event_id = d.event_id
       where d.state = 'waiting' and ${id} >= $1 and ${id} < $2`,
      ids,
    ));
  const openAttempt =
    "select from transactions where transaction_id >= $1 and transaction_id < $2 and status not in ('SUCCESS', 'FAILED')";
  const pendingIntent =
    "select from payment_intents where payment_intent_id >= $1 and payment_intent_id < $2 and status = 'PENDING'";
  const openBreak =
    "select from settlement_breaks where transaction_id >= $1 and transaction_id < $2 and state in ('correcting', 'open')";
  if (parent === 'transactions' || parent === 'payment_intents') {
    if (await exists(openAttempt, ids)) return 'open_attempt';
    if (await exists(pendingIntent, ids)) return 'pending_intent';
    if (await exists(openBreak, ids)) return 'open_break';
    if (await isUntold('o.payment_intent_id')) return 'untold_event';
  }
  if ((parent === 'outbox' || parent === 'webhook_deliveries') && (await isUntold('o.event_id')))
    return 'untold_event';
  if (parent === 'processor_callbacks') {
    const unmatched = `select from ${pg.escapeIdentifier(name)} where verdict = 'unmatched'`;
    if (await exists(unmatched, [])) return 'unmatched_callback';
  }
  return null;
}

/** Whether something of the partition is still to be put on Kafka. */
async function isUnrelayed(
  owner: pg.Client,
  { parent, name, state, startsAt, endsAt }: DailyPartition,
): Promise<boolean> {
  if (state !== 'attached') return false;
  const ids = [firstIdAt(startsAt), firstIdAt(endsAt)];
  const waits = async (text: string, values: unknown[]): Promise<boolean> =>
    (await owner.query(`select from ${text} limit 1`, values)).rowCount === 1;
  if (parent === 'processor_callbacks') return await waits(`${pg.escapeIdentifier(name)} where relay`, []);
  if (parent === 'outbox') return await waits('status_relay where event_id >= $1 and event_id < $2', ids);
  if (parent === 'payment_intents')
    return await waits('status_relay where payment_intent_id >= $1 and payment_intent_id < $2', ids);
  return false;
}

async function drop(owner: pg.Client, { parent, name, state }: DailyPartition): Promise<void> {
  const alter = `alter table ${pg.escapeIdentifier(parent)} detach partition ${pg.escapeIdentifier(name)}`;
  if (state === 'attached') {
    await owner.query(`comment on table ${pg.escapeIdentifier(name)} is '${DOOMED}'`);
    await owner.query(`${alter} concurrently`);
  }
  if (state === 'detaching') await owner.query(`${alter} finalize`);
  await owner.query(`drop table ${pg.escapeIdentifier(name)}`);
}
