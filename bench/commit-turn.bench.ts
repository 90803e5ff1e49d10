/**
 * Bench of the commit of a turn: wall microseconds per row of one connection, by size of the batch.
 *
 * A whole payment is three commits: A its intent, B its attempt, D the final move with intent, outbox row and callback.
 * The database already holds 200,000 payments, is durable as in production (fsync, synchronous_commit) and is a cluster of its
 * own in a temporary folder. `prefetch` reads the payments of a batch. The second table runs two connections at once, as two
 * lanes of one database do. Medians of three rounds.
 *
 * Run: npm run bench -- commit-turn, or node bench/commit-turn.bench.ts
 *
 * @module
 */

import { cpus } from 'node:os';
import pg from 'pg';
import type { Fact } from '../src/domain/facts.ts';
import type { PaymentIntent } from '../src/domain/payment-intent.ts';
import { createShardStore } from '../src/storage/postgres/shard-store.ts';
import type { ShardStore } from '../src/storage/storage.ts';
import { startCluster } from '../test/support/cluster.ts';
import {
  attemptFor,
  callback,
  claimed,
  created,
  freshIntent,
  moved,
  started,
} from '../test/support/facts.ts';

const BATCHES = [1, 15, 150, 500];
const ROUNDS = 3;
const PAYMENTS_PER_ROUND = 9000;
const PAYMENTS_BEFORE = 200_000;

const STAGES = ['A intent', 'A keyed', 'B attempt', 'D move + callback', 'prefetch'] as const;
type Stage = (typeof STAGES)[number];

/** Fills the tables as a day's work would: every payment paid. */
async function fill(ownerUrl: string): Promise<void> {
  const store = createShardStore({ connectionString: ownerUrl, applicationName: 'fill', ownShard: 7 });
  for (let done = 0; done < PAYMENTS_BEFORE; done += 1000) {
    const intents = Array.from({ length: 1000 }, () => freshIntent());
    for (const stage of ['A intent', 'B attempt', 'D move + callback'] as const)
      await store.commit(factsOf(stage, intents));
  }
  await store.close();
  const owner = new pg.Client(ownerUrl);
  await owner.connect();
  await owner.query('vacuum analyze');
  await owner.end();
}

function factsOf(stage: Exclude<Stage, 'prefetch'>, intents: readonly PaymentIntent[]): Fact[] {
  switch (stage) {
    case 'A intent':
      return intents.map((intent) => created(intent));
    case 'A keyed':
      return intents.flatMap((intent) => [
        claimed(`order ${intent.paymentIntentId}`, intent.paymentIntentId),
        created(intent, true),
      ]);
    case 'B attempt':
      return intents.map((intent) => started(attemptFor(intent)));
    case 'D move + callback':
      return intents.flatMap((intent) => {
        const attempt = attemptFor(intent);
        const heard = callback({ transactionId: attempt.transactionId, moves: true });
        return [moved(attempt, { said: 'charged' }), heard];
      });
  }
}

/** Wall microseconds per payment of each stage, over one store. */
async function round(store: ShardStore, size: number, payments: number): Promise<Record<Stage, number>> {
  const spent: Record<Stage, number> = {
    'A intent': 0,
    'A keyed': 0,
    'B attempt': 0,
    'D move + callback': 0,
    prefetch: 0,
  };
  const commit = async (
    stage: Exclude<Stage, 'prefetch'>,
    intents: readonly PaymentIntent[],
  ): Promise<void> => {
    const facts = factsOf(stage, intents);
    const startedAt = performance.now();
    const effects = await store.commit(facts);
    spent[stage] += performance.now() - startedAt;
    if (effects.some((effect) => !effect.effective)) throw new Error(`${stage} had no effect`);
  };
  for (let done = 0; done < payments; done += size) {
    const intents = Array.from({ length: size }, () => freshIntent());
    await commit('A intent', intents);
    await commit('B attempt', intents);
    await commit('D move + callback', intents);
    const ids = new Set(intents.map(({ paymentIntentId }) => paymentIntentId));
    const startedAt = performance.now();
    await store.prefetch({ payments: ids, keys: new Map() });
    spent.prefetch += performance.now() - startedAt;
    await commit(
      'A keyed',
      intents.map(() => freshIntent()),
    );
  }
  for (const stage of STAGES) spent[stage] *= 1000 / payments;
  return spent;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

/** One row of a table: the median of each stage, and what a whole payment costs. */
async function measure(stores: readonly ShardStore[], size: number): Promise<Record<string, number>> {
  const payments = Math.min(PAYMENTS_PER_ROUND, size * 1000);
  for (const store of stores) await round(store, size, Math.min(payments, size * 10));
  const rounds: Array<Record<Stage, number>> = [];
  for (let n = 0; n < ROUNDS; n++)
    rounds.push(...(await Promise.all(stores.map((store) => round(store, size, payments)))));
  const row: Record<string, number> = {};
  for (const stage of STAGES) row[stage] = Number(median(rounds.map((one) => one[stage])).toFixed(1));
  row['A + B + D'] = Number((row['A intent']! + row['B attempt']! + row['D move + callback']!).toFixed(1));
  return row;
}

console.log(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}`);
const cluster = await startCluster(1);
try {
  await fill(cluster.owner.shards[0]!);
  const stores = ['lane 0', 'lane 1'].map((applicationName) =>
    createShardStore({ connectionString: cluster.services.shards[0]!, applicationName, ownShard: 7 }),
  );
  for (const lanes of [1, 2]) {
    const rows: Record<string, Record<string, number>> = {};
    for (const size of BATCHES) rows[`${size} a batch`] = await measure(stores.slice(0, lanes), size);
    console.log(`${lanes} connection${lanes === 1 ? '' : 's at once'}: wall µs per payment`);
    console.table(rows);
  }
  await Promise.all(stores.map((store) => store.close()));
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await cluster.stop();
}
