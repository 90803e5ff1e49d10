/**
 * Settlement desk: what operators and merchants see of settlement, over all shard databases.
 *
 * @module
 */

import { type BreakPlace, parseBreakId } from '../domain/break-id.ts';
import {
  BREAK_CLASSES,
  CORRECTED_CLASSES,
  SETTLEMENT_CLASSES,
  type SettlementBreak,
  type SettlementClass,
} from '../domain/settlement.ts';
import type { BadLine, SettlementRun, SettlementRuns } from '../storage/settlement-runs.ts';
import type {
  BreakFilter,
  MerchantPayout,
  OpenBreaks,
  SettlementStore,
} from '../storage/settlement-store.ts';
import { openByClass } from './open-breaks.ts';

export interface DeskServices {
  runs: Pick<SettlementRuns, 'find' | 'list' | 'badLines'>;
  /** One for each shard database, in their order. */
  stores: readonly Pick<
    SettlementStore,
    'breaks' | 'openBreaks' | 'resolveBreak' | 'correctionsWaiting' | 'payouts'
  >[];
}

/** A run with what a person is to know of it. */
export interface RunReport {
  run: SettlementRun;
  /** The first of the rows that were set aside. */
  badLines: BadLine[];
  /** The run's breaks that a person is to close: the first of each class. */
  breaks: SettlementBreak[];
  /** Classes of which there are more. */
  moreOf: SettlementClass[];
  /** `refused`: the payment's actor would not make it, and a person is to look, or has. */
  corrections: { made: number; waiting: number; refused: number };
  /** Of the whole installation. */
  open: OpenBreaks[];
  /** Milliseconds since 1970: when this was gathered. */
  at: number;
}

export interface PayoutFilter {
  /** `YYYY-MM-DD`, both inclusive. */
  from: string;
  to: string;
  merchantId?: string;
}

/** A page of breaks, and the id after which the next begins; null: there is none. */
export interface BreakPage {
  breaks: SettlementBreak[];
  next: string | null;
}

/** All reject with StorageError. */
export interface SettlementDesk {
  /** Newest first. */
  runs(limit: number): Promise<SettlementRun[]>;
  /** Undefined: there is no such run. */
  report(runId: number, now: number): Promise<RunReport | undefined>;
  /** By database and number. @param after id of a break */
  breaks(filter: Omit<BreakFilter, 'after'> & { after?: string }): Promise<BreakPage>;
  /** As {@link SettlementStore.resolveBreak}; undefined when there is no such break, too. */
  resolve(
    breakId: string,
    as: 'accepted' | 'dismissed',
    who: { operator: string; reason: string; now: number },
  ): ReturnType<SettlementStore['resolveBreak']>;
  /** By day, merchant, processor and currency. Rejects with {@link TooManyPayouts}. */
  payouts(filter: PayoutFilter): Promise<MerchantPayout[]>;
  /** Corrections of a run that wait for their actors. */
  correctionsWaiting(runId: number): Promise<number>;
}

/** Breaks of a class that a report lists. */
const BREAKS_SHOWN_MAX = 50;
const BAD_LINES_SHOWN_MAX = 100;
/** Rows of payouts that are held in memory. */
const PAYOUTS_MAX = 100_000;

/** More payouts than one answer can hold. */
export class TooManyPayouts extends Error {
  constructor() {
    super(`more than ${PAYOUTS_MAX} payouts: name fewer days, or a merchant`);
    this.name = 'TooManyPayouts';
  }
}

export function createSettlementDesk({ runs, stores }: DeskServices): SettlementDesk {
  const desk: SettlementDesk = {
    runs: (limit) => runs.list(limit),
    async report(runId, now) {
      const run = await runs.find(runId);
      if (run === undefined) return undefined;
      const [badLines, { breaks, moreOf }, refused, waiting, open] = await Promise.all([
        runs.badLines(runId, BAD_LINES_SHOWN_MAX),
        firstBreaks(desk, run),
        countRefused(desk, runId),
        desk.correctionsWaiting(runId),
        openBreaks(stores),
      ]);
      const asked = countOf(run, CORRECTED_CLASSES);
      return {
        run,
        badLines,
        breaks,
        moreOf,
        corrections: { made: Math.max(0, asked - waiting - refused), waiting, refused },
        open,
        at: now,
      };
    },
    async breaks({ after, limit, ...filter }) {
      const place: BreakPlace = (after === undefined ? null : parseBreakId(after)) ?? {
        database: 1,
        number: 0,
      };
      const found: SettlementBreak[] = [];
      // One more than is shown tells whether there is a next page.
      for (let at = place.database; at <= stores.length && found.length <= limit; at++) {
        found.push(
          ...(await stores[at - 1]!.breaks({
            ...filter,
            after: at === place.database ? place.number : 0,
            limit: limit + 1 - found.length,
          })),
        );
      }
      const breaks = found.slice(0, limit);
      return { breaks, next: found.length > limit ? breaks.at(-1)!.breakId : null };
    },
    async resolve(breakId, as, who) {
      const place = parseBreakId(breakId);
      return place === null
        ? undefined
        : await stores[place.database - 1]?.resolveBreak(place.number, as, who);
    },
    payouts: (filter) => payoutsOf(stores, filter),
    async correctionsWaiting(runId) {
      const waiting = await Promise.all(stores.map((store) => store.correctionsWaiting(runId)));
      return waiting.reduce((sum, count) => sum + count, 0);
    },
  };
  return desk;
}

/** Rows and transactions of a run in any of these classes. */
export function countOf(
  { report }: Pick<SettlementRun, 'report'>,
  classes: ReadonlySet<SettlementClass>,
): number {
  const totals = report?.totals.filter((total) => classes.has(total.class)) ?? [];
  return totals.reduce((sum, { count }) => sum + count, 0);
}

/**
 * Whether a run leaves a person something to do: breaks, refused corrections, rows that were set aside, a ledger that is not zero. It
 * stays so when they have done it, so that the same report again is answered as the first time.
 */
export function needsPerson({ run, corrections }: Pick<RunReport, 'run' | 'corrections'>): boolean {
  const { report } = run;
  return (
    countOf(run, BREAK_CLASSES) > 0 ||
    corrections.refused > 0 ||
    (report?.badLines ?? 0) > 0 ||
    (report?.balances.some(({ sum }) => BigInt(sum) !== 0n) ?? false)
  );
}

/** Class by class: of many breaks of one class no other is hidden. */
async function firstBreaks(
  desk: SettlementDesk,
  run: SettlementRun,
): Promise<Pick<RunReport, 'breaks' | 'moreOf'>> {
  const found: Pick<RunReport, 'breaks' | 'moreOf'> = { breaks: [], moreOf: [] };
  for (const name of SETTLEMENT_CLASSES) {
    const canBreak = BREAK_CLASSES.has(name) || CORRECTED_CLASSES.has(name);
    if (!canBreak || countOf(run, new Set([name])) === 0) continue;
    const { breaks, next } = await desk.breaks({
      ...{ runId: run.runId, states: ['open'], classes: [name], limit: BREAKS_SHOWN_MAX },
    });
    found.breaks.push(...breaks);
    if (next !== null) found.moreOf.push(name);
  }
  return found;
}

const CORRECTED = SETTLEMENT_CLASSES.filter((name) => CORRECTED_CLASSES.has(name));
const REFUSED_PAGE = 1000;

/** Corrections whose actor would not make them: they are open breaks, few where anything is well. */
async function countRefused(desk: SettlementDesk, runId: number): Promise<number> {
  let count = 0;
  for (let after: string | undefined; ; ) {
    const page: BreakPage = await desk.breaks({
      runId,
      states: ['open', 'accepted', 'dismissed'],
      classes: CORRECTED,
      limit: REFUSED_PAGE,
      ...(after !== undefined && { after }),
    });
    count += page.breaks.length;
    if (page.next === null) return count;
    after = page.next;
  }
}

async function openBreaks(stores: DeskServices['stores']): Promise<OpenBreaks[]> {
  const found = await Promise.all(stores.map((store) => store.openBreaks()));
  const open = openByClass(found.flat());
  return SETTLEMENT_CLASSES.flatMap((name) => (open.has(name) ? { class: name, ...open.get(name)! } : []));
}

/** A merchant that is spread over databases has one payout a day all the same. */
async function payoutsOf(
  stores: DeskServices['stores'],
  { from, to, merchantId }: PayoutFilter,
): Promise<MerchantPayout[]> {
  const byKey = new Map<string, MerchantPayout>();
  for (const store of stores) {
    for await (const page of store.payouts({ from, to, ...(merchantId !== undefined && { merchantId }) })) {
      for (const one of page) {
        const key = JSON.stringify([one.day, one.merchantId, one.processor, one.currency]);
        const sum = byKey.get(key);
        byKey.set(key, sum === undefined ? one : added(sum, one));
      }
      if (byKey.size > PAYOUTS_MAX) throw new TooManyPayouts();
    }
  }
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, payout]) => payout);
}

const SUMS = ['amount', 'processorFees', 'processorTax', 'merchantFees', 'payable'] as const;

function added(a: MerchantPayout, b: MerchantPayout): MerchantPayout {
  const sums = SUMS.map((name) => [name, String(BigInt(a[name]) + BigInt(b[name]))]);
  return { ...a, payments: a.payments + b.payments, ...Object.fromEntries(sums) };
}
