/**
 * `sluice reconcile runs`: the runs of reconciliation, newest first.
 *
 * @module
 */
import { BREAK_CLASSES } from '../domain/settlement.ts';
import { runJson } from '../reconciliation/report-json.ts';
import { countOf } from '../reconciliation/settlement-desk.ts';
import { showCount } from '../reconciliation/shown-money.ts';
import type { SettlementRun } from '../storage/settlement-runs.ts';
import { type Command, loadOptions, readWords } from './command.ts';
import { showTime } from './payments.ts';
import { numberIn } from './reconcile-words.ts';
import { withSettlement } from './settlement.ts';
import { type Column, textTable } from './text-table.ts';

const LIMIT = 30;
const LIMIT_MAX = 1000;

/** The command. */
export const reconcileRuns: Command = {
  name: 'reconcile runs',
  usage: '[--limit N] [--json] [--config FILE]',
  summary: `List the runs of reconciliation, newest first (default: ${LIMIT}); --json: one JSON value a line.`,
  async run(words, context) {
    const read = readWords(words, ['limit'], ['json']);
    const limit = read.limit === undefined ? LIMIT : numberIn('--limit', read.limit, 1, LIMIT_MAX);
    const { options } = loadOptions(context.env, read.config);
    return await withSettlement(options, async ({ desk }) => {
      const runs = await desk.runs(limit);
      if (read.json === true) for (const run of runs) context.out(`${JSON.stringify(runJson(run))}\n`);
      else context.out(`${runLines(runs).join('\n')}\n`);
      return 0;
    });
  },
};

const COLUMNS: readonly Column[] = [
  { head: 'run', align: 'right' },
  { head: 'processor' },
  { head: 'day' },
  { head: 'account' },
  { head: 'state' },
  { head: 'rows', align: 'right' },
  { head: 'breaks', align: 'right' },
  { head: 'set aside', align: 'right' },
  { head: 'begun' },
  { head: 'by' },
  { head: 'from' },
];

function runLines(runs: readonly SettlementRun[]): string[] {
  if (runs.length === 0) return ['no run yet: sluice reconcile --processor … --date … FILE'];
  const cells = runs.map(({ scope, report, ...run }) => [
    ...[String(run.runId), scope.processor, scope.day, scope.account ?? 'all', run.state],
    report === null ? '-' : showCount(report.rows),
    report === null ? '-' : showCount(countOf({ report }, BREAK_CLASSES)),
    report === null ? '-' : showCount(report.badLines),
    ...[showTime(run.startedAt), run.startedBy, run.source],
  ]);
  return textTable(COLUMNS, cells);
}
