/**
 * Payment scan: reads all payments of one shard database through cursors of one read-only transaction.
 *
 * Intents, attempts and the ledger come by their primary keys; the few breaks that excuse a row of the ledger are hashed once. The outbox's key is the event's id, so PostgreSQL sorts its rows by payment,
 * on its own disk when they are many. While a page is read the next is already asked for.
 *
 * @module
 */

import type pg from 'pg';
import { CORRECTED_CLASSES } from '../../domain/settlement.ts';
import type {
  PaymentScan,
  ScannedAttempt,
  ScannedEntry,
  ScannedEvent,
  ScannedFinal,
  ScannedIntent,
} from '../payment-scan.ts';
import { connectOnce } from './connection.ts';
import { explained } from './operator-desk.ts';

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

/** As the gateway knows it (`isFailedByReport` in domain/transaction.ts). */
const FAILED_BY_REPORT = `(status = 'FAILED' and evidence @> '[{"source": "settlement", "said": "declined"}]') is true`;

const CORRECTED = [...CORRECTED_CLASSES].map((name) => `'${name}'`).join(', ');

const CURSORS = {
  intents: `select ${hex('payment_intent_id')}, merchant_id, order_id, amount::float8, currency, status,
    ${ms('created_at')}, ${ms('updated_at - created_at')}
  from payment_intents where payment_intent_id >= '$from' order by payment_intent_id`,
  attempts: `select ${hex('transaction_id')}, merchant_id, amount::float8, currency, status, reopenable, ${FAILED_BY_REPORT}, processor,
    processor_account, leg, ${ROUTED}, ${ms('send_before')}, ${ms('updated_at')}
  from transactions where transaction_id >= '$from' order by transaction_id`,
  events: `select ${hex('payment_intent_id')}, merchant_id, ${hex('transaction_id')}, type, status, sequence
  from outbox where payment_intent_id >= '$from' order by payment_intent_id`,
  entries: `select ${hex('subject_id')}, transaction_id is not null, entry, kind, reverses, currency,
    (processor_receivable + processor_fees + processor_tax + merchant_payable + merchant_fees + suspense)::float8,
    (processor_receivable + processor_fees + processor_tax)::float8, (merchant_payable + merchant_fees)::float8,
    subject_id in (select subject_id from settlement_breaks where state = 'accepted')
  from ledger_entries where subject_id >= '$from' order by subject_id, entry`,
  finals: `select ${hex('transaction_id')}, final_status, (transaction_id in (
      select transaction_id from settlement_breaks where class in (${CORRECTED}) and state <> 'corrected')) is true
  from payment_ledger where transaction_id >= '$from' order by transaction_id, sequence`,
} as const;

/**
 * Opens the scan: what it reads is what was committed when this resolves. Rejects with an error that names the database.
 * @param from the first payment id to read, 32 hex digits
 */
export async function openPaymentScan(connectionString: string, from: string): Promise<PaymentScan> {
  if (!/^[0-9a-f]{32}$/.test(from)) throw new RangeError(`not an id to scan from: ${from}`);
  const client = await connectOnce({
    connectionString,
    applicationName: 'sluice verify',
    statementTimeoutMs: TIMEOUT_MS,
    // Pages of all cursors are asked for at once.
    pipeline: true,
    settings: SETTINGS,
  }).catch((error: unknown) => {
    throw explained(connectionString, error);
  });
  try {
    await client.query('begin isolation level repeatable read read only');
    for (const [name, query] of Object.entries(CURSORS)) {
      // A cursor's query takes no parameters here; `from` is hex.
      await client.query(`declare ${name} no scroll cursor for ${query.replace('$from', from)}`);
    }
  } catch (error) {
    await client.end();
    throw explained(connectionString, error);
  }
  return {
    intents: pagesOf(client, 'intents', intentOf),
    attempts: pagesOf(client, 'attempts', attemptOf),
    events: pagesOf(client, 'events', eventOf),
    entries: pagesOf(client, 'entries', entryOf),
    finals: pagesOf(client, 'finals', finalOf),
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
  isFailedByReport: boolean,
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
    isFailedByReport,
    processor,
    processorAccount,
    leg,
    routed,
    sendBefore,
    updatedAt,
  ] = row;
  return {
    ...{ transactionId, merchantId, amount, currency, status, reopenable, isFailedByReport },
    ...{ processor, processorAccount, leg, routed, sendBefore, updatedAt },
  };
}

type EventRow = [string, string, string | null, string, string, number];

function eventOf([intentId, merchantId, transactionId, type, status, sequence]: EventRow): ScannedEvent {
  return { intentId, merchantId, transactionId, type, status, sequence };
}

type EntryRow = [
  subjectId: string,
  isOfTransaction: boolean,
  entry: number,
  kind: ScannedEntry['kind'],
  reverses: number | null,
  currency: string,
  sum: number,
  gross: number,
  owed: number,
  isAccepted: boolean,
];

function entryOf(row: EntryRow): ScannedEntry {
  const [subjectId, isOfTransaction, entry, kind, reverses, currency, sum, gross, owed, isAccepted] = row;
  return { subjectId, isOfTransaction, entry, kind, reverses, currency, sum, gross, owed, isAccepted };
}

type FinalRow = [string, string, boolean];

function finalOf([transactionId, status, isUncorrected]: FinalRow): ScannedFinal {
  return { transactionId, status, isUncorrected };
}
