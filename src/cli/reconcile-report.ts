/**
 * Reconcile report: what a run has found, for a terminal, and what to type next.
 *
 * @module
 */

import { LEDGER_ACCOUNTS } from '../domain/ledger.ts';
import { BREAK_CLASSES, SETTLEMENT_CLASSES, type SettlementClass } from '../domain/settlement.ts';
import { CLASS_WORDS, showScope } from '../reconciliation/class-words.ts';
import { reportCsv } from '../reconciliation/report-csv.ts';
import { reportJson } from '../reconciliation/report-json.ts';
import { countOf, needsPerson, type RunReport } from '../reconciliation/settlement-desk.ts';
import { showCount, showMoney, showRows } from '../reconciliation/shown-money.ts';
import type { SettlementReport } from '../storage/settlement-runs.ts';
import { printable, showSpan, showTime } from './payments.ts';
import type { OUTPUTS } from './reconcile-words.ts';
import { type Column, textTable } from './text-table.ts';

/** Ids of each class that are named. */
const IDS_SHOWN_MAX = 3;
const LINES_SHOWN_MAX = 10;

/** A report as standard output has it. JSON is one line. */
export function reportText(report: RunReport, output: (typeof OUTPUTS)[number]): string {
  if (output === 'json') return `${JSON.stringify(reportJson(report))}\n`;
  return output === 'csv' ? reportCsv(report) : `${reportLines(report).join('\n')}\n`;
}

function reportLines(report: RunReport): string[] {
  return [
    ...headLines(report),
    '',
    ...totalLines(report),
    ...section('Ledger of this run: debits positive, credits negative', balanceLines(report)),
    ...section('Set aside: lines that could not be read', setAsideLines(report)),
    ...section('For a person', breakLines(report)),
    '',
    ...endLines(report),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

function headLines({ run }: RunReport): string[] {
  const { report, startedAt, finishedAt } = run;
  const lines = [
    `${showScope(run.scope)}: run ${run.runId}, ${run.state}`,
    `  from ${printable(run.source)}, sha256 ${run.digest}`,
  ];
  if (report === null || finishedAt === null) {
    return [...lines, `  begun ${showTime(startedAt)} by ${printable(run.startedBy)}, not finished`];
  }
  const tookMs = Math.max(1, finishedAt - startedAt);
  const rate = Math.round((report.rows * 1000) / tookMs);
  return [
    ...lines,
    `  ${showTime(finishedAt)}, by ${printable(run.startedBy)}: ${showRows(report.rows)} in ${showTook(tookMs)} (${showCount(rate)} rows/s)${notYet(report)}, ${showCount(report.badLines)} set aside`,
  ];
}

/** Most processors report only what they have settled. */
function notYet({ notYetSettled }: SettlementReport): string {
  return notYetSettled === 0 ? '' : `, ${showCount(notYetSettled)} not settled yet`;
}

function showTook(ms: number): string {
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : showSpan(ms);
}

const TOTAL_COLUMNS: readonly Column[] = [
  { head: 'class' },
  { head: 'count', align: 'right' },
  { head: 'amount', align: 'right' },
  { head: 'fee', align: 'right' },
  { head: 'tax', align: 'right' },
  { head: 'net', align: 'right' },
];

function totalLines({ run }: RunReport): string[] {
  const rows = (run.report?.totals ?? []).map(({ class: name, currency, count, ...sums }) => [
    name,
    showCount(count),
    ...[sums.amount, sums.fee, sums.tax, sums.net].map((sum) => showMoney(sum, currency)),
  ]);
  return rows.length === 0 ? ['nothing was found'] : textTable(TOTAL_COLUMNS, rows);
}

function balanceLines({ run }: RunReport): string[] {
  const balances = run.report?.balances ?? [];
  if (balances.length === 0) return [];
  const columns: Column[] = [
    { head: 'account' },
    ...balances.map(({ currency }): Column => ({ head: currency, align: 'right' })),
  ];
  const rowOf = (name: string, of: (balance: (typeof balances)[number]) => string): string[] => [
    name,
    ...balances.map((balance) => showMoney(of(balance), balance.currency)),
  ];
  return textTable(columns, [
    ...LEDGER_ACCOUNTS.map((account) => rowOf(account, ({ accounts }) => accounts[account] ?? '0')),
    rowOf('sum', ({ sum }) => sum),
  ]);
}

function setAsideLines({ run, badLines }: RunReport): string[] {
  const shown = badLines.slice(0, LINES_SHOWN_MAX);
  const more = (run.report?.badLines ?? badLines.length) - shown.length;
  return [
    ...shown.map(({ line, detail }) => `line ${line}: ${printable(detail)}`),
    ...(more > 0 ? [`and ${showCount(more)} more`] : []),
  ];
}

function breakLines({ run, breaks, moreOf, at }: RunReport): string[] {
  const names = SETTLEMENT_CLASSES.filter(
    (name) => (BREAK_CLASSES.has(name) && found(name) > 0) || breaks.some((one) => one.class === name),
  );
  return names.flatMap((name) => {
    const open = breaks.filter((one) => one.class === name);
    const ids = open.slice(0, IDS_SHOWN_MAX).map(({ breakId }) => breakId);
    const more = open.length > ids.length || moreOf.includes(name) ? ' …' : '';
    const oldest = Math.min(...open.map(({ foundAt }) => foundAt));
    const still =
      open.length === 0 ? 'none is open' : `${showSpan(at - oldest)} old: ${ids.join(' ')}${more}`;
    return [`${name}  ${showCount(found(name))}  ${still}`, `  ${CLASS_WORDS[name].advice}`];
  });

  function found(name: SettlementClass): number {
    return countOf(run, new Set([name]));
  }
}

function endLines(report: RunReport): string[] {
  const { run, corrections, breaks } = report;
  const { made, waiting, refused } = corrections;
  const first = breaks[0];
  return [
    `Corrections: ${showCount(made)} made, ${showCount(waiting)} waiting, ${showCount(refused)} refused`,
    ...(waiting > 0
      ? [`  The gateways make them; see how far they are: sluice reconcile show ${run.runId}`]
      : []),
    needsPerson(report) ? 'A person is to look.' : waiting > 0 ? 'Clean, but for what waits.' : 'Clean.',
    ...(first === undefined
      ? []
      : [
          `  See them:   sluice reconcile breaks --run ${run.runId}`,
          `  Close one:  sluice reconcile resolve ${first.breakId} --as accepted|dismissed --reason TEXT`,
        ]),
  ];
}
