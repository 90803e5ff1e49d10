/**
 * Approvals nobody gave: payments that were taken as paid, or paid twice, because a message was believed (incidents 1, 5 to 11, 18, 20, 22).
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { answered } from '../support/callback-answer.ts';
import { queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { bookOf, CARDS, cardFields, chargesOf, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';
import { eventOf, postCallback, signatureOf } from './bank-voice.ts';
import { type LyingBank, startLyingBank } from './lying-bank.ts';

const THIEF = { account: 'acct_thief', webhookSecret: 'the secret of the thief’s own account' };

let world: World;
let bank: LyingBank;
let gateway: Gateway;
let shop: Shop;

beforeAll(async () => {
  // The bank's own callbacks come late: these tests send theirs.
  world = await startWorld({ callbackDelayMs: 600_000 });
  bank = await startLyingBank(world.bankUrl);
  await world.addMerchant('merchant_thief', { account: THIEF });
  await world.addMerchant('merchant_two_banks', { fallback: true });
  gateway = await world.startGateway({
    SLUICE_SANDBOX_URL: bank.url,
    SLUICE_PROCESSOR_TIMEOUT_MS: '500',
  });
  shop = createShop(world, gateway);
});
afterAll(async () => {
  bank?.close();
  await world?.stop();
});

/** A payment that is under way at the bank, and the bank's id of it. */
async function underWay(): Promise<{ transactionId: string; chargeId: string }> {
  const { transactionId } = await shop.buy(CARDS.processingForEver);
  const chargeId = await vi.waitFor(
    async () => {
      const [line] = await bookOf(world, transactionId);
      expect(line).toBeDefined();
      return line!.id;
    },
    { timeout: 10_000 },
  );
  return { transactionId, chargeId };
}

async function rowsOfCallbacks(): Promise<number> {
  const rows = await queryShards<{ count: number }>(
    world,
    'select count(*)::int as count from processor_callbacks',
  );
  return rows.reduce((sum, { count }) => sum + count, 0);
}

/** Its row, once it is there: where Kafka carries callbacks it is applied after its answer. */
function recorded(eventId: string): Promise<Array<{ verdict: string; reason: string | null }>> {
  const select = 'select verdict, reason from processor_callbacks where event_id = $1';
  return eventually(async () => {
    const rows = await queryShards<{ verdict: string; reason: string | null }>(world, select, [eventId]);
    expect(rows).not.toEqual([]);
    return rows;
  });
}

function eventsOf(transactionId: string): Promise<Array<{ type: string }>> {
  return queryShards(world, 'select type from outbox where transaction_id = $1', [
    transactionId.slice('txn_'.length),
  ]);
}

async function isUnderWay(transactionId: string): Promise<void> {
  expect((await shop.transaction(transactionId)).body).toMatchObject({
    status: 'PROCESSING',
    completedAt: null,
  });
  expect(await eventsOf(transactionId)).toEqual([]);
}

/** Sends a callback that is the bank's own in all but what is wrong with it. */
async function sendTrue(body: string): Promise<string | null> {
  const answer = await postCallback(gateway, body, signatureOf(body, world.webhookSecret));
  expect(answer.status).toBe(200);
  return answer.body.verdict;
}

describe('a callback without the bank’s signature (incidents 1, 6, 7, 8)', () => {
  const types = [
    'charge.succeeded',
    'charge.declined',
    'charge.processing',
    'charge.requires_action',
    'refund.created',
  ];
  const anHourAgo = Date.now() - 3_600_000;
  const forgeries: Array<[string, (body: string) => Record<string, string>]> = [
    ['no signature', () => ({})],
    ['an empty one', () => ({ 'x-sandbox-timestamp': '', 'x-sandbox-signature': '' })],
    ['one made with no secret', (body) => signatureOf(body, '')],
    ['one made with another secret', (body) => signatureOf(body, 'guessed')],
    ['one of the API key', (body) => signatureOf(body, world.secretKey)],
    ['one of another text', (body) => signatureOf(`${body} `, world.webhookSecret)],
    ['an old one', (body) => signatureOf(body, world.webhookSecret, anHourAgo)],
  ];
  const addresses = [
    '/webhooks/sandbox',
    '/webhooks/sandbox?account=acct_demo',
    '/webhooks/sandbox?account=acct_nobody',
    '/webhooks/sandbox_b',
  ];

  test('of every type, forged in every way, at every address: refused, and nothing of it is kept', async () => {
    const { transactionId, chargeId } = await underWay();
    const before = await rowsOfCallbacks();
    for (const type of types) {
      for (const [what, headersOf] of forgeries) {
        for (const address of addresses) {
          const body = eventOf({ transactionId, type, data: { id: chargeId } });
          const { status } = await postCallback(gateway, body, headersOf(body), address);
          expect(status, `${type}, ${what}, ${address}`).toBe(401);
        }
      }
    }
    expect(await rowsOfCallbacks()).toBe(before);
    await isUnderWay(transactionId);
  });
});

describe('a signed callback of another payment (incidents 5, 9, 10, 18)', () => {
  test.each([
    ['the genuine approval of a cheap order, told of a dear one', { amount: 1 }, 'amount_mismatch'],
    ['one in another currency', { currency: 'JPY' }, 'currency_mismatch'],
  ])('%s settles nothing and is noted as an incident', async (_, data, reason) => {
    const { transactionId, chargeId } = await underWay();
    const eventId = `sbevt_${randomUUID()}`;
    const body = eventOf({ transactionId, eventId, data: { id: chargeId, ...data } });
    expect(await sendTrue(body)).toEqual(answered('quarantined'));
    expect(await recorded(eventId)).toEqual([{ verdict: 'quarantined', reason }]);
    expect(
      await queryShards(world, 'select kind from incidents where transaction_id = $1', [
        transactionId.slice('txn_'.length),
      ]),
    ).toEqual([{ kind: 'quarantined_charge' }]);
    await isUnderWay(transactionId);
  });

  test('the bank’s id of another shopper’s approved charge is not taken for mine', async () => {
    const approved = await shop.buy(CARDS.success);
    await shop.becomes(approved.transactionId, 'SUCCESS');
    const [theirs] = await bookOf(world, approved.transactionId);
    const mine = await underWay();
    // Which charge is mine is known once the bank's "accepted" is written.
    await vi.waitFor(
      async () =>
        expect((await shop.transaction(mine.transactionId)).body.processorTxnId).toBe(mine.chargeId),
      { timeout: 10_000 },
    );
    const eventId = `sbevt_${randomUUID()}`;
    const body = eventOf({ transactionId: mine.transactionId, eventId, data: { id: theirs!.id } });
    expect(await sendTrue(body)).toEqual(answered('quarantined'));
    expect(await recorded(eventId)).toEqual([
      { verdict: 'quarantined', reason: 'processor_txn_id_mismatch' },
    ]);
    await isUnderWay(mine.transactionId);
  });

  test('a genuine approval that is posted again pays nothing else, and cannot be pointed at something else', async () => {
    const [first, second] = [await underWay(), await underWay()];
    const eventId = `sbevt_${randomUUID()}`;
    const body = eventOf({ transactionId: first.transactionId, eventId, data: { id: first.chargeId } });
    const headers = signatureOf(body, world.webhookSecret);
    expect(await sendTrue(body)).toEqual(answered('applied'));
    expect(await recorded(eventId)).toMatchObject([{ verdict: 'applied' }]);
    for (let replay = 1; replay <= 3; replay++) {
      const { status, body: told } = await postCallback(gateway, body, headers);
      expect([status, told.verdict]).toEqual([200, answered('duplicate')]);
    }
    const pointed = body.replace(first.transactionId, second.transactionId);
    expect((await postCallback(gateway, pointed, headers)).status).toBe(401);
    await isUnderWay(second.transactionId);
    expect(await eventsOf(first.transactionId)).toEqual([{ type: 'payment.succeeded' }]);
  });

  test('a merchant’s own account at the bank pays for nobody else', async () => {
    const { transactionId, chargeId } = await underWay();
    const eventId = `sbevt_${randomUUID()}`;
    const own = eventOf({ transactionId, eventId, data: { id: chargeId, account: THIEF.account } });
    const answer = await postCallback(gateway, own, signatureOf(own, THIEF.webhookSecret));
    expect(answer).toMatchObject({ status: 200, body: { verdict: answered('quarantined') } });
    expect(await recorded(eventId)).toEqual([{ verdict: 'quarantined', reason: 'account_mismatch' }]);
    for (const type of ['charge.succeeded', 'charge.declined', 'charge.processing']) {
      const claimed = eventOf({ transactionId, type, data: { id: chargeId } });
      const { status } = await postCallback(gateway, claimed, signatureOf(claimed, THIEF.webhookSecret));
      expect(status, type).toBe(401);
    }
    await isUnderWay(transactionId);
  });

  test('another bank’s word on a charge it never had is not taken', async () => {
    const { transactionId, chargeId } = await underWay();
    const eventId = `sbevt_${randomUUID()}`;
    const body = eventOf({ transactionId, eventId, data: { id: chargeId, account: 'acct_b' } });
    const headers = signatureOf(body, world.webhookSecret);
    const answer = await postCallback(gateway, body, headers, '/webhooks/sandbox_b');
    expect(answer).toMatchObject({ status: 200, body: { verdict: answered('quarantined') } });
    expect(await recorded(eventId)).toEqual([{ verdict: 'quarantined', reason: 'processor_mismatch' }]);
    await isUnderWay(transactionId);
  });
});

test('a callback logs nobody in: no answer to one has a cookie or names a session (incident 11)', async () => {
  const { transactionId, chargeId } = await underWay();
  const before = await world.sessions.ids();
  expect(before).not.toEqual([]);
  for (const type of ['charge.processing', 'charge.succeeded', 'charge.succeeded']) {
    const body = eventOf({ transactionId, type, data: { id: chargeId } });
    const answers = [
      await postCallback(gateway, body, {}),
      await postCallback(gateway, body, signatureOf(body, world.webhookSecret)),
    ];
    for (const answer of answers) {
      expect(answer.headers.getSetCookie()).toEqual([]);
      expect([...answer.headers.keys()]).not.toContain('location');
      expect(JSON.stringify(answer.body)).not.toMatch(/sess_|sk_test_|token/);
    }
  }
  expect(await world.sessions.ids()).toEqual(before);
});

describe.concurrent('answers that are not what the bank has in its book, and answers that never come', () => {
  const lies: Array<[amount: number, Record<string, unknown>]> = [
    [7001, { amount: 1 }],
    [7002, { currency: 'JPY' }],
    [7003, { account: THIEF.account }],
    [7004, { reference: `txn_${'0'.repeat(12)}7000800000000000001` }],
  ];

  test('an approval of another amount, currency, payee or order is none: the bank is asked, and its record decides (incidents 1, 5, 9)', async () => {
    await Promise.all(
      lies.map(async ([amount, over]) => {
        bank.lieAbout(amount, ({ status, body }) => ({
          status,
          body: JSON.stringify({ ...JSON.parse(body), status: 'succeeded', ...over }),
        }));
        const { transactionId } = await shop.buy(CARDS.insufficientFunds, amount);
        const failed = await shop.becomes(transactionId, 'FAILED', 30_000);
        expect(failed.body).toMatchObject({ outcome: 'declined', failureCode: 'insufficient_funds' });
        const { events } = (await shop.get(`/v1/payment/transaction/${transactionId}/events`)).body;
        // On a busy machine a question may go unanswered before one is answered.
        const heard = events.filter(
          ({ source, type }: { source: string; type: string }) => source !== 'sluice' && type !== 'no_answer',
        );
        expect(heard).toMatchObject([
          { type: 'outcome_unknown', source: 'answer' },
          { type: 'declined', source: 'query' },
          { type: 'attempt_failed', source: 'query' },
        ]);
        expect(await eventsOf(transactionId)).toEqual([{ type: 'payment.attempt_failed' }]);
      }),
    );
  });

  test('the answer to an approved charge, replayed to the next one, pays nothing (incident 18)', async () => {
    const [dear, next] = [7005, 7006];
    let approval = '';
    bank.lieAbout(dear, (truth) => {
      approval = truth.body;
      return truth;
    });
    bank.lieAbout(next, () => ({ status: 200, body: approval }));
    const paid = await shop.buy(CARDS.success, dear);
    await shop.becomes(paid.transactionId, 'SUCCESS');
    const { transactionId } = await shop.buy(CARDS.declined, next);
    await shop.becomes(transactionId, 'FAILED', 30_000);
    expect(await eventsOf(transactionId)).toEqual([{ type: 'payment.attempt_failed' }]);
  });
  test('a merchant that hears nothing and repeats itself: one charge, and the repetitions say that they are (incident 22)', async () => {
    const amount = 7007;
    bank.lieAbout(amount, () => null);
    const paymentIntentId = await shop.intent(amount);
    const key = randomUUID();
    const pay = (idempotencyKey: string) =>
      fetch(`${gateway.checkoutUrl}/v1/payment/process`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${world.secretKey}`,
          'content-type': 'application/json',
          'idempotency-key': idempotencyKey,
        },
        body: JSON.stringify({
          paymentIntentId,
          merchantId: world.merchantId,
          ...cardFields(CARDS.success),
        }),
      });
    const first = await pay(key);
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([202, null]);
    const { transactionId } = (await first.json()) as { transactionId: string };
    for (let retry = 1; retry <= 3; retry++) {
      const again = await pay(key);
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([202, 'true']);
      expect(await again.json()).toMatchObject({ transactionId });
      // Or as a client that has forgotten its key.
      expect((await pay(randomUUID())).status).toBe(409);
    }
    await shop.becomes(transactionId, 'SUCCESS', 30_000);
    expect((await pay(randomUUID())).status).toBe(409);
    expect(await chargesOf(world, paymentIntentId)).toMatchObject([{ reference: transactionId, amount }]);
  });

  test('a shopper whose bank is silent is told that it goes on, whatever card comes next (incident 22)', async () => {
    const amount = 7008;
    bank.lieAbout(amount, () => null);
    const { paymentIntentId, sessionId, transactionId } = await shop.buy(CARDS.success, amount);
    for (const card of [CARDS.success, CARDS.declined, '4242424242424242']) {
      expect(await shop.pay(sessionId, card)).toMatchObject({
        status: 409,
        body: { code: 'payment_in_progress', transactionId },
      });
    }
    await shop.becomes(transactionId, 'SUCCESS', 30_000);
    expect(await chargesOf(world, paymentIntentId)).toHaveLength(1);
  });
});

describe('the amount is the intent’s, whoever names another (incident 20)', () => {
  test('a browser’s “1 rupee” is refused in every syntax, and the bank is asked for the order’s price', async () => {
    const paymentIntentId = await shop.intent(499_900);
    const { sessionId, redirectUrl } = await shop.session(paymentIntentId);
    const page = await (await fetch(redirectUrl)).text();
    expect(page).not.toMatch(/name="(amount|currency|price)"/);
    const asForm = (more: Record<string, string>) =>
      fetch(`${gateway.checkoutUrl}/internal/payment/process`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ sessionId, ...cardFields(CARDS.success), ...more }),
        redirect: 'manual',
      });
    for (const amount of [100, 1, 499_899]) {
      expect((await shop.pay(sessionId, CARDS.success, { amount })).status).toBe(422);
      expect((await asForm({ amount: String(amount) })).status).toBe(422);
    }
    for (const amount of [0, -499_900, 0.01, '499899', '1e5']) {
      expect((await shop.pay(sessionId, CARDS.success, { amount })).status).toBeOneOf([400, 422]);
    }
    expect((await shop.pay(sessionId, CARDS.success, { currency: 'JPY' })).status).toBe(422);
    expect((await asForm({ currency: 'JPY' })).status).toBe(422);
    expect(await chargesOf(world, paymentIntentId)).toEqual([]);
    const paid = await asForm({ amount: '499900', currency: 'INR' });
    expect(paid.status).toBe(303);
    await eventually(async () =>
      expect(await chargesOf(world, paymentIntentId)).toMatchObject([{ amount: 499_900, currency: 'INR' }]),
    );
  });

  test('a session cannot change the price of its intent', async () => {
    const paymentIntentId = await shop.intent(499_900);
    for (const more of [{ amount: 100 }, { currency: 'JPY' }, { orderId: 'order_cheap' }]) {
      const answer = await shop.post('/v1/payment/session', {
        paymentIntentId,
        merchantId: world.merchantId,
        successUrl: 'https://shop.example/',
        cancelUrl: 'https://shop.example/',
        ...more,
      });
      expect(answer.status).toBe(400);
    }
  });
});
