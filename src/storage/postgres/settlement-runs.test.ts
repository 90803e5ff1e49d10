import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import type { SettlementReport, SettlementRun, SettlementRuns } from '../settlement-runs.ts';
import { createSettlementRuns } from './settlement-runs.ts';

const NOW = Date.parse('2026-01-21T08:00:00Z');

let cluster: Cluster;
let owner: pg.Client;
let runs: SettlementRuns;
beforeAll(async () => {
  cluster = await startCluster(1);
  owner = new pg.Client(cluster.owner.control);
  await owner.connect();
  runs = createSettlementRuns(cluster.services.control);
});
afterAll(async () => {
  await runs?.close();
  await owner?.end();
  await cluster?.stop();
});

type Begun = Parameters<SettlementRuns['begin']>[0];

function aReport(digit: string, over: Partial<SettlementRun['scope']> = {}): Begun {
  return {
    scope: { processor: 'RAZORPAY', account: null, day: '2026-01-20', ...over },
    source: 'settlement.csv',
    digest: digit.repeat(64),
    startedBy: 'asha',
  };
}

const FOUND: SettlementReport = {
  rows: 2,
  notYetSettled: 0,
  badLines: 1,
  totals: [{ class: 'matched', currency: 'INR', count: 2, amount: '9', fee: '1', tax: '0', net: '8' }],
  balances: [{ currency: 'INR', accounts: { suspense: '0' }, sum: '0' }],
  closedTo: '2026-01-17',
};

test('the same report is the same run: running, then done with what it found', async () => {
  const run = await runs.begin(aReport('a'), NOW);
  expect(run).toEqual({
    ...aReport('a'),
    ...{ runId: run.runId, state: 'running', report: null, startedAt: NOW, finishedAt: null },
  });
  expect(await runs.begin({ ...aReport('a'), source: '-', startedBy: 'ben' }, NOW + 1)).toEqual(run);
  await runs.finish(run.runId, FOUND, NOW + 5);
  const done = { ...run, state: 'done', report: FOUND, finishedAt: NOW + 5 };
  expect(await runs.begin(aReport('a'), NOW + 9)).toEqual(done);
  await runs.finish(run.runId, { ...FOUND, rows: 7 }, NOW + 10);
  expect(await runs.find(run.runId)).toEqual(done);
  expect(await runs.find(9999)).toBeUndefined();
});

test('another day, account or content is another run', async () => {
  const reports = [
    aReport('b'),
    aReport('c'),
    aReport('b', { day: '2026-01-19' }),
    aReport('b', { account: 'acct_1' }),
  ];
  const begun: SettlementRun[] = [];
  for (const report of reports) begun.push(await runs.begin(report, NOW));
  expect(new Set(begun.map(({ runId }) => runId)).size).toBe(4);
  expect((await runs.list(4)).map(({ runId }) => runId)).toEqual(
    begun.map(({ runId }) => runId).toReversed(),
  );
  expect((await runs.list(1))[0]).toEqual(begun[3]);
});

test('two that begin one report at once begin one run', async () => {
  const other = createSettlementRuns(cluster.services.control);
  const both = await Promise.all([runs, other].map((one) => one.begin(aReport('d'), NOW)));
  expect(both[0]!.runId).toBe(both[1]!.runId);
  await other.close();
});

test('a run that is withdrawn is gone with its bad lines; one that is done stays', async () => {
  const run = await runs.begin(aReport('e'), NOW);
  await runs.setAside(run.runId, [
    { line: 3, detail: 'the amount "1,0" is none, \\ and {so} on' },
    { line: 2, detail: 'no currency' },
  ]);
  await runs.setAside(run.runId, [{ line: 2, detail: 'told again' }]);
  expect(await runs.badLines(run.runId, 10)).toEqual([
    { line: 2, detail: 'no currency' },
    { line: 3, detail: 'the amount "1,0" is none, \\ and {so} on' },
  ]);
  expect(await runs.badLines(run.runId, 1)).toHaveLength(1);
  await runs.withdraw(run.runId);
  expect(await runs.find(run.runId)).toBeUndefined();
  expect(await runs.badLines(run.runId, 10)).toEqual([]);
  const done = await runs.begin(aReport('f'), NOW);
  await runs.setAside(done.runId, [{ line: 1, detail: 'x' }]);
  await runs.finish(done.runId, FOUND, NOW);
  await runs.withdraw(done.runId);
  expect(await runs.find(done.runId)).toMatchObject({ state: 'done' });
  expect(await runs.badLines(done.runId, 1)).toHaveLength(1);
});

test('closed is what earlier days’ runs of the scope have closed, else those of all accounts, else those of each', async () => {
  const scope = { processor: 'PAYU', account: 'acct_p' } as const;
  async function ran(digit: string, day: string, closedTo: string | null, account: string | null = 'acct_p') {
    const run = await runs.begin(aReport(digit, { ...scope, account, day }), NOW);
    if (closedTo !== null) await runs.finish(run.runId, { ...FOUND, closedTo }, NOW);
  }
  const closedTo = (day: string, account: string | null = 'acct_p') =>
    runs.closedTo({ ...scope, account, day });
  await ran('1', '2026-01-10', '2026-01-07');
  await ran('2', '2026-01-12', '2026-01-11');
  await ran('3', '2026-01-13', null);
  await ran('4', '2026-01-20', '2026-01-17');
  expect(await closedTo('2026-01-14')).toBe('2026-01-11');
  expect(await closedTo('2026-01-12')).toBe('2026-01-07');
  expect(await closedTo('2026-01-10')).toBeUndefined();
  expect(await closedTo('2026-01-14', 'acct_q')).toBeUndefined();
  expect(await runs.closedTo({ ...scope, processor: 'STRIPE', day: '2026-01-14' })).toBeUndefined();
  await ran('5', '2026-01-11', '2026-01-08', 'acct_q');
  expect(await closedTo('2026-01-14', null)).toBe('2026-01-08');
  await ran('6', '2026-01-13', '2026-01-10', null);
  expect(await closedTo('2026-01-14', null)).toBe('2026-01-10');
  expect(await closedTo('2026-01-14', 'acct_r')).toBe('2026-01-10');
  expect(await closedTo('2026-01-14')).toBe('2026-01-11');
});

test('the terms are all merchants’ fees, page by page, and the contracts that name a fee', async () => {
  // Nobody is told of five thousand merchants one by one.
  for (const table of ['merchants', 'processor_accounts', 'merchant_preferences']) {
    await owner.query(`alter table ${table} disable trigger user`);
  }
  await owner.query(
    `insert into merchants (merchant_id, name, mode, created_at) select 'm_' || g, 'M', 'test', now() from generate_series(1, 5001) g`,
  );
  await owner.query(
    `insert into processor_accounts (merchant_id, processor, account, config, fee_percent, fee_tax_percent)
     select 'm_' || g, 'SANDBOX', 'acct_1', '', case when g <= 2 then 1.8 end, case when g = 1 then 18 end from generate_series(1, 5001) g`,
  );
  await owner.query(
    `insert into merchant_preferences (merchant_id, preferred_processor, preferred_account, transaction_fee_percent)
     select 'm_' || g, 'SANDBOX', 'acct_1', 1.5 from generate_series(1, 5001) g`,
  );
  const fees: unknown[] = [];
  for await (const page of runs.merchantFees()) fees.push(...page);
  expect(fees).toHaveLength(5001);
  expect(fees[0]).toEqual({ merchantId: 'm_1', percent: '1.50' });
  const contracts: unknown[] = [];
  for await (const page of runs.accountFees('SANDBOX')) contracts.push(...page);
  expect(contracts).toEqual([
    { merchantId: 'm_1', account: 'acct_1', percent: '1.80', taxPercent: '18.00' },
    { merchantId: 'm_2', account: 'acct_1', percent: '1.80', taxPercent: null },
  ]);
  for await (const page of runs.accountFees('STRIPE')) expect(page).toEqual([]);
});

test('the days that are done are told by scope, since their last report, and those before a day or at work are not', async () => {
  const scope = { processor: 'PAYU' as const, account: 'acct_done' };
  const [first, again, working, old] = [
    await runs.begin(aReport('1', { ...scope, day: '2026-02-10' }), NOW),
    await runs.begin(aReport('2', { ...scope, day: '2026-02-10' }), NOW),
    await runs.begin(aReport('3', { ...scope, day: '2026-02-11' }), NOW),
    await runs.begin(aReport('4', { ...scope, day: '2026-02-09' }), NOW),
  ] as const;
  await runs.finish(first.runId, FOUND, NOW + 10);
  await runs.finish(again.runId, FOUND, NOW + 20);
  await runs.finish(old.runId, FOUND, NOW + 30);
  const all = await runs.begin(aReport('5', { processor: 'PAYU', day: '2026-02-12' }), NOW);
  await runs.finish(all.runId, FOUND, NOW + 40);
  const done = await runs.doneSince('2026-02-10');
  expect(done.toSorted((a, b) => a.finishedAt - b.finishedAt)).toEqual([
    { scope: { ...scope, day: '2026-02-10' }, finishedAt: NOW + 20 },
    { scope: { processor: 'PAYU', account: null, day: '2026-02-12' }, finishedAt: NOW + 40 },
  ]);
  expect(working.state).toBe('running');
});
