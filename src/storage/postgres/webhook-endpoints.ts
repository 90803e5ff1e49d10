/**
 * Webhook endpoints in the control database.
 *
 * The writes of the API to one merchant's endpoints wait for each other on the merchant's row: so an idempotency key is free or
 * has its answer, never in between, and nobody counts the endpoints while another adds one.
 *
 * @module
 */

import pg from 'pg';
import type { EndpointDisabledReason } from '../../domain/merchant-event.ts';
import type { PaymentEventType } from '../../domain/transaction.ts';
import { ControlUnavailable } from '../control.ts';
import {
  ENDPOINTS_MAX,
  type EndpointWrite,
  type KeyedAnswer,
  type StoredAnswer,
  type StoredEndpoint,
  type WebhookEndpointStore,
} from '../webhook-endpoints.ts';
import { serverOf } from './server.ts';

/** Requests about endpoints are rare; a write takes about a millisecond. */
const CONNECTIONS_MAX = 2;
/** Over it a call is refused: a second of work. */
const WAITING_MAX = 1024;
const CONNECT_TIMEOUT_MS = 3000;
const STATEMENT_TIMEOUT_MS = 5000;
const LOCK_TIMEOUT_MS = 2000;
/** SQLSTATE classes: data, integrity, syntax and rights. */
const OUR_BUGS = /^(22|23|42)/;
const SWEEP_ROWS = 1000;
const SWEEP_BITES_MAX = 100;

/** What {@link endpointOf} reads. */
export const ENDPOINT_COLUMNS = `
  replace(endpoint_id::text, '-', '') as "endpointId", merchant_id as "merchantId", url, event_types as "eventTypes",
  secret_sealed as "sealedSecret", previous_secret_sealed as "sealedPreviousSecret",
  previous_secret_until as "previousSecretUntil", disabled_at as "disabledAt", disabled_reason as "disabledReason",
  created_at as "createdAt", revision`;

/** A row of {@link ENDPOINT_COLUMNS}. */
export interface EndpointRow {
  endpointId: string;
  merchantId: string;
  url: string;
  eventTypes: PaymentEventType[] | null;
  sealedSecret: Buffer;
  sealedPreviousSecret: Buffer | null;
  previousSecretUntil: Date | null;
  disabledAt: Date | null;
  disabledReason: EndpointDisabledReason | null;
  createdAt: Date;
  revision: number;
}

/** The endpoint of a row. */
export function endpointOf(row: EndpointRow): StoredEndpoint {
  return {
    ...row,
    // pg hands out slices of a shared pool of bytes.
    sealedSecret: Uint8Array.from(row.sealedSecret),
    sealedPreviousSecret:
      row.sealedPreviousSecret === null ? null : Uint8Array.from(row.sealedPreviousSecret),
    previousSecretUntil: row.previousSecretUntil?.getTime() ?? null,
    disabledAt: row.disabledAt?.getTime() ?? null,
    createdAt: row.createdAt.getTime(),
  };
}

const LOCK_MERCHANT = 'select from merchants where merchant_id = $1 for no key update';

const FIND_ANSWER = `
  select encode(body_hash, 'hex') as "bodyHash", answer_sealed as "sealedAnswer" from api_idempotency_keys
  where merchant_id = $1 and endpoint = $2 and key = $3 and created_at > now() - interval '24 hours'`;

/** A key whose day is over and that was not swept yet is free. */
const KEEP_ANSWER = `
  insert into api_idempotency_keys (merchant_id, endpoint, key, body_hash, answer_sealed, created_at)
  values ($1, $2, $3, decode($4, 'hex'), $5, $6)`;

const FORGET_OLD_ANSWER = `
  delete from api_idempotency_keys
  where merchant_id = $1 and endpoint = $2 and key = $3 and created_at <= now() - interval '24 hours'`;

const CREATE = `
  insert into webhook_endpoints (endpoint_id, merchant_id, url, event_types, secret_sealed, created_at)
  select $1::uuid, $2::varchar, $3::varchar, $4::text[], $5::bytea, $6::timestamptz
  where (select count(*) from webhook_endpoints where merchant_id = $2) < ${ENDPOINTS_MAX}`;

const LIST = `select ${ENDPOINT_COLUMNS} from webhook_endpoints where merchant_id = $1 order by created_at, endpoint_id`;

const FIND = `select ${ENDPOINT_COLUMNS} from webhook_endpoints where merchant_id = $1 and endpoint_id = $2`;

const UPDATE = `
  update webhook_endpoints
  set url = $4, event_types = $5, disabled_at = $6, disabled_reason = $7, revision = revision + 1
  where merchant_id = $1 and endpoint_id = $2 and revision = $3`;

const ROTATE = `
  update webhook_endpoints
  set secret_sealed = $4, previous_secret_until = $5::timestamptz, revision = revision + 1,
      previous_secret_sealed = case when $5::timestamptz is not null then secret_sealed end
  where merchant_id = $1 and endpoint_id = $2 and revision = $3`;

const REMOVE = 'delete from webhook_endpoints where merchant_id = $1 and endpoint_id = $2';

const DISABLE = `
  update webhook_endpoints set disabled_at = $3, disabled_reason = $2, revision = revision + 1
  where endpoint_id = $1 and url = $4 and disabled_at is null`;

const SWEEP = `
  delete from api_idempotency_keys where (merchant_id, endpoint, key) in (
    select merchant_id, endpoint, key from api_idempotency_keys
    where created_at < now() - interval '24 hours' order by created_at limit ${SWEEP_ROWS})`;

/** Opens connections when they are needed. */
export function createWebhookEndpointStore(
  connectionString: string,
  onLost: (error: Error) => void = () => undefined,
): WebhookEndpointStore {
  const pool = new pg.Pool({
    ...serverOf(connectionString),
    application_name: 'sluice webhook endpoints',
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + 2000,
    keepAlive: true,
  });
  // An idle connection that breaks is replaced by the next call.
  pool.on('error', onLost);

  async function run<Row extends pg.QueryResultRow>(
    text: string,
    values: unknown[],
  ): Promise<pg.QueryResult<Row>> {
    refuseFlood();
    try {
      return await pool.query<Row>(text, values);
    } catch (error) {
      throw unavailable(error);
    }
  }

  function refuseFlood(): void {
    if (pool.waitingCount >= WAITING_MAX) throw new ControlUnavailable(`${WAITING_MAX} calls wait`);
  }

  /** One transaction under the merchant's lock: the key is looked up, the change is made, the answer is kept. Or nothing is. */
  async function write(
    merchantId: string,
    answer: KeyedAnswer | null,
    change: (client: pg.PoolClient) => Promise<EndpointWrite>,
  ): Promise<EndpointWrite> {
    refuseFlood();
    let client: pg.PoolClient;
    try {
      client = await pool.connect();
    } catch (error) {
      throw unavailable(error);
    }
    try {
      const done = await inTransaction(client, merchantId, answer, change);
      client.release();
      return done;
    } catch (error) {
      // Whatever state it is in: the next call gets another one.
      client.release(true);
      throw unavailable(error);
    }
  }

  return {
    create: (endpoint, answer) =>
      write(endpoint.merchantId, answer, async (client) => {
        const { endpointId, merchantId, url, eventTypes, sealedSecret, createdAt } = endpoint;
        const values = [
          endpointId,
          merchantId,
          url,
          eventTypes,
          Buffer.from(sealedSecret),
          new Date(createdAt),
        ];
        return { outcome: (await client.query(CREATE, values)).rowCount === 1 ? 'done' : 'full' };
      }),
    list: async (merchantId) => (await run<EndpointRow>(LIST, [merchantId])).rows.map(endpointOf),
    find: async (merchantId, endpointId) => {
      const [row] = (await run<EndpointRow>(FIND, [merchantId, endpointId])).rows;
      return row === undefined ? undefined : endpointOf(row);
    },
    update: (endpoint, answer) =>
      write(endpoint.merchantId, answer, async (client) => {
        const { url, eventTypes, disabledAt, disabledReason } = endpoint;
        const values = [url, eventTypes, disabledAt === null ? null : new Date(disabledAt), disabledReason];
        return changed(await client.query(UPDATE, [...readAs(endpoint), ...values]));
      }),
    rotate: (endpoint, { sealedSecret, previousSecretUntil }, answer) =>
      write(endpoint.merchantId, answer, async (client) => {
        const until = previousSecretUntil === null ? null : new Date(previousSecretUntil);
        return changed(await client.query(ROTATE, [...readAs(endpoint), Buffer.from(sealedSecret), until]));
      }),
    remove: async (merchantId, endpointId) => (await run(REMOVE, [merchantId, endpointId])).rowCount === 1,
    disable: async ({ endpointId, url }, reason, now) =>
      (await run(DISABLE, [endpointId, reason, new Date(now), url])).rowCount === 1,
    answered: async ({ merchantId, endpoint, key }) =>
      storedAnswer(await run<StoredAnswer>(FIND_ANSWER, [merchantId, endpoint, key])),
    keepAnswer: (answer) => write(answer.merchantId, answer, async () => ({ outcome: 'done' })),
    sweep: async () => {
      let swept = 0;
      for (let bite = 0; bite < SWEEP_BITES_MAX; bite++) {
        const { rowCount } = await run(SWEEP, []);
        swept += rowCount ?? 0;
        if ((rowCount ?? 0) < SWEEP_ROWS) break;
      }
      return swept;
    },
    close: () => pool.end(),
  };
}

async function inTransaction(
  client: pg.PoolClient,
  merchantId: string,
  answer: KeyedAnswer | null,
  change: (client: pg.PoolClient) => Promise<EndpointWrite>,
): Promise<EndpointWrite> {
  await client.query('begin');
  await client.query(LOCK_MERCHANT, [merchantId]);
  const stored = answer === null ? undefined : await findAnswer(client, answer);
  const made: EndpointWrite = stored === undefined ? await change(client) : { outcome: 'answered', stored };
  if (made.outcome !== 'done') {
    await client.query('rollback');
    return made;
  }
  if (answer !== null) await keep(client, answer);
  await client.query('commit');
  return made;
}

async function findAnswer(
  client: pg.PoolClient,
  { merchantId, endpoint, key }: KeyedAnswer,
): Promise<StoredAnswer | undefined> {
  return storedAnswer(await client.query<StoredAnswer>(FIND_ANSWER, [merchantId, endpoint, key]));
}

async function keep(client: pg.PoolClient, answer: KeyedAnswer): Promise<void> {
  const { merchantId, endpoint, key, bodyHash, sealedAnswer, createdAt } = answer;
  await client.query(FORGET_OLD_ANSWER, [merchantId, endpoint, key]);
  const row = [merchantId, endpoint, key, bodyHash, Buffer.from(sealedAnswer), new Date(createdAt)];
  await client.query(KEEP_ANSWER, row);
}

function storedAnswer({ rows: [row] }: pg.QueryResult<StoredAnswer>): StoredAnswer | undefined {
  return row === undefined ? undefined : { ...row, sealedAnswer: Uint8Array.from(row.sealedAnswer) };
}

/** Which row it was when it was read. */
function readAs({ merchantId, endpointId, revision }: StoredEndpoint): unknown[] {
  return [merchantId, endpointId, revision];
}

function changed({ rowCount }: pg.QueryResult): EndpointWrite {
  return { outcome: rowCount === 1 ? 'done' : 'changed' };
}

/** A statement the server finds wrong is a bug of ours, not an outage. */
function unavailable(cause: unknown): Error {
  if (cause instanceof pg.DatabaseError && OUR_BUGS.test(cause.code ?? '')) return cause;
  if (cause instanceof ControlUnavailable) return cause;
  return new ControlUnavailable('the endpoints in the control database cannot be reached', cause);
}
