/**
 * A session's ten minutes and the minute of grace, with short lifetimes, on both stores (requirements 7.2, Q9).
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freePort } from '../support/ports.ts';
import { CARDS, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const TTL_SECONDS = 2;
const GRACE_SECONDS = 2;

let world: World;
let redis: ChildProcess;
let redisUrl: string;

beforeAll(async () => {
  world = await startWorld();
  const port = await freePort();
  redisUrl = `redis://127.0.0.1:${port}`;
  redis = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--maxmemory-policy', 'noeviction'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await new Promise<void>((resolve) =>
    redis.stdout!.on('data', (text) => String(text).includes('Ready to accept') && resolve()),
  );
});
afterAll(async () => {
  redis?.kill('SIGKILL');
  await world?.stop();
});

describe.each(['PostgreSQL', 'Redis'])('sessions in %s', (store) => {
  let gateway: Gateway;
  let shop: Shop;
  beforeAll(async () => {
    gateway = await world.startGateway({
      SLUICE_SESSION_TTL_SECONDS: String(TTL_SECONDS),
      SLUICE_SESSION_GRACE_SECONDS: String(GRACE_SECONDS),
      SLUICE_REDIS_URL: store === 'Redis' ? redisUrl : '',
    });
    shop = createShop(world, gateway);
  });
  afterAll(() => gateway?.stop());

  /** Waits until the server itself no longer shows the form: its clock decides, not ours. */
  async function expired(redirectUrl: string): Promise<void> {
    await vi.waitFor(async () => expect((await fetch(redirectUrl)).status).toBe(410), {
      timeout: 10_000,
      interval: 50,
    });
  }

  test('within its lifetime the form is shown and a card is taken', async () => {
    const session = await shop.session(await shop.intent());
    expect(new Date(session.expiresAt).getTime() - Date.now()).toBeLessThanOrEqual(TTL_SECONDS * 1000);
    const page = await fetch(session.redirectUrl);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('cardNumber');
    expect((await shop.pay(session.sessionId, CARDS.success)).status).toBe(202);
  });

  test('in the grace a form that was open is still taken, though no new one is shown', async () => {
    const session = await shop.session(await shop.intent());
    await expired(session.redirectUrl);
    const paid = await shop.pay(session.sessionId, CARDS.success);
    expect(paid.status).toBe(202);
    await shop.becomes(paid.body.transactionId, 'SUCCESS');
  });

  test('after the grace nothing is taken, and a new session pays the intent', async () => {
    const intent = await shop.intent();
    const session = await shop.session(intent);
    await vi.waitFor(
      async () =>
        expect(await shop.pay(session.sessionId, '4111')).toMatchObject({
          status: 410,
          body: { code: 'session_expired' },
        }),
      { timeout: 10_000, interval: 100 },
    );
    expect((await shop.pay(session.sessionId, CARDS.success)).status).toBe(410);
    const again = await shop.session(intent);
    expect((await shop.pay(again.sessionId, CARDS.success)).status).toBe(202);
  });

  test('a session that never was is refused like one that is over', async () => {
    expect(await shop.pay(`sess_${'0'.repeat(32)}`, CARDS.success)).toMatchObject({
      status: 410,
      body: { code: 'session_expired' },
    });
    expect(await shop.pay('../../etc/passwd', CARDS.success)).toMatchObject({ status: 410 });
  });
});

test('without the session store no session is opened, and a payment that has begun goes on', async () => {
  const gateway = await world.startGateway({ SLUICE_REDIS_URL: redisUrl });
  const shop = createShop(world, gateway);
  const intent = await shop.intent();
  const begun = await shop.buy(CARDS.successByCallback);
  redis.kill('SIGKILL');
  await once(redis, 'exit');
  const answer = await shop.post('/v1/payment/session', {
    paymentIntentId: intent,
    merchantId: world.merchantId,
    successUrl: 'https://shop.example/',
    cancelUrl: 'https://shop.example/',
  });
  expect(answer).toMatchObject({ status: 503, body: { code: 'session_store_unavailable' } });
  expect(answer.headers.get('retry-after')).not.toBeNull();
  await shop.becomes(begun.transactionId, 'SUCCESS');
  await gateway.stop();
});
