/**
 * The resolver on real parts: two banks that lose answers, an account the merchant has left, and a charge that comes when its attempt
 * was closed long ago. No callback helps.
 *
 * @module
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { query, queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { bookOf, CARDS, createShop } from '../support/shop.ts';
import { createSteppedClock, type SteppedClock } from '../support/stepped-clock.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const TWO_BANKS = 'merchant_two_banks';

let world: World;
let clock: SteppedClock;
let gateway: Gateway;
let secretOfTwoBanks: string;

beforeAll(async () => {
  world = await startWorld({ callbackDelayMs: 600_000 });
  await world.startBankB();
  secretOfTwoBanks = await world.addMerchant(TWO_BANKS, { fallback: true });
  clock = createSteppedClock(world.folder, 'gateway');
  const proof = { SLUICE_SEND_BEFORE_SECONDS: '2', SLUICE_NOT_FOUND_PROOF_SECONDS: '1' };
  gateway = await world.startGateway({ ...proof, ...clock.env });
});
afterAll(() => world?.stop());

async function fault(bankUrl: string, what: Record<string, unknown>): Promise<void> {
  const response = await fetch(`${bankUrl}/_bank/faults`, { method: 'POST', body: JSON.stringify(what) });
  expect(response.ok).toBe(true);
}

async function rowOf(transactionId: string) {
  const [row] = await queryShards(world, 'select * from transactions where transaction_id = $1', [
    transactionId.slice('txn_'.length),
  ]);
  return row!;
}

async function queriesOf(processor: string): Promise<string> {
  const metrics = await gateway.metrics();
  return metrics
    .split('\n')
    .filter((line) => line.startsWith('sluice_recovery_queries_total') && line.includes(`"${processor}"`))
    .join('\n');
}

test('a charge of the second leg whose answer is lost is found there, and the first bank is asked as well', async () => {
  const shop = createShop(world, gateway, secretOfTwoBanks, TWO_BANKS);
  await fault(world.bankBUrl, { step: 'charge', fault: 'drop', card: CARDS.connectionRefused.slice(0, 8) });
  const { transactionId } = await shop.buy(CARDS.connectionRefused);
  await shop.becomes(transactionId, 'SUCCESS');
  const row = await rowOf(transactionId);
  expect(row).toMatchObject({ leg: 2, processor: 'SANDBOX_B', processor_account: 'acct_b' });
  expect(row.evidence.at(-1)).toMatchObject({ source: 'query', said: 'charged', leg: 2 });
  await eventually(async () => {
    expect(await queriesOf('SANDBOX')).toContain('outcome="not_found"');
    expect(await queriesOf('SANDBOX_B')).toContain('outcome="found"');
  });
  expect(await bookOf(world, transactionId)).toEqual([]);
}, 60_000);

test('an attempt at an account the merchant has left is asked about with that account', async () => {
  const shop = createShop(world, gateway, secretOfTwoBanks, TWO_BANKS);
  await fault(world.bankUrl, { step: 'query', fault: 'error500', count: 2 });
  const { transactionId } = await shop.buy(CARDS.answerLost);
  await query(
    world.cluster.owner.control,
    `update merchant_preferences set preferred_processor = 'SANDBOX_B', preferred_account = 'acct_b',
       fallback_processor = null, fallback_account = null where merchant_id = $1`,
    [TWO_BANKS],
  );
  await shop.becomes(transactionId, 'SUCCESS');
  const row = await rowOf(transactionId);
  expect(row).toMatchObject({ processor: 'SANDBOX', processor_account: 'acct_demo' });
  // What queries came back with is told, once per change.
  const said = (row.evidence as Array<{ said: string; source: string }>).filter(
    ({ source }) => source === 'query',
  );
  expect(said.map((line) => line.said)).toEqual(['no_answer', 'charged']);
}, 60_000);

test('a charge that comes after its attempt was closed as never arrived is found ten minutes later', async () => {
  const shop = createShop(world, gateway);
  const card = CARDS.successWithoutCallback;
  await fault(world.bankUrl, { step: 'charge', fault: 'bookLate', ms: 20_000, card: card.slice(0, 8) });
  const { transactionId } = await shop.buy(card);
  const closed = await shop.becomes(transactionId, 'FAILED');
  expect(closed.body.failureCode).toBe('processor_never_received');
  await eventually(async () => expect(await bookOf(world, transactionId)).toHaveLength(1), {
    withinMs: 30_000,
  });
  clock.set(11 * 60);
  await shop.becomes(transactionId, 'SUCCESS');
  const events = await queryShards(
    world,
    'select type, sequence from outbox where transaction_id = $1 order by sequence',
    [transactionId.slice('txn_'.length)],
  );
  expect(events).toEqual([
    { type: 'payment.failed', sequence: 1 },
    { type: 'payment.recovered', sequence: 2 },
  ]);
}, 90_000);
