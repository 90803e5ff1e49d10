/**
 * Pages of a processor that means us ill: each ends the fetch at once, and none is asked for more than once too often.
 *
 * @module
 */

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createFetchSettlements } from './report-pages.ts';
import { createStripeSettlements } from './stripe/settlements.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** A bank that answers each request with a page, and what it was asked for. */
async function bank(page: (n: number) => object): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    response.end(JSON.stringify(page(asked.push(request.url!))));
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const TIMES = { connectTimeoutMs: 1000, timeoutMs: 1000 };
const ACCOUNT = { account: 'acct_1', secretKey: 'sk', webhookSecret: 'wh' };
const REQUEST = { account: ACCOUNT, day: '2026-01-21' };

async function drained(pages: AsyncIterable<readonly object[]>): Promise<number> {
  let items = 0;
  for await (const page of pages) items += page.length;
  return items;
}

test('more items than the day is said to have end the fetch when they come, however many pages would follow', async () => {
  const { url, asked } = await bank((n) => ({ items: [{ id: `a${n}` }, { id: `b${n}` }] }));
  const fetch = createFetchSettlements(TIMES, {
    processor: 'SANDBOX',
    origin: url,
    overlaps: false,
    ask: () => ({ method: 'GET', path: '/', headers: {}, body: null }),
    read: (body) => ({ ...(body as { items: [] }), more: asked.length < 20, total: 3 }),
    nameOf: ({ id }) => id,
  });
  await expect(drained(fetch(REQUEST))).rejects.toThrow('4 items came of 3');
  expect(asked).toHaveLength(2);
});

test('an id of Stripe’s is asked for as it is, whatever is in it', async () => {
  const { url, asked } = await bank((n) => ({
    ...{ object: 'list', has_more: n === 1, data: [{ id: `txn_${n}&limit=1 #`, type: 'charge' }] },
  }));
  const fetch = createStripeSettlements({ ...TIMES, baseUrl: url } as Parameters<
    typeof createStripeSettlements
  >[0]);
  expect(await drained(fetch(REQUEST))).toBe(2);
  expect(new URL(asked[1]!, url).searchParams.get('starting_after')).toBe('txn_1&limit=1 #');
});
