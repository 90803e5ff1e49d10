import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { seededRandom } from '../test/support/random.ts';
import { readByApi } from './api-audit.ts';
import { auditOf } from './audit.ts';
import { createBank } from './bank.ts';
import { makeCardNumbers } from './cards.ts';
import { ClientRecord } from './client-record.ts';
import { Measurement } from './measurement.ts';
import type { ScenarioContext, ScenarioDefinition } from './scenario.ts';
import { createIntent } from './scenarios/create-intent.ts';
import { createSession } from './scenarios/create-session.ts';
import { hotMerchant } from './scenarios/hot-merchant.ts';
import { payment } from './scenarios/payment.ts';
import { processorDown } from './scenarios/processor-down.ts';
import { processorSlow } from './scenarios/processor-slow.ts';
import { type Phase, WARM_UP } from './schedule.ts';
import { type FakeGateway, startFakeGateway } from './testing/fake-gateway.ts';
import type { WebhookReceiver } from './webhook-receiver.ts';
import { createWire } from './wire.ts';

const MERCHANTS = [1, 2, 3].map((n) => ({ merchantId: `load_000${n}`, secretKey: `sk_${n}` }));

describe('against a gateway of node:http', () => {
  let gateway: FakeGateway;
  let context: ScenarioContext;

  beforeEach(async () => {
    gateway = await startFakeGateway();
    context = contextWith({});
  });

  afterEach(async () => await gateway.close());

  function contextWith(more: Partial<ScenarioContext> & { keys?: boolean }): ScenarioContext {
    const { url } = gateway;
    const random = seededRandom(1);
    const cardNumbers = makeCardNumbers(1000, random);
    const { keys = true, ...changed } = more;
    return {
      apiUrl: url,
      checkoutUrl: url,
      wire: createWire({ apiUrl: url, checkoutUrl: url, merchants: MERCHANTS, cardNumbers, keys }),
      merchants: MERCHANTS.length,
      record: new ClientRecord(),
      bank: createBank(url),
      processorTimeoutMs: 10_000,
      connectionsMax: 4,
      webhooks: null,
      firstPollMs: 1,
      page: false,
      random,
      ...changed,
    };
  }

  async function run(
    definition: ScenarioDefinition,
    load: { perSecond: number } | { inFlight: number },
    phases: readonly Phase[] = [{ name: 'steady', seconds: 0.2, factor: 1 }],
    signal = new AbortController().signal,
  ): Promise<Measurement> {
    const scenario = await definition.prepare(context);
    const measurement = new Measurement();
    try {
      const kind = 'perSecond' in load ? ('rate' as const) : ('concurrency' as const);
      await scenario.run(
        { kind, ...load } as Parameters<typeof scenario.run>[0],
        { phases, signal },
        measurement,
      );
    } finally {
      await scenario.close();
    }
    measurement.end(performance.now());
    return measurement;
  }

  const audit = async () =>
    auditOf(
      context.record,
      await readByApi(gateway.url, context.wire, context.record, gateway.url),
      context.webhooks !== null,
    );

  test('each payment is told of by its webhook, from the answer to the form on; a second one changes nothing', async () => {
    let tell = (_orderId: string): void => undefined;
    const ears = { onEvent: (listener: typeof tell) => (tell = listener) };
    context = contextWith({ webhooks: ears as unknown as WebhookReceiver });
    gateway.onPay = (n) => {
      for (let times = 0; times < 2; times++) tell(context.record.orderOf(n).orderId);
      tell('load-of-another-run-0');
      return 'pay';
    };
    const { counted } = await run(payment, { perSecond: 100 });
    expect(counted.latencies.webhook.totalCount).toBe(counted.completed);
    expect(await audit()).toMatchObject({ delivered: counted.completed, findings: [] });
  });

  test('all is well: every payment is final, every order, key and card its own, every merchant sells', async () => {
    const { counted } = await run(payment, { perSecond: 200 });
    expect(counted).toMatchObject({ offered: 40, completed: 40, errors: 0, polls: 80 });
    expect(counted.latencies.final.totalCount).toBe(40);
    const intents = gateway.sent('/v1/payment/intent');
    const bodies = intents.map(({ body }) => JSON.parse(body) as { orderId: string; merchantId: string });
    expect(new Set(bodies.map(({ orderId }) => orderId)).size).toBe(40);
    expect(new Set(bodies.map(({ merchantId }) => merchantId)).size).toBe(3);
    for (const [n, { headers }] of intents.entries()) {
      const seller = MERCHANTS.find(({ merchantId }) => merchantId === bodies[n]!.merchantId)!;
      expect(headers.authorization).toBe(`Bearer ${seller.secretKey}`);
      expect(headers['idempotency-key']).toBe(bodies[n]!.orderId);
    }
    const forms = gateway.sent('/internal/payment/process').map(({ body }) => new URLSearchParams(body));
    expect(new Set(forms.map((form) => form.get('cardNumber'))).size).toBe(40);
    expect(await audit()).toMatchObject({
      source: 'api',
      acknowledged: 40,
      stored: 40,
      charged: 40,
      lost: 0,
      double: 0,
      findings: [],
    });
  });

  test('the warm-up is audited and in no figure', async () => {
    const { counted, warmUp } = await run(payment, { perSecond: 100 }, [
      { name: WARM_UP, seconds: 0.1, factor: 1 },
      { name: 'steady', seconds: 0.2, factor: 1 },
    ]);
    expect([warmUp.offered, counted.offered, counted.completed]).toEqual([10, 20, 20]);
    expect(counted.latencies.pay.totalCount).toBe(20);
    expect(await audit()).toMatchObject({ acknowledged: 30, stored: 30, charged: 30 });
  });

  test('a server that stalls shows in the latency of everyone who was due meanwhile', async () => {
    let stall: Promise<unknown> | undefined;
    gateway.stall = () => (stall ??= new Promise((resolve) => setTimeout(resolve, 400)));
    const { counted } = await run(payment, { perSecond: 100 }, [{ name: 'steady', seconds: 0.5, factor: 1 }]);
    expect(counted.completed).toBe(50);
    // Due every 10 ms, answered 400 ms after the first at the earliest: 30 of 50 wait for 100 ms and more, however fast all else is.
    const { intent } = counted.latencies;
    expect(intent.maxValue).toBeGreaterThanOrEqual(390_000);
    expect(intent.getValueAtPercentile(45)).toBeGreaterThan(100_000);
  });

  test('keys and the checkout page are there or not, as was asked', async () => {
    context = contextWith({ keys: false, page: true });
    const { counted } = await run(payment, { inFlight: 2 });
    expect(counted.errors).toBe(0);
    expect(gateway.requests.filter(({ headers }) => 'idempotency-key' in headers)).toEqual([]);
    expect(gateway.sent('/checkout').length).toBe(gateway.sent('/internal/payment/process').length);
    expect(counted.latencies.page.totalCount).toBe(counted.completed);
  });

  test('resets, refusals and redirects to others are counted; the audit finds a double and an uncharged payment', async () => {
    gateway.onPay = (n) => (['reset', 'refuse', 'double', 'uncharged', 'other'] as const)[n] ?? 'pay';
    const { counted } = await run(payment, { perSecond: 100 });
    expect(counted).toMatchObject({ offered: 20, completed: 17, errors: 3 });
    expect(Object.fromEntries(counted.causes)).toEqual({
      'pay connection_reset': 1,
      'pay 503 without Retry-After': 1,
      'pay 303 to another payment': 1,
    });
    const found = await audit();
    expect(found).toMatchObject({ acknowledged: 17, stored: 17, lost: 1, double: 1 });
    expect(found.findings.map(({ rule, count }) => [rule, count]).sort()).toEqual([
      ['second_success', 1],
      ['success_without_charge', 1],
    ]);
  });

  test('the audit finds a payment that was forgotten, and one that was charged another amount', async () => {
    await run(payment, { perSecond: 25 });
    gateway.forget.add(context.record.idOf(2).slice(0, 31));
    gateway.book[3]!.amount += 1;
    const found = await audit();
    expect(found).toMatchObject({ acknowledged: 5, stored: 4, lost: 1 });
    expect(found.findings.map(({ rule }) => rule).sort()).toEqual(['acknowledged_absent', 'amount_differs']);
  });

  test('hot merchant: nearly all orders are of the first', async () => {
    await run(hotMerchant, { perSecond: 500 });
    const merchants = gateway
      .sent('/v1/payment/intent')
      .map(({ body }) => (JSON.parse(body) as { merchantId: string }).merchantId);
    expect(merchants.filter((id) => id === 'load_0001').length / merchants.length).toBeGreaterThan(0.9);
  });

  test('single requests go through autocannon and through the open loop alike', async () => {
    for (const [definition, step, path] of [
      [createIntent, 'intent', '/v1/payment/intent'],
      [createSession, 'session', '/v1/payment/session'],
    ] as const) {
      for (const load of [{ inFlight: 3 }, { perSecond: 50 }]) {
        gateway.requests = [];
        context = contextWith({});
        const { counted } = await run(definition, load);
        expect(counted.completed).toBeGreaterThan(5);
        expect(counted.errors).toBe(0);
        expect(counted.latencies[step].totalCount).toBe(counted.completed);
        const keys = gateway.sent(path).map(({ headers }) => headers['idempotency-key']);
        expect(new Set(keys).size).toBe(keys.length);
        expect(await audit()).toMatchObject({ lost: 0, findings: [] });
      }
    }
  });

  test('processor slow: the bank answers lognormally while it lasts, and as before afterwards', async () => {
    await run(processorSlow, { perSecond: 20 });
    expect(gateway.orders).toEqual([
      {
        path: '/_bank/delay',
        body: {
          lognormal: { p50Ms: 300, p99Ms: 2000, lateShare: 0.01, lateMs: 12_000, seed: expect.any(Number) },
        },
      },
      { path: '/_bank/delay', body: { ms: 7, callbackMs: 50 } },
    ]);
  });

  test('processor slow: the bank answers as before as soon as the run is interrupted, before its payments end', async () => {
    const bank = await startFakeGateway();
    context = contextWith({ bank: createBank(bank.url) });
    const answers = Promise.withResolvers<void>();
    gateway.stall = () => answers.promise;
    const interrupt = new AbortController();
    const running = run(processorSlow, { perSecond: 20 }, undefined, interrupt.signal);
    try {
      await vi.waitFor(() => expect(gateway.requests).not.toEqual([]));
      expect(bank.orders).toHaveLength(1);
      interrupt.abort();
      await vi.waitFor(() => expect(bank.orders).toHaveLength(2));
      expect(bank.orders[1]).toEqual({ path: '/_bank/delay', body: { ms: 7, callbackMs: 50 } });
    } finally {
      answers.resolve();
      await running;
      await bank.close();
    }
  });

  test('processor down: the bank is told to go away for a third of the time', async () => {
    await run(processorDown, { perSecond: 20 }, [
      { name: WARM_UP, seconds: 0.1, factor: 1 },
      ...processorDown.phases(0.6, 1),
    ]);
    expect(gateway.orders).toEqual([{ path: '/_bank/outage', body: { ms: 200 } }]);
  });
});
