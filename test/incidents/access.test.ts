/**
 * Who may see and do what: payments, endpoints and sessions of others, keys that are none, headers and ids made by an intruder
 * (incidents 4, 12 to 17).
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  makeId,
  shardOfMerchant,
  showIntentId,
  showTransactionId,
  transactionIdOf,
} from '../../src/domain/ids.ts';
import { openApiDocument } from '../../src/http/openapi.ts';
import { answered } from '../support/callback-answer.ts';
import { query, queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { type Answer, CARDS, cardFields, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';
import { eventOf, postCallback, signatureOf } from './bank-voice.ts';

const ENDPOINTS = '/v1/webhook-endpoints';
const MALLORY = 'merchant_mallory';

let world: World;
let gateway: Gateway;
let shop: Shop;
let mallory: Shop;
let malloryKey: string;
/** A paid order of the shop, its session and its webhook endpoint. */
let paid: {
  paymentIntentId: string;
  sessionId: string;
  transactionId: string;
  orderId: string;
  token: string;
};
let endpointId: string;
let eventId: string;

beforeAll(async () => {
  world = await startWorld({ callbackDelayMs: 600_000 });
  malloryKey = await world.addMerchant(MALLORY);
  gateway = await world.startGateway({ SLUICE_ALLOW_PRIVATE_WEBHOOKS: 'on' });
  shop = createShop(world, gateway);
  mallory = createShop(world, gateway, malloryKey, MALLORY);
  // Nobody listens there: what matters is whose deliveries they are.
  const endpoint = await shop.post(ENDPOINTS, { url: 'http://127.0.0.1:9/hooks' });
  endpointId = endpoint.body.endpointId;
  // Not a card the page itself offers in test mode.
  const bought = await shop.buy('5555555555554444');
  const { body } = await shop.becomes(bought.transactionId, 'SUCCESS');
  paid = { ...bought, orderId: body.orderId, token: body.card.token };
  eventId = await vi.waitFor(
    async () => {
      const { deliveries } = (await shop.get(`${ENDPOINTS}/${endpointId}/deliveries`)).body;
      expect(deliveries).toHaveLength(1);
      return deliveries[0].eventId;
    },
    { timeout: 10_000 },
  );
});
afterAll(() => world?.stop());

/** Ids that are nobody's: of the right shape, in the shop's own shard and in another one; and of no shape at all. */
function idsOfNobody(): { intents: string[]; transactions: string[]; others: string[] } {
  const shards = [shardOfMerchant(world.merchantId), shardOfMerchant(MALLORY)];
  const made = shards.map((shard) => makeId(Date.now(), shard, Buffer.from(randomUUID().slice(0, 8))));
  const sibling = paid.transactionId.replace(/1$/, '2');
  return {
    intents: made.map(showIntentId),
    transactions: [...made.map((id) => showTransactionId(transactionIdOf(id, 1))), sibling],
    others: [
      '0',
      '-1',
      '*',
      '%2a',
      '%00',
      'null',
      'undefined',
      '..%2f..%2fintent',
      paid.orderId,
      paid.sessionId,
      paid.token,
      paid.transactionId.toUpperCase(),
      `${paid.transactionId}%20`,
      `${paid.transactionId}/`,
      `txn_${'0'.repeat(32)}`,
      'x'.repeat(2000),
    ],
  };
}

/** GET paths with ids in them, as the API's own document has them: one that is added is tried as well. */
function pathsWithIds(): string[] {
  const paths = openApiDocument().paths as Record<string, { get?: object; servers?: unknown }>;
  return Object.keys(paths).filter((path) => paths[path]!.get !== undefined && path.includes('{'));
}

function filled(path: string, id: string, event = eventId): string {
  return path.replace('{id}', id).replace('{event}', event);
}

/** The shop's own id for a path. */
function ownId(path: string): string {
  if (path.startsWith('/v1/payment/intent')) return paid.paymentIntentId;
  return path.startsWith('/v1/payment/transaction') ? paid.transactionId : endpointId;
}

/** The problem without what is of this one request. */
function told({ status, body }: Answer): unknown {
  return { status, body };
}

describe('what is another merchant’s is not there (incident 12)', () => {
  test('every GET path with an id: 200 for its merchant, one and the same 404 for another, for nobody’s and for malformed ids', async () => {
    const nobody = idsOfNobody();
    const ids = [...nobody.intents, ...nobody.transactions, ...nobody.others, `we_${'0'.repeat(32)}`];
    expect(pathsWithIds().length).toBeGreaterThanOrEqual(6);
    for (const path of pathsWithIds()) {
      const own = ownId(path);
      expect((await shop.get(filled(path, own))).status, path).toBe(200);
      const foreign = await mallory.get(filled(path, own));
      expect(foreign.status, path).toBe(404);
      for (const id of ids) {
        const answers = [await shop.get(filled(path, id)), await mallory.get(filled(path, id))];
        for (const answer of answers) {
          expect(answer.status, `${path} with ${id.slice(0, 80)}`).toBe(404);
          // A path with a slash in its id is another path, and has the 404 of paths.
          if (!id.endsWith('/'))
            expect(told(answer), `${path} with ${id.slice(0, 80)}`).toEqual(told(foreign));
        }
      }
    }
  });

  test('nor is an event another endpoint was told', async () => {
    const theirs = (await mallory.post(ENDPOINTS, { url: 'http://127.0.0.1:9/theirs' })).body.endpointId;
    const path = `${ENDPOINTS}/{id}/deliveries/{event}`;
    expect((await shop.get(filled(path, endpointId))).status).toBe(200);
    expect(await mallory.get(filled(path, theirs))).toMatchObject({ status: 404 });
    expect(await mallory.post(`${ENDPOINTS}/${theirs}/replay`, { eventId })).toMatchObject({ status: 404 });
    expect((await mallory.get(`${ENDPOINTS}/${theirs}/deliveries`)).body.deliveries).toEqual([]);
  });

  test('another merchant can open no session, and pay nothing, of an order that is not its own', async () => {
    const paymentIntentId = await shop.intent();
    const session = (merchantId: string) =>
      mallory.post('/v1/payment/session', {
        paymentIntentId,
        merchantId,
        successUrl: 'https://shop.example/',
        cancelUrl: 'https://shop.example/',
      });
    expect(await session(MALLORY)).toMatchObject({ status: 404 });
    expect(await session(world.merchantId)).toMatchObject({ status: 403 });
    for (const [merchantId, status] of [
      [MALLORY, 404],
      [world.merchantId, 403],
    ] as const) {
      const answer = await fetch(`${gateway.checkoutUrl}/v1/payment/process`, {
        method: 'POST',
        headers: { authorization: `Bearer ${malloryKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ paymentIntentId, merchantId, ...cardFields(CARDS.success) }),
      });
      expect(answer.status).toBe(status);
    }
    expect((await shop.get(`/v1/payment/intent/${paymentIntentId}`)).body.transactions).toEqual([]);
  });

  test('no page or stream that needs no key shows who the shopper is or what card it was', async () => {
    const { sessionId } = await shop.session(await shop.intent());
    const texts = await Promise.all(
      [
        `/checkout?session=${sessionId}`,
        `/checkout/result?transaction=${paid.transactionId}&session=${paid.sessionId}`,
        `/session-expired?session=${sessionId}`,
      ].map(async (path) => (await fetch(`${gateway.checkoutUrl}${path}`)).text()),
    );
    const { customerId, card } = (await shop.transaction(paid.transactionId)).body;
    for (const text of texts) {
      for (const secret of [
        customerId,
        card.masked,
        card.token,
        card.fingerprint,
        'John Doe',
        world.secretKey,
      ]) {
        expect(text).not.toContain(secret);
      }
      // The brand and the last four are all a shopper needs to know the card by.
      expect(text).not.toMatch(/5555/);
    }
  });
});

describe('an id alone opens nothing (incident 13)', () => {
  test('order, customer, intent, token and event are no way to a page or a payment', async () => {
    const guesses = [paid.orderId, 'user_456', paid.paymentIntentId, paid.token, eventId, endpointId];
    for (const guess of guesses) {
      const page = await fetch(`${gateway.checkoutUrl}/checkout?session=${guess}`);
      expect(page.status, guess).toBe(410);
      const result = await fetch(`${gateway.checkoutUrl}/checkout/result?transaction=${guess}`);
      expect(result.status, guess).toBe(404);
      const stream = await fetch(`${gateway.checkoutUrl}/checkout/events?transaction=${guess}`);
      expect(stream.status, guess).toBe(404);
      expect((await shop.pay(guess, CARDS.success)).status, guess).toBe(410);
      expect(await result.text()).not.toContain(paid.orderId);
    }
  });

  test('a session past its grace shows nothing of its order, takes no card, and says the same as one that never was', async () => {
    const short = await world.startGateway({
      SLUICE_SESSION_TTL_SECONDS: '1',
      SLUICE_SESSION_GRACE_SECONDS: '1',
    });
    const shortShop = createShop(world, short);
    const paymentIntentId = await shortShop.intent();
    const { sessionId } = await shortShop.session(paymentIntentId);
    const open = async (id: string) => (await fetch(`${short.checkoutUrl}/checkout?session=${id}`)).text();
    const never = await open(`sess_${'0'.repeat(32)}`);
    await vi.waitFor(async () => expect(await open(sessionId)).toBe(never), { timeout: 10_000 });
    expect((await shortShop.pay(sessionId, CARDS.success)).status).toBe(410);
    expect((await shop.get(`/v1/payment/intent/${paymentIntentId}`)).body.transactions).toEqual([]);
    await short.stop();
  });

  test('ids of payments made one after the other are not guessed from each other', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => shop.intent()));
    // What follows time, version and shard: 60 random bits, of which neighbours share no long run.
    const tails = ids.map((id) => id.slice(3 + 17, -1));
    expect(new Set(tails.map((tail) => tail.slice(0, 6))).size).toBe(ids.length);
    expect(new Set(tails.map((tail) => tail.slice(-6))).size).toBe(ids.length);
  });
});

test('the token of a card pays nothing, for whoever has it, and opens nothing (incident 14)', async () => {
  const { sessionId } = await mallory.session(await mallory.intent());
  const { cardNumber: _, ...rest } = cardFields(CARDS.success);
  for (const card of [
    { token: paid.token },
    { ...rest, token: paid.token },
    { ...rest, cardNumber: paid.token },
    { ...cardFields(CARDS.success), token: paid.token },
    { ...cardFields(CARDS.success), customerId: 'user_456' },
  ]) {
    const answer = await fetch(`${gateway.checkoutUrl}/internal/payment/process`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sessionId, ...card }),
    });
    expect(answer.status).toBe(400);
  }
  const transactions = await queryShards(world, 'select from transactions where merchant_id = $1', [MALLORY]);
  expect(transactions).toEqual([]);
});

describe('SQL in every id that comes from outside (incident 15)', () => {
  const attacks = [
    "' or '1'='1",
    "1'; drop table transactions; --",
    "'||(select(pg_sleep(5)))||'",
    '{"a","b"}',
    '"},{"x":1',
    'NULL',
    '\\',
    "\\'; select 1; --",
    '$1',
    '%27%20or%201=1--',
  ];
  /** Those without a space: what a bank's id may look like. */
  const plainAttacks = attacks.map((text) => text.replaceAll(' ', '/**/'));

  async function tables(): Promise<unknown> {
    const names = "select count(*)::int as tables from pg_class where relnamespace = 'public'::regnamespace";
    return [await queryShards(world, names), await query(world.cluster.owner.control, names)];
  }
  function count(table: string): Promise<unknown> {
    return queryShards(world, `select count(*)::int as rows from ${table}`);
  }

  /** What became of a callback, once it is known. */
  function verdictOf(eventId: string): Promise<string> {
    const select = 'select verdict from processor_callbacks where event_id = $1';
    return eventually(async () => {
      const [row] = await queryShards<{ verdict: string }>(world, select, [eventId]);
      expect(row, eventId).toBeDefined();
      return row!.verdict;
    });
  }

  test('of the API: no id is one, what is text stays text, and nothing is lost or slow', async () => {
    const before = [await tables(), await count('transactions')];
    for (const attack of attacks) {
      const began = performance.now();
      const id = encodeURIComponent(attack);
      for (const path of pathsWithIds()) {
        expect((await shop.get(filled(path, id, id))).status, `${path} ${attack}`).toBe(404);
        const raw = `${ownId(path)}${id}`;
        expect((await shop.get(filled(path, raw))).status, `${path} ${attack}`).toBe(404);
      }
      const deliveries = `${ENDPOINTS}/${endpointId}/deliveries`;
      for (const name of ['state', 'before', 'limit']) {
        expect((await shop.get(`${deliveries}?${name}=${id}`)).status).toBe(400);
      }
      expect((await shop.pay(attack, CARDS.success)).status).toBe(410);
      for (const path of [
        '/checkout?session=',
        '/session-expired?session=',
        '/checkout/result?transaction=',
      ]) {
        expect((await fetch(`${gateway.checkoutUrl}${path}${id}`)).status).toBeOneOf([404, 410]);
      }
      const order = { merchantId: world.merchantId, amount: 5000, currency: 'INR', orderId: 'order_1' };
      expect((await shop.post('/v1/payment/intent', { ...order, merchantId: attack })).status).toBe(403);
      expect((await shop.post('/v1/payment/intent', { ...order, currency: attack })).status).toBe(400);
      const stored = await shop.post(
        '/v1/payment/intent',
        { ...order, orderId: attack, customerId: attack, metadata: { [attack]: attack } },
        { 'idempotency-key': randomUUID() },
      );
      expect(stored.status, attack).toBe(201);
      const [row] = await queryShards(
        world,
        'select order_id, customer_id, metadata from payment_intents where order_id = $1',
        [attack],
      );
      expect(row).toEqual({ order_id: attack, customer_id: attack, metadata: { [attack]: attack } });
      expect(performance.now() - began).toBeLessThan(5000);
    }
    expect([await tables(), await count('transactions')]).toEqual(before);
  });

  test('of an API key: a key of no shape is 401, before anything is looked up', async () => {
    for (const attack of attacks) {
      const shops = createShop(world, gateway, encodeURIComponent(attack));
      expect((await shops.transaction(paid.transactionId)).status).toBe(401);
      const keyed = createShop(world, gateway, `sk_test_${attack.replaceAll(/[^\x21-\x7e]/g, '')}`);
      expect((await keyed.transaction(paid.transactionId)).status).toBe(401);
    }
  });

  const fields: Array<[string, (attack: string) => Parameters<typeof eventOf>[0]]> = [
    ['event id', (attack) => ({ transactionId: paid.transactionId, eventId: attack })],
    ['charge id', (attack) => ({ transactionId: paid.transactionId, data: { id: attack } })],
    ['reference', (attack) => ({ transactionId: attack })],
    ['account', (attack) => ({ transactionId: paid.transactionId, data: { account: attack } })],
    ['currency', (attack) => ({ transactionId: paid.transactionId, data: { currency: attack } })],
    ['status', (attack) => ({ transactionId: paid.transactionId, data: { status: attack } })],
    ['amount', (attack) => ({ transactionId: paid.transactionId, data: { amount: attack } })],
    ['type', (attack) => ({ transactionId: paid.transactionId, type: attack })],
    [
      'decline code',
      (attack) => ({
        transactionId: paid.transactionId,
        type: 'charge.declined',
        data: { decline_code: attack },
      }),
    ],
  ];

  test.each(fields)(
    'in the %s of a callback: unsigned it is 401 and kept nowhere, signed it is a text',
    async (_, said) => {
      const before = await tables();
      const transaction = (await shop.transaction(paid.transactionId)).body;
      const bodies = [...attacks, ...plainAttacks].map((attack) => eventOf(said(attack)));
      const kept = await count('processor_callbacks');
      await Promise.all(
        bodies.map(async (body) => {
          expect((await postCallback(gateway, body, {})).status).toBe(401);
          expect((await postCallback(gateway, body, signatureOf(body, ''))).status).toBe(401);
        }),
      );
      expect(await count('processor_callbacks')).toEqual(kept);
      await Promise.all(
        bodies.map(async (body) => {
          const signed = await postCallback(gateway, body, signatureOf(body, world.webhookSecret));
          expect(signed.status, body).toBeOneOf([200, 400, 401]);
          expect(signed.body.verdict, body).not.toBe('applied');
          if (signed.status === 200) expect(await verdictOf(JSON.parse(body).event_id)).not.toBe('applied');
        }),
      );
      expect(await tables()).toEqual(before);
      expect((await shop.transaction(paid.transactionId)).body).toEqual(transaction);
    },
  );

  test('in the bank’s id of a charge that is paid by it: the row has the very text', async () => {
    for (const attack of plainAttacks) {
      const { transactionId } = await shop.buy(CARDS.notChargedHtml502);
      const eventId = `sbevt_${randomUUID()}`;
      const body = eventOf({ transactionId, eventId, data: { id: attack } });
      const answer = await postCallback(gateway, body, signatureOf(body, world.webhookSecret));
      expect(answer.body, attack).toMatchObject({ verdict: answered('applied') });
      expect(await verdictOf(eventId), attack).toBe('applied');
      expect((await shop.transaction(transactionId)).body).toMatchObject({
        status: 'SUCCESS',
        processorTxnId: attack,
      });
    }
  });

  test('in the account of a callback’s address, and in the processor’s name', async () => {
    const body = eventOf({ transactionId: paid.transactionId });
    for (const attack of attacks) {
      const address = `/webhooks/sandbox?account=${encodeURIComponent(attack)}`;
      const answer = await postCallback(gateway, body, signatureOf(body, world.webhookSecret), address);
      expect(answer.status, attack).toBeOneOf([400, 401]);
      const name = `/webhooks/${encodeURIComponent(attack)}`;
      expect((await postCallback(gateway, body, {}, name)).status, attack).toBe(404);
    }
  });
});

describe('headers of an inner network make nobody anybody (incidents 4, 16)', () => {
  const claims = (merchantId: string): Record<string, string> => ({
    'x-merchant-id': merchantId,
    'x-forwarded-user': merchantId,
    'x-remote-user': merchantId,
    'remote-user': merchantId,
    'x-authenticated-user': merchantId,
    'x-user-id': merchantId,
    'x-wcpay-platform-checkout-user': '1',
    'x-sluice-merchant': merchantId,
    'x-sluice-internal': 'true',
    'x-api-key': world.secretKey,
    'x-admin-key': 'admin',
    'x-client-cert': `CN=${merchantId}`,
    'x-ssl-client-verify': 'SUCCESS',
    'x-forwarded-for': '127.0.0.1',
    'x-real-ip': '127.0.0.1',
    forwarded: 'for=127.0.0.1;host=localhost;proto=https',
    cookie: `merchantId=${merchantId}; session=${paid.sessionId}`,
  });

  test('without a key nothing opens, whatever else the request says of its sender', async () => {
    const ways = [
      `/v1/payment/transaction/${paid.transactionId}`,
      `/v1/payment/transaction/${paid.transactionId}?key=${world.secretKey}&merchantId=${world.merchantId}`,
      `/v1/payment/intent/${paid.paymentIntentId}`,
      `/v1/payment/transaction/${paid.transactionId}/events`,
      ENDPOINTS,
    ];
    for (const path of ways) {
      const answer = await fetch(`${gateway.apiUrl}${path}`, { headers: claims(world.merchantId) });
      expect(answer.status, path).toBe(401);
    }
  });

  test('with a key one is its merchant and no other', async () => {
    const headers = { ...claims(world.merchantId), authorization: `Bearer ${malloryKey}` };
    const answer = await fetch(`${gateway.apiUrl}/v1/payment/transaction/${paid.transactionId}`, { headers });
    expect(answer.status).toBe(404);
    const order = { merchantId: world.merchantId, amount: 1, currency: 'INR', orderId: 'o' };
    expect(await mallory.post('/v1/payment/intent', order, claims(world.merchantId))).toMatchObject({
      status: 403,
      body: { code: 'merchant_mismatch' },
    });
  });

  test('path and method are those of the request line, whatever a header would rather have', async () => {
    const target = `/v1/payment/transaction/${paid.transactionId}`;
    const rewrites = {
      'x-original-url': target,
      'x-rewrite-url': target,
      'x-forwarded-uri': target,
      'x-forwarded-prefix': '/v1',
      'x-http-method-override': 'DELETE',
      'x-http-method': 'DELETE',
      'x-method-override': 'DELETE',
    };
    const document = await fetch(`${gateway.apiUrl}/openapi.json`, { headers: rewrites });
    expect(await document.json()).toHaveProperty('openapi');
    const path = `${ENDPOINTS}/${endpointId}`;
    const authorization = `Bearer ${world.secretKey}`;
    const read = await fetch(`${gateway.apiUrl}${path}`, { headers: { ...rewrites, authorization } });
    expect(await read.json()).toMatchObject({ endpointId });
    expect((await shop.get(path)).status).toBe(200);
  });

  test('the pages of an operator are on no port of shoppers and merchants', async () => {
    for (const path of ['/metrics', '/readyz', '/healthz', '/admin', '/_bank/charges']) {
      for (const origin of [gateway.apiUrl, gateway.checkoutUrl]) {
        const answer = await fetch(`${origin}${path}`, { headers: claims(world.merchantId) });
        expect(answer.status, `${origin}${path}`).toBe(404);
      }
    }
  });
});

describe('what one was shown is shown to no other (incident 17)', () => {
  test('every answer forbids to be stored; only the script, named by its content, may be', async () => {
    const { sessionId } = await shop.session(await shop.intent());
    const page = await fetch(`${gateway.checkoutUrl}/checkout?session=${sessionId}`);
    const script = /src="([^"]+\.js)"/.exec(await page.clone().text())![1]!;
    const checkout = [
      `/checkout?session=${sessionId}`,
      '/checkout?session=sess_none',
      `/session-expired?session=${sessionId}`,
      `/checkout/result?transaction=${paid.transactionId}&session=${paid.sessionId}`,
      '/checkout/result',
      '/checkout/events?transaction=txn_none',
      '/nothing-here',
    ].map((path) => fetch(`${gateway.checkoutUrl}${path}`, { redirect: 'manual' }));
    const api = [
      ...pathsWithIds().map((path) => filled(path, ownId(path))),
      ENDPOINTS,
      '/nothing-here',
    ].flatMap((path) => [
      fetch(`${gateway.apiUrl}${path}`, { headers: { authorization: `Bearer ${world.secretKey}` } }),
      fetch(`${gateway.apiUrl}${path}`),
    ]);
    const writes = [
      shop.payByForm('sess_none', CARDS.success),
      shop.pay('sess_none', CARDS.success),
      shop.post('/v1/payment/intent', {}),
      postCallback(gateway, '{}', {}),
    ];
    for (const { headers } of await Promise.all([...checkout, ...api, ...writes])) {
      expect(headers.get('cache-control')).toBe('no-store');
    }
    const cached = (await fetch(new URL(script, gateway.checkoutUrl))).headers.get('cache-control');
    expect(cached).toBe('public, max-age=31536000, immutable');
  });

  test('two sessions never have anything of each other, whatever one of them sends along', async () => {
    const orders = await Promise.all([shop.intent(5001), mallory.intent(7003)]);
    const [ours, theirs] = [await shop.session(orders[0]!), await mallory.session(orders[1]!)];
    const poison = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'javascript',
      'x-original-url': '/checkout?session=evil',
      origin: 'https://evil.example',
      referer: 'https://evil.example/',
      'accept-language': 'hi;q=1, "><script>evil</script>',
    };
    const pageOf = async (sessionId: string, more = '', headers = {}) =>
      (await fetch(`${gateway.checkoutUrl}/checkout?session=${sessionId}${more}`, { headers })).text();
    /** Seconds left are of the moment. */
    const still = (text: string) => text.replaceAll(/\d+(\.\d+)?/g, '#');
    const before = await pageOf(ours.sessionId);
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        await pageOf(theirs.sessionId, '', poison);
        await pageOf(ours.sessionId, '&merchantName=evil.example&locale=evil&theme=evil', poison);
      }),
    );
    const [after, other] = [await pageOf(ours.sessionId), await pageOf(theirs.sessionId)];
    expect(still(after)).toBe(still(before));
    expect(after).not.toContain('evil');
    for (const [page, own, foreign] of [
      [after, '50.01', '70.03'],
      [other, '70.03', '50.01'],
    ] as const) {
      expect(page).toContain(own);
      expect(page).not.toContain(foreign);
    }
    expect(after).not.toContain(theirs.sessionId);
    expect(other).not.toContain(ours.sessionId);
  });
});
