/**
 * A database that is down or hangs takes only what needs it: shards on servers of their own, one of them killed, then paused; a gateway
 * started meanwhile; then the vault, and the server of control and sessions.
 *
 * @module
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { shardOfMerchant } from '../../src/domain/ids.ts';
import { verify } from '../../src/verification/verify.ts';
import type { ClusterServer } from '../support/cluster.ts';
import { query, queryShards } from '../support/databases.ts';
import { eventually, pause } from '../support/eventually.ts';
import { type Answer, CARDS, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

/** What the promises are: a refusal, and being served again. */
const REFUSED_MS = 300;
const HEALED_MS = 5000;
/** A lane waits so long for a silent database; LIMITS.storageSilentMs. */
const SILENT_MS = 1000;
/** Of so many refusals these may fall into a pause of the machine's; one that waits for its database takes a second each time. */
const REFUSALS = 50;
const PAUSES_MAX = 5;

interface Merchant {
  merchantId: string;
  shop: Shop;
}

let world: World;
let gateway: Gateway;
/** Its payments are in the database whose server stays. */
let here: Merchant;
/** And in the one whose server does not. */
let there: Merchant;
let server: ClusterServer;

beforeAll(async () => {
  world = await startWorld({ shards: 2, cluster: { servers: 'each' } });
  gateway = await world.startGateway({ SLUICE_SEND_BEFORE_SECONDS: '3' });
  here = await merchantIn(0);
  there = await merchantIn(1);
  server = world.cluster.shardServers[1]!;
  await Promise.all([here, there].map(({ shop }) => shop.buy(CARDS.success)));
});
afterAll(() => world?.stop());

/** A merchant whose payments are in the first or second database. */
async function merchantIn(database: 0 | 1): Promise<Merchant> {
  const names = Array.from({ length: 64 }, (_, n) => `m_${n}`);
  const merchantId = names.find((name) => Math.floor(shardOfMerchant(name) / 512) === database)!;
  const secretKey = await world.addMerchant(merchantId);
  return { merchantId, shop: createShop(world, gateway, secretKey, merchantId) };
}

function order({ merchantId, shop }: Merchant): Promise<Answer> {
  const fields = { amount: 5000, currency: 'INR', orderId: 'o_1', customerId: 'c_1' };
  return shop.post('/v1/payment/intent', { merchantId, ...fields });
}

interface Timed extends Answer {
  ms: number;
}

async function timed(asking: Promise<Answer>): Promise<Timed> {
  const askedAt = performance.now();
  return { ...(await asking), ms: performance.now() - askedAt };
}

/** A refusal says so at once, by its code, and when to come again. */
function expectRefused({ status, headers, body, ms }: Timed, code = 'shard_unavailable'): void {
  expect({ status, code: body.code, retryAfter: headers.get('retry-after') }).toEqual({
    ...{ status: 503, code, retryAfter: '1' },
  });
  expect(ms).toBeLessThan(REFUSED_MS);
}

/** Refusals one after the other, the slowest few left out. */
async function expectAllRefused(ask: () => Promise<Answer>, code?: string): Promise<void> {
  const refusals: Timed[] = [];
  while (refusals.length < REFUSALS) refusals.push(await timed(ask()));
  for (const refusal of refusals.sort((a, b) => a.ms - b.ms).slice(0, -PAUSES_MAX))
    expectRefused(refusal, code);
}

async function expectHealed(since: number): Promise<void> {
  await eventually(async () => expect((await order(there)).status).toBe(201), { withinMs: HEALED_MS });
  expect(performance.now() - since).toBeLessThan(HEALED_MS);
}

/** Buys until `over` settles; resolves with what was bought. Rejects when one purchase fails. */
async function buyUntil({ shop }: Merchant, over: Promise<unknown>): Promise<string[]> {
  let isOver = false;
  void over.finally(() => (isOver = true)).catch(() => undefined);
  const bought: string[] = [];
  while (!isOver) bought.push((await shop.buy(CARDS.success)).transactionId);
  return bought;
}

/** What a database's absence does to the other's merchant: nothing. */
async function whileOthersBuy(trouble: () => Promise<void>): Promise<void> {
  const troubled = trouble();
  const [bought] = await Promise.all([buyUntil(here, troubled), troubled]);
  expect(bought.length).toBeGreaterThan(10);
  await Promise.all(bought.map((transactionId) => here.shop.becomes(transactionId, 'SUCCESS')));
}

async function readiness(opsUrl = gateway.opsUrl) {
  const answer = await fetch(`${opsUrl}/readyz`);
  return { status: answer.status, ...((await answer.json()) as object) };
}

const WELL = { status: 200, ready: true, degraded: [] };
const DEGRADED = { status: 200, ready: true, degraded: ['lane_1'] };

async function laneUp(): Promise<(string | undefined)[]> {
  const text = await (await fetch(`${gateway.opsUrl}/metrics`)).text();
  return ['0', '1'].map(
    (lane) => text.match(new RegExp(`^sluice_lane_up\\{.*lane="${lane}".*\\} (\\d)$`, 'm'))?.[1],
  );
}

test('a shard’s server is killed: its merchants are refused at once, others buy on, and all is well soon after it is back', async () => {
  const session = await there.shop.session(await there.shop.intent());
  let startedAt = 0;
  await whileOthersBuy(async () => {
    await server.kill();
    // The connection is waited for a moment, once.
    await pause(REFUSED_MS);
    await expectAllRefused(() => order(there));
    expectRefused(await timed(there.shop.pay(session.sessionId, CARDS.success)));
    expect(await readiness()).toMatchObject(DEGRADED);
    expect(await laneUp()).toEqual(['1', '0']);
    await server.again();
    startedAt = performance.now();
  });
  await expectHealed(startedAt);
  await eventually(async () => expect(await readiness()).toMatchObject(WELL));
  expect(await laneUp()).toEqual(['1', '1']);
  const { body } = await there.shop.pay(session.sessionId, CARDS.success);
  await there.shop.becomes(body.transactionId, 'SUCCESS');
});

test('a shard’s server hangs: who comes in the first second waits that long, later ones are refused at once, and what was under way is unknown', async () => {
  let resumedAt = 0;
  await whileOthersBuy(async () => {
    server.pause();
    const underWay = timed(order(there));
    await pause(50);
    const waiting = timed(order(there));
    expect((await waiting).ms).toBeLessThan(SILENT_MS + REFUSED_MS);
    await expectAllRefused(() => order(there));
    expect(await readiness()).toMatchObject(DEGRADED);
    expect(await laneUp()).toEqual(['1', '0']);
    const { status, ms } = await underWay;
    expect(status).toBe(503);
    expect(ms).toBeGreaterThan(SILENT_MS);
    await expectAllRefused(() => order(there));
    server.resume();
    resumedAt = performance.now();
  });
  await expectHealed(resumedAt);
}, 60_000);

/** No lane has asked this server anything for a moment, so that the next thing it is asked is ours: a callback may come late. */
async function hasRested(): Promise<void> {
  const busy = `select from pg_stat_activity where application_name like 'sluice lane%'
    and (state <> 'idle' or state_change > clock_timestamp() - interval '1 second')`;
  expect(await query(server.adminUrl('postgres'), busy)).toEqual([]);
}

test('a server that hangs for a moment loses nothing: what was under way is answered, and its lane serves again at once', async () => {
  await eventually(() => hasRested());
  server.pause();
  const underWay = order(there);
  await pause(SILENT_MS * 1.5);
  expectRefused(await timed(order(there)));
  server.resume();
  const made = { status: 201, body: { status: 'PENDING' } };
  expect(await underWay).toMatchObject(made);
  expect(await order(there)).toMatchObject(made);
});

test('a gateway starts beside a shard that is down, says which, and serves it once it is back', async () => {
  await server.kill();
  const late = await world.startGateway();
  expect(late.log()).toMatch(/"database":2.*shard_database_unreachable/);
  expect(await readiness(late.opsUrl)).toMatchObject(DEGRADED);
  await server.again();
  await eventually(async () => expect(await readiness(late.opsUrl)).toMatchObject(WELL), {
    withinMs: HEALED_MS,
  });
  expect(await late.stop()).toBe(0);
}, 60_000);

test('an outage is told in a few lines, not in one for each that it met', () => {
  const lines = gateway.log().trim().split('\n');
  // Of three outages in half a minute, with hundreds of refusals.
  expect(lines.length).toBeLessThan(120);
});

test('the vault is away: cards are refused at once, everything else goes on', async () => {
  const { shop } = here;
  const { sessionId } = await shop.session(await shop.intent());
  const { transactionId } = await shop.buy(CARDS.success);
  const admin = world.cluster.postgres.adminUrl('postgres');
  await query(admin, 'alter database vault with allow_connections false');
  await query(admin, "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'vault'");
  expectRefused(await timed(shop.pay(sessionId, CARDS.success)), 'card_vault_unavailable');
  await shop.session(await shop.intent());
  await shop.becomes(transactionId, 'SUCCESS');
  // Only who takes cards knows.
  await eventually(async () =>
    expect(await readiness(gateway.checkoutOpsUrl)).toMatchObject({ status: 200, degraded: ['vault'] }),
  );
  await query(admin, 'alter database vault with allow_connections true');
  await eventually(async () => expect((await shop.pay(sessionId, CARDS.success)).status).toBe(202), {
    withinMs: HEALED_MS,
  });
});

test('control and sessions are away: nobody’s key can be known, all are refused at once, and served again soon after', async () => {
  const { server: front } = world.cluster;
  await order(here);
  await front.kill();
  await eventually(async () => expect((await order(here)).status).toBe(503));
  await expectAllRefused(() => order(here), 'storage_unavailable');
  expect(await readiness()).toMatchObject({ status: 503, ready: false, checks: { control: { ok: false } } });
  await front.again();
  await eventually(async () => expect((await order(here)).status).toBe(201), { withinMs: HEALED_MS });
  await eventually(async () => expect(await readiness()).toMatchObject(WELL));
}, 60_000);

test('afterwards verify finds nothing amiss', async () => {
  const open = "select from transactions where status not in ('SUCCESS', 'FAILED')";
  await eventually(async () => expect(await queryShards(world, open)).toEqual([]), { withinMs: 30_000 });
  const { rules } = await verify({
    shardDatabaseUrls: world.cluster.owner.shards,
    books: world.banks().map(({ processors, url }) => ({ processors, place: url })),
    clientLog: null,
    unknownAfterMs: 0,
    now: Date.now(),
  });
  expect(rules.filter(({ count }) => count > 0)).toEqual([]);
}, 60_000);
