/**
 * A gateway's life: ready, watched, drained, restarted; a thread that dies; a stray second gateway.
 *
 * @module
 */

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { CARDS, createShop } from '../support/shop.ts';
import { startWorld, type World } from '../support/world.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world?.stop());

test('readyz, healthz and metrics tell of a working gateway', async () => {
  const gateway = await world.startGateway();
  const { transactionId } = await createShop(world, gateway).buy(CARDS.success);
  await createShop(world, gateway).becomes(transactionId, 'SUCCESS');
  expect((await fetch(`${gateway.opsUrl}/healthz`)).status).toBe(200);
  const ready = await fetch(`${gateway.opsUrl}/readyz`);
  expect(await ready.json()).toMatchObject({
    ready: true,
    checks: { control: { ok: true }, sessions: { ok: true }, vault: { ok: true } },
  });
  // Loop lag comes with the first heartbeat, a second after the start.
  await vi.waitFor(async () => {
    const metrics = await gateway.metrics();
    for (const name of [
      'sluice_http_requests_total',
      'sluice_http_request_seconds_bucket',
      'sluice_payments_total',
      'sluice_turn_commands_count',
      'sluice_commit_seconds_sum',
      'sluice_mailbox_depth',
      'sluice_pending_asks',
      'sluice_hsm_pages_total',
      'sluice_loop_lag_seconds',
      'sluice_processor_calls_total',
    ]) {
      expect(metrics).toMatch(new RegExp(`^${name}\\{`, 'm'));
    }
    expect(metrics).toMatch(/sluice_payments_total\{[^}]*state="SUCCESS"[^}]*\} 1/);
  }, 5000);
  expect(await gateway.stop()).toBe(0);
});

test('SIGTERM under load drains: exit 0 within 15 s, and everything acknowledged is there', async () => {
  const gateway = await world.startGateway();
  const shop = createShop(world, gateway);
  const acknowledged: string[] = [];
  let over = false;
  const shoppers = Array.from({ length: 16 }, async () => {
    while (!over) {
      const bought = await shop.buy(CARDS.success).catch(() => null);
      if (bought === null) return;
      acknowledged.push(bought.transactionId);
    }
  });
  await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(50), { timeout: 20_000 });
  const stoppedAt = performance.now();
  expect(await gateway.stop()).toBe(0);
  expect(performance.now() - stoppedAt).toBeLessThan(15_000);
  over = true;
  await Promise.all(shoppers);
  const rows = await queryShards<{ id: string; status: string }>(
    world,
    "select 'txn_' || replace(transaction_id::text, '-', '') as id, status from transactions",
  );
  const status = new Map(rows.map((row) => [row.id, row.status]));
  // Their charges were heard before the process ended: nothing is left for recovery.
  expect(acknowledged.filter((id) => status.get(id) !== 'SUCCESS')).toEqual([]);
});

test('a second gateway on the same ops port is refused before it opens anything else', async () => {
  const gateway = await world.startGateway();
  const ports = {
    SLUICE_OPS_PORT: new URL(gateway.opsUrl).port,
    SLUICE_API_PORT: new URL(gateway.apiUrl).port,
    SLUICE_CHECKOUT_PORT: new URL(gateway.checkoutUrl).port,
  };
  await expect(world.startGateway(ports)).rejects.toThrow(/port/);
  expect((await fetch(`${gateway.opsUrl}/readyz`)).status).toBe(200);
  await gateway.stop();
});

test('bad settings are refused all at once, by name, with exit code 2', async () => {
  await expect(
    world.startGateway({ SLUICE_API_PORT: 'x', SLUICE_MODE: 'maybe', SLUICE_NONSENSE: '1' }),
  ).rejects.toThrow(/\(2\)[\s\S]*SLUICE_/);
});

test('PostgreSQL gone: 503 with Retry-After, not ready; back again: payments go on without a restart', async () => {
  const gateway = await world.startGateway();
  const shop = createShop(world, gateway);
  await shop.intent();
  const crashing = world.cluster.crash();
  await vi.waitFor(
    async () => {
      const answer = await shop.post('/v1/payment/intent', {
        merchantId: world.merchantId,
        amount: 100,
        currency: 'INR',
        orderId: 'o',
      });
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).not.toBeNull();
    },
    { timeout: 5000, interval: 5 },
  );
  await crashing;
  await vi.waitFor(async () => expect((await fetch(`${gateway.opsUrl}/readyz`)).status).toBe(200), {
    timeout: 20_000,
    interval: 50,
  });
  // Ready is who reaches one shard database; another thread, or another of several servers, may come back a moment later.
  const { transactionId } = await eventually(() => shop.buy(CARDS.success));
  await shop.becomes(transactionId, 'SUCCESS');
  await gateway.stop();
});
