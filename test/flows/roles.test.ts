/**
 * One role a process: four processes make one gateway, each with the ports, threads, connections and secrets of its role and no more.
 *
 * @module
 */

import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { createRelay, type Receiver, type Relay, startReceiver } from '../support/relay.ts';
import { createShop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const ROLES = ['callbacks', 'checkout', 'api', 'background'] as const;
type Role = (typeof ROLES)[number];

/** Not allowed, of no such name there, or with no such password. */
const REFUSED = /^(42501|3D000|28P01)$/;

let world: World;
let processes: Record<Role, Gateway>;
let relay: Relay;
let receiver: Receiver;

beforeAll(async () => {
  world = await startWorld();
  receiver = await startReceiver();
  const start = (role: Role, env: Record<string, string> = {}) =>
    world.startOne({ SLUICE_ROLES: role, SLUICE_ALLOW_PRIVATE_WEBHOOKS: 'on', ...env });
  // The first one's API port is where the bank sends callbacks. All are handed what opens the vault.
  const callbacks = await start('callbacks');
  const checkout = await start('checkout');
  const [api, background] = await Promise.all([
    start('api', { SLUICE_PUBLIC_CHECKOUT_URL: checkout.checkoutUrl }),
    start('background'),
  ]);
  processes = { callbacks, checkout, api, background };
  relay = await createRelay(world, { api: () => api.apiUrl, checkout: () => checkout.checkoutUrl });
  const made = await createShop(world, api).post('/v1/webhook-endpoints', { url: receiver.url });
  expect(made.status).toBe(201);
});
afterAll(async () => {
  receiver?.close();
  await world?.stop();
});

describe('a payment takes all four of them', () => {
  test('by card: the callback and the webhook come through their own processes', async () => {
    const transactionId = await relay.byCard();
    await eventually(() => expect(receiver.heard).toContain(`${transactionId} payment.succeeded`));
    const taken = /^sluice_http_requests_total\{[^}]*endpoint="receive_callback",status="200"[^}]*\} [1-9]/m;
    expect(await metricsOf('callbacks')).toMatch(taken);
  });

  test('by UPI', () => relay.byUpi());
  test('by 3-D Secure, with the way back', () => relay.by3dSecure());
  test('by a one-time password, wrong and then right', () => relay.byPassword());
});

async function metricsOf(role: Role): Promise<string> {
  return await (await fetch(`${processes[role].opsUrl}/metrics`)).text();
}

/** Whether somebody listens there. */
function listens(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

test.each([
  ['callbacks', { api: true, checkout: false }, ['api']],
  ['checkout', { api: false, checkout: true }, ['api', 'pci']],
  ['api', { api: true, checkout: false }, ['api']],
  ['background', { api: false, checkout: false }, ['api', 'background']],
] as const)(
  '%s opens %j beside its ops port, has the threads %j, and is ready',
  async (role, ports, threads) => {
    const { apiUrl, checkoutUrl, opsUrl } = processes[role];
    expect({ api: await listens(apiUrl), checkout: await listens(checkoutUrl) }).toEqual(ports);
    const ready = await fetch(`${opsUrl}/readyz`);
    const body = (await ready.json()) as { ready: boolean; checks: Record<string, object> };
    expect([ready.status, body.ready]).toEqual([200, true]);
    expect('vault' in body.checks).toBe(role === 'checkout');
    expect('sessions' in body.checks).toBe(role === 'checkout' || role === 'api');
    // Shard threads are there or not by the number of cores, as in every process.
    const found = new Set(
      [...(await metricsOf(role)).matchAll(/thread="([a-z]+)(?:-\d+)?"/g)].map(([, name]) => name),
    );
    for (const other of ['main', 'shard']) found.delete(other);
    expect([...found].sort()).toEqual(threads);
  },
);

test('a lone role answers for nothing of another', async () => {
  const order = { merchantId: world.merchantId, amount: 1, currency: 'INR', orderId: 'o' };
  const status = async (role: Role, path: string): Promise<number> => {
    const init = {
      method: 'POST',
      headers: { authorization: `Bearer ${world.secretKey}`, 'content-type': 'application/json' },
    };
    return (await fetch(processes[role].apiUrl + path, { ...init, body: JSON.stringify(order) })).status;
  };
  expect(await status('callbacks', '/v1/payment/intent')).toBe(404);
  expect(await status('api', '/webhooks/sandbox')).toBe(404);
});

test('the vault is connected to by checkout alone, though all were handed what opens it', async () => {
  const connections = await query<{ name: string }>(
    world.cluster.owner.control,
    "select application_name as name from pg_stat_activity where datname = 'vault' and usename = 'sluice_vault'",
  );
  expect(connections.length).toBeGreaterThan(0);
  for (const role of ROLES) {
    const lines = processes[role]
      .log()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    const dropped = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'setting_dropped');
    expect(dropped.map(({ setting }) => setting)).toEqual(
      role === 'checkout' ? [] : ['SLUICE_VAULT_DATABASE_URL', 'SLUICE_PKCS11_PIN_FILE'],
    );
  }
  await processes.checkout.stop();
  const left = await query(
    world.cluster.owner.control,
    "select from pg_stat_activity where datname = 'vault' and usename = 'sluice_vault'",
  );
  expect(left).toEqual([]);
});

test('the roles of the databases keep to their own: who reads payments cannot read the vault, nor the other way round', async () => {
  const { control, vault, shards } = world.cluster.services;
  const at = (database: string, by: string): string => {
    const url = new URL(database);
    const { username, password } = new URL(by);
    Object.assign(url, { username, password });
    return url.href;
  };
  const urls = [control, vault, shards[0]!];
  for (const database of urls) {
    for (const by of urls) {
      const asked = query(at(database, by), 'select 1');
      if (database === by) await asked;
      else await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(REFUSED) });
    }
  }
});
