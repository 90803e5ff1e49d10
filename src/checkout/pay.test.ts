import { describe, expect, test, vi } from 'vitest';
import { BREAKER_DEFAULTS } from '../connectors/breaker.ts';
import { guarded } from '../connectors/charges.ts';
import type { ChargeCard, ChargeMethod, ChargeRequest } from '../connectors/connector.ts';
import type { CardDetails } from '../domain/card.ts';
import { makeId, transactionIdOf } from '../domain/ids.ts';
import { type OutcomeCode, refusal } from '../domain/outcomes.ts';
import { type ProcessorName, type ProcessorWord, senderWord } from '../domain/processor-word.ts';
import type { TokenizedCard } from '../hsm/hsm.ts';
import type { AskShard } from '../messages/ask.ts';
import type { ShardReply } from '../messages/replies.ts';
import type { ShardRequest, StartAttempt } from '../messages/requests.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { createMetricRegistry } from '../metrics/registry.ts';
import { createPay, type PayDeps, type PayRequest, type Route } from './pay.ts';

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
const LEG_STARTED: ShardReply = { type: 'leg-started', started: true };
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
    browser: { address: '198.51.100.7', userAgent: 'Mozilla/5.0 (test)' },
    successUrl: 'https://shop.example/ok',
    cancelUrl: 'https://shop.example/no',
    sessionExpiresAt: NOW + 1000,
    idempotency: null,
    ...more,
  };
}

/** Deps that write down what happened; `replies` answer the asks of each type in turn, the last one for good. */
function world(
  replies: { start?: ShardReply[]; leg?: ShardReply[]; word?: ShardReply[] } = {},
  more: Partial<PayDeps> = {},
) {
  const log: string[] = [];
  const asked: ShardRequest[] = [];
  const queues = {
    'start-attempt': replies.start ?? [STARTED],
    'start-leg': replies.leg ?? [LEG_STARTED],
    'hear-word': replies.word ?? [HEARD],
  };
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
        expect(charge.browser).toEqual(request().browser);
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
  ['rate_limited', {}, { cardRateLimit: async () => false }, {}],
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

describe('fallback', () => {
  const ROUTE: Route = {
    preferred: { processor: 'SANDBOX', account: { account: 'acc_1', secretKey: 'k1' } },
    fallback: { processor: 'SANDBOX_B', account: { account: 'acc_2', secretKey: 'k2' } },
  };
  const place = { processor: 'SANDBOX', processorAccount: 'acc_1', leg: 1 } as const;
  const second = { processor: 'SANDBOX_B', processorAccount: 'acc_2', leg: 2 } as const;
  const UNREACHABLE = senderWord(place, 'not_sent', {
    failureCode: 'processor_unreachable',
    detail: '',
    at: NOW,
  });
  const REFUSED = senderWord(place, 'declined', {
    failureCode: 'processor_refused',
    detail: '',
    at: NOW,
  });
  const CHARGED_THERE: ProcessorWord = { ...CHARGED, ...second };
  const nothing = () => undefined;

  /** A merchant with two processors; a charge that is not named answers `charged`. */
  function twoBanks(
    said: { first?: ProcessorWord; second?: ProcessorWord | Error },
    replies: Parameters<typeof world>[0] = {},
    more: Partial<PayDeps> = {},
    during: (processor: ProcessorName, charge: ChargeRequest, method: ChargeMethod) => void = nothing,
  ) {
    const sent: Array<{ processor: ProcessorName; charge: ChargeRequest }> = [];
    const made = world(replies, {
      route: async () => ROUTE,
      chargeOf: (processor) => async (charge, method) => {
        sent.push({ processor, charge });
        made.log.push(`charge ${processor}`);
        during(processor, charge, method);
        const word = processor === 'SANDBOX' ? (said.first ?? UNREACHABLE) : (said.second ?? CHARGED_THERE);
        if (word instanceof Error) throw word;
        return word;
      },
      ...more,
    });
    return { ...made, sent };
  }
  const told = (asked: readonly ShardRequest[]): ProcessorWord[] =>
    asked.flatMap((command) => (command.type === 'hear-word' ? [command.word] : []));

  test.each([
    ['unreachable', UNREACHABLE],
    ['busy', { ...UNREACHABLE, failureCode: 'processor_busy' }],
    ['behind an open breaker', { ...UNREACHABLE, failureCode: 'processor_breaker_open' }],
    ['refusing before it began', REFUSED],
  ])(
    'the first is %s: commit B2 with that word, then the second is charged, and its word is told',
    async (_, word) => {
      const kept: boolean[] = [];
      const { pay, log, asked, sent } = twoBanks({ first: word }, {}, {}, (_processor, _charge, method) =>
        kept.push(Buffer.from(cardOf({ method }).pan).toString('latin1') === '4111111111111111'),
      );
      const paying = request();
      expect(await pay.pay(paying)).toEqual({ ok: true, transactionId: TRANSACTION, replayed: null });
      await pay.drained();
      expect(log).toEqual([
        'seal',
        'start-attempt',
        'charge SANDBOX',
        'start-leg',
        'charge SANDBOX_B',
        'hear-word',
      ]);
      expect(asked[0]).toMatchObject({
        processor: 'SANDBOX',
        processorAccount: 'acc_1',
        fallback: { processor: 'SANDBOX_B', processorAccount: 'acc_2' },
      });
      expect(asked[1]).toMatchObject({ transactionId: TRANSACTION, nonce: '09'.repeat(16), word });
      expect(sent.map(({ charge }) => charge)).toMatchObject([
        { transactionId: TRANSACTION, leg: 1, account: { account: 'acc_1', secretKey: 'k1' } },
        { transactionId: TRANSACTION, leg: 2, account: { account: 'acc_2', secretKey: 'k2' }, amount: 5000 },
      ]);
      expect(told(asked)).toEqual([CHARGED_THERE]);
      expect(kept).toEqual([true, true]);
      expect(wiped(cardOf(paying))).toBe(true);
    },
  );

  test('the second is not charged before commit B2 has returned, and the card is kept meanwhile', async () => {
    const commitB2 = Promise.withResolvers<ShardReply>();
    const points: string[] = [];
    const { pay, sent } = twoBanks(
      {},
      {},
      {
        ask: async (_shard, { type }) => {
          if (type === 'start-attempt') return STARTED;
          return type === 'start-leg' ? commitB2.promise : HEARD;
        },
        faultPoint: (point) => points.push(`${point} ${sent.length}`),
      },
    );
    const paying = request();
    await pay.pay(paying);
    await vi.waitFor(() => expect(points).toContain('before-commit-b2 1'));
    expect(sent).toHaveLength(1);
    expect(wiped(cardOf(paying))).toBe(false);
    commitB2.resolve(LEG_STARTED);
    await pay.drained();
    expect(points).toEqual([
      'before-send 0',
      'after-answer 1',
      'before-commit-b2 1',
      'after-commit-b2 1',
      'before-send 1',
      'after-answer 2',
    ]);
    expect(wiped(cardOf(paying))).toBe(true);
  });

  test.each<[string, ProcessorWord]>([
    ['unknown', senderWord(place, 'unknown', { failureCode: null, detail: '', at: NOW })],
    [
      'declined by the issuer',
      { ...CHARGED, said: 'declined', failureCode: 'card_declined', referenceClosed: true },
    ],
    ['accepted', { ...CHARGED, said: 'accepted' }],
    [
      'waiting for the shopper',
      {
        ...CHARGED,
        said: 'action_required',
        nextAction: { kind: 'redirect', url: 'https://bank.example/3ds', expiresAt: null },
      },
    ],
    ['charged', CHARGED],
    ['not sent because its time had passed', { ...UNREACHABLE, failureCode: 'send_before_passed' }],
    ['not sent for a reason nobody knows', { ...UNREACHABLE, failureCode: 'moonlight' }],
  ])('%s at the first: the second never hears of it', async (_, word) => {
    const { pay, log, asked, sent } = twoBanks({ first: word });
    const paying = request();
    await pay.pay(paying);
    await pay.drained();
    expect(sent.map(({ processor }) => processor)).toEqual(['SANDBOX']);
    expect(log).not.toContain('start-leg');
    expect(told(asked)).toEqual([word]);
    expect(wiped(cardOf(paying))).toBe(true);
  });

  test('a first that throws may have sent: the second never hears of it', async () => {
    const { pay, asked, sent } = twoBanks({}, {}, {}, () => {
      throw new Error('bug');
    });
    await pay.pay(request());
    await pay.drained();
    expect(sent).toHaveLength(1);
    expect(told(asked)).toMatchObject([{ said: 'unknown', leg: 1, processor: 'SANDBOX' }]);
  });

  test.each<[string, ShardReply]>([
    ['the attempt has moved on', { type: 'leg-started', started: false }],
    ['the attempt is not there', refusedBy('payment_not_found')],
  ])(
    'commit B2 is refused because %s: nothing goes to the second, the first one’s word is told',
    async (_, reply) => {
      const { pay, asked, sent } = twoBanks({}, { leg: [reply] });
      const paying = request();
      await pay.pay(paying);
      await pay.drained();
      expect(asked.filter(({ type }) => type === 'start-leg')).toHaveLength(1);
      expect(sent).toHaveLength(1);
      expect(told(asked)).toEqual([UNREACHABLE]);
      expect(wiped(cardOf(paying))).toBe(true);
    },
  );

  test('a commit B2 that may have happened is asked for again by the same command, and sent once', async () => {
    const { pay, asked, sent } = twoBanks(
      {},
      {
        leg: [
          refusedBy('thread_died'),
          refusedBy('storage_unavailable'),
          refusedBy('overloaded'),
          LEG_STARTED,
        ],
      },
    );
    await pay.pay(request());
    await pay.drained();
    const starts = asked.filter(({ type }) => type === 'start-leg');
    expect(starts).toHaveLength(4);
    for (const start of starts) expect(start).toEqual(starts[0]);
    expect(sent.map(({ processor }) => processor)).toEqual(['SANDBOX', 'SANDBOX_B']);
    expect(told(asked)).toEqual([CHARGED_THERE]);
  });

  test.each(['wall clock', 'monotonic clock'])(
    'once the time to send has passed by the %s, commit B2 is not asked for',
    async (which) => {
      let slept = 0;
      const { pay, asked, sent } = twoBanks(
        {},
        {},
        {
          now: () => NOW + (which === 'wall clock' ? slept : 0),
          monotonicMs: () => 1000 + (which === 'monotonic clock' ? slept : 0),
        },
        () => {
          slept = 30_000;
        },
      );
      await pay.pay(request());
      await pay.drained();
      expect(sent).toHaveLength(1);
      expect(asked.map(({ type }) => type)).toEqual(['start-attempt', 'hear-word']);
    },
  );

  test('a commit B2 that stays uncertain is given up when the time to send has passed', async () => {
    let ms = 0;
    const { pay, asked, sent } = twoBanks(
      {},
      { leg: [refusedBy('storage_unavailable')] },
      {
        monotonicMs: () => ms,
        pause: async () => {
          ms += 10_000;
        },
      },
    );
    const paying = request();
    await pay.pay(paying);
    await pay.drained();
    expect(asked.filter(({ type }) => type === 'start-leg')).toHaveLength(3);
    expect(sent).toHaveLength(1);
    expect(told(asked)).toEqual([UNREACHABLE]);
    expect(wiped(cardOf(paying))).toBe(true);
  });

  test('the time that passes in commit B2 counts: the second connector is told that it may not leave', async () => {
    let ms = 0;
    const mayLeave: boolean[] = [];
    const { pay } = twoBanks(
      {},
      {},
      {
        monotonicMs: () => ms,
        ask: async (_shard, { type }) => {
          if (type === 'start-attempt') return STARTED;
          if (type === 'start-leg') ms = 30_000;
          return type === 'start-leg' ? LEG_STARTED : HEARD;
        },
      },
      (_processor, charge) => mayLeave.push(charge.mayLeave()),
    );
    await pay.pay(request());
    await pay.drained();
    expect(mayLeave).toEqual([true, false]);
  });

  test.each<[string, ProcessorWord | Error, Partial<ProcessorWord>]>([
    ['refuses', { ...REFUSED, ...second }, { said: 'declined', failureCode: 'processor_refused' }],
    [
      'is not reached',
      { ...UNREACHABLE, ...second },
      { said: 'not_sent', failureCode: 'processor_unreachable' },
    ],
    ['throws', new Error('bug'), { said: 'unknown' }],
  ])('a second that %s is the last: its word is the attempt’s', async (_, word, heard) => {
    const { pay, asked, sent } = twoBanks({ second: word });
    const paying = request();
    await pay.pay(paying);
    await pay.drained();
    expect(sent.map(({ processor }) => processor)).toEqual(['SANDBOX', 'SANDBOX_B']);
    expect(told(asked)).toMatchObject([{ ...second, ...heard }]);
    expect(wiped(cardOf(paying))).toBe(true);
  });

  test('a second this version cannot charge is left out, and said so in the commit', async () => {
    const { pay, asked } = twoBanks(
      {},
      {},
      { chargeOf: (processor) => (processor === 'SANDBOX' ? async () => UNREACHABLE : null) },
    );
    await pay.pay(request());
    await pay.drained();
    expect(asked[0]).toMatchObject({ type: 'start-attempt', fallback: null });
    expect(asked.map(({ type }) => type)).toEqual(['start-attempt', 'hear-word']);
  });

  test('a bank that hangs: once it has timed out often enough, payments are charged at the second at once', async () => {
    let ms = 0;
    const hanging: Array<() => void> = [];
    const timedOut = senderWord(place, 'unknown', {
      failureCode: null,
      detail: 'no answer in 10 s',
      at: NOW,
    });
    const behindBreaker = guarded(
      'SANDBOX',
      () => new Promise((resolve) => hanging.push(() => resolve(timedOut))),
      { metrics: createMetrics(createMetricRegistry('test')), monotonicMs: () => ms, now: () => NOW },
      { ...BREAKER_DEFAULTS, windowCallsMin: 3 },
    );
    const charged: ProcessorName[] = [];
    const { pay, asked } = world(
      {},
      {
        route: async () => ROUTE,
        monotonicMs: () => ms,
        chargeOf: (processor) =>
          processor === 'SANDBOX'
            ? behindBreaker
            : async () => {
                charged.push(processor);
                return CHARGED_THERE;
              },
        limits: { sendBeforeMs: 30_000, tokenizeMs: 2000, askDeadlineMs: 1000, inFlightMax: 10 },
      },
    );
    for (let i = 0; i < 3; i++) await pay.pay(request());
    await vi.waitFor(() => expect(hanging).toHaveLength(3));
    ms = 10_000;
    for (const end of hanging.splice(0)) end();
    await pay.drained();
    expect(told(asked)).toEqual([timedOut, timedOut, timedOut]);
    expect(charged).toEqual([]);

    await pay.pay(request());
    await pay.drained();
    expect(ms).toBe(10_000);
    expect(charged).toEqual(['SANDBOX_B']);
    expect(asked.at(-2)).toMatchObject({
      type: 'start-leg',
      word: { failureCode: 'processor_breaker_open' },
    });
    expect(told(asked).at(-1)).toEqual(CHARGED_THERE);
  });

  test('a replay of a key sends nothing to either', async () => {
    const { pay, sent } = twoBanks(
      {},
      { start: [{ ...STARTED, replayed: '{"stored":true}' } as ShardReply] },
    );
    const paying = request({ idempotency: { endpoint: 'POST /v1/payment/process', key: 'k1' } });
    expect(await pay.pay(paying)).toMatchObject({ ok: true, replayed: '{"stored":true}' });
    await pay.drained();
    expect(sent).toEqual([]);
    expect(wiped(cardOf(paying))).toBe(true);
  });

  test('UPI falls back as a card does, but not to a processor that does not take it', async () => {
    const upi = { method: { kind: 'upi' } } as const;
    const both = twoBanks({});
    await both.pay.pay(request(upi));
    await both.pay.drained();
    expect(both.sent.map(({ processor }) => processor)).toEqual(['SANDBOX', 'SANDBOX_B']);
    const one = twoBanks({}, {}, { takesUpi: (processor) => processor === 'SANDBOX' });
    await one.pay.pay(request(upi));
    await one.pay.drained();
    expect(one.sent.map(({ processor }) => processor)).toEqual(['SANDBOX']);
    expect(one.asked[0]).toMatchObject({ fallback: null });
    expect(told(one.asked)).toEqual([UNREACHABLE]);
  });
});

describe('UPI', () => {
  const upi = { method: { kind: 'upi' } } as const;

  test('no card: nothing is sealed, and the charge says how it is paid', async () => {
    const methods: ChargeMethod[] = [];
    const { pay, log, asked } = world(
      {},
      {
        chargeOf: () => async (charge, method) => {
          methods.push(method);
          expect(charge.returnUrl).toBe('https://pay.example/checkout/return');
          return CHARGED;
        },
      },
    );
    expect(await pay.pay(request(upi))).toMatchObject({
      ok: true,
    });
    await pay.drained();
    expect(log).toEqual(['start-attempt', 'hear-word']);
    expect(asked[0]).toMatchObject({ card: null });
    expect(methods).toEqual([{ kind: 'upi' }]);
  });

  test('a processor that does not take it: refused before anything is begun', async () => {
    const { pay, log, charge } = world({}, { takesUpi: () => false });
    expect(await pay.pay(request(upi))).toMatchObject({
      ok: false,
      refusal: { code: 'processor_not_configured' },
    });
    expect(log).toEqual([]);
    expect(charge).not.toHaveBeenCalled();
    expect(pay.inFlight()).toBe(0);
  });
});
