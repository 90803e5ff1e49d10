import { expect, test, vi } from 'vitest';
import type { ChargeCard, ChargeMethod } from '../connectors/connector.ts';
import type { CardDetails } from '../domain/card.ts';
import { makeId, transactionIdOf } from '../domain/ids.ts';
import { type OutcomeCode, refusal } from '../domain/outcomes.ts';
import type { ProcessorWord } from '../domain/transaction.ts';
import type { TokenizedCard } from '../hsm/hsm.ts';
import type { AskShard } from '../messages/ask.ts';
import type { ShardReply } from '../messages/replies.ts';
import type { ShardRequest, StartAttempt } from '../messages/requests.ts';
import { createPay, type PayDeps, type PayRequest } from './pay.ts';

const NOW = Date.UTC(2026, 0, 21, 10);
const INTENT = makeId(NOW, 7, new Uint8Array(8).fill(5));
const TRANSACTION = transactionIdOf(INTENT, 1);

const SEALED: TokenizedCard = {
  token: 'tok_1',
  fingerprint: 'f1',
  brand: 'VISA',
  masked: '411111****1111',
  expiryMonth: 12,
  expiryYear: 2028,
  bin: '411111',
  last4: '1111',
};

const STARTED: ShardReply = {
  type: 'attempt-started',
  transactionId: TRANSACTION,
  amount: 5000,
  currency: 'INR',
  orderId: 'order_1',
  leg: 1,
  replayed: null,
};
const HEARD: ShardReply = { type: 'word-heard', verdict: 'applied', status: 'SUCCESS' };
const refusedBy = (code: OutcomeCode): ShardReply => ({ type: 'refused', refusal: refusal(code, 'no') });

const CHARGED: ProcessorWord = {
  source: 'answer',
  said: 'charged',
  leg: 1,
  processor: 'SANDBOX',
  processorAccount: 'acc_1',
  processorTxnId: 'bank_1',
  amount: 5000,
  currency: 'INR',
  failureCode: null,
  referenceClosed: false,
  elsewhere: false,
  nextAction: null,
  paymentMethodType: null,
  at: NOW,
  detail: '',
};

function card(number = '4111111111111111'): CardDetails {
  return {
    pan: Buffer.from(number),
    cvv: Buffer.from('123'),
    expiryMonth: 12,
    expiryYear: 2028,
    cardholderName: Buffer.from('John Doe'),
  };
}

const cardOf = ({ method }: Pick<PayRequest, 'method'> | { method: ChargeMethod }): ChargeCard => {
  if (method.kind !== 'card') throw new Error('no card');
  return method.card;
};

const wiped = ({ pan, cvv, cardholderName }: ChargeCard): boolean =>
  [pan, cvv, cardholderName].every((bytes) => bytes.every((byte) => byte === 0));

function request(more: Partial<PayRequest> = {}): PayRequest {
  return {
    intentId: INTENT,
    merchantId: 'merchant_1',
    method: { kind: 'card', card: card() },
    claimedAmount: null,
    claimedCurrency: null,
    successUrl: 'https://shop.example/ok',
    cancelUrl: 'https://shop.example/no',
    sessionExpiresAt: NOW + 1000,
    idempotency: null,
    ...more,
  };
}

/** Deps that write down what happened; `replies` answer the asks of each type in turn, the last one for good. */
function world(replies: { start?: ShardReply[]; word?: ShardReply[] } = {}, more: Partial<PayDeps> = {}) {
  const log: string[] = [];
  const asked: ShardRequest[] = [];
  const queues = { 'start-attempt': replies.start ?? [STARTED], 'hear-word': replies.word ?? [HEARD] };
  const ask: AskShard = async (_shard, command) => {
    asked.push(command);
    log.push(command.type);
    const queue = queues[command.type as keyof typeof queues];
    return (queue.length > 1 ? queue.shift() : queue[0])!;
  };
  const charge = vi.fn(async () => {
    log.push('charge');
    return CHARGED;
  });
  const deps: PayDeps = {
    ask,
    tokenizer: {
      tokenize: async () => {
        log.push('seal');
        return SEALED;
      },
    },
    route: async () => ({
      preferred: { processor: 'SANDBOX', account: { account: 'acc_1', secretKey: 'k' } },
      fallback: null,
    }),
    chargeOf: () => charge,
    takesUpi: () => true,
    returnUrlOf: () => 'https://pay.example/checkout/return',
    now: () => NOW,
    monotonicMs: () => 1000,
    randomBytes: (length) => new Uint8Array(length).fill(9),
    pause: async () => undefined,
    onTrouble: (event) => log.push(event),
    limits: { sendBeforeMs: 30_000, tokenizeMs: 2000, askDeadlineMs: 1000, inFlightMax: 2 },
    ...more,
  };
  return { pay: createPay(deps), log, asked, charge };
}

test('the order of the durable points: sealed, committed, answered, charged, told', async () => {
  const commitB = Promise.withResolvers<ShardReply>();
  const bank = Promise.withResolvers<ProcessorWord>();
  const log: string[] = [];
  const heard = Promise.withResolvers<void>();
  const { pay } = world(
    {},
    {
      tokenizer: {
        tokenize: async () => {
          log.push('sealed');
          return SEALED;
        },
      },
      ask: (_shard, command) => {
        log.push(command.type);
        if (command.type === 'start-attempt') return commitB.promise;
        heard.resolve();
        return Promise.resolve(HEARD);
      },
      chargeOf: () => async (charge, method) => {
        log.push(`charge ${Buffer.from(cardOf({ method }).pan).toString('latin1').slice(0, 6)}`);
        expect(charge).toMatchObject({
          transactionId: TRANSACTION,
          amount: 5000,
          leg: 1,
        });
        expect(charge.mayLeave()).toBe(true);
        return bank.promise;
      },
    },
  );
  const paying = request();
  const answer = pay.pay(paying).then((value) => {
    log.push('answered');
    return value;
  });
  await vi.waitFor(() => expect(log).toEqual(['sealed', 'start-attempt']));
  commitB.resolve(STARTED);
  expect(await answer).toEqual({ ok: true, transactionId: TRANSACTION, replayed: null });
  await vi.waitFor(() => expect(log).toContain('charge 411111'));
  expect(log).not.toContain('hear-word');
  expect(wiped(cardOf(paying))).toBe(false);
  expect(pay.inFlight()).toBe(1);
  bank.resolve(CHARGED);
  await heard.promise;
  await pay.drained();
  expect(wiped(cardOf(paying))).toBe(true);
  expect(log.filter((step) => step.startsWith('charge'))).toHaveLength(1);
});

test('a shard that died is asked again with the same command, and the charge is sent once', async () => {
  const { pay, asked, charge } = world({
    start: [refusedBy('thread_died'), refusedBy('storage_unavailable'), STARTED],
  });
  expect(await pay.pay(request())).toMatchObject({ ok: true });
  await pay.drained();
  const starts = asked.filter((command): command is StartAttempt => command.type === 'start-attempt');
  expect(starts).toHaveLength(3);
  expect(starts[1]).toEqual(starts[0]);
  expect(starts[2]).toEqual(starts[0]);
  expect(starts[0]).toMatchObject({
    nonce: '09'.repeat(16),
    sendBefore: NOW + 30_000,
    processorAccount: 'acc_1',
  });
  expect(charge).toHaveBeenCalledTimes(1);
});

test.each(['wall clock', 'monotonic clock'])(
  'once the time to send has passed by the %s, the charge may not leave',
  async (which) => {
    let slept = 0;
    const clocks: Partial<PayDeps> = {
      now: () => NOW + (which === 'wall clock' ? slept : 0),
      monotonicMs: () => 1000 + (which === 'monotonic clock' ? slept : 0),
    };
    const mayLeave: boolean[] = [];
    const { pay } = world(
      {},
      {
        ...clocks,
        chargeOf: () => async (charge) => {
          mayLeave.push(charge.mayLeave());
          slept = 30_000;
          mayLeave.push(charge.mayLeave());
          return CHARGED;
        },
      },
    );
    await pay.pay(request());
    await pay.drained();
    expect(mayLeave).toEqual([true, false]);
  },
);

test('a processor that this version cannot charge: refused before anything is sealed', async () => {
  const { pay, log } = world({}, { chargeOf: () => null });
  expect(await pay.pay(request())).toMatchObject({
    ok: false,
    refusal: { code: 'processor_not_configured' },
  });
  expect(log).toEqual([]);
});

test('what stays uncertain for ten seconds is refused and never charged', async () => {
  let ms = 0;
  const more: Partial<PayDeps> = {
    monotonicMs: () => ms,
    pause: async () => {
      ms += 1000;
    },
  };
  const { pay, asked, charge } = world({ start: [refusedBy('thread_died'), refusedBy('overloaded')] }, more);
  const paying = request();
  expect(await pay.pay(paying)).toMatchObject({ ok: false, refusal: { code: 'overloaded' } });
  expect(asked).toHaveLength(12);
  expect(charge).not.toHaveBeenCalled();
  expect(wiped(cardOf(paying))).toBe(true);
  expect(pay.inFlight()).toBe(0);
});

test.each<[OutcomeCode, { start?: ShardReply[] }, Partial<PayDeps>, Partial<PayRequest>]>([
  ['card_invalid', {}, {}, { method: { kind: 'card', card: card('4111111111111112') } }],
  ['processor_not_configured', {}, { route: async () => null }, {}],
  ['storage_unavailable', {}, { route: () => Promise.reject(new Error('no')) }, {}],
  [
    'card_vault_unavailable',
    {},
    { tokenizer: { tokenize: async () => ({ refused: 'hsm_busy', detail: '' }) } },
    {},
  ],
  ['rate_limited', {}, { cardRateLimit: () => false }, {}],
  ['payment_in_progress', { start: [refusedBy('payment_in_progress')] }, {}, {}],
])('%s: nothing is charged, the card is wiped', async (code, replies, deps, more) => {
  const { pay, charge } = world(replies, deps);
  const paying = request(more);
  expect(await pay.pay(paying)).toMatchObject({ ok: false, refusal: { code } });
  expect(charge).not.toHaveBeenCalled();
  expect(wiped(cardOf(paying))).toBe(true);
  expect(pay.inFlight()).toBe(0);
});

test('a tokenizer that throws still leaves the card wiped and nothing in flight', async () => {
  const { pay } = world({}, { tokenizer: { tokenize: () => Promise.reject(new Error('broken')) } });
  const paying = request();
  await expect(pay.pay(paying)).rejects.toThrow('broken');
  expect(wiped(cardOf(paying))).toBe(true);
  expect(pay.inFlight()).toBe(0);
});

test('a replay is the stored answer, and nothing is sent; the key is bound to the fingerprint, not to the card', async () => {
  const { pay, asked, charge } = world({
    start: [{ ...STARTED, replayed: '{"stored":true}' } as ShardReply],
  });
  const paying = request({ idempotency: { endpoint: 'POST /v1/payment/process', key: 'k1' } });
  expect(await pay.pay(paying)).toEqual({
    ok: true,
    transactionId: TRANSACTION,
    replayed: '{"stored":true}',
  });
  expect(charge).not.toHaveBeenCalled();
  expect(wiped(cardOf(paying))).toBe(true);
  expect(asked[0]).toMatchObject({ key: { key: 'k1', bodyHash: expect.stringMatching(/^[0-9a-f]{64}$/) } });
  expect(JSON.stringify(asked)).not.toContain('4111111111111111');
});

test('a payment by UPI has its key as well, bound to the intent and to UPI', async () => {
  const { pay, asked } = world();
  const idempotency = { endpoint: 'POST /v1/payment/process', key: 'k1' };
  await pay.pay(request({ method: { kind: 'upi' }, idempotency }));
  await pay.pay(request({ idempotency }));
  const keys = asked.flatMap((command) => (command.type === 'start-attempt' ? [command.key] : []));
  expect(keys).toMatchObject([{ key: 'k1' }, { key: 'k1' }]);
  expect(keys[0]!.bodyHash).not.toBe(keys[1]!.bodyHash);
});

test('a word is repeated until it is heard, with one event id', async () => {
  const { pay, asked } = world({ word: [refusedBy('overloaded'), refusedBy('thread_died'), HEARD] });
  await pay.pay(request());
  await pay.drained();
  const words = asked.filter((command) => command.type === 'hear-word');
  expect(words).toHaveLength(3);
  expect(new Set(words.map((word) => word.type === 'hear-word' && word.eventId)).size).toBe(1);
});

test('a word nobody hears is given up after ten tries, which recovery mends', async () => {
  const { pay, asked, log } = world({ word: [refusedBy('storage_unavailable')] });
  await pay.pay(request());
  await pay.drained();
  expect(asked.filter((command) => command.type === 'hear-word')).toHaveLength(10);
  expect(log).toContain('word_lost');
});

test('a connector that throws is an unknown outcome', async () => {
  const { pay, asked } = world({}, { chargeOf: () => () => Promise.reject(new Error('bug')) });
  const paying = request();
  await pay.pay(paying);
  await pay.drained();
  expect(asked.at(-1)).toMatchObject({
    type: 'hear-word',
    word: { said: 'unknown', source: 'answer', leg: 1 },
  });
  expect(wiped(cardOf(paying))).toBe(true);
});

test('over the bound a payment is refused before its card is sealed', async () => {
  const gate = Promise.withResolvers<ProcessorWord>();
  const { pay, log } = world({}, { chargeOf: () => () => gate.promise });
  await pay.pay(request());
  await pay.pay(request());
  const third = request();
  expect(await pay.pay(third)).toMatchObject({ ok: false, refusal: { code: 'overloaded' } });
  expect(wiped(cardOf(third))).toBe(true);
  expect(log.filter((step) => step === 'seal')).toHaveLength(2);
  gate.resolve(CHARGED);
  await pay.drained();
  expect(await pay.pay(request())).toMatchObject({ ok: true });
});
