/**
 * Deliveries of a merchant whose payments are spread over several databases: pages and replays go through all of them, once.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { makeId, shardOfId, shardOfMerchant } from '../../domain/ids.ts';
import type { ShownDelivery, WebhookLog } from '../../storage/webhook-deliveries.ts';
import type { StoredEndpoint, WebhookEndpointStore } from '../../storage/webhook-endpoints.ts';
import { createRateLimit, WEBHOOK_CHANGE_RATE } from '../rate-limit.ts';
import type { HttpRequest } from '../routes.ts';
import { type WebhookDeliveriesDeps, webhookDeliveriesRoutes } from './webhook-deliveries.ts';

const NOW = Date.UTC(2026, 0, 21, 10);
const ENDPOINT_ID = 'ab'.repeat(16);
const MERCHANT = {
  merchantId: 'merchant_large',
  name: 'Large',
  mode: 'test' as const,
  spread: 3,
  redirectOrigins: [],
};
/** Three of the four databases are the merchant's. */
const SHARDS = [0, 1, 2].map((n) => shardOfMerchant(MERCHANT.merchantId, n));
const databaseOf = (shard: number): number => (SHARDS.includes(shard) ? SHARDS.indexOf(shard) + 1 : 0);
/** 2500 events, one a second, in the databases in turn. */
const EVENTS = Array.from({ length: 2500 }, (_, n) =>
  makeId(NOW + n * 1000, SHARDS[n % 3]!, new Uint8Array(8).fill(n % 256)),
);

/** A log in memory: the events of one database. */
function logOf(database: number, replayed: string[]): WebhookLog {
  const own = EVENTS.filter((id) => databaseOf(shardOfId(id)) === database);
  return {
    list: async (_, { before, limit }) =>
      own
        .filter((id) => before === null || id < before)
        .reverse()
        .slice(0, limit)
        .map(shown),
    find: async (_, id) => (own.includes(id) ? shown(id) : undefined),
    event: async () => undefined,
    replayOne: async (_, id) => own.includes(id) && replayed.push(id) > 0,
    replayRange: async (_, { after, limit }) => {
      const picked = own.filter((id) => after === null || id > after).slice(0, limit);
      replayed.push(...picked);
      return { replayed: picked.length, next: picked.length === limit ? picked.at(-1)! : null };
    },
    close: async () => undefined,
  };
}

function shown(eventId: string): ShownDelivery {
  const event = {
    eventId,
    merchantId: MERCHANT.merchantId,
    type: 'payment.succeeded',
    status: 'SUCCESS',
    sequence: 1,
    paymentIntentId: eventId,
    transactionId: null,
    orderId: 'order_1',
    customerId: null,
    amount: 1,
    currency: 'INR',
    failureCode: null,
    createdAt: NOW,
  } as const;
  return { event, endpointId: ENDPOINT_ID, state: 'dead', tries: 1, nextAt: null, log: [] };
}

function api() {
  const replayed: string[] = [];
  const store: Partial<WebhookEndpointStore> = {
    find: async (merchantId, endpointId) =>
      merchantId === MERCHANT.merchantId && endpointId === ENDPOINT_ID
        ? ({ merchantId, endpointId } as StoredEndpoint)
        : undefined,
  };
  const limit = createRateLimit({ ...WEBHOOK_CHANGE_RATE, namesMax: 10 });
  const deps: WebhookDeliveriesDeps = {
    gate: { authenticate: async () => ({ ok: true, merchant: MERCHANT }), rateLimit: () => true },
    changeRate: async (...question) => limit(...question),
    store: store as WebhookEndpointStore,
    bodyLimitBytes: 1000,
    isOutage: () => false,
    onOutage: () => undefined,
    texts: { seal: async () => new Uint8Array(), open: async () => '' },
    placement: async () => databaseOf,
    logs: [0, 1, 2, 3].map((database) => logOf(database, replayed)),
    sendTest: async () => ({ delivered: true, status: 200, failure: null, durationMs: 1 }),
  };
  const routes = webhookDeliveriesRoutes(deps);
  async function call(name: string, query: string, body: object = {}) {
    const request: HttpRequest = {
      method: 'POST',
      path: '/',
      params: { id: `we_${ENDPOINT_ID}` },
      query,
      header: () => '',
      body: Buffer.from(JSON.stringify(body)),
      remoteAddress: () => '',
      now: NOW,
      requestId: 'req_1',
    };
    return JSON.parse(String((await routes.find((route) => route.name === name)!.handler(request)).body));
  }
  return { call, replayed };
}

test('pages of all databases are one list, newest first, each delivery once', async () => {
  const { call } = api();
  const seen: string[] = [];
  let next: string | null = '';
  while (next !== null) {
    const page: { deliveries: { eventId: string }[]; next: string | null } = await call(
      'list_deliveries',
      `limit=100${next === '' ? '' : `&before=${next}`}`,
    );
    seen.push(...page.deliveries.map(({ eventId }) => eventId));
    next = page.next;
  }
  expect(seen).toEqual(EVENTS.toReversed().map((id) => `evt_${id}`));
});

test('a range is replayed a thousand a call, through all databases, each event once', async () => {
  const { call, replayed } = api();
  const range = { from: new Date(NOW).toISOString(), to: new Date(NOW + 1e8).toISOString() };
  const counts: number[] = [];
  let after: string | null | undefined;
  while (after !== null) {
    const done: { replayed: number; next: string | null } = await call('replay_webhooks', '', {
      ...range,
      ...(after !== undefined && { after }),
    });
    counts.push(done.replayed);
    after = done.next;
  }
  expect(counts).toEqual([1000, 1000, 500]);
  expect(replayed.toSorted()).toEqual(EVENTS);
});

test('one event is replayed in the database its id names', async () => {
  const { call, replayed } = api();
  expect(await call('replay_webhooks', '', { eventId: `evt_${EVENTS[7]}` })).toEqual({
    replayed: 1,
    next: null,
  });
  expect(replayed).toEqual([EVENTS[7]]);
});

test('test sends are few, whatever else a merchant may ask: a flood of them is refused, reads are not', async () => {
  const { call } = api();
  for (let i = 0; i < WEBHOOK_CHANGE_RATE.count; i++)
    expect(await call('replay_webhooks', '', { eventId: `evt_${EVENTS[7]}` })).toMatchObject({ replayed: 1 });
  expect(await call('test_webhook', '')).toMatchObject({ code: 'rate_limited' });
  expect(await call('list_deliveries', '')).toHaveProperty('deliveries');
});

test.each([
  [{}, ['/from', '/to']],
  [{ eventId: 'evt_1' }, ['/eventId']],
  [{ eventId: `evt_${ENDPOINT_ID}`, from: '2026-01-21T10:00:00Z' }, ['/from']],
  [{ from: '2026-01-21T10:00:00Z', to: '2026-01-20T10:00:00Z' }, ['/to']],
  [{ from: 'yesterday', to: '2026-01-20T10:00:00Z' }, ['/from']],
  [{ from: '2026-01-20T10:00:00Z', to: '2026-01-21T10:00:00Z', states: ['lost'] }, ['/states/0']],
])('a replay of %j is refused by its fields', async (body, pointers) => {
  const { errors } = await api().call('replay_webhooks', '', body);
  expect(errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
});
