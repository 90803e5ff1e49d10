import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anAttempt, anIntent, aWord, T0 } from '../../test/support/payments.ts';
import { OUTCOMES, type OutcomeCode } from '../domain/outcomes.ts';
import { CodecError, decode, encode } from './codec.ts';
import type { Envelope } from './envelope.ts';
import type { ShardReply } from './replies.ts';
import type { ShardRequest } from './requests.ts';
import { shapes } from './shapes.ts';

const plainValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.uint8Array({ maxLength: 64 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).value;

const id = fc.nat();
const envelope: fc.Arbitrary<Envelope> = fc.oneof(
  fc.record({
    kind: fc.constant('ask' as const),
    id,
    service: fc.string(),
    shard: fc.nat({ max: 1023 }),
    deadline: fc.double({ min: 0, max: 2 ** 50, noNaN: true }),
    body: plainValue,
  }),
  fc.record({ kind: fc.constant('reply' as const), id, body: plainValue }),
  fc.record({
    kind: fc.constant('failure' as const),
    id,
    refusal: fc.record({
      code: fc.constantFrom(...(Object.keys(OUTCOMES) as OutcomeCode[])),
      detail: fc.string(),
    }),
  }),
);

test('what is encoded is decoded, each buffer on its own', () => {
  fc.assert(
    fc.property(fc.array(fc.array(envelope, { maxLength: 5 }), { maxLength: 4 }), (posts) => {
      const buffers = posts.map((post) => encode(post));
      const readBackwards = buffers.map(decode).reverse();
      expect(readBackwards.reverse()).toEqual(posts);
    }),
    { numRuns: 500, verbose: 1 },
  );
});

test('the usual messages carry no description of their fields, and another thread reads them', () => {
  const attempt = anAttempt({
    evidence: [{ at: T0, source: 'answer', said: 'charged', leg: 1, detail: '' }],
  });
  const intent = anIntent();
  const { transactionId, paymentIntentId, merchantId, processor, processorAccount, card } = attempt;
  const key = { merchantId, endpoint: 'e', key: 'k', bodyHash: 'h' };
  const requests: ShardRequest[] = [
    { type: 'create-intent', intent, answer: '', key, now: T0 },
    // biome-ignore format: one message, one line
    { type: 'grant-session', intentId: paymentIntentId, merchantId, sessionId: '', expiresAt: T0, answer: '', key, now: T0 },
    // biome-ignore format: one message, one line
    { type: 'start-attempt', intentId: paymentIntentId, merchantId, nonce: '', processor, processorAccount, fallback: null, card, sendBefore: T0, successUrl: null, cancelUrl: null, sessionExpiresAt: null, claimedAmount: null, claimedCurrency: null, key: null, now: T0 },
    { type: 'hear-word', transactionId, word: aWord(), eventId: '', now: T0 },
    // biome-ignore format: one message, one line
    { type: 'hear-callback', processor, callbackId: '', transactionId, word: aWord(), receivedAt: T0, relay: false, eventId: '', now: T0 },
    // biome-ignore format: one message, one line
    { type: 'hear-settlement', transactionId, word: aWord({ source: 'settlement' }), operator: 'reconciliation', reason: '', eventId: '', now: T0 },
    { type: 'find-payment', intentId: paymentIntentId, merchantId },
  ];
  const replies: ShardReply[] = [
    { type: 'intent-created', replayed: null },
    { type: 'session-granted', intent, sessionId: '', replayed: null },
    {
      type: 'attempt-started',
      transactionId,
      amount: 1,
      currency: 'INR',
      orderId: '',
      leg: 1,
      replayed: null,
    },
    { type: 'word-heard', verdict: 'applied', status: 'SUCCESS' },
    { type: 'callback-heard', verdict: 'applied' },
    { type: 'settlement-heard', verdict: 'applied', reason: null, status: 'FAILED' },
    { type: 'payment-found', payment: { intent, attempts: [attempt] } },
  ];
  const posts: Envelope[] = [
    ...requests.map((body, id) => ({
      kind: 'ask' as const,
      id,
      service: 'shard',
      shard: 7,
      deadline: 1.5,
      body,
    })),
    ...replies.map((body, id) => ({ kind: 'reply' as const, id, body })),
  ];
  const fields = new Set(shapes().flat());
  for (const post of posts) {
    const text = Buffer.from(encode([post])).toString('latin1');
    const described = [...fields].filter((field) => field.length > 7 && text.includes(field));
    expect(described, JSON.stringify(post)).toEqual([]);
  }
  const reader = join(import.meta.dirname, 'testing/read-post.ts');
  const read = execFileSync(process.execPath, [reader], { input: encode(posts) }).toString();
  expect(JSON.parse(read)).toEqual(posts);
});

test('byte arrays come back as Uint8Array with memory of their own', () => {
  const bytes = encode([{ kind: 'reply', id: 1, body: { page: new Uint8Array([1, 2, 3]) } }]);
  const [reply] = decode(bytes);
  const page = (reply as { body: { page: Uint8Array } }).body.page;
  expect(Object.getPrototypeOf(page)).toBe(Uint8Array.prototype);
  bytes.fill(0);
  expect([...page]).toEqual([1, 2, 3]);
});

test('a buffer can be transferred: it owns all of its memory', () => {
  const bytes = encode([{ kind: 'reply', id: 1, body: 'x' }]);
  expect(bytes.byteOffset).toBe(0);
  expect(bytes.buffer.byteLength).toBe(bytes.byteLength);
});

test('another version, broken bytes and other shapes are refused', () => {
  const good = encode([{ kind: 'reply', id: 1, body: 'something longer' }]);
  const otherVersion = good.slice();
  otherVersion[0] = 1;
  expect(() => decode(otherVersion)).toThrow(CodecError);
  expect(() => decode(good.subarray(0, good.length - 3))).toThrow(CodecError);
  expect(() => decode(new Uint8Array())).toThrow(CodecError);
  for (const shape of [
    null,
    {},
    { kind: 'ask', id: 1, service: 'shard', shard: 'x', deadline: 1 },
    { kind: 'reply' },
    { kind: 'failure', id: 1, refusal: { code: 'no_such_code', detail: '' } },
    { kind: 'gossip', id: 1 },
  ]) {
    expect(() => decode(encode([shape as unknown as Envelope]))).toThrow(CodecError);
  }
});
