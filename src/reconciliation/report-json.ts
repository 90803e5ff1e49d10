/**
 * Report as JSON: runs, breaks and payouts for scripts. Every amount is decimal text of minor units, since sums may be beyond 2^53; times
 * are ISO 8601.
 *
 * @module
 */

import { showIntentId, showTransactionId } from '../domain/ids.ts';
import type { SettlementBreak } from '../domain/settlement.ts';
import type { SettlementRun } from '../storage/settlement-runs.ts';
import { needsPerson, type RunReport } from './settlement-desk.ts';

export function runJson({ scope, report, startedAt, finishedAt, ...run }: SettlementRun) {
  return {
    runId: run.runId,
    processor: scope.processor,
    account: scope.account,
    day: scope.day,
    state: run.state,
    source: run.source,
    sha256: run.digest,
    startedAt: showTime(startedAt),
    finishedAt: finishedAt === null ? null : showTime(finishedAt),
    startedBy: run.startedBy,
    rows: report?.rows ?? null,
    notYetSettled: report?.notYetSettled ?? null,
    badLines: report?.badLines ?? null,
    totals: report?.totals ?? null,
    balances: report?.balances ?? null,
  };
}

export function reportJson(report: RunReport) {
  const { run, badLines, breaks, moreOf, corrections, open, at } = report;
  return {
    ...runJson(run),
    needsPerson: needsPerson(report),
    corrections,
    breaks: breaks.map((one) => breakJson(one, at)),
    moreBreaksOf: moreOf,
    setAside: badLines,
    openBreaks: open.map(({ oldestAt, ...one }) => ({ ...one, oldestAt: showTime(oldestAt) })),
  };
}

export function breakJson(
  { scope, reported, ours, foundAt, closedAt, ...one }: SettlementBreak,
  now: number,
) {
  return {
    breakId: one.breakId,
    runId: one.runId,
    ...scope,
    class: one.class,
    state: one.state,
    detail: one.detail,
    line: one.line,
    transactionId: one.transactionId === null ? null : showTransactionId(one.transactionId),
    paymentIntentId: one.paymentIntentId === null ? null : showIntentId(one.paymentIntentId),
    merchantId: one.merchantId,
    processorTxnId: one.processorTxnId,
    reference: one.reference,
    reported:
      reported === null
        ? null
        : {
            amount: String(reported.amount),
            fee: String(reported.fee),
            tax: String(reported.tax),
            net: String(reported.net),
            currency: reported.currency,
          },
    ours: ours === null ? null : { ...ours, amount: String(ours.amount) },
    foundAt: showTime(foundAt),
    ageSeconds: Math.max(0, Math.round(((closedAt ?? now) - foundAt) / 1000)),
    closedAt: closedAt === null ? null : showTime(closedAt),
    closedBy: one.closedBy,
    reason: one.reason,
  };
}

export function showTime(ms: number): string {
  return new Date(ms).toISOString();
}
