/**
 * Settlement schedule: the background thread's daily fetch of settlement reports, with the databases and credentials it needs.
 *
 * @module
 */

import { tmpdir } from 'node:os';
import type { Connector } from '../connectors/connector.ts';
import { SettlementsUnavailable } from '../connectors/connector.ts';
import { settlementFormats } from '../connectors/settlement-readers.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { openItems } from '../reconciliation/open-report.ts';
import { type Reconciled, reconcile } from '../reconciliation/reconcile.ts';
import { type Report, ReportRefused } from '../reconciliation/report.ts';
import { createSchedule, type ReportedAccount, type RunResult } from '../reconciliation/schedule.ts';
import type { Upkeep } from '../recovery/upkeep.ts';
import { monotonicMs } from '../runtime/clock.ts';
import type { Duty } from '../runtime/duty.ts';
import type { ControlReader } from '../storage/control.ts';
import { createSettlementRuns } from '../storage/postgres/settlement-runs.ts';
import { createSettlementStores } from '../storage/postgres/settlement-store.ts';
import type { Accounts } from './accounts.ts';
import type { GatewayThread } from './gateway.ts';

const ROUND_EVERY_MS = 30_000;
const LOOK_EVERY_MS = 60_000;
const ACCOUNTS_PAGE = 500;
/** Runs whose balance is looked at. */
const RUNS_LOOKED_AT = 100;

export interface ScheduleServices {
  control: Pick<ControlReader, 'accountsAfter'>;
  accounts: Pick<Accounts, 'accountOf'>;
  processors: ReadonlyMap<ProcessorName, Pick<Connector, 'settlements' | 'dayAheadMs'>>;
}

export interface SettlementSchedule {
  /** @param duty whose it is to fetch; null: nobody does */
  start(duty: Duty | null, upkeep: Upkeep): void;
  /** Gives up a fetch that is under way. */
  stop(): void;
  close(): Promise<void>;
}

/** Opens it, with a connection to the control database. */
export function openSettlementSchedule(guest: GatewayThread, services: ScheduleServices): SettlementSchedule {
  const { options } = guest.options;
  const { log, metrics } = guest;
  const { control, accounts, processors } = services;
  const runs = createSettlementRuns(options.databases.control);
  const stopping = new AbortController();

  /** Of processors that can be asked. */
  async function* reportedAccounts(): AsyncGenerator<readonly ReportedAccount[]> {
    let page = await control.accountsAfter(null, ACCOUNTS_PAGE);
    while (page.length > 0) {
      yield page.filter(({ processor }) => (processors.get(processor)?.settlements ?? null) !== null);
      page = await control.accountsAfter(page.at(-1)!, ACCOUNTS_PAGE);
    }
  }

  async function run(account: ReportedAccount, day: string): Promise<RunResult> {
    const { processor } = account;
    const detail = `${account.account} of ${day}`;
    const startedAt = monotonicMs();
    try {
      const { run: found, again } = await fetchAndReconcile(account, day);
      const result = again ? 'again' : 'done';
      if (!again)
        for (const total of found.report!.totals) metrics.reconcileRows.of(total.class).add(total.count);
      metrics.reconcileRuns.of(processor, result).add();
      log('info', 'settlement_run_done', {
        ...{ processor, detail, state: result, count: found.report!.rows },
        durationMs: Math.round(monotonicMs() - startedAt),
      });
      return result;
    } catch (error) {
      const result = resultOf(error);
      metrics.reconcileRuns.of(processor, result).add();
      log('warn', 'settlement_run_failed', { processor, detail, state: result, errorMessage: String(error) });
      return result;
    }
  }

  async function fetchAndReconcile(
    { processor, account, merchantId }: ReportedAccount,
    day: string,
  ): Promise<Reconciled> {
    const { settlements } = processors.get(processor)!;
    const credentials = await accounts.accountOf(merchantId, processor, account);
    if (credentials === null) throw new Error(`${merchantId} has no account ${account} any more`);
    const report = await openItems(settlements!({ account: credentials, day, signal: stopping.signal }), {
      formats: settlementFormats(processor),
      spoolDirectory: tmpdir(),
    });
    try {
      return await reconcileIt({ processor, account, day }, report);
    } finally {
      await report.close();
    }
  }

  /** On connections of the run's own: a segment may keep one for minutes. */
  async function reconcileIt(
    scope: { processor: ProcessorName; account: string; day: string },
    report: Report,
  ): Promise<Reconciled> {
    const stores = createSettlementStores(options.databases.shards);
    const databaseOf = (shard: number): number => guest.placement.laneOf(shard).database;
    try {
      return await reconcile(
        { runs, stores, databaseOf, now: Date.now, onProgress: () => undefined },
        { scope, report, deadlineDays: options.reconcile.deadlineDays, startedBy: 'schedule' },
      );
    } finally {
      await Promise.all(stores.map((store) => store.end()));
    }
  }

  async function lookAtBalances(): Promise<void> {
    const newest = await runs.list(RUNS_LOOKED_AT);
    const wrong = newest.filter(({ report }) => report?.balances.some(({ sum }) => BigInt(sum) !== 0n));
    metrics.reconcileUnbalanced.of().set(wrong.length);
  }

  return {
    start(duty, upkeep) {
      upkeep.every(LOOK_EVERY_MS, lookAtBalances);
      const { atMinutes } = options.reconcile;
      if (atMinutes === undefined || duty === null) return;
      const schedule = createSchedule({
        ...{ atMinutes, runs, run },
        accounts: reportedAccounts,
        dayAheadMs: (processor) => processors.get(processor)!.dayAheadMs,
        isOurs: duty.held,
        now: Date.now,
      });
      upkeep.every(ROUND_EVERY_MS, schedule.round);
      upkeep.every(LOOK_EVERY_MS, async () => {
        for (const [processor, since] of await schedule.waitingSince())
          metrics.reconcileLastRunSeconds.of(processor).set(Math.max(0, Date.now() - since) / 1000);
      });
    },
    stop: () => stopping.abort(),
    close: () => runs.close(),
  };
}

function resultOf(error: unknown): RunResult {
  if (error instanceof SettlementsUnavailable) return 'unavailable';
  return error instanceof ReportRefused ? 'refused' : 'failed';
}
