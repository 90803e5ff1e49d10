/**
 * Shard down: `node load-tests/shard-down.ts [--rate N] [--seconds S] [--rounds R] [--hang]`. Whole payments of merchants whose shard
 * database stays, and intents of merchants whose database is killed, or with `--hang` paused: what its absence does to either.
 *
 * It makes its own world (test/support): a gateway, the bank in a box, and three PostgreSQL servers. Half of the rate is of each kind,
 * open loop. Windows with the database and without it take turns, so that what else the machine does falls on both alike.
 *
 * @module
 */

import { parseArgs } from 'node:util';
import { shardOfMerchant } from '../src/domain/ids.ts';
import { eventually } from '../test/support/eventually.ts';
import { seededRandom } from '../test/support/random.ts';
import { createShop } from '../test/support/shop.ts';
import { type Gateway, startWorld, type World } from '../test/support/world.ts';
import { arrive, type Load } from './arrivals.ts';
import { makeCardNumbers } from './cards.ts';
import { ClientRecord } from './client-record.ts';
import { ConnectionPool } from './connection-pool.ts';
import { type Latencies, microseconds, newLatencies, percentilesOf } from './latencies.ts';
import { Measurement } from './measurement.ts';
import { evenMix } from './mix.ts';
import { openPayments } from './payment-flow.ts';
import { REQUEST_TIMEOUT_MS, type Scenario, steady } from './scenario.ts';
import { createWire, type Merchant } from './wire.ts';

const MERCHANTS_EACH = 4;
const CONNECTIONS_MAX = 128;
const CARDS = 1000;
const SEED = 1;

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '3' },
    hang: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const half: Load = { kind: 'rate', perSecond: Number(values.rate) / 2 };
const world = await startWorld({ shards: 2, cluster: { servers: 'each' } });
try {
  await measure(world, await world.startGateway());
} finally {
  await world.stop();
}

/** What is measured of windows of one kind. */
interface Figures {
  /** Answers to the staying merchants' intents, sessions and card forms, from the instant each was due. */
  others: Latencies;
  paid: number;
  offered: number;
  /** Answers to the leaving merchants' intents, by status. */
  statuses: Map<number, number>;
  refusals: Latencies;
}

async function measure(world: World, gateway: Gateway): Promise<void> {
  const server = world.cluster.shardServers[1]!;
  const staying = openStaying(gateway, await merchantsIn(world, 0));
  const leaving = await merchantsIn(world, 1);
  const pool = new ConnectionPool(gateway.apiUrl, {
    connectionsMax: CONNECTIONS_MAX,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  });
  const ask = openAsking(gateway, leaving, pool);

  async function window(figures: Figures): Promise<void> {
    const options = { phases: steady(seconds), signal: new AbortController().signal };
    const measurement = new Measurement();
    await Promise.all([
      staying.run(half, options, measurement),
      arrive(half, options, (dueMs) => ask(dueMs, figures), new Measurement()),
    ]);
    const { latencies, completed, offered } = measurement.counted;
    for (const one of [latencies.intent, latencies.session, latencies.pay]) figures.others.add(one);
    figures.paid += completed;
    figures.offered += offered;
  }

  async function leave(): Promise<void> {
    if (values.hang) server.pause();
    else await server.kill();
  }

  /** Resolves with the milliseconds until a merchant of its was served. */
  async function comeBack(): Promise<number> {
    if (values.hang) server.resume();
    else await server.again();
    const backAt = performance.now();
    const { merchantId, secretKey } = leaving[0]!;
    await eventually(() => createShop(world, gateway, secretKey, merchantId).intent(), { everyMs: 20 });
    return Math.round(performance.now() - backAt);
  }

  await window(newFigures());
  const [up, down] = [newFigures(), newFigures()];
  const healedMs: number[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    await window(up);
    await leave();
    await window(down);
    healedMs.push(await comeBack());
  }
  process.stdout.write(`${line('with it', up)}\n${line('without', down)}\n${ratios(up, down)}\n`);
  process.stdout.write(`served again after ${healedMs.join(', ')} ms\n`);
  await staying.close();
  pool.close();
}

function newFigures(): Figures {
  return { others: newLatencies(), paid: 0, offered: 0, statuses: new Map(), refusals: newLatencies() };
}

/** Merchants whose payments are in the first or second database. */
async function merchantsIn(world: World, database: 0 | 1): Promise<Merchant[]> {
  const names = Array.from({ length: 64 }, (_, n) => `load_${n}`);
  const there = names.filter((name) => Math.floor(shardOfMerchant(name) / 512) === database);
  const merchants: Merchant[] = [];
  for (const merchantId of there.slice(0, MERCHANTS_EACH))
    merchants.push({ merchantId, secretKey: await world.addMerchant(merchantId) });
  return merchants;
}

function openStaying({ apiUrl, checkoutUrl }: Gateway, merchants: readonly Merchant[]): Scenario {
  const random = seededRandom(SEED);
  const cardNumbers = makeCardNumbers(CARDS, random);
  return openPayments(
    {
      ...{ apiUrl, checkoutUrl, random },
      wire: createWire({ apiUrl, checkoutUrl, merchants, cardNumbers, keys: true }),
      merchants: merchants.length,
      record: new ClientRecord(),
      bank: null,
      processorTimeoutMs: 10_000,
      connectionsMax: CONNECTIONS_MAX,
      webhooks: null,
      firstPollMs: 100,
      page: false,
    },
    evenMix(merchants.length),
  );
}

/** Creates one intent, and counts how it was answered. */
function openAsking(
  { apiUrl, checkoutUrl }: Gateway,
  merchants: readonly Merchant[],
  pool: ConnectionPool,
): (dueMs: number, figures: Figures) => Promise<boolean> {
  const wire = createWire({ apiUrl, checkoutUrl, merchants, cardNumbers: [], keys: false });
  const mix = evenMix(merchants.length);
  return async (dueMs, { statuses, refusals }) => {
    const { status } = await pool.request(wire.createIntent(mix(), { orderId: 'order', amount: 5000 }));
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (status === 503) refusals.recordValue(microseconds(performance.now() - dueMs));
    return true;
  };
}

function line(name: string, { others, paid, offered, statuses, refusals }: Figures): string {
  const stay = percentilesOf(others);
  const refused = percentilesOf(refusals);
  const shown = [...statuses].map(([status, count]) => `${count} × ${status}`).join(', ');
  return [
    `${name}  others: ${paid} of ${offered} paid, p50 ${round(stay.p50)} p99 ${round(stay.p99)} ms`,
    `its own: ${shown}`,
    ...(refused.max === null
      ? []
      : [`refused in p50 ${round(refused.p50)} p99 ${round(refused.p99)} max ${round(refused.max)} ms`]),
  ].join('; ');
}

function ratios(up: Figures, down: Figures): string {
  const [before, during] = [percentilesOf(up.others), percentilesOf(down.others)];
  return `others without it against with it: p50 × ${((during.p50 ?? 0) / (before.p50 ?? 1)).toFixed(2)}, p99 × ${((during.p99 ?? 0) / (before.p99 ?? 1)).toFixed(2)}`;
}

function round(ms: number | null): string {
  return ms === null ? '-' : ms.toFixed(1);
}
