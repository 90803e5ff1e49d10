/**
 * Door: settlement in one shard database: a report's rows are staged, compared in sets, and posted.
 *
 * A segment is compared and posted in one commit: its ledger entries, final records, breaks, payouts, and the mark that it is done. A
 * segment that is done is never done again; so a run that was cut short anywhere goes on where it was, and finds what it would have found.
 *
 * @module
 */

import type { TransactionId } from '../domain/ids.ts';
import type {
  BreakState,
  ClassTotal,
  SettlementBreak,
  SettlementClass,
  SettlementRow,
  SettlementScope,
} from '../domain/settlement.ts';
import type { AccountFee, MerchantFee } from './settlement-runs.ts';

/** A row with its number in the report, from 1. */
export interface StagedRow {
  line: number;
  /** The transaction's id, or what stands for a row without one (`subjectOf`). */
  subjectId: string;
  row: SettlementRow;
}

/** A run, as a shard knows it. */
export interface ShardRun {
  runId: number;
  scope: SettlementScope;
  /** Milliseconds since 1970: what everything it posts is dated. */
  now: number;
}

/** Loads rows by COPY. */
export interface RowLoad {
  /** Resolves when more may be written. Rejects when the load has failed. */
  write(rows: readonly StagedRow[]): Promise<void>;
  /** Resolves with the number of rows that are staged. */
  finish(): Promise<number>;
  /** Drops what was loaded. */
  abort(): Promise<void>;
}

/** From this line to the line before `to`. */
export interface Segment {
  number: number;
  from: number;
  to: number;
}

/** Days of transactions, `YYYY-MM-DD` in UTC, both inclusive; `from` after `to`: none. */
export interface DayRange {
  from: string;
  to: string;
}

/** Which breaks. */
export interface BreakFilter {
  states?: readonly BreakState[];
  classes?: readonly SettlementClass[];
  runId?: number;
  merchantId?: string;
  /** The number within its database after which to go on. Default 0. */
  after?: number;
  limit: number;
}

/** Breaks that are open now, of one class, whichever run found them. */
export interface OpenBreaks {
  class: SettlementClass;
  count: number;
  /** Milliseconds since 1970. */
  oldestAt: number;
}

/** What a merchant is owed of a day's reports of one processor. Sums are decimal text of minor units. */
export interface MerchantPayout {
  day: string;
  merchantId: string;
  processor: SettlementScope['processor'];
  currency: string;
  payments: number;
  amount: string;
  processorFees: string;
  processorTax: string;
  merchantFees: string;
  payable: string;
}

/** A correction for the transaction's actor. */
export interface Correction {
  /** The number of its break within its database. */
  id: number;
  runId: number;
  scope: SettlementScope;
  line: number;
  transactionId: TransactionId;
  class: 'failed_there' | 'failed_here' | 'unknown_settled';
  row: Pick<SettlementRow, 'outcome' | 'processorTxnId' | 'account' | 'amount' | 'currency'>;
}

/** All methods reject with StorageError. */
export interface SettlementStore {
  /**
   * Begins a run, and brings what the comparing needs from the control database. What an earlier, cut-short load of the run has left is
   * gone. Waits for another process that works on the run, and rejects when that takes too long.
   */
  learnTerms(
    run: ShardRun,
    fees: AsyncIterable<readonly MerchantFee[]>,
    contracts: AsyncIterable<readonly AccountFee[]>,
  ): Promise<void>;
  /** Begins to load the rows of a run that has its terms. Until the run is closed it is this store's own. */
  load(run: ShardRun): Promise<RowLoad>;
  /**
   * Looks in this database for the transactions of rows without our reference, by the processor's id of the charge. Resolves with the
   * lines of those it has, each once for each transaction: of all databases' a line that is there once is that transaction's.
   */
  claimByProcessorId(run: ShardRun): Promise<number[]>;
  /**
   * Takes the rows that are this database's, and drops such rows that another has claimed and those nobody has that are not its own.
   * @param lines `claimed` by one transaction in whatever database; `contested` by several, and so nobody's
   */
  forgetUnclaimed(
    run: ShardRun,
    lines: { claimed: readonly number[]; contested: readonly number[] },
  ): Promise<void>;
  /** Compares and posts a segment in one commit; of one that is done already, tells what was found then. */
  settle(run: ShardRun, segment: Segment): Promise<ClassTotal[]>;
  /**
   * Finds our transactions that succeeded on these days and no report has had, in one commit, once a run: those up to the day `due` are
   * missing, the others not due yet.
   */
  settleAbsent(run: ShardRun, days: DayRange, due: string): Promise<ClassTotal[]>;
  /** Whether a commit of the run is there. */
  hasCommitted(runId: number): Promise<boolean>;
  /** Sums of the ledger entries that the run's commits have made, by currency and account. */
  balances(runId: number): Promise<{ currency: string; accounts: Record<string, string>; sum: string }[]>;
  /** The run is over: its staged rows go. */
  close(runId: number): Promise<void>;

  breaks(filter: BreakFilter): Promise<SettlementBreak[]>;
  /** One of each class that has any. */
  openBreaks(): Promise<OpenBreaks[]>;
  /**
   * Closes an open break by a person's word, with its reason. `accepted` posts what was reported in place of what was posted or held
   * for it, unless that is posted already; `dismissed` posts nothing. Undefined: it is not open (any more). `nothing_to_post`: money that
   * is no payment of ours, or a second one of a payment, is nobody's to be posted to, and what is missing, or was taken back or
   * replaced since, has not come: such a break can only be dismissed.
   */
  resolveBreak(
    id: number,
    as: 'accepted' | 'dismissed',
    who: { operator: string; reason: string; now: number },
  ): Promise<SettlementBreak | 'nothing_to_post' | undefined>;
  /** Corrections that wait for their actor, oldest first. */
  corrections(after: number, limit: number): Promise<Correction[]>;
  /** The actor has done it, or (`refused`) has not and a person is to look. Nothing happens to one that does not wait. */
  closeCorrection(id: number, as: 'corrected' | 'refused', detail: string, now: number): Promise<void>;
  /** How many corrections wait, and since when the oldest does, in milliseconds since 1970; null: none waits. */
  correctionBacklog(): Promise<{ waiting: number; oldestAt: number | null }>;
  /** How many corrections of a run still wait. */
  correctionsWaiting(runId: number): Promise<number>;

  payouts(filter: {
    from: string;
    to: string;
    merchantId?: string;
  }): AsyncIterable<readonly MerchantPayout[]>;
  /** Makes the ledger's months from one day to another. */
  ensureLedger(from: string, to: string): Promise<void>;
  end(): Promise<void>;
}
