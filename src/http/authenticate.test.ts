import { createHash } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { createAuthenticate, type Merchant } from './authenticate.ts';
import { readIdempotencyKey } from './idempotency-key.ts';
import { createRateLimit } from './rate-limit.ts';

const KEY = 'sk_test_0123456789abcdef0123456789abcdef';
const MERCHANT: Merchant = {
  merchantId: 'merchant_1',
  name: 'One',
  mode: 'test',
  spread: 1,
  redirectOrigins: [],
};
const DIGEST = createHash('sha256').update(KEY).digest('hex');

function gate(merchant: Merchant | undefined = MERCHANT) {
  const lookup = vi.fn(async (digest: string) => (digest === DIGEST ? merchant : undefined));
  const authenticate = createAuthenticate({
    mode: 'test',
    merchantByKeyDigest: lookup,
    onLookupFailed: () => undefined,
  });
  return { authenticate, lookup };
}

const basic = (user: string): string => `Basic ${Buffer.from(user).toString('base64')}`;

test.each([`Bearer ${KEY}`, `bearer  ${KEY}`, basic(`${KEY}:`), basic(`${KEY}:ignored`)])(
  '%s',
  async (header) => {
    expect(await gate().authenticate(header)).toEqual({ ok: true, merchant: MERCHANT });
  },
);

test.each([
  '',
  'Bearer',
  'Bearer nonsense',
  `Bearer ${KEY}x`,
  `Token ${KEY}`,
  KEY,
  basic(KEY),
  `Bearer ${KEY} ${KEY}`,
])('unauthorized: %j', async (header) => {
  expect(await gate().authenticate(header)).toMatchObject({ ok: false, refusal: { code: 'unauthorized' } });
});

test('a key of the other mode, by its prefix or by its merchant', async () => {
  const { authenticate, lookup } = gate();
  const live = await authenticate('Bearer sk_live_0123456789abcdef0123456789abcdef');
  expect(live).toMatchObject({ ok: false, refusal: { code: 'wrong_mode' } });
  expect(lookup).not.toHaveBeenCalled();
  const wrong = await gate({ ...MERCHANT, mode: 'live' }).authenticate(`Bearer ${KEY}`);
  expect(wrong).toMatchObject({ ok: false, refusal: { code: 'wrong_mode' } });
});

test('keys that cannot be looked up are 503, and why is told inside', async () => {
  const failed = vi.fn();
  const authenticate = createAuthenticate({
    mode: 'test',
    merchantByKeyDigest: () => Promise.reject(new Error('down')),
    onLookupFailed: failed,
  });
  expect(await authenticate(`Bearer ${KEY}`)).toMatchObject({ refusal: { code: 'storage_unavailable' } });
  expect(failed).toHaveBeenCalledOnce();
});

test.each([
  ['', null],
  ['abc', 'abc'],
  ['"abc"', 'abc'],
  ['"a\\"b\\\\c"', 'a"b\\c'],
  ['a b', 'a b'],
  ['x'.repeat(255), 'x'.repeat(255)],
  [`"${'x'.repeat(255)}"`, 'x'.repeat(255)],
])('Idempotency-Key %j', (header, key) => {
  expect(readIdempotencyKey(header)).toEqual({ ok: true, key });
});

test.each(['"', '""', '"a', '"a"b"', '"a\\b"', 'x'.repeat(256), 'é', 'a\tb'])(
  'Idempotency-Key %j is refused',
  (header) => {
    expect(readIdempotencyKey(header)).toMatchObject({
      ok: false,
      refusal: { code: 'invalid_idempotency_key' },
    });
  },
);

test('a rate limit: so many at once, then as they come back, each name for itself', () => {
  const limit = createRateLimit({ count: 2, perSeconds: 1, namesMax: 10 });
  expect([limit('a', 0), limit('a', 0), limit('a', 0), limit('b', 0)]).toEqual([true, true, false, true]);
  expect([limit('a', 499), limit('a', 500), limit('a', 500)]).toEqual([false, true, false]);
  expect([limit('a', 10_000), limit('a', 10_000), limit('a', 10_000)]).toEqual([true, true, false]);
  expect(limit('a', 5000)).toBe(false);
});

test('a rate limit remembers a bounded number of names, the oldest is forgotten', () => {
  const limit = createRateLimit({ count: 1, perSeconds: 1000, namesMax: 2 });
  expect([limit('a', 0), limit('b', 0), limit('c', 0)]).toEqual([true, true, true]);
  expect([limit('c', 0), limit('b', 0), limit('a', 0)]).toEqual([false, false, true]);
});
