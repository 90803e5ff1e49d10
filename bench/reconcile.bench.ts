/**
 * Bench of reconciliation: rows per second from a file to a closed run, memory over time, CPU; beside it the loop of requirements 7.9.
 *
 * Two shard databases on one server are filled with a planned day (`test/reconciliation`), with every defect a report can have. The report
 * is reconciled in a process of its own, with the classes, the connections and the commits of `sluice reconcile`; every row it has judged
 * and every entry it has posted is then held against the plan, since a wrong judge measures nothing. The loop reads a part of the same
 * rows and does what the document's Java does with each: finds the transaction, updates it where it failed, inserts the ledger row, and
 * commits. It is spared what makes it worse: it finds transactions by their primary key, the file is read already, nothing is notified.
 *
 * Run: npm run bench -- reconcile [--rows 1000000] [--rounds 3] [--loop-rows 20000]. Needs about 6 GB of disk for a million rows.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { readStat } from '../load-tests/cpu.ts';
import { shardOfId } from '../src/domain/ids.ts';
import { databaseOf } from '../src/storage/shard-map.ts';
import { reconcileInChild } from '../test/reconciliation/child.ts';
import { fillWorld } from '../test/reconciliation/fill-world.ts';
import { forgetSettlement } from '../test/reconciliation/ledger-tables.ts';
import { casesFor, DAY, DAY_BEFORE, type Plan, PROCESSOR_OF } from '../test/reconciliation/plan.ts';
import { type Errand, errandFor, reconcileHere } from '../test/reconciliation/reconcile-here.ts';
import { rowsOf, writeReport } from '../test/reconciliation/report-file.ts';
import { judgeRun } from '../test/reconciliation/verdict.ts';
import { type Cluster, startCluster } from '../test/support/cluster.ts';
import { query } from '../test/support/databases.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    'loop-rows': { type: 'string', default: '20000' },
  },
});
const [ROWS, ROUNDS, LOOP_ROWS] = [values.rows, values.rounds, values['loop-rows']].map(Number) as [
  number,
  number,
  number,
];
/** From then on memory must not grow. */
const WARM_ROWS = 100_000;
const PLAN: Plan = { seed: 1, format: 'plain', cases: casesFor(ROWS, { seed: 1, format: 'plain' }) };

interface Round {
  seconds: number;
  'rows/s': number;
  'read, s': number;
  'compare and post, s': number;
  'Node CPU, s': number;
  'PostgreSQL CPU, s': number;
  'of it until the first commit, s': number;
  'RSS after 100,000 rows, MB': number;
  'RSS at most, MB': number;
}

async function main(): Promise<void> {
  console.log(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}`);
  const cluster = await startCluster(2);
  try {
    await measure(cluster);
  } finally {
    await cluster.stop();
  }
}

async function measure(cluster: Cluster): Promise<void> {
  const errand = (day: string, name: string): Errand =>
    errandFor(cluster, { processor: PROCESSOR_OF[PLAN.format], day, path: join(cluster.folder, name) });
  const [before, judged] = [errand(DAY_BEFORE, 'before.csv'), errand(DAY, 'judged.csv')];
  const payments = await fillWorld(cluster, PLAN);
  await writeReport(PLAN, 'before', before.path);
  const rows = await writeReport(PLAN, 'judged', judged.path);
  await letADayPass(cluster);
  console.log(
    `${payments} payments, a report of ${rows} rows, ${Math.round(statSync(judged.path).size / 2 ** 20)} MB`,
  );
  const rounds: Round[] = [];
  const loops: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await forgetSettlement(cluster, 'payments stay');
    await reconcileHere(before);
    rounds.push(await reconcileOnce(cluster, judged, rows));
    loops.push(await loopOnce(cluster));
  }
  const { run } = await reconcileHere(judged);
  const { violations } = await judgeRun(cluster, PLAN, 'judged', run);
  if (violations.length > 0) throw new Error(`it found otherwise than was planned: ${violations.join('\n')}`);
  console.table(rounds);
  const [rate, loop] = [median(rounds.map((round) => round['rows/s'])), median(loops)];
  console.log(
    `reconcile: ${rate} rows/s (median of ${ROUNDS}); the loop of requirements 7.9: ${loop} rows/s over ${LOOP_ROWS} rows`,
  );
  console.log(
    `${(rate / loop).toFixed(1)} times the loop; classes and entries of all ${rows} rows are as planned`,
  );
}

/** The payments are of yesterday: vacuum has been over them, and a checkpoint. What filling them in a minute still owes is not the run's. */
async function letADayPass({ shardAdminUrls }: Cluster): Promise<void> {
  for (const adminUrl of shardAdminUrls) {
    await query(adminUrl, 'vacuum (analyze)');
    await query(adminUrl, 'checkpoint');
  }
}

async function reconcileOnce(cluster: Cluster, errand: Errand, rows: number): Promise<Round> {
  const cpuBefore = postgresSeconds(cluster);
  let cpuRead: number | null = null;
  const { code, end, error, progress } = await reconcileInChild(errand, ({ phase }) => {
    if (phase === 'comparing') cpuRead ??= postgresSeconds(cluster);
  });
  if (code !== 0 || end === null) throw new Error(`it has ended with ${code}: ${error}`);
  const comparing = progress.find(({ phase }) => phase === 'comparing')!;
  const read = progress.findLast(({ phase }) => phase === 'reading')!.ms / 1000;
  const warm = progress.find((told) => told.rows >= WARM_ROWS) ?? comparing;
  const seconds = end.seconds;
  return {
    seconds: Number(seconds.toFixed(1)),
    'rows/s': Math.round(rows / seconds),
    'read, s': Number(read.toFixed(1)),
    'compare and post, s': Number((seconds - read).toFixed(1)),
    'Node CPU, s': Number(end.cpuSeconds.toFixed(1)),
    'PostgreSQL CPU, s': Number((postgresSeconds(cluster) - cpuBefore).toFixed(1)),
    'of it until the first commit, s': Number(((cpuRead ?? cpuBefore) - cpuBefore).toFixed(1)),
    'RSS after 100,000 rows, MB': warm.rssMb,
    'RSS at most, MB': end.peakRssMb,
  };
}

/** Of the server and all its backends, those that have ended too. */
function postgresSeconds({ postgres }: Cluster): number {
  const { own, buried } = readStat(readFileSync(`/proc/${postgres.pid}/stat`, 'utf8'))!;
  const children = readFileSync(`/proc/${postgres.pid}/task/${postgres.pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean);
  const living = children.map((pid) => {
    try {
      return readStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.own ?? 0;
    } catch {
      return 0;
    }
  });
  return (own + buried + living.reduce((sum, ticks) => sum + ticks, 0)) / 100;
}

const LOOP_TABLE = `create table if not exists loop_ledger (ledger_id uuid primary key, transaction_id uuid, payment_intent_id uuid,
  merchant_id varchar(100), customer_id varchar(100), amount bigint, currency varchar(3), final_status varchar(20), settled_at timestamptz,
  reconciled_at timestamptz)`;
const FIND = `select transaction_id, payment_intent_id, merchant_id, customer_id, amount, currency, status from transactions
  where transaction_id = $1`;
const UPDATE = "update transactions set status = 'FAILED' where transaction_id = $1";
const INSERT = 'insert into loop_ledger values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now())';

/** Rows per second of the document's loop; leaves the payments as they were. */
async function loopOnce(cluster: Cluster): Promise<number> {
  const clients = await Promise.all(
    cluster.owner.shards.map(async (url) => {
      const client = new pg.Client(url);
      await client.connect();
      await client.query(`${LOOP_TABLE}; truncate loop_ledger`);
      return client;
    }),
  );
  const clientOf = (id: string): pg.Client => {
    const shard = shardOfId(id);
    return clients[databaseOf(cluster.ranges, shard)]!;
  };
  try {
    const settlements = firstSettlements();
    const taken: string[] = [];
    const startedAt = performance.now();
    for (const { transactionId, status, settledAt } of settlements) {
      const client = clientOf(transactionId);
      const { rows } = await client.query<Record<string, string>>({
        name: 'find',
        text: FIND,
        values: [transactionId],
      });
      const found = rows[0];
      if (found === undefined) continue;
      if (found.status === 'SUCCESS' && status === 'FAILED') {
        await client.query({ name: 'update', text: UPDATE, values: [transactionId] });
        taken.push(transactionId);
      }
      const { transaction_id, payment_intent_id, merchant_id, customer_id, amount, currency } = found;
      const values = [
        randomUUID(),
        transaction_id,
        payment_intent_id,
        merchant_id,
        customer_id,
        amount,
        currency,
        status,
        settledAt,
      ];
      await client.query({ name: 'insert', text: INSERT, values });
    }
    const seconds = (performance.now() - startedAt) / 1000;
    for (const id of taken)
      await clientOf(id).query("update transactions set status = 'SUCCESS' where transaction_id = $1", [id]);
    return Math.round(settlements.length / seconds);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

/** The part of the report that the loop is given, read already. */
function firstSettlements(): { transactionId: string; status: string; settledAt: Date }[] {
  const found: ReturnType<typeof firstSettlements> = [];
  for (const { row } of rowsOf(PLAN, 'judged')) {
    const { movement } = row;
    if (typeof movement?.reference !== 'object' || movement.reference === null) continue;
    const status = movement.outcome === 'settled' ? 'SUCCESS' : 'FAILED';
    found.push({
      transactionId: movement.reference.transactionId,
      status,
      settledAt: new Date(movement.settledAt),
    });
    if (found.length === LOOP_ROWS) break;
  }
  return found;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

await main();
