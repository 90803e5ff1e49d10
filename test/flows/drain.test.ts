/**
 * SIGTERM: the gateway says so at once, serves for the delay, takes no more, and is gone in time whatever a bank does.
 *
 * @module
 */

import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LIMITS } from '../../src/config/limits.ts';
import { eventually } from '../support/eventually.ts';
import { CARDS, createShop } from '../support/shop.ts';
import { startWorld, type World } from '../support/world.ts';

let world: World;

beforeAll(async () => {
  // Callbacks would settle what is to be asked about.
  world = await startWorld({ callbackDelayMs: 60_000 });
});
afterAll(() => world?.stop());

async function readiness(opsUrl: string): Promise<{ status: number; draining: boolean }> {
  const answer = await fetch(`${opsUrl}/readyz`);
  const { draining } = (await answer.json()) as { draining: boolean };
  return { status: answer.status, draining };
}

/** Rejects when nobody listens there. */
function reach(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

test('it serves for the delay, not ready from the first moment, and a second signal ends the delay; a silent bank does not hold it up', async () => {
  const gateway = await world.startOne({
    SLUICE_DRAIN_DELAY_SECONDS: '5',
    SLUICE_PROCESSOR_TIMEOUT_MS: '60000',
  });
  const shop = createShop(world, gateway);
  expect(await readiness(gateway.opsUrl)).toEqual({ status: 200, draining: false });
  await fetch(`${world.bankUrl}/_bank/delay`, { method: 'POST', body: JSON.stringify({ ms: 60_000 }) });
  const from = performance.now();
  gateway.kill('SIGTERM');
  await eventually(async () => {
    expect(await readiness(gateway.opsUrl)).toEqual({ status: 503, draining: true });
  });
  const { transactionId } = await shop.buy(CARDS.success);
  const shown = await shop.transaction(transactionId);
  expect([shown.status, shown.headers.get('connection')]).toEqual([200, 'close']);
  await reach(gateway.checkoutUrl);
  expect(performance.now() - from).toBeLessThan(5000);
  gateway.kill('SIGTERM');
  await eventually(() => expect(reach(gateway.checkoutUrl)).rejects.toThrow('ECONNREFUSED'), {
    withinMs: 3000,
  });
  expect(await readiness(gateway.opsUrl)).toEqual({ status: 503, draining: true });
  expect(await gateway.ended).toBe(0);
  expect(performance.now() - from).toBeLessThan(LIMITS.stopTimeoutMs);
  expect(gateway.log()).toContain('charges_left_unheard');

  // Nobody knows what became of that charge, so it is asked about, and it was made once.
  await fetch(`${world.bankUrl}/_bank/delay`, { method: 'POST', body: JSON.stringify({ ms: 0 }) });
  const next = await gateway.again();
  await createShop(world, next).becomes(transactionId, 'SUCCESS', 40_000);
}, 90_000);
