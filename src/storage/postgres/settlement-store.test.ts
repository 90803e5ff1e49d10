import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { makeId } from '../../domain/ids.ts';
import type { ClassTotal, SettlementRow } from '../../domain/settlement.ts';
import type { AccountFee, MerchantFee } from '../settlement-runs.ts';
import type { SettlementStore, ShardRun, StagedRow } from '../settlement-store.ts';
import { StorageError } from '../storage.ts';
import { createSettlementStore } from './settlement-store.ts';
import {
  aPayment,
  aRun,
  insertPayments,
  rowOf,
  type StoredPayment,
  staged,
} from './testing/settlement-rows.ts';

const DAY = '2026-01-20';
const NEXT = '2026-01-21';
/** A logical shard of the first database. */
const HERE = 7;

let cluster: Cluster;
let owners: pg.Client[];
let stores: SettlementStore[];
beforeAll(async () => {
  cluster = await startCluster(2);
  owners = cluster.owner.shards.map((url) => new pg.Client(url));
  for (const owner of owners) {
    await owner.connect();
    await owner.query(`select sluice_ensure_partitions('2026-01-10', '2026-01-22')`);
  }
  stores = [0, 1].map(newStore);
});
afterAll(async () => {
  await Promise.all([
    ...(stores ?? []).map((store) => store.end()),
    ...(owners ?? []).map((owner) => owner.end()),
  ]);
  await cluster?.stop();
});

function newStore(database: number): SettlementStore {
  return createSettlementStore({
    connectionString: cluster.services.shards[database]!,
    database: database + 1,
  });
}

async function* pageOf<Item>(...items: Item[]): AsyncGenerator<Item[]> {
  if (items.length > 0) yield items;
}

const FEES: MerchantFee[] = [{ merchantId: 'm_1', percent: '1.50' }];
const CONTRACTS: AccountFee[] = [
  { merchantId: 'm_1', account: 'acct_1', percent: '2.00', taxPercent: '18.00' },
];

/** Stages rows and compares them as one segment. */
async function settle(
  store: SettlementStore,
  run: ShardRun,
  rows: readonly StagedRow[],
): Promise<ClassTotal[]> {
  await stage(store, run, rows);
  return await store.settle(run, { number: 0, from: 1, to: 1_000_000 });
}

async function stage(store: SettlementStore, run: ShardRun, rows: readonly StagedRow[]): Promise<void> {
  await store.learnTerms(run, pageOf(...FEES), pageOf(...CONTRACTS));
  const load = await store.load(run);
  await load.write(rows);
  expect(await load.finish()).toBe(rows.length);
}

function counts(totals: readonly ClassTotal[]): Record<string, number> {
  return Object.fromEntries(totals.map((total) => [total.class, total.count]));
}

interface Entry {
  entry: number;
  kind: string;
  reverses: number | null;
  postings: number[];
  run_id: number;
}

async function entriesOf(subject: string, database = 0): Promise<Entry[]> {
  const { rows } = await owners[database]!.query<Entry>(
    `select entry, kind, reverses, run_id, array[processor_receivable, processor_fees, processor_tax, merchant_payable, merchant_fees,
       suspense]::float8[] as postings from ledger_entries where subject_id = $1 order by entry`,
    [subject],
  );
  return rows;
}

async function finalsOf({ transactionId }: StoredPayment): Promise<string[]> {
  const { rows } = await owners[0]!.query<{ final: string }>(
    'select final_status as final from payment_ledger where transaction_id = $1 order by sequence',
    [transactionId],
  );
  return rows.map(({ final }) => final);
}

let lastRun = 0;
function nextRun(day = NEXT, over: Partial<ShardRun['scope']> = {}): ShardRun {
  return aRun(++lastRun, day, over);
}

async function payments(...over: Array<Partial<StoredPayment>>): Promise<StoredPayment[]> {
  const made = over.map((one) => aPayment(DAY, HERE, one));
  await insertPayments(owners[0]!, made);
  return made;
}

test('a settled payment is posted: the rest is due, the merchant is owed the amount without its fee', async () => {
  const [one] = await payments({});
  const run = nextRun();
  expect(await settle(stores[0]!, run, [staged(1, rowOf(one!))])).toEqual([
    { class: 'matched', currency: 'INR', count: 1, amount: '5000', fee: '100', tax: '18', net: '4882' },
  ]);
  expect(await entriesOf(one!.transactionId)).toEqual([
    {
      entry: 1,
      kind: 'settlement',
      reverses: null,
      run_id: run.runId,
      postings: [4882, 100, 18, -4925, -75, 0],
    },
  ]);
  expect(await finalsOf(one!)).toEqual(['SUCCESS']);
  expect(await stores[0]!.balances(run.runId)).toMatchObject([
    { currency: 'INR', accounts: { merchant_payable: '-4925', suspense: '0' }, sum: '0' },
  ]);
});

test('half a minor unit of the merchant’s fee is rounded up, and no amount is too large to be exact', async () => {
  const fees = [
    ...([
      [33, 0],
      [34, 1],
      [100, 2],
      [300, 5],
      [9_007_199_254_740_991, 135_107_988_821_115],
    ] as const),
  ];
  for (const [amount, fee] of fees) {
    const [one] = await payments({ amount });
    await settle(stores[0]!, nextRun(), [staged(1, rowOf(one!, { fee: 0, tax: 0, net: amount }))]);
    expect(await entriesOf(one!.transactionId)).toMatchObject([
      { postings: [amount, 0, 0, fee - amount, fee === 0 ? 0 : -fee, 0] },
    ]);
  }
});

test.each<[string, Partial<StoredPayment>, Partial<SettlementRow>, string, string]>([
  [
    'takes a payment back that succeeded here',
    {},
    { outcome: 'failed' },
    'failed_there',
    'SUCCESS here, and the report takes it back',
  ],
  [
    'settles a payment that failed here',
    { status: 'FAILED' },
    {},
    'failed_here',
    'FAILED here, and the report has settled it with 5000 minor units of INR',
  ],
  [
    'settles a payment that is open here',
    { status: 'PROCESSING' },
    {},
    'unknown_settled',
    'PROCESSING here, and the report has settled it with 5000 minor units of INR',
  ],
  [
    'takes a payment back that is open here',
    { status: 'SENT' },
    { outcome: 'failed' },
    'unknown_settled',
    'SENT here, and the report takes it back',
  ],
  [
    'has another amount',
    {},
    { amount: 4900 },
    'amount_differs',
    'the report has 4900 minor units of INR, we have 5000 of INR',
  ],
  [
    'has another currency',
    {},
    { currency: 'USD', amount: 4900 },
    'currency_differs',
    'the report has 4900 minor units of USD, we have 5000 of INR',
  ],
  [
    'has another fee than the contract',
    {},
    { fee: 102 },
    'fee_differs',
    'the processor has kept a fee of 102 and a tax of 18 minor units, its contract says 100 and 18',
  ],
  [
    'has another tax than the contract',
    {},
    { tax: 20 },
    'fee_differs',
    'the processor has kept a fee of 100 and a tax of 20 minor units, its contract says 100 and 18',
  ],
  [
    'is of another processor',
    { processor: 'SANDBOX_B' },
    {},
    'unknown_here',
    'our transaction is at SANDBOX_B, account acct_1, and not at SANDBOX',
  ],
  [
    'is of another account',
    {},
    { account: 'acct_2' },
    'unknown_here',
    'our transaction is at SANDBOX, account acct_1, and not at SANDBOX, account acct_2',
  ],
  [
    'is of a refund',
    {},
    { kind: 'refund', amount: 300, fee: 0, tax: 0, net: -300 },
    'unknown_here',
    'of kind refund and not a payment: its -300 minor units of INR are held',
  ],
])('a row that %s is one break with its sentence', async (_, ours, reported, found, detail) => {
  const [one] = await payments(ours);
  const run = nextRun();
  expect(counts(await settle(stores[0]!, run, [staged(1, rowOf(one!, reported))]))).toEqual({ [found]: 1 });
  const [brk, ...others] = await stores[0]!.breaks({ runId: run.runId, limit: 10 });
  expect(others).toEqual([]);
  const corrected = ['failed_there', 'failed_here', 'unknown_settled'].includes(found);
  expect(brk).toMatchObject({
    ...{ class: found, detail, line: 1, state: corrected ? 'correcting' : 'open', closedAt: null },
    ...{ foundAt: run.now, merchantId: reported.kind === 'refund' ? null : 'm_1' },
    reported: { amount: reported.amount ?? 5000, currency: reported.currency ?? 'INR' },
  });
  expect(brk!.breakId).toMatch(/^brk_1_[0-9]+$/);
  expect(await stores[0]!.correctionsWaiting(run.runId)).toBe(corrected ? 1 : 0);
  const [balance] = await stores[0]!.balances(run.runId);
  if (balance !== undefined) expect(balance.sum).toBe('0');
});

test('what is settled is posted whatever our status, and what is taken back is not; each has its final record', async () => {
  const [failedHere, open, takenBack, failedBoth] = await payments(
    { status: 'FAILED' },
    { status: 'PROCESSING' },
    {},
    { status: 'FAILED' },
  );
  const rows = [
    ...[rowOf(failedHere!), rowOf(open!), rowOf(takenBack!, { outcome: 'failed' })],
    rowOf(failedBoth!, { outcome: 'failed' }),
  ];
  const found = await settle(
    stores[0]!,
    nextRun(),
    rows.map((row, index) => staged(index + 1, row)),
  );
  expect(counts(found)).toEqual({ failed_here: 1, unknown_settled: 1, failed_there: 1, matched: 1 });
  for (const one of [failedHere!, open!]) {
    expect(await entriesOf(one.transactionId)).toMatchObject([{ kind: 'settlement' }]);
    expect(await finalsOf(one)).toEqual(['SUCCESS']);
  }
  for (const one of [takenBack!, failedBoth!]) {
    expect(await entriesOf(one.transactionId)).toEqual([]);
    expect(await finalsOf(one)).toEqual(['FAILED']);
  }
});

test('money whose amount or currency differs is held, and so is money of nobody, under a subject of its own', async () => {
  const [amount, currency, elsewhere] = await payments({}, {}, { account: 'acct_9' });
  const nobody = makeId(Date.parse(DAY), HERE, Buffer.alloc(8, 7));
  const rows = [
    staged(1, rowOf(amount!, { amount: 4900 })),
    staged(2, rowOf(currency!, { currency: 'USD' })),
    staged(3, rowOf(elsewhere!, { account: 'acct_1' })),
    staged(
      4,
      rowOf(elsewhere!, { transactionId: null, kind: 'adjustment', fee: 0, tax: 0, net: -70 }),
      nobody,
    ),
  ];
  const run = nextRun();
  expect(counts(await settle(stores[0]!, run, rows))).toEqual({
    ...{ amount_differs: 1, currency_differs: 1, unknown_here: 2 },
  });
  expect(await entriesOf(amount!.transactionId)).toMatchObject([
    { kind: 'suspense', postings: [4782, 100, 18, 0, 0, -4900] },
  ]);
  expect(await entriesOf(currency!.transactionId)).toMatchObject([{ kind: 'suspense' }]);
  expect(await entriesOf(elsewhere!.transactionId)).toEqual([]);
  expect(await entriesOf(`${elsewhere!.transactionId.slice(0, 31)}0`)).toMatchObject([{ kind: 'suspense' }]);
  expect(await entriesOf(nobody)).toMatchObject([{ kind: 'suspense', postings: [-70, 0, 0, 0, 0, 70] }]);
  expect(await finalsOf(amount!)).toEqual([]);
  // A report of its own processor account is not in their way.
  expect(counts(await settle(stores[0]!, nextRun(), [staged(1, rowOf(elsewhere!))]))).toEqual({ matched: 1 });
});

test('of what differs the first in order is told: twice, place, currency, amount, status, fee', async () => {
  const all = { amount: 4900, currency: 'USD', fee: 500, account: 'acct_2' };
  const { account: _, ...noPlace } = all;
  const { currency: __, ...noCurrency } = noPlace;
  const { amount: ___, ...noAmount } = noCurrency;
  for (const [reported, found] of [
    [all, 'unknown_here'],
    [noPlace, 'currency_differs'],
    [noCurrency, 'amount_differs'],
    [noAmount, 'failed_here'],
  ] as const) {
    const [one] = await payments({ status: 'FAILED' });
    const rows = [staged(1, rowOf(one!, reported))];
    expect(counts(await settle(stores[0]!, nextRun(), rows))).toEqual({ [found]: 1 });
  }
  const [one] = await payments({ status: 'FAILED' });
  const again = staged(2, rowOf(one!, { ...noPlace, movementId: 'mv_other' }));
  expect(counts(await settle(stores[0]!, nextRun(), [staged(1, rowOf(one!)), again]))).toEqual({
    ...{ failed_here: 1, twice: 1 },
  });
});

test('a charge on an earlier leg of its routing is at that leg’s processor, by its contract', async () => {
  const legs = [
    { leg: 1, processor: 'SANDBOX', processorAccount: 'acct_1' },
    { leg: 2, processor: 'SANDBOX_B', processorAccount: 'acct_b' },
  ];
  const [one, two] = await payments(
    { processor: 'SANDBOX_B', account: 'acct_b', legs },
    { processor: 'SANDBOX_B', account: 'acct_b', legs },
  );
  const rows = [staged(1, rowOf(one!, { account: 'acct_1' })), staged(2, rowOf(two!, { fee: 300 }))];
  expect(counts(await settle(stores[0]!, nextRun(), rows))).toEqual({ matched: 1, fee_differs: 1 });
});

test('a second row of the same movement is told and not posted; another movement of the payment is held', async () => {
  const [one, bare] = await payments({}, {});
  const anonymous = rowOf(bare!, { movementId: null });
  const rows = [
    ...[staged(1, rowOf(one!)), staged(2, rowOf(one!)), staged(3, rowOf(one!, { movementId: 'mv_2' }))],
    ...[staged(4, anonymous), staged(5, anonymous), staged(6, { ...anonymous, fee: 99, net: 4883 })],
  ];
  const run = nextRun();
  expect(counts(await settle(stores[0]!, run, rows))).toEqual({ matched: 2, twice: 4 });
  expect(await entriesOf(one!.transactionId)).toMatchObject([
    { entry: 1, kind: 'settlement' },
    { entry: 2, kind: 'suspense', postings: [4882, 100, 18, 0, 0, -5000] },
  ]);
  expect(await entriesOf(bare!.transactionId)).toMatchObject([{ kind: 'settlement' }, { kind: 'suspense' }]);
  const breaks = await stores[0]!.breaks({ runId: run.runId, limit: 10 });
  expect(breaks.map(({ line, detail }) => [line, detail])).toEqual([
    [2, 'line 1 of this report has the same movement already'],
    [3, 'another movement of a payment that this report has already; its 5000 minor units of INR are held'],
    [5, 'line 4 of this report has the same movement already'],
    [6, 'another movement of a payment that this report has already; its 5000 minor units of INR are held'],
  ]);
});

test('a movement that is held beside a payment is not posted when the payment was taken back and it comes again', async () => {
  const [one] = await payments({});
  const [settled, other] = [rowOf(one!), rowOf(one!, { movementId: 'mv_2' })];
  const taken = rowOf(one!, { outcome: 'failed' });
  await settle(stores[0]!, nextRun(), [staged(1, settled), staged(2, other)]);
  expect(counts(await settle(stores[0]!, nextRun(NEXT), [staged(1, taken), staged(2, other)]))).toEqual({
    ...{ failed_there: 1, already_posted: 1 },
  });
  expect(await entriesOf(one!.transactionId)).toMatchObject([
    ...[{ kind: 'settlement' }, { kind: 'suspense' }, { kind: 'reversal', reverses: 1 }],
  ]);
  const [two] = await payments({});
  const rows = [rowOf(two!), rowOf(two!, { movementId: 'mv_3' }), rowOf(two!, { outcome: 'failed' })];
  const again = [...rows, rows[1]!].map((row, at) => staged(at + 1, row));
  expect(counts(await settle(stores[0]!, nextRun(), again))).toEqual({
    matched: 1,
    twice: 2,
    failed_there: 1,
  });
  expect(await entriesOf(two!.transactionId)).toMatchObject([
    ...[{ kind: 'settlement' }, { kind: 'suspense' }, { kind: 'reversal', reverses: 1 }],
  ]);
});

test('two processors that have each charged a payment are no one movement, though neither names it', async () => {
  const legs = [
    { leg: 1, processor: 'SANDBOX', processorAccount: 'acct_1' },
    { leg: 2, processor: 'SANDBOX_B', processorAccount: 'acct_b' },
  ];
  const [one] = await payments({ processor: 'SANDBOX_B', account: 'acct_b', legs });
  const row = rowOf(one!, { movementId: null });
  expect(counts(await settle(stores[0]!, nextRun(), [staged(1, row)]))).toEqual({ matched: 1 });
  const other = nextRun(NEXT, { processor: 'SANDBOX_B' });
  expect(counts(await settle(stores[0]!, other, [staged(1, row)]))).toEqual({ twice: 1 });
  expect(await entriesOf(one!.transactionId)).toMatchObject([{ kind: 'settlement' }, { kind: 'suspense' }]);
});

test('a row that took a payment back with another amount is not in the way of the right one', async () => {
  const [back, settled] = await payments({}, {});
  const wrong = { outcome: 'failed', amount: 1, fee: 0, tax: 0 } as const;
  const rows = [staged(1, rowOf(back!, wrong)), staged(2, rowOf(settled!, wrong))];
  expect(counts(await settle(stores[0]!, nextRun(), rows))).toEqual({ amount_differs: 2 });
  const right = [staged(1, rowOf(back!, { outcome: 'failed' })), staged(2, rowOf(settled!))];
  expect(counts(await settle(stores[0]!, nextRun(), right))).toEqual({ failed_there: 1, matched: 1 });
  expect(await finalsOf(back!)).toEqual(['FAILED']);
});

test('a report that is sent again under another account is posted already', async () => {
  const [one] = await payments({});
  const rows = [staged(1, rowOf(one!))];
  expect(counts(await settle(stores[0]!, nextRun(), rows))).toEqual({ matched: 1 });
  const again = nextRun(NEXT, { account: 'acct_2' });
  expect(counts(await settle(stores[0]!, again, rows))).toEqual({ already_posted: 1 });
  expect(await stores[0]!.balances(again.runId)).toEqual([]);
  // Another movement there is somebody's money.
  const other = [staged(1, rowOf(one!, { movementId: 'mv_other' }))];
  expect(counts(await settle(stores[0]!, nextRun(NEXT, { account: 'acct_2' }), other))).toEqual({
    unknown_here: 1,
  });
});

test('an older report that comes again undoes nothing that a later day has said', async () => {
  const [back, anew] = await payments({}, {});
  const older = [staged(1, rowOf(back!)), staged(2, rowOf(anew!, { outcome: 'failed' }))];
  await settle(stores[0]!, nextRun(), older);
  const newer = [
    staged(1, rowOf(back!, { outcome: 'failed', movementId: 'mv_back' })),
    staged(2, rowOf(anew!, { movementId: 'mv_anew' })),
  ];
  const later = await settle(stores[0]!, nextRun('2026-01-22'), newer);
  expect(counts(later)).toEqual({ failed_there: 1, failed_here: 1 });
  const again = nextRun(NEXT, { account: 'acct_1' });
  expect(counts(await settle(stores[0]!, again, older))).toEqual({ already_posted: 2 });
  expect(await finalsOf(back!)).toEqual(['SUCCESS', 'FAILED']);
  expect(await finalsOf(anew!)).toEqual(['FAILED', 'SUCCESS']);
  // What a later day says again holds.
  const last = [staged(1, rowOf(back!)), staged(2, rowOf(anew!, { outcome: 'failed' }))];
  const settledAfterAll = await settle(stores[0]!, nextRun('2026-01-23'), last);
  expect(counts(settledAfterAll)).toEqual({ failed_here: 1, failed_there: 1 });
});

test('a row of a payment whose day is gone is posted already', async () => {
  const [one] = await payments({});
  const rows = [staged(1, rowOf(one!))];
  await settle(stores[0]!, nextRun(), rows);
  await owners[0]!.query('delete from transactions where transaction_id = $1', [one!.transactionId]);
  expect(counts(await settle(stores[0]!, nextRun(NEXT, { account: 'acct_1' }), rows))).toEqual({
    already_posted: 1,
  });
});

test('what was held under another account is given back when its payment has it', async () => {
  const [one, two] = await payments({}, {});
  const refund = rowOf(one!, {
    kind: 'refund',
    amount: 300,
    fee: 0,
    tax: 0,
    net: -300,
    movementId: 'mv_refund',
  });
  const rows = [staged(1, rowOf(one!)), staged(2, refund), staged(3, rowOf(two!, { amount: 4900 }))];
  const wrong = nextRun(NEXT, { account: 'acct_2' });
  expect(counts(await settle(stores[0]!, wrong, rows))).toEqual({ unknown_here: 3 });
  const right = nextRun();
  const more = staged(4, { ...refund, movementId: 'mv_refund_2' });
  expect(counts(await settle(stores[0]!, right, [...rows, more]))).toEqual({
    ...{ matched: 1, already_posted: 1, amount_differs: 1, unknown_here: 1 },
  });
  const nobody = (payment: StoredPayment): string => `${payment.transactionId.slice(0, 31)}0`;
  expect(await entriesOf(nobody(one!))).toMatchObject([
    { kind: 'suspense', postings: [4882, 100, 18, 0, 0, -5000] },
    { kind: 'suspense', postings: [-300, 0, 0, 0, 0, 300] },
    { kind: 'suspense', postings: [-300, 0, 0, 0, 0, 300] },
    { kind: 'reversal', reverses: 1, postings: [-4882, -100, -18, 0, 0, 5000] },
  ]);
  expect(await entriesOf(nobody(two!))).toMatchObject([
    { kind: 'suspense' },
    { kind: 'reversal', reverses: 1 },
  ]);
  expect(await stores[0]!.breaks({ runId: wrong.runId, limit: 10 })).toMatchObject([
    { state: 'settled', closedBy: 'reconciliation', reason: `run ${right.runId} has had it at line 1` },
    { state: 'open' },
    { state: 'settled' },
  ]);
  expect(await stores[0]!.balances(right.runId)).toMatchObject([{ sum: '0' }]);
  // Once.
  await settle(stores[0]!, nextRun(), rows);
  expect(await entriesOf(nobody(one!))).toHaveLength(4);
});

test('a second row is found across the segments of a run', async () => {
  const [one] = await payments({});
  const run = nextRun();
  await stage(stores[0]!, run, [
    staged(1, rowOf(one!)),
    staged(11, rowOf(one!)),
    staged(12, rowOf(one!, { movementId: 'x' })),
  ]);
  expect(counts(await stores[0]!.settle(run, { number: 0, from: 1, to: 11 }))).toEqual({ matched: 1 });
  expect(counts(await stores[0]!.settle(run, { number: 1, from: 11, to: 21 }))).toEqual({ twice: 2 });
  expect(await entriesOf(one!.transactionId)).toMatchObject([{ kind: 'settlement' }, { kind: 'suspense' }]);
});

test('the rows of an earlier report are posted already, all of them; the second run posts nothing', async () => {
  const made = await payments({}, { status: 'FAILED' }, { status: 'PROCESSING' }, {}, {}, {}, {});
  const rows = made.map((one) => rowOf(one));
  const report = [
    ...rows.slice(0, 3),
    { ...rows[3]!, outcome: 'failed' as const },
    { ...rows[4]!, amount: 4900, net: 4782 },
    ...[rows[5]!, rows[5]!, { ...rows[5]!, movementId: 'another' }],
    { ...rows[6]!, account: 'acct_2' },
  ].map((row, index) => staged(index + 1, row));
  await settle(stores[0]!, nextRun(), report);
  const posted = async (): Promise<string> => {
    const { rows: sums } = await owners[0]!.query<{ sums: string }>(
      "select (select count(*) from ledger_entries) || ' ' || (select count(*) from payment_ledger) as sums",
    );
    return sums[0]!.sums;
  };
  const before = await posted();
  const again = nextRun();
  expect(counts(await settle(stores[0]!, again, report))).toEqual({ already_posted: report.length });
  expect(await posted()).toBe(before);
  expect(await stores[0]!.breaks({ runId: again.runId, limit: 1 })).toEqual([]);
  expect(await stores[0]!.balances(again.runId)).toEqual([]);
});

test('a movement that an earlier report had with other money is a break, and nothing is posted', async () => {
  const [amount, fee, currency] = await payments({}, {}, {});
  const first = nextRun();
  await settle(
    stores[0]!,
    first,
    [amount!, fee!, currency!].map((one, n) => staged(n + 1, rowOf(one))),
  );
  const run = nextRun();
  const rows = [
    ...[staged(1, rowOf(amount!, { amount: 4900 })), staged(2, rowOf(fee!, { fee: 101 }))],
    staged(3, rowOf(currency!, { currency: 'USD' })),
  ];
  expect(counts(await settle(stores[0]!, run, rows))).toEqual({
    ...{ amount_differs: 1, fee_differs: 1, currency_differs: 1 },
  });
  const [brk] = await stores[0]!.breaks({ runId: run.runId, limit: 1 });
  expect(brk!.detail).toBe(
    `run ${first.runId} has posted this movement with 5000 minor units of INR, a fee of 100 and a tax of 18; this report has 4900 of INR, a fee of 100 and a tax of 18`,
  );
  for (const one of [amount!, fee!, currency!]) expect(await entriesOf(one.transactionId)).toHaveLength(1);
});

test('what is taken back after it was posted is reversed, and posted anew when it is settled after all', async () => {
  const [later, same] = await payments({}, {});
  const settled = rowOf(later!);
  await settle(stores[0]!, nextRun(), [staged(1, settled)]);
  const run = nextRun();
  const back = { ...settled, outcome: 'failed' as const, movementId: 'mv_back' };
  expect(counts(await settle(stores[0]!, run, [staged(1, back)]))).toEqual({ failed_there: 1 });
  const [credit, reversal] = await entriesOf(later!.transactionId);
  expect(reversal).toMatchObject({ entry: 2, kind: 'reversal', reverses: 1, run_id: run.runId });
  expect(reversal!.postings).toEqual(credit!.postings.map((amount) => 0 - amount));
  expect(await finalsOf(later!)).toEqual(['SUCCESS', 'FAILED']);
  // Within one report, in the order of its lines.
  const words = (['settled', 'failed', 'settled', 'failed', 'settled'] as const).map((outcome, n) =>
    staged(n + 1, rowOf(same!, { outcome })),
  );
  expect(counts(await settle(stores[0]!, nextRun(), words))).toEqual({
    matched: 1,
    failed_there: 2,
    failed_here: 2,
  });
  expect(await entriesOf(same!.transactionId)).toMatchObject([
    ...[
      { entry: 1, kind: 'settlement' },
      { entry: 2, kind: 'reversal', reverses: 1 },
      { entry: 3, kind: 'settlement' },
    ],
    ...[
      { entry: 4, kind: 'reversal', reverses: 3 },
      { entry: 5, kind: 'settlement', postings: [4882, 100, 18, -4925, -75, 0] },
    ],
  ]);
  expect(await finalsOf(same!)).toEqual(['SUCCESS', 'FAILED', 'SUCCESS', 'FAILED', 'SUCCESS']);
});

test('a segment that is done is not done again, and a run that was cut short goes on with a new store', async () => {
  const [one, two] = await payments({}, { status: 'FAILED' });
  const run = nextRun();
  const rows = [staged(1, rowOf(one!)), staged(101, rowOf(two!))];
  const segments = [0, 1].map((number) => ({ number, from: number * 100 + 1, to: number * 100 + 101 }));
  const cut = newStore(0);
  await stage(cut, run, rows);
  const first = await cut.settle(run, segments[0]!);
  await cut.end();
  const next = newStore(0);
  await stage(next, run, rows);
  expect(await next.settle(run, segments[0]!)).toEqual(first);
  expect(counts(await next.settle(run, segments[1]!))).toEqual({ failed_here: 1 });
  expect(await next.settle(run, segments[1]!)).toMatchObject([{ class: 'failed_here', count: 1 }]);
  for (const { transactionId } of [one!, two!]) expect(await entriesOf(transactionId)).toHaveLength(1);
  expect(await next.balances(run.runId)).toMatchObject([
    { accounts: { merchant_payable: '-9850' }, sum: '0' },
  ]);
  await next.close(run.runId);
  const { rows: left } = await owners[0]!.query('select to_regclass($1) as name', [
    `settlement_rows_${run.runId}`,
  ]);
  expect(left).toEqual([{ name: null }]);
  await next.end();
});

test('a run whose connection has broken is not compared on: its rows may be gone', async () => {
  const [one] = await payments({});
  const run = nextRun();
  const store = newStore(0);
  await stage(store, run, [staged(1, rowOf(one!))]);
  const admin = new pg.Client(cluster.postgres.adminUrl('shard_1'));
  await admin.connect();
  await admin.query(
    "select pg_terminate_backend(pid, 5000) from pg_locks where locktype = 'advisory' and classid = 5102029 and objid = $1",
    [run.runId],
  );
  await admin.end();
  const segment = { number: 0, from: 1, to: 11 };
  await expect(store.settle(run, segment)).rejects.toThrow(StorageError);
  await expect(store.settle(run, segment)).rejects.toMatchObject({ kind: 'unavailable' });
  expect(await entriesOf(one!.transactionId)).toEqual([]);
  await store.end();
});

test('a second process on the same run waits until the first has ended, then begins anew', async () => {
  const [one] = await payments({});
  const run = nextRun();
  const [first, second] = [newStore(0), newStore(0)];
  await stage(first, run, [staged(1, rowOf(one!)), staged(2, rowOf(one!))]);
  const waiting = stage(second, run, [staged(1, rowOf(one!))]);
  await eventually(async () => {
    const { rows } = await owners[0]!.query(
      "select from pg_locks where locktype = 'advisory' and classid = 5102029 and not granted",
    );
    expect(rows).toHaveLength(1);
  });
  await first.end();
  await waiting;
  expect(counts(await second.settle(run, { number: 0, from: 1, to: 11 }))).toEqual({ matched: 1 });
  await second.end();
});

test('two runs that post one payment at once post it once', async () => {
  const made = await payments(...Array.from({ length: 200 }, () => ({})));
  const runs = [nextRun(), nextRun(NEXT, { account: 'acct_1' })];
  const both = [newStore(0), newStore(0)];
  for (const [index, store] of both.entries()) {
    const order = index === 0 ? made : made.toReversed();
    await stage(
      store,
      runs[index]!,
      order.map((one, n) => staged(n + 1, rowOf(one))),
    );
  }
  const found = await Promise.all(
    both.map((store, index) => store.settle(runs[index]!, { number: 0, from: 1, to: 1000 })),
  );
  const sum = (name: string): number =>
    found.flat().reduce((all, one) => all + (one.class === name ? one.count : 0), 0);
  expect([sum('matched'), sum('already_posted')]).toEqual([200, 200]);
  const { rows } = await owners[0]!.query<{ count: string }>(
    'select count(*) from ledger_entries where run_id = any($1)',
    [runs.map(({ runId }) => runId)],
  );
  expect(rows).toEqual([{ count: '200' }]);
  await Promise.all(both.map((store) => store.end()));
});

test('ids that this database does not own are refused, and nothing of their segment is posted', async () => {
  const [mine] = await payments({});
  const others = aPayment(DAY, 700);
  await insertPayments(owners[0]!, [others]);
  const run = nextRun();
  await stage(stores[0]!, run, [staged(1, rowOf(mine!)), staged(2, rowOf(others))]);
  await expect(stores[0]!.settle(run, { number: 0, from: 1, to: 11 })).rejects.toMatchObject({
    kind: 'fenced',
  });
  expect(await entriesOf(mine!.transactionId)).toEqual([]);
  expect(await stores[0]!.balances(run.runId)).toEqual([]);
});

test('words of a report are kept as they are, whatever is in them; a NUL is refused', async () => {
  const [one] = await payments({});
  const words = 'a\tb\nc\rd\\N \\. "quoted", ₹ \u0001';
  const run = nextRun();
  const row = rowOf(one!, { movementId: words, reference: '\\N', settlementId: '', utr: words, fee: 500 });
  await settle(stores[0]!, run, [staged(1, row)]);
  const { rows } = await owners[0]!.query(
    'select movement_id, settlement_id, utr from ledger_entries where subject_id = $1',
    [one!.transactionId],
  );
  expect(rows).toEqual([{ movement_id: words, settlement_id: '', utr: words }]);
  expect((await stores[0]!.breaks({ runId: run.runId, limit: 1 }))[0]!.reference).toBe('\\N');
  const bad = nextRun();
  await stores[0]!.learnTerms(bad, pageOf<MerchantFee>(), pageOf<AccountFee>());
  const load = await stores[0]!.load(bad);
  await expect(load.write([staged(1, rowOf(one!, { utr: 'a\0b' }))])).rejects.toMatchObject({
    kind: 'poisoned',
  });
  await load.abort();
});

test('a load of many megabytes is whole; one that is refused leaves nothing', async () => {
  const [one] = await payments({});
  const run = nextRun();
  await stores[0]!.learnTerms(run, pageOf<MerchantFee>(), pageOf<AccountFee>());
  const load = await stores[0]!.load(run);
  const long = 'x'.repeat(1000);
  for (let batch = 0; batch < 10; batch++) {
    await load.write(
      Array.from({ length: 500 }, (_, n) => staged(batch * 500 + n + 1, rowOf(one!, { reference: long }))),
    );
  }
  expect(await load.finish()).toBe(5000);
  const bad = nextRun();
  await stores[0]!.learnTerms(bad, pageOf<MerchantFee>(), pageOf<AccountFee>());
  const refused = await stores[0]!.load(bad);
  await refused.write([staged(1, rowOf(one!, { amount: 1.5 }))]);
  await expect(refused.finish()).rejects.toMatchObject({ kind: 'poisoned' });
  await refused.abort();
  const { rows } = await owners[0]!.query("select from pg_class where relname like 'settlement_rows_%'");
  expect(rows).toHaveLength(0);
});

test('rows without our reference go to the database that has their charge, and those of nobody to their own', async () => {
  const [here, there] = [aPayment(DAY, HERE), aPayment(DAY, 700)];
  await insertPayments(owners[0]!, [here]);
  await insertPayments(owners[1]!, [there]);
  const run = nextRun();
  const nameless = (one: StoredPayment, processorTxnId = one.processorTxnId): SettlementRow =>
    rowOf(one, { transactionId: null, reference: null, processorTxnId });
  const subject = (shard: number): string => makeId(Date.parse(DAY), shard, randomBytes(8));
  const rows = [
    // Their subjects' databases are not those of their transactions.
    staged(1, nameless(here), subject(700)),
    staged(2, nameless(there), subject(HERE)),
    staged(3, nameless(here, 'ch_nobody'), subject(HERE)),
    staged(4, nameless(here, 'ch_nobody_else'), subject(700)),
  ];
  for (const store of stores) await stage(store, run, rows);
  const claimed = await Promise.all(stores.map((store) => store.claimByProcessorId(run)));
  expect(claimed).toEqual([[1], [2]]);
  for (const store of stores) await store.forgetUnclaimed(run, { claimed: claimed.flat(), contested: [] });
  for (const store of stores) {
    expect(counts(await store.settle(run, { number: 0, from: 1, to: 11 }))).toEqual({
      matched: 1,
      unknown_here: 1,
    });
  }
  expect(await entriesOf(here.transactionId)).toMatchObject([{ kind: 'settlement' }]);
  expect(await entriesOf(there.transactionId, 1)).toMatchObject([{ kind: 'settlement' }]);
});

test('what succeeded and no report has had is missing after its day is due, and settled when one has it', async () => {
  const day = '2026-01-12';
  const scope = { processor: 'STRIPE', account: 'acct_m' } as const;
  const of = (over: Partial<StoredPayment> = {}): StoredPayment =>
    aPayment(day, HERE, { processor: scope.processor, account: scope.account, ...over });
  const [missing, later, had, differs, takenBack, open, elsewhere, failed] = [
    ...[of(), of({ completedAt: Date.parse('2026-01-13T00:00:00Z') }), of(), of(), of()],
    ...[of({ status: 'PROCESSING' }), of({ account: 'acct_n' }), of({ status: 'FAILED' })],
  ];
  await insertPayments(owners[0]!, [
    missing!,
    later!,
    had!,
    differs!,
    takenBack!,
    open!,
    elsewhere!,
    failed!,
  ]);
  const run = nextRun('2026-01-14', scope);
  const rows = [
    ...[
      rowOf(had!),
      rowOf(differs!, { amount: 1, fee: 0, tax: 0 }),
      rowOf(takenBack!, { outcome: 'failed' }),
    ],
    rowOf(failed!, { outcome: 'failed', amount: 7, fee: 0, tax: 0 }),
  ];
  await settle(
    stores[0]!,
    run,
    rows.map((row, n) => staged(n + 1, row)),
  );
  const found = await stores[0]!.settleAbsent(run, { from: day, to: '2026-01-14' }, day);
  expect(counts(found)).toEqual({ missing_there: 1, not_due: 1 });
  expect(found.map(({ amount, net }) => [amount, net])).toEqual([
    ['5000', '0'],
    ['5000', '0'],
  ]);
  expect(await stores[0]!.settleAbsent(run, { from: day, to: '2026-01-14' }, '2026-01-13')).toEqual(found);
  const missingBreaks = await stores[0]!.breaks({ classes: ['missing_there'], states: ['open'], limit: 10 });
  expect(missingBreaks).toMatchObject([
    {
      ...{
        transactionId: missing!.transactionId,
        line: null,
        reported: null,
        scope: { ...scope, day: '2026-01-14' },
      },
      ours: { amount: 5000, currency: 'INR', status: 'SUCCESS' },
      detail:
        'succeeded on 2026-01-12 with 5000 minor units of INR, and no report up to that of 2026-01-14 has had it',
    },
  ]);
  const next = nextRun('2026-01-15', scope);
  expect(counts(await settle(stores[0]!, next, [staged(3, rowOf(missing!))]))).toEqual({ matched: 1 });
  expect(await stores[0]!.breaks({ classes: ['missing_there'], limit: 10 })).toMatchObject([
    {
      state: 'settled',
      closedBy: 'reconciliation',
      closedAt: next.now,
      reason: `run ${next.runId} has had it at line 3`,
    },
  ]);
  expect(
    counts(await stores[0]!.settleAbsent(next, { from: '2026-01-13', to: '2026-01-15' }, '2026-01-13')),
  ).toEqual({
    missing_there: 1,
  });
  expect(
    await stores[0]!.settleAbsent(
      nextRun('2026-01-16', scope),
      { from: '2026-01-17', to: '2026-01-16' },
      day,
    ),
  ).toEqual([]);
});

test('what succeeds after a report had failed it, and is in none since, is missing', async () => {
  const scope = { processor: 'STRIPE', account: 'acct_late' } as const;
  const late = aPayment('2026-01-12', HERE, { ...scope, status: 'FAILED' });
  const back = aPayment('2026-01-12', HERE, scope);
  await insertPayments(owners[0]!, [late, back]);
  const settled = [staged(1, rowOf(back))];
  expect(counts(await settle(stores[0]!, nextRun('2026-01-13', scope), settled))).toEqual({ matched: 1 });
  const failed = [late, back].map((one, n) =>
    staged(n + 1, rowOf(one, { outcome: 'failed', movementId: null })),
  );
  const run = nextRun('2026-01-14', scope);
  expect(counts(await settle(stores[0]!, run, failed))).toEqual({ matched: 1, failed_there: 1 });
  const days = { from: '2026-01-12', to: '2026-01-20' };
  // Its correction is on its way.
  expect(await stores[0]!.settleAbsent(run, days, days.to)).toEqual([]);
  await owners[0]!.query(
    "update transactions set status = 'SUCCESS', completed_at = '2026-01-15T09:00:00Z' where transaction_id = any ($1)",
    [[late.transactionId, back.transactionId]],
  );
  const next = nextRun('2026-01-20', scope);
  await stage(stores[0]!, next, []);
  expect(counts(await stores[0]!.settleAbsent(next, days, '2026-01-17'))).toEqual({ missing_there: 2 });
  // Told once, also when the days of another run overlap.
  const again = nextRun('2026-01-20', scope);
  await stage(stores[0]!, again, []);
  expect(await stores[0]!.settleAbsent(again, days, '2026-01-17')).toEqual([]);
});

test('a break that is accepted is posted as reported, in place of what was held or posted', async () => {
  const [held, otherwise, fee] = await payments({}, {}, {});
  const store = stores[0]!;
  await settle(store, nextRun(), [staged(1, rowOf(otherwise!))]);
  const run = nextRun();
  await settle(store, run, [
    ...[staged(1, rowOf(held!, { amount: 4900 })), staged(2, rowOf(otherwise!, { amount: 4800 }))],
    staged(3, rowOf(fee!, { fee: 500 })),
  ]);
  const breaks = await store.breaks({ runId: run.runId, limit: 10 });
  const who = { operator: 'asha', reason: 'the shopper paid less', now: run.now + 1000 };
  for (const { breakId } of breaks) {
    expect(await store.resolveBreak(numberOf(breakId), 'accepted', who)).toMatchObject({
      ...{ state: 'accepted', closedBy: 'asha', reason: who.reason, closedAt: who.now },
    });
    expect(await store.resolveBreak(numberOf(breakId), 'accepted', who)).toBeUndefined();
  }
  expect(await entriesOf(held!.transactionId)).toMatchObject([
    { kind: 'suspense', postings: [4782, 100, 18, 0, 0, -4900] },
    { kind: 'reversal', reverses: 1, postings: [-4782, -100, -18, 0, 0, 4900] },
    // 1.5 % of 4900 is 73.5.
    { kind: 'settlement', postings: [4782, 100, 18, -4826, -74, 0] },
  ]);
  expect(await finalsOf(held!)).toEqual(['SUCCESS']);
  expect(await entriesOf(otherwise!.transactionId)).toMatchObject([
    { kind: 'settlement', postings: [4882, 100, 18, -4925, -75, 0] },
    { kind: 'reversal', reverses: 1, postings: [-4882, -100, -18, 4925, 75, 0] },
    { kind: 'settlement', postings: [4682, 100, 18, -4728, -72, 0], run_id: run.runId },
  ]);
  // It is posted as the report has it already.
  expect(await entriesOf(fee!.transactionId)).toHaveLength(1);
});

test('a break that is dismissed posts nothing; what could not be posted can only be dismissed', async () => {
  const [held, elsewhere, one] = await payments({}, { account: 'acct_9' }, {});
  const store = stores[0]!;
  const run = nextRun();
  await settle(store, run, [
    ...[
      staged(1, rowOf(held!, { amount: 4900 })),
      staged(2, rowOf(elsewhere!, { account: 'acct_1' })),
      staged(3, rowOf(one!)),
    ],
    ...[
      staged(4, rowOf(one!, { movementId: 'x' })),
      staged(5, rowOf(held!, { outcome: 'failed', amount: 1, fee: 0, tax: 0 })),
    ],
  ]);
  const who = { operator: 'asha', reason: 'refunded', now: run.now };
  for (const brk of await store.breaks({ runId: run.runId, limit: 10 })) {
    const id = numberOf(brk.breakId);
    if (brk.line !== 1) expect(await store.resolveBreak(id, 'accepted', who)).toBe('nothing_to_post');
    expect(await store.resolveBreak(id, 'dismissed', who)).toMatchObject({
      state: 'dismissed',
      reason: 'refunded',
    });
    expect(await store.resolveBreak(id, 'dismissed', who)).toBeUndefined();
  }
  expect(await entriesOf(held!.transactionId)).toMatchObject([{ kind: 'suspense' }]);
  expect(await entriesOf(one!.transactionId)).toMatchObject([{ kind: 'settlement' }, { kind: 'suspense' }]);
  expect(await finalsOf(held!)).toEqual([]);
});

test('what was taken back or settled anew since cannot be accepted any more', async () => {
  const store = stores[0]!;
  const [back, anew, refused] = await payments({}, {}, { status: 'FAILED' });
  const run = nextRun();
  await settle(store, run, [
    ...[staged(1, rowOf(back!, { amount: 4900 })), staged(2, rowOf(anew!, { amount: 4900 }))],
    staged(3, rowOf(refused!)),
  ]);
  const found = await store.breaks({ runId: run.runId, limit: 10 });
  const [waiting] = (await store.corrections(numberOf(found[2]!.breakId) - 1, 1)).slice(-1);
  await store.closeCorrection(waiting!.id, 'refused', 'another charge was taken', run.now);
  const all = [back!, anew!, refused!].map((one, n) => staged(n + 1, rowOf(one, { outcome: 'failed' })));
  await settle(store, nextRun('2026-01-22'), all);
  await settle(store, nextRun('2026-01-23'), [staged(1, rowOf(anew!, { movementId: 'mv_anew' }))]);
  const posted = async (): Promise<Entry[]> => {
    const all: Entry[] = [];
    for (const { transactionId } of [back!, anew!, refused!]) all.push(...(await entriesOf(transactionId)));
    return all;
  };
  const before = await posted();
  const who = { operator: 'asha', reason: 'r', now: run.now };
  for (const { breakId } of found) {
    expect(await store.resolveBreak(numberOf(breakId), 'accepted', who)).toBe('nothing_to_post');
    expect(await store.resolveBreak(numberOf(breakId), 'dismissed', who)).toMatchObject({
      state: 'dismissed',
    });
  }
  expect(await posted()).toEqual(before);
  expect((await finalsOf(back!)).at(-1)).toBe('FAILED');
});

test('two who accept one break at once post it once', async () => {
  const [held] = await payments({});
  const run = nextRun();
  await settle(stores[0]!, run, [staged(1, rowOf(held!, { amount: 4900 }))]);
  const [brk] = await stores[0]!.breaks({ runId: run.runId, limit: 1 });
  const both = [newStore(0), newStore(0)];
  const done = await Promise.all(
    both.map((store) =>
      store.resolveBreak(numberOf(brk!.breakId), 'accepted', { operator: 'a', reason: 'r', now: run.now }),
    ),
  );
  expect(done.filter((one) => one === undefined)).toHaveLength(1);
  expect(await entriesOf(held!.transactionId)).toHaveLength(3);
  await Promise.all(both.map((store) => store.end()));
});

test('corrections wait for their actor, oldest first, and are closed or given to a person', async () => {
  const store = stores[0]!;
  const [back, failed] = await payments({}, { status: 'FAILED' });
  const run = nextRun();
  const before = (await store.corrections(0, 1000)).at(-1)?.id ?? 0;
  const backlog = await store.correctionBacklog();
  await settle(store, run, [
    ...[staged(1, rowOf(back!, { outcome: 'failed' })), staged(2, rowOf(failed!, { account: 'acct_1' }))],
  ]);
  const waiting = await store.corrections(before, 10);
  expect(waiting).toMatchObject([
    {
      ...{ runId: run.runId, line: 1, class: 'failed_there', transactionId: back!.transactionId },
      row: {
        outcome: 'failed',
        processorTxnId: back!.processorTxnId,
        account: 'acct_1',
        amount: 5000,
        currency: 'INR',
      },
      scope: { processor: 'SANDBOX', day: NEXT },
    },
    { line: 2, class: 'failed_here', transactionId: failed!.transactionId, row: { outcome: 'settled' } },
  ]);
  expect(await store.corrections(waiting[0]!.id, 1)).toMatchObject([{ line: 2 }]);
  expect(await store.correctionBacklog()).toEqual({
    waiting: backlog.waiting + 2,
    oldestAt: backlog.oldestAt ?? run.now,
  });
  await store.closeCorrection(waiting[0]!.id, 'corrected', 'FAILED now', run.now + 5);
  await store.closeCorrection(waiting[1]!.id, 'refused', 'another charge was taken', run.now + 6);
  await store.closeCorrection(waiting[0]!.id, 'refused', 'too late', run.now + 7);
  expect(await store.correctionsWaiting(run.runId)).toBe(0);
  expect(await store.correctionBacklog()).toEqual(backlog);
  expect(await store.breaks({ runId: run.runId, limit: 10 })).toMatchObject([
    { state: 'corrected', closedBy: 'reconciliation', reason: 'FAILED now', closedAt: run.now + 5 },
    { state: 'open', detail: 'another charge was taken', closedAt: null },
  ]);
  expect(
    await store.breaks({ runId: run.runId, states: ['open'], merchantId: 'm_1', limit: 10 }),
  ).toHaveLength(1);
  expect(await store.breaks({ runId: run.runId, merchantId: 'm_2', limit: 10 })).toEqual([]);
  const open = await store.openBreaks();
  expect(open.find((one) => one.class === 'failed_here')).toMatchObject({ count: 1, oldestAt: run.now });
});

test('payouts are the sums of what was posted, less what was taken back', async () => {
  const store = stores[0]!;
  const merchantId = 'm_paid';
  const [one, two] = await payments({ merchantId }, { merchantId, amount: 333 });
  const run = nextRun('2026-01-22');
  const rows = [
    ...[
      staged(1, rowOf(one!)),
      staged(2, rowOf(two!, { fee: 10, tax: 2 })),
      staged(3, rowOf(one!, { movementId: 'x' })),
    ],
    staged(4, rowOf(two!, { outcome: 'failed' })),
  ];
  await store.learnTerms(run, pageOf({ merchantId, percent: '10.05' }), pageOf<AccountFee>());
  const load = await store.load(run);
  await load.write(rows);
  await load.finish();
  expect(counts(await store.settle(run, { number: 0, from: 1, to: 4 }))).toEqual({ matched: 2, twice: 1 });
  const paid = async (from = '2026-01-22', to = from): Promise<unknown[]> => {
    const all: unknown[] = [];
    for await (const page of store.payouts({ from, to, merchantId })) all.push(...page);
    return all;
  };
  const payout = { day: '2026-01-22', merchantId, processor: 'SANDBOX', currency: 'INR' };
  expect(await paid()).toEqual([
    {
      ...payout,
      ...{ payments: 2, amount: '5333', processorFees: '110', processorTax: '20' },
      // 10.05 % of 5000 is 502.5, of 333 it is 33.4665.
      ...{ merchantFees: '536', payable: '4797' },
    },
  ]);
  await store.settle(run, { number: 1, from: 4, to: 5 });
  expect(await paid()).toEqual([
    {
      ...payout,
      ...{
        payments: 1,
        amount: '5000',
        processorFees: '100',
        processorTax: '18',
        merchantFees: '503',
        payable: '4497',
      },
    },
  ]);
  expect(await paid('2026-01-23', '2026-02-01')).toEqual([]);
});

test('payments are held against the ledger in one go, whatever the planner believes to be in it', async () => {
  const scope = { processor: 'STRIPE', account: 'acct_many' } as const;
  const made = Array.from({ length: 12_000 }, () => aPayment('2026-01-11', HERE, scope));
  await insertPayments(owners[0]!, made);
  // The planner knows the ledger as it was before: so it is when a run has just filled it.
  await owners[0]!.query('analyze transactions, ledger_entries');
  await owners[0]!.query(
    `insert into ledger_entries (subject_id, entry, kind, processor, currency, processor_receivable, processor_fees, processor_tax,
       merchant_payable, merchant_fees, suspense, day, run_id, posted_at)
     select id, 1, 'settlement', 'STRIPE', 'INR', 100, 0, 0, -100, 0, 0, '2026-01-11', 1, now() from unnest($1::uuid[]) as id`,
    [made.slice(1).map(({ transactionId }) => transactionId)],
  );
  const run = nextRun('2026-01-12', scope);
  await stage(stores[0]!, run, []);
  const startedAt = performance.now();
  const found = await stores[0]!.settleAbsent(run, { from: '2026-01-11', to: '2026-01-11' }, '2026-01-11');
  expect(counts(found)).toEqual({ missing_there: 1 });
  // 144 million pairs take ten times as long.
  expect(performance.now() - startedAt).toBeLessThan(3000);
});

test('an entry that does not sum to zero is refused by the table', async () => {
  const insert = (suspense: number): Promise<unknown> =>
    owners[0]!.query(
      `insert into ledger_entries (subject_id, entry, kind, processor, currency, processor_receivable, processor_fees, processor_tax,
         merchant_payable, merchant_fees, suspense, day, run_id, posted_at)
       values ($1, 1, 'suspense', 'SANDBOX', 'INR', 100, 0, 0, 0, 0, $2, '2026-01-20', 1, now())`,
      [aPayment(DAY, HERE).transactionId, suspense],
    );
  await expect(insert(-99)).rejects.toMatchObject({ code: '23514' });
  await insert(-100);
});

test('a payment of a month without a ledger makes the month', async () => {
  await owners[0]!.query(`select sluice_ensure_partitions('2025-03-05', '2025-03-05')`);
  const old = aPayment('2025-03-05', HERE);
  await insertPayments(owners[0]!, [old]);
  expect(counts(await settle(stores[0]!, nextRun(), [staged(1, rowOf(old))]))).toEqual({ matched: 1 });
});

function numberOf(breakId: string): number {
  return Number(breakId.split('_')[2]);
}
