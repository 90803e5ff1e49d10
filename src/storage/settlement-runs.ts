/**
 * Door: the settlement runs of an installation, in the control database, and the terms they compare by.
 *
 * @module
 */

import type { ClassTotal, SettlementScope } from '../domain/settlement.ts';

/** A run as it is kept. Times are milliseconds since 1970. */
export interface SettlementRun {
  runId: number;
  scope: SettlementScope;
  /** A file's name, or `api`. */
  source: string;
  /** SHA-256 of the report, hex. */
  digest: string;
  state: 'running' | 'done';
  /** Null while it runs. */
  report: SettlementReport | null;
  startedAt: number;
  finishedAt: number | null;
  startedBy: string;
}

/** What a run has found. */
export interface SettlementReport {
  rows: number;
  /** Rows of what the processor has not settled yet: a later report has them. */
  notYetSettled: number;
  badLines: number;
  totals: ClassTotal[];
  /** Sums of this run's entries: each is zero, or something is wrong. By currency; decimal text of minor units. */
  balances: { currency: string; accounts: Record<string, string>; sum: string }[];
  /** `YYYY-MM-DD`: of payments up to this day those that no report has had are told as missing. */
  closedTo: string;
}

/** A row that could not be read. */
export interface BadLine {
  line: number;
  /** What of it cannot be; never the row itself. */
  detail: string;
}

/** What a merchant pays: decimal text, as `1.50`. */
export interface MerchantFee {
  merchantId: string;
  percent: string;
}

/** What a processor keeps by contract. */
export interface AccountFee {
  merchantId: string;
  account: string;
  percent: string;
  /** Percent of the fee; null: the tax on it is not compared. */
  taxPercent: string | null;
}

/** All methods reject with StorageError when the database cannot be reached. */
export interface SettlementRuns {
  /** Begins a run, or finds the one of this very report: running (it was cut short) or done. */
  begin(
    run: Pick<SettlementRun, 'scope' | 'source' | 'digest' | 'startedBy'>,
    now: number,
  ): Promise<SettlementRun>;
  /** Writes down rows that were set aside; a line that is there stays. */
  setAside(runId: number, lines: readonly BadLine[]): Promise<void>;
  badLines(runId: number, limit: number): Promise<BadLine[]>;
  finish(runId: number, report: SettlementReport, now: number): Promise<void>;
  /** Takes a run back that has posted nothing: its report was refused. */
  withdraw(runId: number): Promise<void>;
  find(runId: number): Promise<SettlementRun | undefined>;
  /** Newest first. */
  list(limit: number): Promise<SettlementRun[]>;
  /**
   * The last day that finished runs of earlier days have closed for the scope: its own, else those of all accounts, else, of a scope of all
   * accounts, those of single ones as far as each account has one. Undefined: there are none.
   */
  closedTo(scope: SettlementScope): Promise<string | undefined>;
  /** Of which scopes' days from this one on a report is done, and when the last was, in milliseconds since 1970. */
  doneSince(day: string): Promise<{ scope: SettlementScope; finishedAt: number }[]>;
  merchantFees(): AsyncIterable<readonly MerchantFee[]>;
  accountFees(processor: SettlementScope['processor']): AsyncIterable<readonly AccountFee[]>;
  close(): Promise<void>;
}
