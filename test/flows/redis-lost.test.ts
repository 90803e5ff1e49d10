/**
 * Redis dead, silent or empty under two gateways: new sessions are refused soon, payments begun go on, nobody is charged twice; and while it
 * is there, what the gateways let through together is the limit (requirements 7.2, Q9; docs/REDIS.md).
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { canRun } from '../support/required-servers.ts';
import { type Answer, CARDS, cardFields, chargesOf, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const SESSION_POSTS = 5;
const CARD_PAYMENTS = 20;
/** What a refusal may take that waits for nobody; the rest is a busy machine. */
const SOON_MS = 300;

const installed = canRun('redis-server', 'what happens when Redis is lost is');

describe.skipIf(!installed)('two gateways on one Redis', () => {
  let world: World;
  let redis: RedisServer;
  let gateways: [Gateway, Gateway];
  let shop: Shop;
  let other: Shop;

  beforeAll(async () => {
    [world, redis] = await Promise.all([startWorld(), startRedis()]);
    const env = {
      SLUICE_REDIS_URL: redis.url,
      SLUICE_RATE_LIMITS: `session=${SESSION_POSTS}/3600,card=${CARD_PAYMENTS}/3600`,
      SLUICE_PROCESSOR_TIMEOUT_MS: '500',
    };
    gateways = [await world.startGateway(env), await world.startGateway(env)];
    [shop, other] = [createShop(world, gateways[0]), createShop(world, gateways[1])];
  });
  afterAll(async () => {
    await redis?.stop();
    await world?.stop();
  });

  function sessionBody(paymentIntentId: string) {
    const urls = { successUrl: 'https://shop.example/success', cancelUrl: 'https://shop.example/cancel' };
    return { paymentIntentId, merchantId: world.merchantId, ...urls };
  }

  /** A card posted as a browser does, and where that led or what was shown. */
  async function submit(sessionId: string) {
    const response = await fetch(`${gateways[0].checkoutUrl}/internal/payment/process`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ sessionId, ...cardFields(CARDS.success) }).toString(),
      redirect: 'manual',
    });
    return {
      status: response.status,
      location: response.headers.get('location'),
      page: await response.text(),
    };
  }

  async function timed(ask: () => Promise<Answer>): Promise<Answer & { tookMs: number }> {
    const asked = performance.now();
    const answer = await ask();
    return { ...answer, tookMs: performance.now() - asked };
  }

  /** Five in a row; the median, since the machine may be busy with something else. */
  async function sessionsAreRefused(paymentIntentId: string): Promise<void> {
    const tookMs: number[] = [];
    for (let i = 0; i < 5; i++) {
      const refused = await timed(() => shop.post('/v1/payment/session', sessionBody(paymentIntentId)));
      expect(refused).toMatchObject({ status: 503, body: { code: 'session_store_unavailable' } });
      expect(refused.headers.get('retry-after')).not.toBeNull();
      tookMs.push(refused.tookMs);
    }
    expect(tookMs.toSorted((a, b) => a - b)[2]).toBeLessThan(SOON_MS);
  }

  async function readiness(opsUrl: string) {
    const response = await fetch(`${opsUrl}/readyz`);
    return { status: response.status, body: await response.json() };
  }

  /** Every process of every gateway has Redis again. */
  async function untilBack(): Promise<void> {
    for (const gateway of gateways) {
      await eventually(async () => {
        for (const opsUrl of [gateway.opsUrl, gateway.checkoutOpsUrl])
          expect(await readiness(opsUrl)).toMatchObject({ status: 200, body: { degraded: [] } });
        expect(await gateway.metrics()).not.toMatch(/^sluice_redis_away\{.*\} [1-9]/m);
      });
    }
  }

  /** All that was charged for an intent, once its payment has succeeded. */
  async function paidOnce(paymentIntentId: string, transactionId: string): Promise<void> {
    await shop.becomes(transactionId, 'SUCCESS', 30_000);
    expect(await chargesOf(world, paymentIntentId)).toHaveLength(1);
  }

  test('they let pass together what the limit of a session and of a card allows', async () => {
    const { sessionId } = await shop.session(await shop.intent());
    const posts: Answer[] = [];
    for (let i = 0; i < SESSION_POSTS; i++)
      posts.push(await shop.pay(sessionId, CARDS.debit), await other.pay(sessionId, CARDS.debit));
    const limited = posts.filter(({ status }) => status === 429);
    expect(limited).toHaveLength(SESSION_POSTS);

    // The card was sealed for each post that passed.
    const payments = await Promise.all(
      Array.from({ length: 2 * CARD_PAYMENTS }, async (_, i) => {
        const at = i % 2 === 0 ? shop : other;
        const session = await at.session(await at.intent());
        return (await at.pay(session.sessionId, CARDS.debit)).status;
      }),
    );
    expect(payments.filter((status) => status === 202)).toHaveLength(CARD_PAYMENTS - SESSION_POSTS);
    expect(payments.filter((status) => status === 429)).toHaveLength(CARD_PAYMENTS + SESSION_POSTS);
  });

  test('killed: sessions are refused at once, what was begun is paid once, and it is used again when it is back', async () => {
    const begun = await Promise.all(
      [CARDS.success, CARDS.successByCallback, CARDS.successWithoutCallback].map((card, i) =>
        (i % 2 === 0 ? shop : other).buy(card),
      ),
    );
    await redis.kill();
    try {
      await sessionsAreRefused(await shop.intent());
      for (const { paymentIntentId, sessionId, transactionId } of begun) {
        const result = `${gateways[0].checkoutUrl}/checkout/result?transaction=${transactionId}&session=${sessionId}`;
        expect((await fetch(result, { redirect: 'manual' })).status).toBe(200);
        await paidOnce(paymentIntentId, transactionId);
      }
      expect(await readiness(gateways[0].opsUrl)).toMatchObject({
        status: 200,
        body: { degraded: ['sessions'] },
      });
      // A merchant uses up what was taken of its limit before this thread counts alone.
      await eventually(async () => {
        await shop.intent();
        const metrics = await gateways[0].metrics();
        expect(metrics).toMatch(/^sluice_redis_away\{thread="api"\} 1$/m);
        expect(metrics).toMatch(/^sluice_redis_commands_failed_total\{thread="api"\} [1-9]/m);
        expect(metrics).toMatch(/^sluice_rate_limit_fallbacks_total\{limit="merchant",thread="api"\} [1-9]/m);
      });
    } finally {
      await redis.again();
    }
    await untilBack();
    // What a thread tells of itself is some moments old: one that still looks for its connection tells the shopper to try again.
    const { paymentIntentId, transactionId } = await eventually(() => shop.buy(CARDS.success));
    await paidOnce(paymentIntentId, transactionId);
  }, 60_000);

  test('silent: after a second all is refused soon; the shopper is told to try again, and then the same form is paid once', async () => {
    const paymentIntentId = await shop.intent();
    const { sessionId } = await shop.session(paymentIntentId);
    redis.pause();
    try {
      const first = await timed(() => shop.post('/v1/payment/session', sessionBody(paymentIntentId)));
      expect(first).toMatchObject({ status: 503, body: { code: 'session_store_unavailable' } });
      expect(first.tookMs).toBeLessThan(2000);
      await sessionsAreRefused(paymentIntentId);
      for (let i = 0; i < 2; i++) {
        const refused = await submit(sessionId);
        expect(refused.status).toBe(503);
        expect(refused.page).toMatch(/not charged|nothing was charged/i);
        expect(refused.page).toMatch(/try again/i);
      }
      expect((await shop.get(`/v1/payment/intent/${paymentIntentId}`)).body.transactions).toEqual([]);
    } finally {
      redis.resume();
    }
    await untilBack();
    const paid = await submit(sessionId);
    expect(paid.status).toBe(303);
    await paidOnce(paymentIntentId, /transaction=(txn_[0-9a-f]+)/.exec(paid.location!)![1]!);
  }, 60_000);

  test('emptied: open sessions are over, and the merchant’s same POST brings its session back', async () => {
    const paymentIntentId = await shop.intent();
    const key = { 'Idempotency-Key': randomUUID() };
    const made = await shop.post('/v1/payment/session', sessionBody(paymentIntentId), key);
    const { sessionId, redirectUrl } = made.body;
    expect((await fetch(redirectUrl)).status).toBe(200);
    await redis.flush();
    const page = await fetch(redirectUrl);
    expect(page.status).toBe(410);
    expect((await submit(sessionId)).status).toBe(410);
    const again = await other.post('/v1/payment/session', sessionBody(paymentIntentId), key);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect(again.body).toEqual(made.body);
    expect((await fetch(redirectUrl)).status).toBe(200);
    const paid = await shop.pay(sessionId, CARDS.success);
    expect(paid.status).toBe(202);
    await paidOnce(paymentIntentId, paid.body.transactionId);
  });

  test('set to evict, it makes the gateways not ready, by name, until that is mended', async () => {
    const operator = new Redis(redis.url);
    await operator.config('SET', 'maxmemory-policy', 'allkeys-lru');
    expect(await readiness(gateways[1].opsUrl)).toMatchObject({
      status: 503,
      body: { checks: { sessions: { ok: false, detail: expect.stringContaining('allkeys-lru') } } },
    });
    await operator.config('SET', 'maxmemory-policy', 'noeviction');
    operator.disconnect();
    await untilBack();
  });
});
