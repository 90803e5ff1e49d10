/**
 * Bench of the bus on Kafka: CPU microseconds of this process per callback produced and per callback consumed, and what it costs a shard
 * database that what Sluice decides is relayed.
 *
 * The broker is Apache Kafka of the tests, on this machine; its own CPU is not counted. Producing is many callbacks at once, as under
 * load; consuming is from a full topic, over actors that do nothing. The commit of the final word (move, outbox row, callback) is timed
 * in turns without and with relaying, batches of 150, then the relay's statements drain what was queued. CPU is that of the connection's
 * backend, over all rounds; wall is the median of the rounds.
 *
 * Run: npm run bench -- bus, or node bench/bus.bench.ts
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import pg from 'pg';
import type { CallbackBus } from '../src/bus/bus.ts';
import { openTestBus } from '../src/bus/testing/kafka-world.ts';
import { aCallback, aTransaction } from '../src/bus/testing/pretended-shards.ts';
import { createMetrics } from '../src/metrics/metrics.ts';
import { createMetricRegistry } from '../src/metrics/registry.ts';
import { createRelayQueue } from '../src/storage/postgres/relay-queue.ts';
import { createShardStore } from '../src/storage/postgres/shard-store.ts';
import type { ShardStore } from '../src/storage/storage.ts';
import { startCluster } from '../test/support/cluster.ts';
import { eventually } from '../test/support/eventually.ts';
import { attemptFor, callback, created, freshIntent, moved, started } from '../test/support/facts.ts';
import { startKafka } from '../test/support/kafka.ts';
import { aWord } from '../test/support/payments.ts';

const CALLBACKS = 20_000;
const AT_ONCE = 1000;
const ROUNDS = 8;
/** Microseconds of a tick of /proc. */
const TICK_US = 10_000;
const BATCH = 150;
const BATCHES = 20;

async function benchBus(): Promise<void> {
  const servers = await startKafka();
  const metrics = createMetrics(createMetricRegistry('bench'));
  let consumed = 0;
  const apply = async () => {
    consumed++;
    return { ok: true, verdict: 'applied' } as const;
  };
  // Nothing goes past Kafka: a late answer is waited for.
  const open = () => openTestBus(servers, { prefix: 'bench', apply, metrics, deadlineMs: 10_000 });
  const publisher = open();
  await eventually(async () => {
    const answer = await publisher.publish(aCallback());
    if (!answer.ok || answer.verdict !== null) throw new Error('Kafka is not used yet');
  });
  const produced = await cpuOf(() => publishAll(publisher));
  const consumer = open();
  consumed = 0;
  const taken = await cpuOf(async () => {
    await consumer.consume(apply);
    await eventually(() => {
      if (consumed < CALLBACKS) throw new Error(`${consumed} consumed`);
    });
  });
  console.log('produced', perCallback(produced));
  console.log('consumed', perCallback(taken));
  await Promise.all([publisher.close(), consumer.close()]);
  await servers.stop();
}

async function publishAll(bus: CallbackBus): Promise<void> {
  for (let done = 0; done < CALLBACKS; done += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, (_, i) => {
        const word = aWord({ source: 'callback', leg: null });
        return bus.publish({ ...aCallback(aTransaction(i)), word });
      }),
    );
  }
}

interface Spent {
  cpuUs: number;
  wallUs: number;
}

async function cpuOf(work: () => Promise<void>): Promise<Spent> {
  const before = process.cpuUsage();
  const from = performance.now();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { cpuUs: user + system, wallUs: (performance.now() - from) * 1000 };
}

function perCallback({ cpuUs, wallUs }: Spent): string {
  return `${(cpuUs / CALLBACKS).toFixed(1)} µs CPU, ${(wallUs / CALLBACKS).toFixed(1)} µs wall a callback`;
}

async function benchRelay(): Promise<void> {
  const cluster = await startCluster(1);
  const connectionString = cluster.services.shards[0]!;
  const open = (relays: boolean): ShardStore =>
    createShardStore({ connectionString, applicationName: `bench ${relays}`, ownShard: 7, relays });
  const [without, relaying] = [open(false), open(true)];
  const queue = createRelayQueue(connectionString);
  const owner = new pg.Client(cluster.owner.shards[0]!);
  await owner.connect();
  const figures = { without: [] as number[], relaying: [] as number[], drained: [] as number[] };
  const before = new Map<string, number>();
  for (let round = 0; round <= ROUNDS; round++) {
    const plain = await finalWords(without);
    const queued = await finalWords(relaying);
    const drained = await drain();
    if (round === 0) {
      // It warms up.
      for (const name of NAMES) before.set(name, await backendUs(owner, name));
      continue;
    }
    figures.without.push(plain);
    figures.relaying.push(queued);
    figures.drained.push(drained);
  }
  const walls = [figures.without, figures.relaying, figures.drained];
  for (const [i, name] of NAMES.entries()) {
    const cpu = ((await backendUs(owner, name)) - before.get(name)!) / (ROUNDS * BATCH * BATCHES);
    console.log(
      `${name}: ${cpu.toFixed(1)} µs of PostgreSQL for whole payments, ${median(walls[i]!)} µs wall of the last commit`,
    );
  }
  await owner.end();
  await Promise.all([without.close(), relaying.close(), queue.close()]);
  await cluster.stop();

  async function drain(): Promise<number> {
    const from = performance.now();
    for (let page = await queue.events(500); page.length > 0; page = await queue.events(500))
      await queue.eventsRelayed(page);
    return ((performance.now() - from) * 1000) / (BATCH * BATCHES);
  }
}

/** Connections without relaying, with it, and of the relay. */
const NAMES = ['bench false', 'bench true', 'sluice relay'] as const;

/** CPU microseconds of a connection's backend so far. */
async function backendUs(owner: pg.Client, applicationName: string): Promise<number> {
  const { rows } = await owner.query<{ pid: number }>(
    'select pid from pg_stat_activity where application_name = $1',
    [applicationName],
  );
  // utime and stime are the 14th and 15th; the second, a name, ends with the last bracket.
  const stat = readFileSync(`/proc/${rows[0]!.pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
  return (Number(stat[11]) + Number(stat[12])) * TICK_US;
}

/** Wall microseconds a payment of the commits that end payments. */
async function finalWords(store: ShardStore): Promise<number> {
  let ms = 0;
  for (let batch = 0; batch < BATCHES; batch++) {
    const attempts = Array.from({ length: BATCH }, () => attemptFor(freshIntent()));
    const intents = attempts.map(({ paymentIntentId }) => created(freshIntent({ paymentIntentId })));
    await store.commit(intents);
    await store.commit(attempts.map((attempt) => started(attempt)));
    const words = attempts.flatMap((attempt) => [
      moved(attempt, { said: 'charged' }),
      callback({ transactionId: attempt.transactionId, moves: true }),
    ]);
    const from = performance.now();
    await store.commit(words);
    ms += performance.now() - from;
  }
  return (ms * 1000) / (BATCH * BATCHES);
}

function median(numbers: readonly number[]): string {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!.toFixed(1);
}

await benchBus();
await benchRelay();
