import { expect, test } from 'vitest';
import type { SettlementDesk } from '../../reconciliation/settlement-desk.ts';
import { AT, SAMPLE_REPORT, SAMPLE_RUN } from '../../reconciliation/testing/sample-report.ts';
import { createAdminGate } from '../admin-key.ts';
import type { HttpResponse, Route } from '../routes.ts';
import { adminSettlementRoutes } from './admin-settlement.ts';
import { listPayoutsRoute } from './list-payouts.ts';

const KEY = 'an-admin-key-of-some-length';
const [BREAK] = SAMPLE_REPORT.breaks;
const PAYOUT = {
  ...{ day: '2026-01-21', merchantId: 'm', processor: 'PAYU' as const, currency: 'INR', payments: 2 },
  ...{ amount: '1000', processorFees: '20', processorTax: '4', merchantFees: '15', payable: '985' },
};

class Away extends Error {}
class TooMuch extends Error {}

function routesWith(more: Partial<SettlementDesk> = {}) {
  const asked: unknown[][] = [];
  const noted =
    <Answer>(answer: Answer) =>
    async (...args: unknown[]): Promise<Answer> => {
      asked.push(args);
      return answer;
    };
  const outages: unknown[] = [];
  const desk = {
    runs: noted([SAMPLE_RUN]),
    report: async (runId: number) => (runId === 12 ? SAMPLE_REPORT : undefined),
    breaks: noted({ breaks: [BREAK!], next: 'brk_1_1' }),
    resolve: noted({ ...BREAK!, state: 'accepted' }),
    payouts: noted([PAYOUT]),
    ...more,
  } as SettlementDesk;
  const routes = adminSettlementRoutes({
    gate: createAdminGate(KEY),
    desk,
    forms: {
      runJson: ({ runId }) => ({ runId }),
      reportJson: ({ run }) => ({ json: run.runId }),
      reportCsv: () => 'csv',
      reportPage: () => ({ html: 'page', policy: "default-src 'none'" }),
      breakJson: ({ breakId, state }) => ({ breakId, state }),
    },
    bodyLimitBytes: 1000,
    isTooMuch: (error) => error instanceof TooMuch,
    isOutage: (error) => error instanceof Away,
    onOutage: (error) => outages.push(error),
  });
  return { routes, asked, outages };
}

async function send(
  routes: readonly Route[],
  name: string,
  more: { params?: Record<string, string>; query?: string; body?: unknown; authorization?: string } = {},
): Promise<HttpResponse & { json: Record<string, unknown> }> {
  const route = routes.find((one) => one.name === name)!;
  const response = await route.handler({
    ...{ method: route.method, path: route.path, params: more.params ?? {}, query: more.query ?? '' },
    header: () => more.authorization ?? `Bearer ${KEY}`,
    body: Buffer.from(JSON.stringify(more.body ?? {})),
    ...{ remoteAddress: () => '127.0.0.1', now: AT, requestId: 'req_1' },
  });
  const isJson = response.contentType === undefined || response.contentType.includes('json');
  return { ...response, json: isJson ? JSON.parse(String(response.body)) : {} };
}

test.each(['', 'Bearer', `Basic ${KEY}`, `Bearer ${KEY}x`, `Bearer ${KEY.slice(1)}`, KEY])(
  'no route answers to %j',
  async (authorization) => {
    const { routes, asked } = routesWith();
    for (const { name } of routes) {
      const answer = await send(routes, name, { authorization, params: { id: '12' } });
      expect([answer.status, answer.contentType]).toEqual([401, 'application/problem+json']);
    }
    expect(asked).toEqual([]);
  },
);

test('a run is shown as JSON, as a page under its policy, or as CSV; one that is not there is 404', async () => {
  const { routes } = routesWith();
  const get = (id: string, query = '') => send(routes, 'admin_get_run', { params: { id }, query });
  expect((await get('12')).json).toEqual({ json: 12 });
  expect(await get('12', 'format=html')).toMatchObject({
    ...{ status: 200, contentType: 'text/html; charset=utf-8', body: 'page' },
    headers: { 'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'" },
  });
  expect(await get('12', 'format=csv')).toMatchObject({
    headers: { 'Content-Disposition': 'attachment; filename="settlement-run-12.csv"' },
  });
  expect((await get('12', 'format=pdf')).status).toBe(400);
  for (const id of ['13', '0', '-1', '12x', '99999999999', '']) expect((await get(id)).status).toBe(404);
});

test('breaks are asked for by what the query says, open ones when it does not', async () => {
  const { routes, asked } = routesWith();
  const answer = await send(routes, 'admin_list_breaks', {
    query: 'class=twice&run=12&merchantId=m_1&after=brk_1_7&limit=3',
  });
  expect(answer.json).toEqual({ breaks: [{ breakId: 'brk_1_1', state: 'open' }], next: 'brk_1_1' });
  await send(routes, 'admin_list_breaks');
  expect(asked.map(([filter]) => filter)).toEqual([
    { states: ['open'], classes: ['twice'], runId: 12, merchantId: 'm_1', after: 'brk_1_7', limit: 3 },
    { states: ['open'], limit: 50 },
  ]);
});

test('every wrong parameter is named at once', async () => {
  const { routes } = routesWith();
  const query = 'state=x&class=y&run=0&after=pi_1&merchantId=&limit=501';
  const { status, json } = await send(routes, 'admin_list_breaks', { query });
  expect(status).toBe(400);
  expect((json.errors as { pointer: string }[]).map(({ pointer }) => pointer)).toEqual([
    ...['/state', '/class', '/run', '/after', '/merchantId', '/limit'],
  ]);
});

test('a break is resolved with reason and operator, and a card number is in neither', async () => {
  const { routes, asked } = routesWith();
  const resolve = (body: unknown) => send(routes, 'admin_resolve_break', { params: { id: 'brk_1_1' }, body });
  const said = { as: 'accepted', reason: 'the bank agreed', operator: 'asha' };
  expect(await resolve(said)).toMatchObject({ status: 200, json: { state: 'accepted' } });
  expect(asked).toEqual([['brk_1_1', 'accepted', { operator: 'asha', reason: 'the bank agreed', now: AT }]]);
  for (const wrong of [
    { as: 'deleted' },
    { reason: ' ' },
    { operator: undefined },
    { reason: 'card 4111 1111 1111 1111' },
    { operator: 'a'.repeat(101) },
    { reason: 'x\u001b[2J' },
    { more: 1 },
  ])
    expect((await resolve({ ...said, ...wrong })).status).toBe(400);
  expect(asked).toHaveLength(1);
});

test('a break that is not open, and one with nothing to post, are refused', async () => {
  const body = { as: 'accepted', reason: 'r', operator: 'o' };
  for (const [answer, code] of [
    [undefined, 'settlement_break_not_open'],
    ['nothing_to_post', 'settlement_break_not_postable'],
  ] as const) {
    const { routes } = routesWith({ resolve: async () => answer });
    const { status, json } = await send(routes, 'admin_resolve_break', { params: { id: 'brk_1_1' }, body });
    expect([status, json.code]).toEqual([409, code]);
  }
});

test('a database that is away is 503 and heard of, too much is 400, and a bug is thrown on', async () => {
  const failing = (error: Error) => routesWith({ runs: () => Promise.reject(error) });
  const away = failing(new Away());
  expect((await send(away.routes, 'admin_list_runs')).status).toBe(503);
  expect(away.outages).toHaveLength(1);
  expect((await send(failing(new TooMuch('x')).routes, 'admin_list_runs')).status).toBe(400);
  await expect(send(failing(new RangeError()).routes, 'admin_list_runs')).rejects.toThrow(RangeError);
});

test.each([
  ['from=2026-01-01&to=2026-01-31', 200],
  ['from=2026-01-01&to=2026-04-02', 200],
  ['from=2026-01-01&to=2026-04-03', 400],
  ['from=2026-01-02&to=2026-01-01', 400],
  ['from=2026-02-31&to=2026-03-01', 400],
  ['from=0000-01-01&to=0000-01-02', 400],
  ['from=2026-01-01', 400],
  ['', 400],
])('payouts of the days %j: %i', async (query, status) => {
  const { routes, asked } = routesWith();
  expect((await send(routes, 'admin_list_payouts', { query })).status).toBe(status);
  expect(asked).toHaveLength(status === 200 ? 1 : 0);
});

test('a merchant is given its own payouts as integers, and asks for no other’s', async () => {
  const asked: unknown[] = [];
  const merchant = { merchantId: 'm', name: 'M', mode: 'test' as const, spread: 1, redirectOrigins: [] };
  const route = listPayoutsRoute({
    gate: { authenticate: async () => ({ ok: true, merchant }), rateLimit: () => true },
    payouts: async (filter) => {
      asked.push(filter);
      return [PAYOUT];
    },
    isOutage: () => false,
    onOutage: () => undefined,
  });
  const query = 'from=2026-01-01&to=2026-01-31&merchantId=other';
  const { json } = await send([route], 'list_payouts', { query });
  expect(asked).toEqual([{ from: '2026-01-01', to: '2026-01-31', merchantId: 'm' }]);
  const { merchantId: _, ...shown } = PAYOUT;
  expect(json).toEqual({
    payouts: [{ ...shown, amount: 1000, processorFees: 20, processorTax: 4, merchantFees: 15, payable: 985 }],
  });
});
