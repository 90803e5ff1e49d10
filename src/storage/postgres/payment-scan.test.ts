import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { eventually } from '../../../test/support/eventually.ts';
import {
  attemptFor,
  created,
  declined,
  expired,
  freshIntent,
  moved,
  started,
} from '../../../test/support/facts.ts';
import { type Attempt, isFailedByReport } from '../../domain/transaction.ts';
import type { PaymentScan, ScannedAttempt } from '../payment-scan.ts';
import type { ShardStore } from '../storage.ts';
import { openPaymentScan } from './payment-scan.ts';
import { createShardStore } from './shard-store.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const BEFORE_ALL = '0'.repeat(32);

let cluster: Cluster;
let url: string;
let store: ShardStore;

beforeAll(async () => {
  cluster = await startCluster(1);
  url = cluster.services.shards[0]!;
  store = createShardStore({ connectionString: url, applicationName: 'test', ownShard: 7 });
});
afterAll(async () => {
  await store?.close();
  await cluster?.stop();
});

async function all<Item>(pages: AsyncIterable<readonly Item[]>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const page of pages) items.push(...page);
  return items;
}

function scannedOf(attempt: Attempt): ScannedAttempt {
  const { transactionId, merchantId, amount, currency, status, reopenable } = attempt;
  const { processor, processorAccount, leg, sendBefore, updatedAt } = attempt;
  return {
    ...{ transactionId, merchantId, amount, currency, status, reopenable },
    isFailedByReport: isFailedByReport(attempt),
    ...{ processor, processorAccount, leg, routed: null, sendBefore, updatedAt },
  };
}

async function scanned<Read>(from: string, read: (scan: PaymentScan) => Promise<Read>): Promise<Read> {
  const scan = await openPaymentScan(url, from);
  try {
    return await read(scan);
  } finally {
    await scan.close();
  }
}

test('reads every payment in the order of ids as it was when the scan was opened, and nothing that came after', async () => {
  const yesterday = freshIntent({ createdAt: Date.now() - DAY_MS });
  const today = freshIntent();
  const later = freshIntent({ createdAt: today.createdAt + 1 });
  await store.commit([created(today), created(yesterday)]);
  const [first, second] = [attemptFor(today), attemptFor(today, 2)];
  await store.commit([started(first)]);
  const refused = declined(first);
  await store.commit([refused]);
  await store.commit([started(second)]);
  const success = moved(second);

  await scanned(BEFORE_ALL, async (scan) => {
    await store.commit([success, created(later)]);
    expect(await all(scan.intents)).toEqual(
      [yesterday, today].map(({ paymentIntentId, merchantId, orderId, amount, currency, createdAt }) => ({
        intentId: paymentIntentId,
        ...{ merchantId, orderId, amount, currency, createdAt },
        status: 'PENDING',
        changedAfterMs: 0,
      })),
    );
    expect(await all(scan.attempts)).toEqual([refused.attempt, second].map(scannedOf));
    const { transactionId, merchantId } = refused.attempt;
    const event = { type: 'payment.attempt_failed', status: 'FAILED', sequence: 1 };
    expect(await all(scan.events)).toEqual([
      { intentId: today.paymentIntentId, transactionId, merchantId, ...event },
    ]);
  });

  await scanned(today.paymentIntentId, async (scan) => {
    const intents = await all(scan.intents);
    expect(intents.map(({ intentId }) => intentId)).toEqual(
      [today, later].map(({ paymentIntentId }) => paymentIntentId),
    );
    expect(intents[0]).toMatchObject({ status: 'SUCCESS' });
    expect((await all(scan.attempts)).map(({ status }) => status)).toEqual(['FAILED', 'SUCCESS']);
    expect(await all(scan.events)).toHaveLength(2);
  });
});

test('an intent that expired shows how long it lived, and its event has no attempt', async () => {
  const intent = freshIntent({ createdAt: Date.now() - DAY_MS - 600_000 });
  await store.commit([created(intent)]);
  await store.commit([expired(intent)]);
  await scanned(intent.paymentIntentId, async (scan) => {
    const [row] = await all(scan.intents);
    expect(row).toMatchObject({ intentId: intent.paymentIntentId, status: 'FAILED' });
    expect(row!.changedAfterMs).toBeGreaterThanOrEqual(DAY_MS + 600_000);
    const events = (await all(scan.events)).filter(({ intentId }) => intentId === intent.paymentIntentId);
    const { paymentIntentId, merchantId } = intent;
    expect(events).toEqual([
      {
        intentId: paymentIntentId,
        ...{ merchantId, transactionId: null, type: 'payment.failed', status: 'FAILED', sequence: 1 },
      },
    ]);
  });
});

test('more rows than a page holds come whole, and events sorted by payment although they are stored by their own ids', async () => {
  const owner = new pg.Client(cluster.owner.shards[0]!);
  await owner.connect();
  try {
    const rows = await owner.query(
      `insert into outbox select (left(i.payment_intent_id::text, 24) || right(md5(n::text), 12))::uuid, i.merchant_id,
         (left(i.payment_intent_id::text, 24) || lpad(to_hex(n * 16), 12, '0'))::uuid, null, 'payment.failed', 'FAILED', 0, now(), null
       from (select * from payment_intents order by payment_intent_id desc limit 1) i, generate_series(1, 12345) n`,
    );
    expect(rows.rowCount).toBe(12345);
  } finally {
    await owner.end();
  }
  const before = await scanned(BEFORE_ALL, async (scan) => await all(scan.events));
  const ids = before.map(({ intentId }) => intentId);
  expect(ids.length).toBeGreaterThanOrEqual(12345);
  expect(ids).toEqual(ids.toSorted());
});

test('a scan that is closed early leaves no connection, and one that cannot be opened says why', async () => {
  const scan = await openPaymentScan(url, BEFORE_ALL);
  const pages = scan.events[Symbol.asyncIterator]();
  await pages.next();
  await scan.close();
  const watcher = new pg.Client(cluster.postgres.adminUrl('postgres'));
  await watcher.connect();
  try {
    await eventually(async () => {
      const { rowCount } = await watcher.query(
        "select from pg_stat_activity where application_name = 'sluice verify'",
      );
      expect(rowCount).toBe(0);
    });
  } finally {
    await watcher.end();
  }
  await expect(openPaymentScan(url, "' or true")).rejects.toThrow('not an id to scan from');
  await expect(openPaymentScan(`${url}_missing`, BEFORE_ALL)).rejects.toThrow(/shard_1_missing/);
});

test('reads the ledger by subject and number, and the final record, each with what excuses it', async () => {
  const owner = new pg.Client(cluster.owner.shards[0]);
  await owner.connect();
  try {
    const intent = freshIntent();
    const [paid, other] = [attemptFor(intent), attemptFor(intent, 2)];
    const nobody = freshIntent({ createdAt: intent.createdAt + 1 }).paymentIntentId;
    const post = (subject: string, entry: number, kind: string, reverses: number | null, sums: string) =>
      owner.query(
        `insert into ledger_entries (subject_id, entry, kind, reverses, transaction_id, processor, currency, processor_receivable,
           processor_fees, processor_tax, merchant_payable, merchant_fees, suspense, day, run_id, posted_at)
         values ($1::uuid, $2, $3, $4::int, case when $5 then $1::uuid end, 'SANDBOX', 'INR', ${sums}, '2026-01-21', 1, now())`,
        [subject, entry, kind, reverses, subject !== nobody],
      );
    await post(paid.transactionId, 1, 'settlement', null, '4882, 100, 18, -4925, -75, 0');
    await post(nobody, 1, 'suspense', null, '90, 0, 0, 0, 0, -90');
    await post(paid.transactionId, 2, 'reversal', 1, '-4882, -100, -18, 4925, 75, 0');
    for (const [id, sequence, status] of [
      [paid.transactionId, 2, 'FAILED'],
      [other.transactionId, 1, 'SUCCESS'],
      [paid.transactionId, 1, 'SUCCESS'],
    ] as const)
      await owner.query(
        `insert into payment_ledger (transaction_id, sequence, payment_intent_id, merchant_id, amount, currency, final_status,
           reconciled_at, run_id) values ($1, $2, $3, 'm', 5000, 'INR', $4, now(), 1)`,
        [id, sequence, intent.paymentIntentId, status],
      );
    for (const [line, id, transactionId, name, state] of [
      [1, nobody, null, 'unknown_here', 'accepted'],
      [2, other.transactionId, other.transactionId, 'failed_here', 'correcting'],
      [3, paid.transactionId, paid.transactionId, 'failed_there', 'corrected'],
    ] as const)
      await owner.query(
        `insert into settlement_breaks (run_id, line, processor, day, class, state, detail, subject_id, transaction_id, found_at)
         values (1, $1, 'SANDBOX', '2026-01-21', $4, $5, '', $2, $3, now())`,
        [line, id, transactionId, name, state],
      );

    await scanned(intent.paymentIntentId, async (scan) => {
      const common = { isOfTransaction: true, currency: 'INR', sum: 0, isAccepted: false };
      expect(await all(scan.entries)).toEqual([
        // biome-ignore format: one row, one line
        { ...common, subjectId: paid.transactionId, entry: 1, kind: 'settlement', reverses: null, gross: 5000, owed: -5000 },
        // biome-ignore format: one row, one line
        { ...common, subjectId: paid.transactionId, entry: 2, kind: 'reversal', reverses: 1, gross: -5000, owed: 5000 },
        // biome-ignore format: one row, one line
        { ...common, subjectId: nobody, entry: 1, kind: 'suspense', reverses: null, gross: 90, owed: 0, isOfTransaction: false, isAccepted: true },
      ]);
      expect(await all(scan.finals)).toEqual([
        { transactionId: paid.transactionId, status: 'SUCCESS', isUncorrected: false },
        { transactionId: paid.transactionId, status: 'FAILED', isUncorrected: false },
        { transactionId: other.transactionId, status: 'SUCCESS', isUncorrected: true },
      ]);
    });
    // The ledger is read as all else is: from an id on.
    await scanned(freshIntent({ createdAt: intent.createdAt + 60_000 }).paymentIntentId, async (scan) => {
      expect([await all(scan.entries), await all(scan.finals)]).toEqual([[], []]);
    });
  } finally {
    await owner.end();
  }
});

test('an attempt is failed by a report when it is FAILED and a row says so, whatever failed it first', async () => {
  const row = { source: 'settlement', leg: null, processorTxnId: null } as const;
  const said = (before: Attempt, what: 'charged' | 'declined', detail: string) =>
    moved(before, { ...row, said: what, detail });
  const intents = Array.from({ length: 4 }, () => freshIntent());
  const attempts = intents.map((intent) => attemptFor(intent));
  const paid = moved(attempts[0]!);
  const takenBack = said(paid.attempt, 'declined', 'row 1');
  const refused = declined(attempts[1]!);
  const confirmed = said(refused.attempt, 'declined', 'row 1');
  const failedFirst = said(attempts[2]!, 'declined', 'row 1');
  const givenBack = said(failedFirst.attempt, 'charged', 'row 2');
  const refusedAlone = declined(attempts[3]!);
  await store.commit(intents.map((intent) => created(intent)));
  await store.commit(attempts.map((attempt) => started(attempt)));
  await store.commit([paid, refused, failedFirst, refusedAlone]);
  await store.commit([takenBack, confirmed, givenBack]);
  const last = [takenBack, confirmed, givenBack, refusedAlone].map(({ attempt }) => attempt);
  await scanned(BEFORE_ALL, async (scan) => {
    const rows = await all(scan.attempts);
    const found = last.map(
      ({ transactionId }) => rows.find((one) => one.transactionId === transactionId)!.isFailedByReport,
    );
    expect(found).toEqual([true, true, false, false]);
    expect(found).toEqual(last.map(isFailedByReport));
  });
});
