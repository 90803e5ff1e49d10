/**
 * Payment scan: reads all payments of one shard database through three cursors of one read-only transaction.
 *
 * Intents and attempts come by their primary keys. The outbox's key is the event's id, so PostgreSQL sorts its rows by payment,
 * on its own disk when they are many. While a page is read the next is already asked for.
 *
 * @module
 */

import type pg from 'pg';
import type { PaymentScan, ScannedAttempt, ScannedEvent, ScannedIntent } from '../payment-scan.ts';
import { connectOnce } from './connection.ts';

const PAGE_ROWS = 5000;
/** The first page of the outbox waits until all of it is sorted; the snapshot is idle while the other records are read. */
const TIMEOUT_MS = 60 * 60 * 1000;
const SETTINGS = { work_mem: '32MB', jit: 'off', max_parallel_workers_per_gather: '0' };

/** A uuid as 32 hex digits: cheaper here than in the one thread that judges. */
const hex = (column: string): string => `encode(uuid_send(${column}), 'hex')`;

/** Milliseconds as a double: exact to the millisecond until long after this program, with microseconds as a fraction. */
const ms = (what: string): string => `(extract(epoch from ${what}) * 1000)::float8`;

/** Routing and evidence of those attempts whose routing is more or other than the one leg where they stand. */
const ROUTED = `case when leg = 1 and (routing is null or (routing #> '{legs,1}' is null and routing #>> '{legs,0,leg}' = '1'
      and routing #>> '{legs,0,processor}' = processor and routing #>> '{legs,0,processorAccount}' = processor_account)) then null
    else jsonb_build_object('legs', coalesce(routing -> 'legs', '[]'), 'evidence', evidence) end`;

const CURSORS = {
  intents: `select ${hex('payment_intent_id')}, merchant_id, order_id, amount::float8, currency, status,
    ${ms('created_at')}, ${ms('updated_at - created_at')}
  from payment_intents where payment_intent_id >= '$from' order by payment_intent_id`,
  attempts: `select ${hex('transaction_id')}, merchant_id, amount::float8, currency, status, reopenable, processor,
    processor_account, leg, ${ROUTED}, ${ms('send_before')}, ${ms('updated_at')}
  from transactions where transaction_id >= '$from' order by transaction_id`,
  events: `select ${hex('payment_intent_id')}, merchant_id, ${hex('transaction_id')}, type, status, sequence
  from outbox where payment_intent_id >= '$from' order by payment_intent_id`,
} as const;

/**
 * Opens the scan: what it reads is what was committed when this resolves. Rejects with the database's own error.
 * @param from the first payment id to read, 32 hex digits
 */
export async function openPaymentScan(connectionString: string, from: string): Promise<PaymentScan> {
  if (!/^[0-9a-f]{32}$/.test(from)) throw new RangeError(`not an id to scan from: ${from}`);
  const client = await connectOnce({
    connectionString,
    applicationName: 'sluice verify',
    statementTimeoutMs: TIMEOUT_MS,
    // Pages of three cursors are asked for at once.
    pipeline: true,
    settings: SETTINGS,
  });
  try {
    await client.query('begin isolation level repeatable read read only');
    for (const [name, query] of Object.entries(CURSORS)) {
      // A cursor's query takes no parameters here; `from` is hex.
      await client.query(`declare ${name} no scroll cursor for ${query.replace('$from', from)}`);
    }
  } catch (error) {
    await client.end();
    throw error;
  }
  return {
    intents: pagesOf(client, 'intents', intentOf),
    attempts: pagesOf(client, 'attempts', attemptOf),
    events: pagesOf(client, 'events', eventOf),
    close: () => client.end(),
  };
}

async function* pagesOf<Row extends unknown[], Item>(
  client: pg.Client,
  cursor: keyof typeof CURSORS,
  itemOf: (row: Row) => Item,
): AsyncGenerator<readonly Item[]> {
  const fetchPage = (): Promise<pg.QueryArrayResult<Row>> => {
    const page = client.query<Row>({ text: `fetch ${PAGE_ROWS} from ${cursor}`, rowMode: 'array' });
    // Nobody waits for the last one when the reader stops early; the reader that goes on still hears of its failure.
    page.catch(() => undefined);
    return page;
  };
  for (let next = fetchPage(); ; ) {
    const { rows } = await next;
    if (rows.length === 0) return;
    next = fetchPage();
    yield rows.map(itemOf);
  }
}

type IntentRow = [string, string, string, number, string, ScannedIntent['status'], number, number];

function intentOf(row: IntentRow): ScannedIntent {
  const [intentId, merchantId, orderId, amount, currency, status, createdAt, changedAfterMs] = row;
  return { intentId, merchantId, orderId, amount, currency, status, createdAt, changedAfterMs };
}

type AttemptRow = [
  transactionId: string,
  merchantId: string,
  amount: number,
  currency: string,
  status: ScannedAttempt['status'],
  reopenable: boolean,
  processor: ScannedAttempt['processor'],
  processorAccount: string,
  leg: number,
  routed: ScannedAttempt['routed'],
  sendBefore: number,
  updatedAt: number,
];

function attemptOf(row: AttemptRow): ScannedAttempt {
  const [
    transactionId,
    merchantId,
    amount,
    currency,
    status,
    reopenable,
    processor,
    processorAccount,
    leg,
    routed,
    sendBefore,
    updatedAt,
  ] = row;
  return {
    ...{ transactionId, merchantId, amount, currency, status, reopenable },
    ...{ processor, processorAccount, leg, routed, sendBefore, updatedAt },
  };
}

type EventRow = [string, string, string | null, string, string, number];

function eventOf([intentId, merchantId, transactionId, type, status, sequence]: EventRow): ScannedEvent {
  return { intentId, merchantId, transactionId, type, status, sequence };
}
