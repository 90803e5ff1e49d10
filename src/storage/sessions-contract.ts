/**
 * What every session store must do; run by each store's own test on a real server.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type CheckoutSession, type SessionStore, SessionStoreError } from './sessions.ts';

export interface SessionStoreUnderTest {
  /** Two stores on one server, as two threads have them. */
  stores: [SessionStore, SessionStore];
  /** Takes the server away. */
  breakServer(): Promise<void>;
  close(): Promise<void>;
}

export function sessionStoreContract(name: string, open: () => Promise<SessionStoreUnderTest>): void {
  describe(`session store: ${name}`, () => {
    let under: SessionStoreUnderTest;
    let store: SessionStore;
    let other: SessionStore;

    beforeAll(async () => {
      under = await open();
      [store, other] = under.stores;
    });
    afterAll(() => under?.close());

    test('a session that was put is open, for the other thread too, with its whole content', async () => {
      const id = newId();
      await store.put(
        id,
        session({ orderId: 'order "1"\\ {a,b} NULL \u0000 \ud800 ₹ 日本' }),
        600_000,
        60_000,
      );
      const live = await other.get(id);
      expect(live).toMatchObject({ state: 'open' });
      expect(live!.session).toEqual(
        JSON.parse(JSON.stringify(session({ orderId: 'order "1"\\ {a,b} NULL \u0000 \ud800 ₹ 日本' }))),
      );
      expect(live!.remainingMs).toBeGreaterThan(590_000);
      expect(live!.remainingMs).toBeLessThanOrEqual(600_000);
    });

    test('after its lifetime it is in grace, and after the grace it is not there', async () => {
      const id = newId();
      await store.put(id, session(), 150, 400);
      expect((await store.get(id))?.state).toBe('open');
      const grace = await vi.waitFor(async () => {
        const live = await store.get(id);
        expect(live?.state).toBe('grace');
        return live!;
      }, 5000);
      expect(grace.session).toEqual(session());
      expect(grace.remainingMs).toBeLessThanOrEqual(400);
      await vi.waitFor(async () => expect(await store.get(id)).toBeUndefined(), 5000);
    });

    test('put again it has the new content and the new lifetime', async () => {
      const id = newId();
      await store.put(id, session(), 1000, 1000);
      await store.put(id, session({ amount: 5 }), 600_000, 60_000);
      const live = await store.get(id);
      expect(live).toMatchObject({ state: 'open', session: { amount: 5 } });
      expect(live!.remainingMs).toBeGreaterThan(500_000);
    });

    test('of two puts of one session at once, one stays whole', async () => {
      const id = newId();
      await Promise.all([
        store.put(id, session({ amount: 1 }), 600_000, 0),
        store.put(id, session({ amount: 2 }), 600_000, 0),
        other.put(id, session({ amount: 3 }), 600_000, 0),
      ]);
      expect([1, 2, 3]).toContain((await store.get(id))?.session.amount);
    });

    test('two threads that put the same sessions in opposite orders do not hold each other up', async () => {
      const ids = Array.from({ length: 200 }, newId);
      for (let round = 0; round < 20; round++) {
        await Promise.all([
          ...ids.map((id) => store.put(id, session({ amount: 1 }), 600_000, 0)),
          ...ids.toReversed().map((id) => other.put(id, session({ amount: 2 }), 600_000, 0)),
        ]);
      }
    });

    test('a lifetime that is over leaves the grace; both over leave nothing', async () => {
      const [inGrace, over] = [newId(), newId()];
      await store.put(inGrace, session(), 0, 60_000);
      await store.put(over, session(), -60_000, 60_000);
      await vi.waitFor(async () => {
        expect((await store.get(inGrace))?.state).toBe('grace');
        expect(await store.get(over)).toBeUndefined();
      }, 2000);
    });

    test('a thousand at once each get their own', async () => {
      const ids = Array.from({ length: 1000 }, newId);
      await Promise.all(ids.map((id, amount) => store.put(id, session({ amount }), 600_000, 60_000)));
      const live = await Promise.all(ids.map((id) => other.get(id)));
      expect(live.map((found) => found?.session.amount)).toEqual(ids.map((_, amount) => amount));
    });

    test.each([
      '',
      'sess_',
      'expired:sess_0',
      'sess_\u0000',
      `sess_${'A'.repeat(32)}`,
      `sess_${'0'.repeat(33)}`,
    ])('an id of another shape is not there, and nothing is kept under it: %j', async (id) => {
      expect(await store.get(id)).toBeUndefined();
      await expect(store.put(id, session(), 1000, 1000)).rejects.toThrow(RangeError);
    });

    test('an id that never was is not there', async () => {
      expect(await store.get(newId())).toBeUndefined();
    });

    test('ping answers', async () => {
      await store.ping();
    });

    test('without its server every call is refused, soon and by name', async () => {
      await under.breakServer();
      for (const call of [
        () => store.put(newId(), session(), 1000, 1000),
        () => store.get(newId()),
        () => store.ping(),
      ]) {
        const asked = performance.now();
        await expect(call()).rejects.toThrow(SessionStoreError);
        expect(performance.now() - asked).toBeLessThan(5000);
      }
    });
  });
}

function newId(): string {
  return `sess_${randomBytes(16).toString('hex')}`;
}

function session(changes: Partial<CheckoutSession> = {}): CheckoutSession {
  return {
    paymentIntentId: `pi_${'0'.repeat(32)}`,
    merchantId: 'merchant_a',
    transactionId: `txn_${'0'.repeat(31)}1`,
    orderId: 'order_1',
    customerId: null,
    createdAt: '2026-01-21T10:00:00.000Z',
    amount: 500_000,
    currency: 'INR',
    successUrl: 'https://shop.example/success',
    cancelUrl: 'https://shop.example/cancel',
    expiresAt: '2026-01-21T10:10:00.000Z',
    ...changes,
  };
}
