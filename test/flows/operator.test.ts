/**
 * The operator's desk on real parts: what nobody knows is listed, told and resolved by a person, and gateways at work believe it.
 *
 * @module
 */

import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sluice } from '../../src/cli/sluice.ts';
import { queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { bookOf, CARDS, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

/** What is open is not closed by proof while these tests look at it. */
const SLOW_PROOF = { SLUICE_SEND_BEFORE_SECONDS: '2', SLUICE_NOT_FOUND_PROOF_SECONDS: '600' };

let world: World;
let gateway: Gateway;
let shop: Shop;
/** Webhooks the merchant got, by transaction. */
const heard: Array<{ type: string; transactionId: string }> = [];

const receiver = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { type, data } = JSON.parse(Buffer.concat(chunks).toString());
    heard.push({ type, transactionId: data.transactionId });
    response.writeHead(204).end();
  });
});

beforeAll(async () => {
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  world = await startWorld({ callbackDelayMs: 600_000 });
  gateway = await world.startGateway({ ...SLOW_PROOF, SLUICE_ALLOW_PRIVATE_WEBHOOKS: 'on' });
  shop = createShop(world, gateway);
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  expect((await shop.post('/v1/webhook-endpoints', { url })).status).toBe(201);
});
afterAll(async () => {
  await world?.stop();
  receiver.close();
});

interface Ran {
  code: number;
  out: string;
  err: string;
}

async function run(words: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await sluice(['payments', ...words], {
    env: {
      SLUICE_DATA_DIR: world.folder,
      SLUICE_CONTROL_DATABASE_URL: world.cluster.services.control,
      SLUICE_VAULT_DATABASE_URL: world.cluster.services.vault!,
      SLUICE_SHARD_DATABASE_URLS: world.cluster.services.shards.join(','),
      ...env,
    },
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  });
  return { code, out: out.join(''), err: err.join('\n') };
}

function resolve(id: string, as: string, reason = 'the bank said so by telephone'): Promise<Ran> {
  return run(['resolve', id, '--as', as, '--reason', reason, '--by', 'asha']);
}

interface Listed {
  type: string;
  transactionId: string | null;
  callbackId?: string;
  lastEvidence?: { source: string; said: string } | null;
}

async function listed(): Promise<Listed[]> {
  const { code, out, err } = await run(['unresolved', '--older-than', '0', '--json']);
  expect([code, err]).toEqual([0, '']);
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function story(id: string) {
  const { code, out, err } = await run(['show', id, '--json']);
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out);
}

/** The bank works on it for ever, and has said so. */
async function unknown(): Promise<string> {
  const { transactionId } = await shop.buy(CARDS.processingForEver);
  await eventually(async () =>
    expect(await rowOf(transactionId)).toMatchObject({
      status: 'PROCESSING',
      processor_txn_id: expect.any(String),
    }),
  );
  return transactionId;
}

async function rowOf(transactionId: string) {
  const [row] = await queryShards(world, 'select * from transactions where transaction_id = $1', [
    transactionId.slice('txn_'.length),
  ]);
  return row!;
}

function auditOf(transactionId: string) {
  return queryShards(world, 'select operator, action, reason from operator_audit where transaction_id = $1', [
    transactionId.slice('txn_'.length),
  ]);
}

function eventsOf(transactionId: string) {
  return queryShards(world, 'select type, status, failure_code from outbox where transaction_id = $1', [
    transactionId.slice('txn_'.length),
  ]);
}

/** Operators' sessions that wait for a row of somebody else. */
function waitingResolvers() {
  return queryShards(
    world,
    `select from pg_locks join pg_stat_activity using (pid)
     where not granted and application_name = 'sluice payments resolve' and datname = current_database()`,
  );
}

async function callback(transactionId: string, over: Record<string, unknown> = {}): Promise<string> {
  const eventId = `sbevt_${randomUUID()}`;
  const [line] = await bookOf(world, transactionId);
  const data = {
    ...{ id: line?.id ?? 'ch_none', reference: transactionId, account: 'acct_demo' },
    ...{ amount: 5000, currency: 'INR', status: 'succeeded', ...over },
  };
  const body = JSON.stringify({ event_id: eventId, type: 'charge.succeeded', created: Date.now(), data });
  const timestamp = Math.floor(Date.now() / 1000);
  const response = await fetch(`${gateway.apiUrl}/webhooks/sandbox`, {
    method: 'POST',
    headers: {
      'x-sandbox-timestamp': String(timestamp),
      'x-sandbox-signature': createHmac('sha256', world.webhookSecret)
        .update(`${timestamp}.${body}`)
        .digest('hex'),
    },
    body,
  });
  expect(response.status).toBe(200);
  return eventId;
}

test('an unknown charge is listed, told, resolved as a success, and that is what everybody hears', async () => {
  const id = await unknown();
  expect(await listed()).toContainEqual(
    expect.objectContaining({
      type: 'attempt',
      transactionId: id,
      status: 'PROCESSING',
      processorAccount: 'acct_demo',
    }),
  );
  const table = await run(['unresolved', '--older-than', '0']);
  expect(table.out).toMatch(new RegExp(`${id}  .*PROCESSING .*unknown .*50.00 INR .*merchant_demo`));

  expect(await resolve(id, 'success')).toEqual({
    code: 0,
    out: `${id} is SUCCESS now (was PROCESSING)\n`,
    err: '',
  });
  await shop.becomes(id, 'SUCCESS', 2000);
  await eventually(() => expect(heard).toContainEqual({ type: 'payment.succeeded', transactionId: id }));
  expect(await auditOf(id)).toEqual([
    { operator: 'asha', action: 'resolved_success', reason: 'the bank said so by telephone' },
  ]);
  expect((await listed()).map(({ transactionId }) => transactionId)).not.toContain(id);

  expect(await resolve(id, 'success')).toMatchObject({
    code: 0,
    out: `${id} is SUCCESS already: nothing was changed\n`,
  });
  expect(await resolve(id, 'failed')).toMatchObject({
    code: 1,
    err: expect.stringContaining('never taken back'),
  });
  expect(await auditOf(id)).toHaveLength(1);
  expect(await eventsOf(id)).toHaveLength(1);

  await eventually(async () => {
    const told = await story(id);
    expect(told).toMatchObject({ status: 'SUCCESS', orderId: expect.any(String), incidents: [] });
    expect(told.attempts[0].evidence.at(-1)).toMatchObject({ source: 'operator', said: 'charged' });
    expect(told.events).toMatchObject([
      { type: 'payment.succeeded', deliveries: [{ state: 'delivered', tries: 1 }] },
    ]);
    expect(told.operatorAudit).toMatchObject([{ operator: 'asha', action: 'resolved_success' }]);
  });
  const shown = await run(['show', `pi_${id.slice(4, -1)}0`]);
  for (const part of [
    'SUCCESS (charged)',
    'leg 1 to SANDBOX acct_demo: preferred',
    'operator: charged',
    'delivered, tries 1, last answer 204',
  ])
    expect(shown.out).toContain(part);
  expect(shown.out).toContain('resolved_success by asha: the bank said so by telephone');
}, 60_000);

test('what a gateway believed before does no harm: a later callback is a duplicate', async () => {
  const id = await unknown();
  await resolve(id, 'success');
  const eventId = await callback(id);
  expect((await story(id)).callbacks).toMatchObject([
    { callbackId: eventId, verdict: 'duplicate', said: 'charged' },
  ]);
  expect(await eventsOf(id)).toHaveLength(1);
});

test('one resolved as failed stays closed, and the charge that comes all the same is recovered', async () => {
  const id = await unknown();
  await eventually(async () => expect((await resolve(id, 'failed')).code).toBe(0));
  const shown = await shop.becomes(id, 'FAILED', 2000);
  expect(shown.body.failureCode).toBe('resolved_as_failed');
  expect(await rowOf(id)).toMatchObject({ reopenable: false });
  expect((await resolve(id, 'failed')).out).toContain(
    'is FAILED already (resolved_as_failed): nothing was changed',
  );
  await callback(id);
  await shop.becomes(id, 'SUCCESS', 2000);
  await eventually(() => expect(heard).toContainEqual({ type: 'payment.recovered', transactionId: id }));
  expect(await auditOf(id)).toMatchObject([{ action: 'resolved_failed' }]);
});

test('of an attempt that went to two banks an operator says which one charged', async () => {
  const merchantId = 'merchant_two_banks';
  const key = await world.addMerchant(merchantId, { fallback: true });
  // The second bank does not run, so neither is reached.
  const { transactionId } = await createShop(world, gateway, key, merchantId).buy(CARDS.connectionRefused);
  await eventually(async () =>
    expect(await rowOf(transactionId)).toMatchObject({ status: 'FAILED', processor: 'SANDBOX_B' }),
  );
  const words = ['resolve', transactionId, '--as', 'success', '--reason', 'their statement'];
  expect(await run([...words, '--leg', '1'])).toMatchObject({
    code: 0,
    out: `${transactionId} is SUCCESS now (was FAILED); incident earlier_leg_charged was noted\n`,
  });
  expect(await rowOf(transactionId)).toMatchObject({ status: 'SUCCESS', processor: 'SANDBOX' });
  expect((await story(transactionId)).incidents).toMatchObject([{ kind: 'earlier_leg_charged' }]);
  expect(await run([...words, '--leg', '2'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('is SUCCESS by leg 1 already'),
  });
  expect((await resolve(transactionId, 'acknowledged')).code).toBe(0);
});

test('an attempt that may still be sent is not called failed', async () => {
  const { transactionId } = await shop.buy(CARDS.answerLost);
  await fetch(`${world.bankUrl}/_bank/faults`, {
    method: 'POST',
    body: JSON.stringify({ step: 'query', fault: 'notFound', reference: transactionId, count: 100 }),
  });
  const refused = await resolve(transactionId, 'failed');
  expect([refused.code, refused.err]).toEqual([1, expect.stringMatching(/may still be sent for \d+ s/)]);
  await eventually(async () =>
    expect((await listed()).find((one) => one.transactionId === transactionId)?.lastEvidence).toMatchObject({
      source: 'query',
      said: 'not_found',
    }),
  );
  expect((await resolve(transactionId, 'success')).code).toBe(0);
  await shop.becomes(transactionId, 'SUCCESS', 2000);
});

test('two operators and a gateway at once: one of them moves it, with one event', async () => {
  const id = await unknown();
  const ran = await Promise.all([resolve(id, 'success'), callback(id), resolve(id, 'success')]);
  expect(ran.map((one) => (typeof one === 'string' ? 0 : one.code))).toEqual([0, 0, 0]);
  expect((await auditOf(id)).length).toBeLessThanOrEqual(1);
  expect(await eventsOf(id)).toHaveLength(1);
});

test('one that loses against a gateway is tried again on the row as it is then', async () => {
  const id = await unknown();
  let resolving: Promise<Ran> | undefined;
  const others = world.cluster.owner.shards.map((connectionString) => new pg.Client({ connectionString }));
  try {
    for (const other of others) {
      await other.connect();
      await other.query('begin');
      await other.query('update transactions set revision = revision + 1 where transaction_id = $1', [
        id.slice('txn_'.length),
      ]);
    }
    resolving = resolve(id, 'success');
    await eventually(async () => expect(await waitingResolvers()).toHaveLength(1));
    for (const other of others) await other.query('commit');
  } finally {
    await Promise.all(others.map((other) => other.end()));
  }
  expect(await resolving).toMatchObject({ code: 0, out: `${id} is SUCCESS now (was PROCESSING)\n` });
  expect(await auditOf(id)).toHaveLength(1);
  expect(await eventsOf(id)).toHaveLength(1);
});

describe('incidents and callbacks', () => {
  test('a charge of another amount is listed until it is acknowledged, and its callback is kept', async () => {
    const id = await unknown();
    const eventId = await callback(id, { amount: 1 });
    const before = await listed();
    expect(before).toContainEqual(
      expect.objectContaining({ type: 'incident', transactionId: id, kind: 'quarantined_charge' }),
    );
    expect(before).toContainEqual(
      expect.objectContaining({
        type: 'callback',
        callbackId: eventId,
        verdict: 'quarantined',
        reason: 'amount_mismatch',
      }),
    );
    const shown = await run(['show', id]);
    expect(shown.out).toContain('quarantined (amount_mismatch)');
    expect(shown.out).toMatch(/quarantined_charge {2}not acknowledged/);
    expect((await resolve(id, 'acknowledged')).out).toContain('acknowledged: quarantined_charge');
    expect((await resolve(id, 'acknowledged')).out).toContain('nothing was changed');
    expect(await auditOf(id)).toMatchObject([{ action: 'incident_acknowledged' }]);
    expect((await listed()).filter(({ type }) => type === 'incident')).toEqual([]);
    expect((await run(['show', id])).out).toMatch(/quarantined_charge {2}acknowledged 2/);
    expect((await rowOf(id)).status).toBe('PROCESSING');
  });

  test('a callback that found no transaction is listed', async () => {
    const id = await unknown();
    const stranger = `${id.slice(0, -1)}5`;
    const eventId = await callback(stranger);
    expect(await listed()).toContainEqual(
      expect.objectContaining({ callbackId: eventId, verdict: 'unmatched', transactionId: stranger }),
    );
    expect((await run(['unresolved'])).out).toMatch(/callbacks without a transaction: [1-9]/);
  });

  test('an attempt without an incident has none to acknowledge', async () => {
    const { transactionId } = await shop.buy(CARDS.success);
    expect(await resolve(transactionId, 'acknowledged')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no incident'),
    });
  });
});

describe('what cannot be done is said with what to mend', () => {
  test('an id that is not there', async () => {
    const { transactionId } = await shop.buy(CARDS.success);
    const stranger = `${transactionId.slice(0, -1)}5`;
    expect(await run(['show', stranger])).toMatchObject({
      code: 1,
      err: expect.stringContaining(`${stranger} is not there`),
    });
    expect(await resolve(stranger, 'success')).toMatchObject({ code: 1, err: `${stranger} is not there` });
  });

  test('a database that is down: the others are listed all the same', async () => {
    const id = await unknown();
    const other = world.cluster.services.shards.map((url) => {
      const down = new URL(url);
      down.port = '1';
      return down.href;
    });
    const one = { SLUICE_SHARD_DATABASE_URLS: [other[0]!, world.cluster.services.shards[1]!].join(',') };
    const half = await run(['unresolved'], one);
    expect([half.code, half.out]).toEqual([1, expect.stringContaining('attempts without a final word: ')]);
    expect(half.err).toMatch(
      /shard database 127.0.0.1:1\/\S+ failed \(ECONNREFUSED\): see its server, and SLUICE_SHARD_DATABASE_URLS/,
    );
    const none = { SLUICE_SHARD_DATABASE_URLS: other.join(',') };
    expect(await run(['resolve', id, '--as', 'success', '--reason', 'r'], none)).toMatchObject({
      code: 1,
      err: expect.stringContaining('ECONNREFUSED'),
    });
    const lost = { SLUICE_CONTROL_DATABASE_URL: 'postgres://u@127.0.0.1:1/control' };
    expect(await run(['show', id], lost)).toMatchObject({
      code: 1,
      err: expect.stringContaining('SLUICE_CONTROL_DATABASE_URL'),
    });
  });

  test('a role that may not write the audit lists and shows, and resolves nothing', async () => {
    const id = await unknown();
    const role = new URL(world.cluster.services.shards[0]!).username;
    await queryShards(world, `revoke insert on operator_audit from ${role}`);
    expect((await run(['unresolved'])).code).toBe(0);
    expect((await run(['show', id])).code).toBe(0);
    const refused = await resolve(id, 'success');
    await queryShards(world, `grant insert on operator_audit to ${role}`);
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringContaining(`the role ${role} is not allowed to`),
    ]);
    expect((await rowOf(id)).status).toBe('PROCESSING');
  });
});
