/**
 * Operator's desk: reads one shard database for a person, on a connection of its own.
 *
 * Open attempts are walked for by the primary key as recovery does. Callbacks that went nowhere have partial indexes. An event is
 * looked for around the moments its payment changed, where its id must lie, and only then among all since the payment began; of a
 * payment's callbacks no index knows (one would be written for every payment), so the days since are searched. Both may take longer
 * than a person waits where a day has hundreds of millions of them: then the story is told without.
 *
 * @module
 */

import pg from 'pg';
import { firstIdAt, type IntentId, lastTransactionIdOf } from '../../domain/ids.ts';
import type { Attempt } from '../../domain/transaction.ts';
import type {
  AuditLine,
  Incident,
  OperatorDesk,
  PaymentStory,
  RecordedCallback,
  ToldEvent,
} from '../operator-desk.ts';
import { bareArray } from './array-literal.ts';
import { withoutDashes } from './commit-turn.ts';
import { connectOnce } from './connection.ts';
import {
  ATTEMPT_COLUMNS,
  type AttemptRow,
  attemptOf,
  INTENT_COLUMNS,
  type IntentRow,
  intentOf,
} from './rows.ts';
import { inBounds } from './statements/commit-turn.ts';

const WALK_ROWS = 5000;
const PAGE_ROWS = 500;
/** A person waits no longer for one page, or for one part of a story. */
const TIMEOUT_MS = 30_000;
/** It only reads. Joins look each row up by its key; what no index knows is searched from end to end. */
const SETTINGS = {
  default_transaction_read_only: 'on',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
};
const BEFORE_ALL = '0'.repeat(32);
/** An event's id is made within this of the word it is of, but for callbacks that waited for their transaction. */
const EVENT_BEFORE_MS = 60_000;
const EVENT_AFTER_MS = 120_000;

const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;

/** As recovery's walk, with whole rows of the few that are open. */
const OPEN_ATTEMPTS = `with looked as materialized (
  select transaction_id, status, created_at from transactions
  where transaction_id > $1::uuid and transaction_id < $2::uuid
  order by transaction_id limit $3),
edge as (select transaction_id from looked offset $3 - 1),
wanted as materialized (
  select transaction_id from looked
  where status not in ('SUCCESS', 'FAILED') and created_at < to_timestamp($4::float8 / 1000)
    or transaction_id = (select transaction_id from edge))
select ${ATTEMPT_COLUMNS}, t.transaction_id = (select transaction_id from edge) as edge
from wanted w join transactions t on t.transaction_id = w.transaction_id and ${inBounds('t.transaction_id', '$1', '$2')}
order by t.transaction_id`;

const WATERMARK = `select up_to from recovery_progress where name = 'open-attempts'`;

const INCIDENT_COLUMNS = `id, transaction_id, kind, detail, ${ms('at')} as at, ${ms('acknowledged_at')} as acknowledged_at`;

const INCIDENTS = `select ${INCIDENT_COLUMNS} from incidents
where acknowledged_at is null and id > $1::bigint order by id limit ${PAGE_ROWS}`;

const INCIDENTS_OF = `select ${INCIDENT_COLUMNS} from incidents
where transaction_id between $1::uuid and $2::uuid order by id`;

const CALLBACK_COLUMNS = `processor, event_id, transaction_id, verdict, reason, word->>'said' as said, ${ms('received_at')} as received_at`;

/** One statement per verdict: a verdict that is a parameter finds no partial index. */
const CALLBACKS = {
  quarantined: callbacksOf('quarantined'),
  unmatched: callbacksOf('unmatched'),
};

function callbacksOf(verdict: string): string {
  return `select ${CALLBACK_COLUMNS}, received_at::text as after from processor_callbacks
where verdict = '${verdict}' and day >= ($1::timestamptz at time zone 'utc')::date
  and (received_at, processor, event_id) > ($1::timestamptz, $2, $3)
order by received_at, processor, event_id limit ${PAGE_ROWS}`;
}

const CALLBACKS_OF = `select ${CALLBACK_COLUMNS} from processor_callbacks
where day >= (to_timestamp($3::float8 / 1000) at time zone 'utc')::date and transaction_id between $1::uuid and $2::uuid
order by received_at, event_id`;

const INTENT = `select ${INTENT_COLUMNS}, i.event_sequence from payment_intents i where i.payment_intent_id = $1::uuid`;

const ATTEMPTS = `select ${ATTEMPT_COLUMNS} from transactions t
where t.transaction_id between $1::uuid and $2::uuid order by t.transaction_id`;

const EVENTS = `select o.event_id, o.type, o.transaction_id, o.status, o.failure_code, o.sequence, ${ms('o.created_at')} as created_at
from unnest($1::uuid[], $2::uuid[]) as w(low, high)
join outbox o on o.event_id between w.low and w.high and ${inBounds('o.event_id', '$3', '$4')}
where o.payment_intent_id = $5::uuid order by o.sequence`;

const DELIVERIES = `select endpoint_id, state, tries, ${ms('next_at')} as next_at, log from webhook_deliveries
where event_id = $1::uuid order by created_at, endpoint_id`;

const AUDIT = `select transaction_id, operator, action, reason, ${ms('at')} as at from operator_audit
where transaction_id between $1::uuid and $2::uuid order by id`;

/** Opens the desk. Rejects with an error that names the database and what to mend. */
export async function openOperatorDesk(connectionString: string): Promise<OperatorDesk> {
  const client = await connectOnce({
    connectionString,
    applicationName: 'sluice payments',
    statementTimeoutMs: TIMEOUT_MS,
    settings: SETTINGS,
  }).catch((error: unknown) => {
    throw explained(connectionString, error);
  });

  async function rowsOf<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    try {
      return (await client.query<Row>({ text, values: [...values] })).rows;
    } catch (error) {
      throw explained(connectionString, error);
    }
  }

  /** Null: it took too long. */
  async function rowsInTime<Row extends object>(
    text: string,
    values: readonly unknown[],
  ): Promise<Row[] | null> {
    try {
      return await rowsOf<Row>(text, values);
    } catch (error) {
      if (codeOf((error as Error).cause) === QUERY_CANCELED) return null;
      throw error;
    }
  }

  async function* openAttempts(createdBefore: number): AsyncGenerator<readonly Attempt[]> {
    const [progress] = await rowsOf<{ up_to: string }>(WATERMARK);
    // An attempt is younger than its intent, and so than its id.
    const before = firstIdAt(createdBefore);
    let after: string | null = progress === undefined ? BEFORE_ALL : withoutDashes(progress.up_to);
    while (after !== null && after < before) {
      const rows: Array<AttemptRow & { edge: boolean | null }> = await rowsOf(OPEN_ATTEMPTS, [
        ...[after, before, WALK_ROWS, createdBefore],
      ]);
      const last = rows.at(-1);
      after = last?.edge ? withoutDashes(last.transaction_id) : null;
      yield rows
        .map(attemptOf)
        .filter(
          ({ status, createdAt }) => status !== 'SUCCESS' && status !== 'FAILED' && createdAt < createdBefore,
        );
    }
  }

  async function* incidents(): AsyncGenerator<readonly Incident[]> {
    for (let after = '0'; ; ) {
      const rows = await rowsOf<IncidentRow>(INCIDENTS, [after]);
      if (rows.length === 0) return;
      yield rows.map(incidentOf);
      after = rows.at(-1)!.id;
    }
  }

  async function* callbacks(
    verdict: 'quarantined' | 'unmatched',
    from: number,
  ): AsyncGenerator<readonly RecordedCallback[]> {
    let after: [string, string, string] = [new Date(from).toISOString(), '', ''];
    for (;;) {
      const rows = await rowsOf<CallbackRow & { after: string }>(CALLBACKS[verdict], after);
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map(callbackOf);
      after = [last.after, last.processor, last.event_id];
    }
  }

  async function incidentsOf(intentId: IntentId): Promise<Incident[]> {
    const rows = await rowsOf<IncidentRow>(INCIDENTS_OF, [intentId, lastTransactionIdOf(intentId)]);
    return rows.map(incidentOf);
  }

  async function story(intentId: IntentId): Promise<PaymentStory | null> {
    const [intent] = await rowsOf<IntentRow & { event_sequence: number }>(INTENT, [intentId]);
    if (intent === undefined) return null;
    const range = [intentId, lastTransactionIdOf(intentId)];
    const attempts = (await rowsOf<AttemptRow>(ATTEMPTS, range)).map(attemptOf);
    const callbacks = await rowsInTime<CallbackRow>(CALLBACKS_OF, [...range, intent.created_at]);
    return {
      intent: intentOf(intent),
      attempts,
      callbacks: callbacks?.map(callbackOf) ?? null,
      events: await eventsOf(intent, attempts),
      incidents: await incidentsOf(intentId),
      audit: (await rowsOf<AuditRow>(AUDIT, range)).map(auditOf),
    };
  }

  async function eventsOf(
    intent: IntentRow & { event_sequence: number },
    attempts: readonly Attempt[],
  ): Promise<ToldEvent[] | null> {
    const intentId = withoutDashes(intent.payment_intent_id);
    const near = await eventsWithin(intentId, changesOf(intent.updated_at, attempts));
    const all = { low: firstIdAt(intent.created_at - EVENT_BEFORE_MS), high: 'f'.repeat(32) };
    const rows = near?.length === intent.event_sequence ? near : await eventsWithin(intentId, [all]);
    if (rows === null) return null;
    const events: ToldEvent[] = [];
    for (const row of rows) {
      const deliveries = await rowsOf<DeliveryRow>(DELIVERIES, [row.event_id]);
      events.push(eventOf(row, deliveries));
    }
    return events;
  }

  function eventsWithin(intentId: IntentId, windows: readonly Window[]): Promise<EventRow[] | null> {
    return rowsInTime<EventRow>(EVENTS, [
      bareArray(windows.map(({ low }) => low)),
      bareArray(windows.map(({ high }) => high)),
      windows[0]!.low,
      windows.at(-1)!.high,
      intentId,
    ]);
  }

  return { openAttempts, incidents, callbacks, incidentsOf, story, close: () => client.end() };
}

/** A range of ids. */
interface Window {
  low: string;
  high: string;
}

/** Where the ids of a payment's events lie: around each moment it changed, in order and without overlap. */
function changesOf(intentUpdatedAt: number, attempts: readonly Attempt[]): Window[] {
  const moments = [intentUpdatedAt, ...attempts.flatMap(({ evidence }) => evidence.map(({ at }) => at))];
  const windows: Window[] = [];
  for (const at of moments.sort((a, b) => a - b)) {
    const [low, high] = [firstIdAt(at - EVENT_BEFORE_MS), firstIdAt(at + EVENT_AFTER_MS)];
    const last = windows.at(-1);
    if (last !== undefined && low <= last.high) last.high = high;
    else windows.push({ low, high });
  }
  return windows;
}

interface IncidentRow {
  id: string;
  transaction_id: string;
  kind: Incident['kind'];
  detail: string;
  at: number;
  acknowledged_at: number | null;
}

interface CallbackRow {
  processor: RecordedCallback['processor'];
  event_id: string;
  transaction_id: string | null;
  verdict: RecordedCallback['verdict'];
  reason: string | null;
  said: string | null;
  received_at: number;
}

interface EventRow {
  event_id: string;
  type: ToldEvent['type'];
  transaction_id: string | null;
  status: string;
  failure_code: string | null;
  sequence: number;
  created_at: number;
}

interface DeliveryRow {
  endpoint_id: string;
  state: ToldEvent['deliveries'][number]['state'];
  tries: number;
  next_at: number | null;
  log: ToldEvent['deliveries'][number]['log'];
}

interface AuditRow {
  transaction_id: string;
  operator: string;
  action: AuditLine['action'];
  reason: string;
  at: number;
}

function incidentOf(row: IncidentRow): Incident {
  const { kind, detail, at, acknowledged_at } = row;
  return {
    transactionId: withoutDashes(row.transaction_id),
    kind,
    detail,
    at,
    acknowledgedAt: acknowledged_at,
  };
}

function callbackOf(row: CallbackRow): RecordedCallback {
  const { processor, event_id, verdict, reason, said, received_at } = row;
  const transactionId = row.transaction_id === null ? null : withoutDashes(row.transaction_id);
  return { processor, callbackId: event_id, transactionId, verdict, reason, said, receivedAt: received_at };
}

function eventOf(row: EventRow, deliveries: readonly DeliveryRow[]): ToldEvent {
  const { type, status, failure_code, sequence, created_at } = row;
  return {
    eventId: withoutDashes(row.event_id),
    type,
    transactionId: row.transaction_id === null ? null : withoutDashes(row.transaction_id),
    status,
    failureCode: failure_code,
    sequence,
    createdAt: created_at,
    deliveries: deliveries.map(({ endpoint_id, state, tries, next_at, log }) => ({
      ...{ endpointId: withoutDashes(endpoint_id), state, tries, nextAt: next_at, log },
    })),
  };
}

function auditOf(row: AuditRow): AuditLine {
  const { operator, action, reason, at } = row;
  return { transactionId: withoutDashes(row.transaction_id), operator, action, reason, at };
}

const QUERY_CANCELED = '57014';
/** SQLSTATEs of a role that may not do this: no right to it, read only, wrong password, no entry in pg_hba.conf. */
const NOT_ALLOWED: ReadonlySet<string | undefined> = new Set(['42501', '25006', '28P01', '28000']);

/** Why a database could not be read or written, and what to look at; never a password. */
export function explained(connectionString: string, error: unknown): Error {
  const { username, host, pathname } = new URL(connectionString);
  const code = codeOf(error) ?? codeOf((error as { cause?: unknown }).cause);
  const why = error instanceof pg.DatabaseError ? error.message : (code ?? (error as Error).message);
  const mend = NOT_ALLOWED.has(code)
    ? `the role ${username} is not allowed to: run \`sluice migrate\` or name another role`
    : 'see its server';
  const text = `the shard database ${host}${pathname} failed (${why}): ${mend}, and SLUICE_SHARD_DATABASE_URLS`;
  return new Error(text, { cause: error });
}

function codeOf(error: unknown): string | undefined {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
