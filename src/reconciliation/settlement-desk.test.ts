import { expect, it } from 'vitest';
import type { SettlementBreak, SettlementClass } from '../domain/settlement.ts';
import type { MerchantPayout } from '../storage/settlement-store.ts';
import { createSettlementDesk, type DeskServices, needsPerson, TooManyPayouts } from './settlement-desk.ts';
import { AT, SAMPLE_REPORT, SAMPLE_RUN } from './testing/sample-report.ts';

const NOBODY = { operator: 'asha', reason: 'r', now: AT };
const [SAMPLE_BREAK] = SAMPLE_REPORT.breaks;

function breakOf(database: number, number: number, more: Partial<SettlementBreak> = {}): SettlementBreak {
  return { ...SAMPLE_BREAK!, breakId: `brk_${database}_${number}`, ...more };
}

/** One shard database in memory. */
function storeOf(
  breaks: readonly SettlementBreak[],
  more: { waiting?: number; payouts?: readonly MerchantPayout[]; openAt?: number } = {},
): DeskServices['stores'][number] {
  const numberOf = ({ breakId }: SettlementBreak): number => Number(breakId.split('_')[2]);
  return {
    breaks: async ({ after = 0, limit, states, classes }) =>
      breaks
        .filter((one) => numberOf(one) > after)
        .filter((one) => states === undefined || states.includes(one.state))
        .filter((one) => classes === undefined || classes.includes(one.class))
        .slice(0, limit),
    openBreaks: async () => [{ class: 'twice', count: breaks.length, oldestAt: more.openAt ?? AT }],
    resolveBreak: async (id, as) => {
      const found = breaks.find((one) => numberOf(one) === id);
      return found === undefined ? undefined : { ...found, state: as };
    },
    correctionsWaiting: async () => more.waiting ?? 0,
    async *payouts() {
      yield more.payouts ?? [];
    },
  };
}

function deskOf(stores: DeskServices['stores'], run = SAMPLE_RUN) {
  return createSettlementDesk({
    runs: {
      find: async (id) => (id === run.runId ? run : undefined),
      list: async () => [run],
      badLines: async () => [],
    },
    stores,
  });
}

it('pages of breaks go on from one database to the next, and the last says that it is', async () => {
  const desk = deskOf([
    storeOf([breakOf(1, 1), breakOf(1, 5), breakOf(1, 9)]),
    storeOf([]),
    storeOf([breakOf(3, 2), breakOf(3, 3)]),
  ]);
  const seen: string[][] = [];
  for (let after: string | undefined; ; ) {
    const { breaks, next } = await desk.breaks({ limit: 2, ...(after !== undefined && { after }) });
    seen.push(breaks.map(({ breakId }) => breakId));
    if (next === null) break;
    after = next;
  }
  expect(seen).toEqual([['brk_1_1', 'brk_1_5'], ['brk_1_9', 'brk_3_2'], ['brk_3_3']]);
  expect(await desk.breaks({ limit: 5 })).toMatchObject({ next: null });
});

it('a break is resolved in the database its id names, and one of no database is none', async () => {
  const desk = deskOf([storeOf([breakOf(1, 4)]), storeOf([breakOf(2, 4, { class: 'twice' })])]);
  expect(await desk.resolve('brk_2_4', 'dismissed', NOBODY)).toMatchObject({
    class: 'twice',
    state: 'dismissed',
  });
  for (const id of ['brk_3_4', 'brk_0_4', 'brk_1_5', 'brk_1', '../1', ''])
    expect(await desk.resolve(id, 'dismissed', NOBODY)).toBeUndefined();
});

it('a merchant that is spread over databases has one payout a day, exact beyond 2^53', async () => {
  const payout: MerchantPayout = {
    ...{ day: '2026-01-21', merchantId: 'm', processor: 'PAYU', currency: 'INR', payments: 2 },
    ...{
      amount: '9007199254740993',
      processorFees: '1',
      processorTax: '0',
      merchantFees: '3',
      payable: '-4',
    },
  };
  const earlier = { ...payout, day: '2026-01-20' };
  const desk = deskOf([storeOf([], { payouts: [payout] }), storeOf([], { payouts: [earlier, payout] })]);
  expect(await desk.payouts({ from: '2026-01-01', to: '2026-01-31' })).toEqual([
    earlier,
    {
      ...{ ...payout, payments: 4, amount: '18014398509481986' },
      ...{ processorFees: '2', processorTax: '0', merchantFees: '6', payable: '-8' },
    },
  ]);
});

it('more payouts than memory is for are refused', async () => {
  const payouts = Array.from(
    { length: 100_001 },
    (_, n): MerchantPayout => ({
      ...{ day: '2026-01-21', merchantId: `m${n}`, processor: 'PAYU', currency: 'INR', payments: 1 },
      ...{ amount: '1', processorFees: '0', processorTax: '0', merchantFees: '0', payable: '1' },
    }),
  );
  const asked = deskOf([storeOf([], { payouts })]).payouts({ from: '2026-01-01', to: '2026-01-31' });
  await expect(asked).rejects.toThrow(TooManyPayouts);
});

it('a report tells corrections made, waiting and refused, whatever was done about the refused ones since', async () => {
  const refused = (number: number, state: SettlementBreak['state']): SettlementBreak =>
    breakOf(1, number, { class: 'failed_here', state });
  const desk = deskOf([
    storeOf([refused(1, 'open'), refused(2, 'dismissed'), refused(3, 'corrected')], {
      waiting: 3,
      openAt: AT - 5,
    }),
    storeOf([], { waiting: 4, openAt: AT - 9 }),
  ]);
  const report = await desk.report(SAMPLE_RUN.runId, AT);
  // 40 + 120 + 310 rows were to be corrected.
  expect(report).toMatchObject({
    corrections: { made: 461, waiting: 7, refused: 2 },
    breaks: [{ breakId: 'brk_1_1' }],
    open: [{ class: 'twice', count: 3, oldestAt: AT - 9 }],
    at: AT,
  });
  expect(await desk.report(99, AT)).toBeUndefined();
});

it('many breaks of one class hide none of another', async () => {
  const many = Array.from({ length: 60 }, (_, n) => breakOf(1, n + 1, { class: 'amount_differs' }));
  const desk = deskOf([storeOf([...many, breakOf(1, 61, { class: 'twice' })])]);
  const { breaks, moreOf } = (await desk.report(SAMPLE_RUN.runId, AT))!;
  expect([breaks.length, breaks.at(-1)!.class, moreOf]).toEqual([51, 'twice', ['amount_differs']]);
});

it.each<[string, Partial<NonNullable<typeof SAMPLE_RUN.report>>, number, boolean]>([
  ['all matches', {}, 0, false],
  ['a break', { totals: [totalOf('twice')] }, 0, true],
  ['only what is not due', { totals: [totalOf('not_due')] }, 0, false],
  ['only what Sluice corrects', { totals: [totalOf('failed_here')] }, 0, false],
  ['a correction was refused', { totals: [totalOf('failed_here')] }, 1, true],
  ['a line was set aside', { badLines: 1 }, 0, true],
  ['the ledger is not zero', { balances: [{ currency: 'INR', accounts: {}, sum: '-1' }] }, 0, true],
])('of a run in which %s', (_, more, refused, expected) => {
  const report = {
    rows: 1,
    notYetSettled: 0,
    badLines: 0,
    totals: [totalOf('matched')],
    balances: [],
    closedTo: '2026-01-18',
    ...more,
  };
  const run = { ...SAMPLE_RUN, report };
  expect(needsPerson({ run, corrections: { made: 0, waiting: 0, refused } })).toBe(expected);
});

function totalOf(name: SettlementClass) {
  return { class: name, currency: 'INR', count: 1, amount: '1', fee: '0', tax: '0', net: '1' };
}
