/**
 * Webhooks on real parts: payments of a shop, a receiver that verifies with the independent package, gateways that are killed.
 *
 * @module
 */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createControlAdmin } from '../../src/storage/postgres/control-admin.ts';
import { endpointContext } from '../../src/storage/webhook-endpoints.ts';
import { RETRY_STEPS_MS } from '../../src/webhooks/schedule.ts';
import { eventually } from '../support/eventually.ts';
import { CARDS, createShop } from '../support/shop.ts';
import { createSteppedClock } from '../support/stepped-clock.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const ALLOW = { SLUICE_ALLOW_PRIVATE_WEBHOOKS: 'on' };

interface Heard {
  id: string;
  body: string;
  type: string;
  data: { transactionId: string; status: string; sequence: number };
}

let world: World;
let server: Server;
const heard: Heard[] = [];
let delayMs = 0;
/** While it is down the receiver notes who came, by the gateway's clock, and answers 500. */
let down: Array<{ id: string; body: string; at: number }> | null = null;
const refused: string[] = [];

beforeAll(async () => {
  world = await startWorld();
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const id = String(request.headers['webhook-id']);
      if (down !== null) {
        down.push({ id, body, at: Number(request.headers['webhook-timestamp']) * 1000 });
        response.writeHead(500).end();
        return;
      }
      try {
        const event = verified(body, request.headers as Record<string, string>);
        heard.push({ ...event, id, body });
      } catch (error) {
        refused.push(String(error));
      }
      setTimeout(() => response.writeHead(204).end(), delayMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await registerEndpoint(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`);
});
afterAll(async () => {
  server?.close();
  await world?.stop();
});

/**
 * The package's word on a webhook. It goes by the real clock; a try of a gateway whose clock is set is compared with the signature
 * the package makes for that moment.
 */
function verified(body: string, headers: Record<string, string>): Omit<Heard, 'id'> {
  const receiver = new Webhook(SECRET);
  const at = Number(headers['webhook-timestamp']) * 1000;
  if (Math.abs(at - Date.now()) < 60_000) return receiver.verify(body, headers) as Omit<Heard, 'id'>;
  expect(headers['webhook-signature']).toBe(receiver.sign(headers['webhook-id']!, new Date(at), body));
  return JSON.parse(body);
}

/** As the merchants' API does. */
async function registerEndpoint(url: string): Promise<void> {
  const endpointId = 'ab'.repeat(16);
  const secrets = await world.configSecrets();
  const control = createControlAdmin(world.cluster.owner.control);
  const sealedSecret = await secrets.seal(Buffer.from(SECRET), endpointContext(endpointId));
  await control.putWebhookEndpoint({
    endpointId,
    merchantId: world.merchantId,
    url,
    sealedSecret,
    createdAt: new Date(),
  });
  await control.close();
}

async function buyMany(gateway: Gateway, count: number): Promise<string[]> {
  const shop = createShop(world, gateway);
  const bought: string[] = [];
  for (let i = 0; i < count; i++)
    bought.push((await shop.buy(i % 4 === 3 ? CARDS.declined : CARDS.success)).transactionId);
  return bought;
}

/** Each payment's event came, and whatever came twice came with the same id and body. */
async function allArrive(transactionIds: readonly string[]): Promise<void> {
  await eventually(
    () => {
      const told = new Set(heard.map(({ data }) => data.transactionId));
      expect(transactionIds.filter((id) => !told.has(id))).toEqual([]);
    },
    { withinMs: 50_000 },
  );
  for (const transactionId of transactionIds) {
    const of = heard.filter(({ data }) => data.transactionId === transactionId);
    expect(new Set(of.map(({ id }) => id)).size).toBe(1);
    expect(new Set(of.map(({ body }) => body)).size).toBe(1);
  }
  expect(refused).toEqual([]);
}

test('a payment’s final word is heard at once, signed, and once', async () => {
  const gateway = await world.startGateway(ALLOW);
  const bought = await buyMany(gateway, 8);
  await allArrive(bought);
  expect(heard).toHaveLength(8);
  expect(heard.map(({ type }) => type).sort()).toEqual([
    ...Array(2).fill('payment.attempt_failed'),
    ...Array(6).fill('payment.succeeded'),
  ]);
  // A try is counted when its answer was read, a moment after the shop heard it.
  await eventually(async () => {
    const metrics = await gateway.metrics();
    expect(metrics).toMatch(/sluice_webhook_tries_total\{[^}]*result="delivered"[^}]*\} 8/);
  });
  expect(await gateway.stop()).toBe(0);
}, 90_000);

test('kill -9 in the middle of deliveries loses none, and repeats keep their id', async () => {
  // A charge that the kill kept back is soon known to be none.
  const proof = { SLUICE_SEND_BEFORE_SECONDS: '1', SLUICE_NOT_FOUND_PROOF_SECONDS: '1' };
  const gateway = await world.startGateway({ ...ALLOW, ...proof });
  const before = heard.length;
  delayMs = 400;
  const bought = await buyMany(gateway, 12);
  await eventually(() => expect(heard.length).toBeGreaterThan(before));
  gateway.kill('SIGKILL');
  await gateway.ended;
  const again = await gateway.again();
  delayMs = 0;
  for (const id of bought)
    await eventually(
      async () =>
        expect((await createShop(world, again).transaction(id)).body.status).toMatch(/SUCCESS|FAILED/),
      { withinMs: 40_000 },
    );
  await allArrive(bought);
  process.stdout.write(`killed: ${bought.length} events, ${heard.length - before} posts\n`);
  expect(await again.stop()).toBe(0);
}, 120_000);

test('of two gateways one delivers, and when it is killed the other goes on', async () => {
  const [first, second] = await Promise.all([world.startGateway(ALLOW), world.startGateway(ALLOW)]);
  const before = heard.length;
  const bought = await buyMany(second, 6);
  await allArrive(bought);
  expect(heard.length - before).toBe(6);
  first.kill('SIGKILL');
  bought.push(...(await buyMany(second, 6)));
  await allArrive(bought);
  expect(await second.stop()).toBe(0);
}, 120_000);

test('26 hours of outage on a clock that is set: each event is tried at its moments and comes afterwards', async () => {
  const clock = createSteppedClock(world.folder, 'gateway');
  const gateway = await world.startGateway({ ...ALLOW, ...clock.env });
  const outage: NonNullable<typeof down> = [];
  down = outage;
  const bought = await buyMany(gateway, 3);
  const began = Date.now();
  const until = began + 26 * 60 * 60 * 1000;
  for (let tries = 1; down !== null; tries++) {
    const nextAt = await eventually(async () => {
      const rows = await waitingDeliveries();
      expect(rows.map((row) => row.tries)).toEqual(bought.map(() => tries));
      return Math.max(...rows.map((row) => row.next_at));
    });
    if (nextAt > until) down = null;
    clock.set(Math.ceil((nextAt - Date.now()) / 1000) + 1);
  }
  const rounds = outage.length / bought.length;
  const ids = new Set(outage.map(({ id }) => id));
  expect(ids.size).toBe(bought.length);
  for (const id of ids) {
    const tries = outage.filter((one) => one.id === id);
    expect(tries).toHaveLength(rounds);
    expect(new Set(tries.map(({ body }) => body)).size).toBe(1);
    for (const [i, { at }] of tries.slice(1).entries()) {
      // Not before its step; a tenth of jitter, and some seconds of this test, after it. Timestamps are whole seconds.
      expect(at - tries[i]!.at).toBeGreaterThanOrEqual(RETRY_STEPS_MS[i]! - 1000);
      expect(at - tries[i]!.at).toBeLessThanOrEqual(RETRY_STEPS_MS[i]! * 1.1 + 15_000);
    }
  }
  await allArrive(bought);
  for (const id of ids) expect(heard.some((one) => one.id === id)).toBe(true);
  process.stdout.write(`outage: ${ids.size} events, ${rounds} tries each in 26 hours, then delivered\n`);
  expect(await gateway.stop()).toBe(0);
}, 120_000);

async function onShards<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const connectionString of world.cluster.owner.shards) {
    const client = new pg.Client({ connectionString });
    await client.connect();
    rows.push(...(await client.query<Row>(text)).rows);
    await client.end();
  }
  return rows;
}

function waitingDeliveries(): Promise<Array<{ tries: number; next_at: number }>> {
  return onShards(
    `select tries, (extract(epoch from next_at) * 1000)::float8 as next_at from webhook_deliveries where state = 'waiting'`,
  );
}
