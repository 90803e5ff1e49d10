/**
 * Pages of a processor that means us ill: each ends the fetch at once, and none is asked for more than once too often.
 *
 * @module
 */

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { SettlementItem } from './connector.ts';
import { createFetchSettlements, type ReportDialect, type ReportPage } from './report-pages.ts';
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

function dialectOf(origin: string, read: (items: SettlementItem[]) => ReportPage): ReportDialect {
  return {
    processor: 'SANDBOX',
    origin,
    overlaps: false,
    ask: () => ({ method: 'GET', path: '/', headers: {}, body: null }),
    read: (body) => read((body as { items: SettlementItem[] }).items),
    nameOf: ({ id }) => id,
  };
}

async function drained(pages: AsyncIterable<readonly object[]>): Promise<number> {
  let items = 0;
  for await (const page of pages) items += page.length;
  return items;
}

test('more items than the day is said to have end the fetch when they come, however many pages would follow', async () => {
  const { url, asked } = await bank((n) => ({ items: [{ id: `a${n}` }, { id: `b${n}` }] }));
  const read = (items: SettlementItem[]) => ({ items, more: asked.length < 20, total: 3 });
  const fetch = createFetchSettlements(TIMES, dialectOf(url, read));
  await expect(drained(fetch(REQUEST))).rejects.toThrow('4 items came of 3');
  expect(asked).toHaveLength(2);
});

test('pages that come too slowly end the fetch after three hours, to be tried again', async () => {
  const { url, asked } = await bank((n) => ({ items: [{ id: `a${n}` }] }));
  const dialect = dialectOf(url, (items) => ({ items, more: true, total: null }));
  // An hour passes with each look at the clock: at the begin, then before each page.
  let hours = 0;
  const fetch = createFetchSettlements(TIMES, dialect, () => hours++ * 3_600_000);
  await expect(drained(fetch(REQUEST))).rejects.toMatchObject({
    name: 'SettlementsUnavailable',
    message: expect.stringContaining('not whole after 180 minutes'),
    retryable: true,
  });
  expect(asked).toHaveLength(3);
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
