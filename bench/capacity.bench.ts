/**
 * Bench of capacity: what one payment costs, part by part, and the table of unit costs that `docs/CAPACITY.md` calculates with.
 *
 * A site of single-role processes and two PostgreSQL servers is loaded by the load driver: at some rates, then in a closed loop, which is
 * the most this machine does, with Idempotency-Keys and webhooks; then the closed loop without either. CPU time, WAL, fsyncs and commits are
 * read before and after each load, sizes of tables after a vacuum. Bytes are little changed by what else the machine does, CPU by some 20 to
 * 30 %, wall time by all of it, so none is printed.
 *
 * Run: npm run bench -- capacity, or node bench/capacity.bench.ts; RATES=100,300 payments/s, IN_FLIGHT=256 and LOAD_SECONDS=10 are the
 * defaults. About three minutes.
 *
 * @module
 */

import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type HandshakeCosts, measureHandshakes } from './capacity/handshakes.ts';
import { bytesPerPaymentInMemory, bytesPerWatchedAttempt } from './capacity/memory.ts';
import {
  type Counts,
  CPU_PARTS,
  type CpuReading,
  readCounts,
  readCpu,
  readRss,
  rowsOf,
} from './capacity/meter.ts';
import { type Site, startSite } from './capacity/site.ts';
import { drive } from './compare/driver.ts';

const RATES = (process.env.RATES ?? '100,300').split(',').map(Number);
const IN_FLIGHT = process.env.IN_FLIGHT ?? '256';
const SECONDS = Number(process.env.LOAD_SECONDS ?? '10');
/** Backends tell their statistics after ten seconds of rest. */
const STATISTICS_MS = 11_000;
/** Until V8 has compiled what is hot. */
const WARM_UP_SECONDS = 15;
/** Callbacks and webhooks that come after the last answer. */
const TAIL_MS = 1000;
const IDLE_MS = 5000;

type Row = Record<string, number | string>;

async function main(): Promise<void> {
  console.log(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, load ${loadNow()}`);
  const handshakes = await measureHandshakes();
  printMemory(handshakes);
  const site = await startSite();
  try {
    await measureSite(site);
  } finally {
    await site.stop();
  }
  console.log(`load at the end ${loadNow()}`);
}

async function measureSite(site: Site): Promise<void> {
  const sizesBefore = await sizesOf(site);
  const idle = await measureIdle(site);
  const rows: Record<string, Row> = { 'idle, CPU ms/s': idle };
  const closed = ['--concurrency', IN_FLIGHT];
  let { payments } = await load(site, closed, WARM_UP_SECONDS);
  const loads = RATES.map((rate) => ({ name: `${rate}/s`, words: ['--rate', String(rate)] }));
  for (const { name, words } of [...loads, { name: `${IN_FLIGHT} in flight`, words: closed }]) {
    const measured = await load(site, words);
    payments += measured.payments;
    rows[name] = measured.row;
  }
  const bytes = await bytesPerPayment(site, sizesBefore, payments);
  const plain = await load(site, [...closed, '--no-keys', '--no-webhooks']);
  rows[`${IN_FLIGHT} in flight, no keys, no webhooks`] = plain.row;
  console.log('\nCPU µs and WAL bytes a payment, fsyncs a second and turns that committed a payment');
  console.table(transposed(rows));
  console.log('\nresident memory after it, MB');
  console.table({ 'after load': readRss(site) });
  console.log(
    `\nbytes a payment in PostgreSQL, of ${payments} payments with keys and webhooks, after a vacuum`,
  );
  console.table(bytes);
  console.table(await sessionBytes(site));
}

async function measureIdle(site: Site): Promise<Row> {
  await sleep(STATISTICS_MS);
  const before = readCpu(site);
  await sleep(IDLE_MS);
  const spent = difference(readCpu(site), before);
  console.log('\nresident memory before load, MB');
  console.table({ idle: readRss(site) });
  return Object.fromEntries(CPU_PARTS.map((part) => [part, round(spent[part] / IDLE_MS)]));
}

/** One run of the driver, told by `words`, and what each payment of it cost. */
async function load(
  site: Site,
  words: readonly string[],
  seconds = SECONDS,
): Promise<{ payments: number; row: Row }> {
  const [cpuBefore, countsBefore] = [readCpu(site), await readCounts(site)];
  const { completed, achieved } = await drive(site.dataDir, [
    ...words,
    ...['--duration', String(seconds), '--warmup', '0'],
  ]);
  await sleep(TAIL_MS);
  const cpu = difference(readCpu(site), cpuBefore);
  await sleep(STATISTICS_MS);
  const counts = differenceOf(await readCounts(site), countsBefore);
  const each = (amount: number) => round(amount / completed);
  const second = (amount: number) => round((amount / completed) * achieved);
  return {
    payments: completed,
    row: {
      'achieved/s': Math.round(achieved),
      ...Object.fromEntries(CPU_PARTS.map((part) => [part, Math.round(cpu[part] / completed)])),
      'all CPU': Math.round(CPU_PARTS.reduce((sum, part) => sum + cpu[part], 0) / completed),
      'shard WAL': each(counts.shardWalBytes),
      'front WAL': each(counts.frontWalBytes),
      'shard fsyncs/s': second(counts.shardFsyncs),
      'front fsyncs/s': second(counts.frontFsyncs),
      turns: each(counts.turns),
      'cards/page': round(completed / counts.pages),
      load: loadNow(),
    },
  };
}

/** Loads side by side. */
function transposed(rows: Record<string, Row>): Record<string, Row> {
  const names = new Set(Object.values(rows).flatMap(Object.keys));
  const columns = Object.entries(rows);
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      Object.fromEntries(columns.map(([load, row]) => [load, row[name] ?? ''])),
    ]),
  );
}

interface Size {
  table: string;
  rows: number;
  /** What the rows themselves take, all together. */
  live: number;
  heap: number;
  indexes: number;
}

/** By table, its partitions together; vacuumed first. */
async function sizesOf({ databaseUrls }: Site): Promise<Size[]> {
  const sizes: Size[] = [];
  for (const database of ['shard', 'vault'] as const) {
    const url = databaseUrls[database];
    await rowsOf(url, 'vacuum (analyze)');
    const rows = await rowsOf<Record<'name' | 'rows' | 'heap' | 'indexes', string>>(
      url,
      `select coalesce(parent.relname, own.relname) as name, sum(greatest(own.reltuples, 0)) as rows,
              sum(pg_table_size(own.oid)) as heap, sum(pg_indexes_size(own.oid)) as indexes
       from pg_class own
       left join pg_inherits on inhrelid = own.oid
       left join pg_class parent on parent.oid = inhparent
       where own.relkind = 'r' and own.relnamespace = 'public'::regnamespace
       group by 1 order by 1`,
    );
    for (const { name, rows: count, heap, indexes } of rows) {
      const [row] = await rowsOf<{ live: string }>(
        url,
        `select coalesce(sum(pg_column_size(one.*)), 0) as live from ${name} one`,
      );
      sizes.push({
        table: `${database} ${name}`,
        rows: Number(count),
        live: Number(row!.live),
        heap: Number(heap),
        indexes: Number(indexes),
      });
    }
  }
  return sizes;
}

async function bytesPerPayment(
  site: Site,
  before: readonly Size[],
  payments: number,
): Promise<Record<string, Row>> {
  const grown = (await sizesOf(site))
    .map(({ table, rows, live, heap, indexes }) => {
      const was = before.find((size) => size.table === table);
      const each = (now: number, then = 0) => round((now - then) / payments);
      return {
        table,
        rows: each(rows, was?.rows),
        live: each(live, was?.live),
        heap: each(heap, was?.heap),
        indexes: each(indexes, was?.indexes),
      };
    })
    .filter(({ heap, indexes }) => heap + indexes >= 1);
  const total = (key: 'live' | 'heap' | 'indexes') => round(grown.reduce((sum, size) => sum + size[key], 0));
  const lines = grown.map(({ table, ...sizes }) => [
    table,
    { ...sizes, both: round(sizes.heap + sizes.indexes) },
  ]);
  return Object.fromEntries([
    ...lines,
    [
      'all',
      {
        live: total('live'),
        heap: total('heap'),
        indexes: total('indexes'),
        both: round(total('heap') + total('indexes')),
      },
    ],
  ]) as Record<string, Row>;
}

/** Of a checkout session kept in PostgreSQL. */
async function sessionBytes({ databaseUrls }: Site): Promise<Record<string, Row>> {
  const [row] = await rowsOf<{ each: string }>(
    databaseUrls.control,
    `select pg_total_relation_size('checkout_sessions') / greatest(count(*), 1) as each from checkout_sessions`,
  );
  return { 'bytes of a session in PostgreSQL': { each: Number(row!.each) } };
}

function printMemory({ full, resumed }: HandshakeCosts): void {
  console.log('\nof a gateway');
  console.table({
    'TLS 1.3 handshake, full, listener CPU µs': { each: full },
    'TLS 1.3 handshake, resumed, listener CPU µs': { each: resumed },
    'payment with one attempt in memory, bytes': { each: bytesPerPaymentInMemory() },
    'watched attempt, bytes': { each: bytesPerWatchedAttempt() },
  });
}

function difference(after: CpuReading, before: CpuReading): CpuReading {
  return Object.fromEntries(CPU_PARTS.map((part) => [part, after[part] - before[part]])) as CpuReading;
}

function differenceOf(after: Counts, before: Counts): Counts {
  const keys = Object.keys(after) as (keyof Counts)[];
  return Object.fromEntries(keys.map((key) => [key, after[key] - before[key]])) as unknown as Counts;
}

function round(value: number): number {
  return value < 10 ? Math.round(value * 100) / 100 : Math.round(value);
}

function loadNow(): string {
  return loadavg()[0]!.toFixed(1);
}

await main();
