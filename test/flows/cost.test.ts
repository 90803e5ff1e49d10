/**
 * What a payment costs the databases, by pg_stat_statements and pg_stat_user_tables (design 5): at 64 payments in flight at
 * most one commit per payment, and six row operations.
 *
 * @module
 */

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ClusterServer } from '../support/cluster.ts';
import { query } from '../support/databases.ts';
import { CARDS, createShop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const IN_FLIGHT = 64;
const PAYMENTS = 640;

let world: World;
let gateway: Gateway;

beforeAll(async () => {
  world = await startWorld();
  gateway = await world.startGateway();
});
afterAll(() => world?.stop());

/** Statements that ended in a durable commit: those that wrote rows of payments or of the vault. */
async function commits(): Promise<number> {
  const counts = await Promise.all(world.cluster.servers.map(commitsOn));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function commitsOn(server: ClusterServer): Promise<number> {
  const [row] = await query<{ calls: number }>(
    server.adminUrl('postgres'),
    `select coalesce(sum(s.calls), 0)::int as calls from pg_stat_statements s join pg_database d on d.oid = s.dbid
     where d.datname like 'shard_%' and s.query like 'with owned as%' or d.datname = 'vault' and s.query like '%insert into vault_pages%'`,
  );
  return row!.calls;
}

interface Operations {
  inserted: number;
  updated: number;
  hot: number;
}

async function rowOperations(): Promise<Record<string, Operations>> {
  const rows = (
    await Promise.all(
      world.cluster.owner.shards.map((url) =>
        query<Operations & { parent: string }>(
          url,
          `select regexp_replace(relname, '_\\d{8}$', '') as parent, sum(n_tup_ins)::int as inserted, sum(n_tup_upd)::int as updated, sum(n_tup_hot_upd)::int as hot
           from pg_stat_user_tables group by 1`,
        ),
      ),
    )
  ).flat();
  const sums: Record<string, Operations> = {};
  for (const { parent, inserted, updated, hot } of rows) {
    const sum = sums[parent] ?? { inserted: 0, updated: 0, hot: 0 };
    sums[parent] = sum;
    sum.inserted += inserted;
    sum.updated += updated;
    sum.hot += hot;
  }
  return sums;
}

/** Callbacks that went past Kafka, which was slow, and were put on it later, each with a mark more. */
async function relayed(): Promise<number> {
  const counts = (await gateway.metrics()).matchAll(
    /^sluice_bus_relayed_total\{topic="callbacks".*\} (\d+)$/gm,
  );
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

test(`${IN_FLIGHT} payments in flight: at most one commit a payment, six row operations, updates HOT`, async () => {
  const shop = createShop(world, gateway);
  const before = { commits: await commits(), rows: await rowOperations() };
  let left = PAYMENTS;
  const shoppers = Array.from({ length: IN_FLIGHT }, async () => {
    while (left-- > 0) {
      const { transactionId } = await shop.buy(CARDS.success);
      await shop.becomes(transactionId, 'SUCCESS');
    }
  });
  await Promise.all(shoppers);
  const perPayment = ((await commits()) - before.commits) / PAYMENTS;
  console.log(`commits a payment at ${IN_FLIGHT} in flight: ${perPayment.toFixed(3)}`);
  expect(perPayment).toBeLessThanOrEqual(1);

  // The last callbacks come after the last answer, and PostgreSQL's own statistics a moment later.
  await vi.waitFor(
    async () => {
      const after = await rowOperations();
      const count = (table: string, what: keyof Operations): number =>
        (after[table]?.[what] ?? 0) - (before.rows[table]?.[what] ?? 0);
      expect({
        intents: [count('payment_intents', 'inserted'), count('payment_intents', 'updated')],
        attempts: [count('transactions', 'inserted'), count('transactions', 'updated')],
        events: [count('outbox', 'inserted'), count('outbox', 'updated')],
        callbacks: [count('processor_callbacks', 'inserted'), count('processor_callbacks', 'updated')],
        keys: count('idempotency_keys', 'inserted'),
      }).toEqual({
        intents: [PAYMENTS, PAYMENTS],
        attempts: [PAYMENTS, PAYMENTS],
        // The deliverer's mark comes later, many in one commit.
        events: [PAYMENTS, PAYMENTS],
        callbacks: [PAYMENTS, await relayed()],
        keys: 0,
      });
      expect(count('transactions', 'hot')).toBeGreaterThan(PAYMENTS * 0.9);
    },
    { timeout: 20_000, interval: 200 },
  );
}, 90_000);
