/**
 * Bench of verify: payments judged per second and peak memory, for 100,000 and 1,000,000 payments.
 *
 * A cluster of two shards in a temporary folder is filled by SQL: nine of ten payments paid, one declined, each with its
 * event. The book (NDJSON, in nearly the order of the payments, as a bank's is) and a client log (intent and payment of each)
 * are files. Each verification runs in a process of its own, so that its peak resident memory is its own. What it finds must be
 * nothing: a bench of a judge that is wrong measures nothing.
 *
 * Run: npm run bench -- verify, or node bench/verify.bench.ts; PAYMENTS=100000,1000000 chooses the sizes. Needs about 3 GB of disk.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync, type WriteStream } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { intentIdOf, showIntentId, showTransactionId } from '../src/domain/ids.ts';
import { openPaymentScan } from '../src/storage/postgres/payment-scan.ts';
import { agrees } from '../src/verification/report.ts';
import { type VerifyRequest, verify } from '../src/verification/verify.ts';
import { type Cluster, startCluster } from '../test/support/cluster.ts';

const SIZES = (process.env.PAYMENTS ?? '100000,1000000').split(',').map(Number);
const ROWS_PER_STATEMENT = 50_000;

/** What a verification in its own process tells. */
interface Measured {
  seconds: number;
  /** Of this process alone, without PostgreSQL. */
  cpuSeconds: number;
  peakRssMb: number;
  payments: number;
}

async function main(): Promise<void> {
  console.log(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}`);
  const rows: Record<string, Record<string, number>> = {};
  for (const size of SIZES) {
    const cluster = await startCluster(2);
    const folder = mkdtempSync(join(tmpdir(), 'sluice-verify-bench-'));
    try {
      for (const [at, url] of cluster.owner.shards.entries()) {
        await fill(url, cluster.ranges[at]!.low, size / cluster.ranges.length);
      }
      const records = await writeRecords(cluster, folder);
      rows[`${size}, databases and book`] = await measure(cluster, { book: records.book, clientLog: null });
      rows[`${size}, and client log`] = await measure(cluster, records);
    } finally {
      await cluster.stop();
      rmSync(folder, { recursive: true });
    }
  }
  console.table(rows);
}

/** The text of the n-th id: near the n-th third of a millisecond, in a logical shard, unique by n. */
const ID = `lpad(to_hex($2::bigint + n / 3), 12, '0') || '7' || lpad(to_hex($1::int * 4), 3, '0') || '8' || lpad(to_hex(n * 7919), 14, '0')`;

/** Statements over the numbers $3 to $4 of payments in the logical shard $1 from the moment $2 on. */
const FILL = [
  `insert into payment_intents (payment_intent_id, merchant_id, customer_id, order_id, amount, currency, status, created_at, updated_at)
   select (${ID} || '0')::uuid, 'merchant_demo', 'user_456', 'order_1', 100 + n % 9000, 'INR',
     case when n % 10 = 0 then 'PENDING' else 'SUCCESS' end, now(), now()
   from generate_series($3::bigint, $4::bigint) n`,
  `insert into transactions (transaction_id, payment_intent_id, attempt, merchant_id, amount, currency, status, outcome, leg, processor,
     processor_account, processor_txn_id, token, reopenable, revision, sender_nonce, send_before, card_brand, card_masked,
     card_expiry_month, card_expiry_year, card_fingerprint, success_url, cancel_url, evidence, created_at, updated_at, completed_at)
   select (${ID} || '1')::uuid, (${ID} || '0')::uuid, 1, 'merchant_demo', 100 + n % 9000, 'INR',
     case when n % 10 = 0 then 'FAILED' else 'SUCCESS' end, case when n % 10 = 0 then 'declined' else 'charged' end, 1, 'SANDBOX',
     'acct_demo', 'ch_' || md5(n::text), 'tok_' || md5(n::text), n % 10 = 0, 2, md5(n::text), now(), 'VISA', '411111****1111',
     12, 2030, md5(n::text), 'https://shop.example/success', 'https://shop.example/cancel',
     '[{"at":1764115200000,"source":"answer","said":"charged","leg":1,"detail":"HTTP 200 succeeded"}]', now(), now(), now()
   from generate_series($3::bigint, $4::bigint) n`,
  `insert into outbox (event_id, merchant_id, payment_intent_id, transaction_id, type, status, sequence, created_at)
   select (lpad(to_hex($2::bigint + n / 3), 12, '0') || '7' || lpad(to_hex($1::int * 4), 3, '0') || '8' || left(md5(n::text), 15))::uuid,
     'merchant_demo', (${ID} || '0')::uuid, (${ID} || '1')::uuid,
     case when n % 10 = 0 then 'payment.attempt_failed' else 'payment.succeeded' end,
     case when n % 10 = 0 then 'FAILED' else 'SUCCESS' end, 1, now()
   from generate_series($3::bigint, $4::bigint) n`,
];

async function fill(ownerUrl: string, shard: number, payments: number): Promise<void> {
  const owner = new pg.Client(ownerUrl);
  await owner.connect();
  try {
    // Early today: its partitions are there.
    const from = Math.floor(Date.now() / 86_400_000) * 86_400_000;
    for (let first = 1; first <= payments; first += ROWS_PER_STATEMENT) {
      const last = Math.min(first + ROWS_PER_STATEMENT - 1, payments);
      for (const text of FILL) await owner.query(text, [shard, from, first, last]);
    }
    await owner.query('vacuum analyze');
  } finally {
    await owner.end();
  }
}

/** The bank's book and a client's log of what is in the databases. */
async function writeRecords(cluster: Cluster, folder: string): Promise<{ book: string; clientLog: string }> {
  const paths = { book: join(folder, 'book.ndjson'), clientLog: join(folder, 'client.ndjson') };
  const [book, clientLog] = [createWriteStream(paths.book), createWriteStream(paths.clientLog)];
  let n = 0;
  for (const url of cluster.services.shards) {
    const scan = await openPaymentScan(url, '0'.repeat(32));
    for await (const page of scan.attempts) {
      const charges: string[] = [];
      const told: string[] = [];
      for (const { transactionId, amount, currency, status } of page) {
        const reference = showTransactionId(transactionId);
        const paymentIntentId = showIntentId(intentIdOf(transactionId));
        const at = Date.now();
        const order = { n: ++n, at, do: 'intent', orderId: 'order_1', amount, currency };
        const pay = { n: ++n, at, do: 'pay', paymentIntentId };
        told.push(
          ...[order, { n: order.n, at, outcome: 'ok', paymentIntentId }].map((one) => JSON.stringify(one)),
          ...[pay, { n: pay.n, at, outcome: 'ok', transactionId: reference }].map((one) =>
            JSON.stringify(one),
          ),
        );
        const charge = { at, id: `ch_${transactionId}`, account: 'acct_demo', reference, amount, currency };
        const end = status === 'SUCCESS' ? ['succeeded', 'charged'] : ['declined', 'none'];
        const card = { bin: '411111', last4: '1111', card_print: 'a3f8d719e4b2c1d0a3f8d7' };
        charges.push(JSON.stringify({ ...charge, status: end[0], ...card, effect: end[1], callback: 'due' }));
      }
      // A bank decides in another order than payments were made in.
      charges.sort((a, b) => (a.slice(40) < b.slice(40) ? -1 : 1)).reverse();
      await writeLines(book, charges);
      await writeLines(clientLog, told);
    }
    await scan.close();
  }
  for (const stream of [book, clientLog]) {
    stream.end();
    await finished(stream);
  }
  return paths;
}

async function writeLines(stream: WriteStream, lines: readonly string[]): Promise<void> {
  if (!stream.write(`${lines.join('\n')}\n`)) await once(stream, 'drain');
}

/** The median of three verifications by time; the highest peak of memory. */
async function measure(
  cluster: Cluster,
  { book, clientLog }: { book: string; clientLog: string | null },
): Promise<Record<string, number>> {
  const asked: VerifyRequest = {
    shardDatabaseUrls: cluster.services.shards,
    unknownAfterMs: 900_000,
    now: Date.now(),
    books: [{ place: book, processors: null }],
    clientLog,
  };
  const runs: Measured[] = [];
  for (let run = 0; run < 3; run++) {
    const { stdout } = await promisify(execFile)(process.execPath, [
      import.meta.filename,
      JSON.stringify(asked),
    ]);
    runs.push(JSON.parse(stdout) as Measured);
  }
  const [, { seconds, cpuSeconds, payments }] = runs.toSorted((a, b) => a.seconds - b.seconds) as [
    Measured,
    Measured,
  ];
  return {
    seconds: Number(seconds.toFixed(1)),
    'CPU seconds': Number(cpuSeconds.toFixed(1)),
    'payments/s': Math.round(payments / seconds),
    'peak RSS MB': Math.max(...runs.map(({ peakRssMb }) => peakRssMb)),
  };
}

/** In the process of its own. */
async function verifyHere(asked: VerifyRequest): Promise<void> {
  const startedAt = performance.now();
  const verification = await verify(asked);
  const seconds = (performance.now() - startedAt) / 1000;
  if (!agrees(verification)) throw new Error(`it found ${JSON.stringify(verification.rules)}`);
  const peakRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (user + system) / 1_000_000;
  const measured: Measured = { seconds, cpuSeconds, peakRssMb, payments: verification.counts.intents };
  process.stdout.write(JSON.stringify(measured));
}

const request = process.argv[2];
if (request === undefined) await main();
else await verifyHere(JSON.parse(request) as VerifyRequest);
