/**
 * Schedule: once a day the report of the day before is fetched from each processor, for each account merchants have there, and reconciled.
 *
 * What is done stands in the control database, so whoever has the duty goes on where another was. A day that was missed is made up for
 * within a week, after the first one an account ever had. One account after the other: a report is posted in all databases at once. One
 * that fails keeps no other waiting, and is tried again ever more rarely.
 *
 * @module
 */

import { utcDayOf } from '../domain/day.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import type { SettlementScope } from '../domain/settlement.ts';
import type { SettlementRuns } from '../storage/settlement-runs.ts';

/** An account at a processor, and a merchant whose it is. */
export interface ReportedAccount {
  processor: ProcessorName;
  account: string;
  merchantId: string;
}

/**
 * What came of a report: it was reconciled now or `again`, not fetched, not whole; `failed`: the database was away, or something broke.
 */
export type RunResult = 'done' | 'again' | 'unavailable' | 'refused' | 'failed';

export interface ScheduleDeps {
  /** Minutes after midnight UTC. */
  atMinutes: number;
  /** Accounts of all merchants whose processor can be asked for reports, each once. */
  accounts(): AsyncIterable<readonly ReportedAccount[]>;
  /** How far the days of its reports are ahead of UTC's, in milliseconds. */
  dayAheadMs(processor: ProcessorName): number;
  runs: Pick<SettlementRuns, 'doneSince'>;
  /** Fetches and reconciles a report. Never rejects. */
  run(account: ReportedAccount, day: string): Promise<RunResult>;
  /** Whether the duty is ours. */
  isOurs(): boolean;
  /** Milliseconds since 1970. */
  now(): number;
}

export interface Schedule {
  /** Runs what is due; to be called now and again. Rejects when what is due cannot be read. */
  round(): Promise<void>;
  /** Of each processor: since when, in milliseconds since 1970, the account that has waited longest has had no report. */
  waitingSince(): Promise<Map<ProcessorName, number>>;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Days that are made up for. */
const DAYS_BACK = 7;
const AGAIN_MS = 5 * MINUTE_MS;
const AGAIN_MS_MAX = 120 * MINUTE_MS;

/** Makes the schedule. */
export function createSchedule(deps: ScheduleDeps): Schedule {
  const { runs, isOurs, now } = deps;
  const startedAt = now();
  /** By account and day: what failed, how often, and when it is tried again. */
  const failed = new Map<string, { times: number; dueAt: number; day: string }>();
  /** The moment of the day for which all is done. */
  let doneFor: number | null = null;

  async function round(): Promise<void> {
    const moment = lastMoment(now(), deps.atMinutes);
    if (!isOurs() || doneFor === moment) return;
    forgetBefore(utcDayOf(moment - (DAYS_BACK + 1) * DAY_MS));
    const done = await daysDone(moment);
    let left = 0;
    for await (const page of deps.accounts()) {
      for (const account of page) {
        const newest = utcDayOf(moment + deps.dayAheadMs(account.processor) - DAY_MS);
        for (const day of daysDue(done.of(account), newest)) {
          if (!isOurs()) return;
          if (!(await runOnce(account, day))) left++;
        }
      }
    }
    if (left === 0) doneFor = moment;
  }

  /** True when it is done. */
  async function runOnce(account: ReportedAccount, day: string): Promise<boolean> {
    const name = JSON.stringify([account.processor, account.account, day]);
    const before = failed.get(name);
    if (before !== undefined && before.dueAt > now()) return false;
    const result = await deps.run(account, day);
    if (result === 'done' || result === 'again') {
      failed.delete(name);
      return true;
    }
    const times = (before?.times ?? 0) + 1;
    const dueAt = now() + Math.min(AGAIN_MS * 2 ** (times - 1), AGAIN_MS_MAX);
    failed.set(name, { times, dueAt, day });
    return false;
  }

  function forgetBefore(day: string): void {
    for (const [name, one] of failed) if (one.day < day) failed.delete(name);
  }

  async function daysDone(moment: number): Promise<Done> {
    return doneOf(await runs.doneSince(utcDayOf(moment - (DAYS_BACK + 1) * DAY_MS)));
  }

  async function waitingSince(): Promise<Map<ProcessorName, number>> {
    const done = await daysDone(lastMoment(now(), deps.atMinutes));
    const since = new Map<ProcessorName, number>();
    for await (const page of deps.accounts()) {
      for (const account of page) {
        const last = Math.max(...done.of(account).map(({ finishedAt }) => finishedAt));
        // One that never had a report has waited for as long as we know of it.
        const at = Number.isFinite(last) ? last : startedAt;
        since.set(account.processor, Math.min(since.get(account.processor) ?? at, at));
      }
    }
    return since;
  }

  return { round, waitingSince };
}

/** When the clock last was at this time of the day. */
function lastMoment(now: number, atMinutes: number): number {
  const today = Math.floor(now / DAY_MS) * DAY_MS + atMinutes * MINUTE_MS;
  return today <= now ? today : today - DAY_MS;
}

interface DoneDay {
  day: string;
  finishedAt: number;
}

interface Done {
  of(account: ReportedAccount): readonly DoneDay[];
}

/** The days that are done of each account: a report of all accounts of a processor is one of each. */
function doneOf(found: readonly { scope: SettlementScope; finishedAt: number }[]): Done {
  const days = new Map<string, DoneDay[]>();
  for (const { scope, finishedAt } of found) {
    const name = JSON.stringify([scope.processor, scope.account]);
    days.set(name, [...(days.get(name) ?? []), { day: scope.day, finishedAt }]);
  }
  return {
    of: ({ processor, account }) =>
      [account, null].flatMap((one) => days.get(JSON.stringify([processor, one])) ?? []),
  };
}

/** The days to run, oldest first: the newest, and those between it and the first that is done. */
function daysDue(done: readonly DoneDay[], newest: string): string[] {
  const days = new Set(done.map(({ day }) => day));
  const oldest = Math.max(
    Math.min(...done.map(({ day }) => Date.parse(day)), Date.parse(newest)),
    Date.parse(newest) - (DAYS_BACK - 1) * DAY_MS,
  );
  const due: string[] = [];
  for (let at = oldest; at <= Date.parse(newest); at += DAY_MS)
    if (!days.has(utcDayOf(at))) due.push(utcDayOf(at));
  return due;
}
