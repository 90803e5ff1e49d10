/**
 * `sluice reconcile`: a processor's report of a day against our payments, to its end in the ledger.
 *
 * It can be ended at any moment: the same command goes on where it was.
 *
 * @module
 */
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StartOptions } from '../config/options.ts';
import { SettlementsUnavailable } from '../connectors/connector.ts';
import { settlementFormats } from '../connectors/settlement-readers.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { CORRECTED_CLASSES, type SettlementScope } from '../domain/settlement.ts';
import { showScope } from '../reconciliation/class-words.ts';
import { type OpenReport, openReport } from '../reconciliation/open-report.ts';
import { reconcile } from '../reconciliation/reconcile.ts';
import { ReportRefused } from '../reconciliation/report.ts';
import { countOf, needsPerson } from '../reconciliation/settlement-desk.ts';
import { showCount } from '../reconciliation/shown-money.ts';
import { databaseOf } from '../storage/shard-map.ts';
import { StorageError } from '../storage/storage.ts';
import {
  type Command,
  type CommandContext,
  type ExitCode,
  loadOptions,
  MisuseError,
  readWordsAround,
  required,
} from './command.ts';
import { reportDayIn } from './days.ts';
import { withFetchedReports } from './fetched-reports.ts';
import { printable, shardMapOf, systemUser } from './payments.ts';
import { createProgressShow } from './progress.ts';
import { reportText } from './reconcile-report.ts';
import { nameIn, numberIn, OUTPUTS, oneOf, processorIn } from './reconcile-words.ts';
import { type Settlement, withSettlement } from './settlement.ts';
import { type ReportFile, reportFile, writeReport } from './written-report.ts';

const WAIT_SECONDS = 30;
const WAIT_SECONDS_MAX = 86_400;
const DEADLINE_DAYS_MAX = 30;
const POLL_MS = 250;
const TICK_MS = 100;

/** The command. */
export const reconcileCommand: Command = {
  name: 'reconcile',
  usage:
    '--processor NAME --date DAY FILE|-|--fetch [--account ID] [--format auto|NAME] [--sha256 HEX] [--deadline-days N] [--wait SECONDS] [--report FILE.html|.json|.csv] [--output table|json|csv] [--config FILE]',
  summary:
    'Compare a processor’s settlement report (a file, standard input, or fetched) with our payments, post it to the ledger and correct what is wrong here; exit code 1 when a person is to look. The same report again changes nothing.',
  async run(words, context) {
    const request = readRequest(words, context);
    context.workUnread?.();
    const stop = sayHowToGoOn(context);
    try {
      return await withSettlement(request.options, (settlement) => runAll(settlement, request, context));
    } finally {
      stop();
    }
  },
};

interface Request {
  options: StartOptions;
  processor: ProcessorName;
  account: string | null;
  day: string;
  /** Null: fetched. */
  file: string | null;
  format: string | null;
  sha256: string | null;
  deadlineDays: number;
  waitMs: number;
  report: ReportFile | null;
  output: (typeof OUTPUTS)[number];
}

function readRequest(words: readonly string[], context: CommandContext): Request {
  const { read, word } = readWordsAround(
    words,
    [
      ...(['processor', 'date', 'account', 'format', 'sha256'] as const),
      ...(['deadline-days', 'wait', 'report', 'output'] as const),
    ],
    ['fetch'],
  );
  const processor = processorIn('--processor', required('--processor', read.processor));
  const day = reportDayIn('--date', required('--date', read.date), Date.now());
  if (read.fetch === true) {
    if (word !== undefined)
      throw new MisuseError(`--fetch and the file ${printable(word)} exclude each other`);
    if (read.sha256 !== undefined) throw new MisuseError('--sha256 is of a file, and --fetch has none');
  } else if (word === undefined) {
    throw new MisuseError('a report is needed: FILE, - for standard input, or --fetch');
  }
  const format = read.format ?? 'auto';
  const formats = settlementFormats(processor).map(({ name }) => name);
  if (read.sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(read.sha256))
    throw new MisuseError('--sha256 is not 64 hex digits');
  const report = read.report === undefined ? null : reportFile(read.report);
  const output = oneOf('--output', read.output ?? 'table', OUTPUTS);
  const { options } = loadOptions(context.env, read.config);
  return {
    ...{ options, processor, day, report, output },
    account: read.account === undefined ? null : nameIn('--account', read.account),
    file: word ?? null,
    format: format === 'auto' ? null : oneOf('--format', format, ['auto', ...formats]),
    sha256: read.sha256?.toLowerCase() ?? null,
    deadlineDays:
      read['deadline-days'] === undefined
        ? options.reconcile.deadlineDays
        : numberIn('--deadline-days', read['deadline-days'], 1, DEADLINE_DAYS_MAX),
    waitMs:
      1000 * (read.wait === undefined ? WAIT_SECONDS : numberIn('--wait', read.wait, 0, WAIT_SECONDS_MAX)),
  };
}

/** Nothing needs to be tidied: what is half done is gone with the connections, or goes on. */
function sayHowToGoOn({ err, terminal }: CommandContext): () => void {
  const onSignal = (): void => {
    terminal?.write('\r\u001b[2K');
    err('stopped; the same command goes on where this one was');
    process.exit(1);
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  return () => process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
}

/** One report, or those of all accounts one after the other: one that fails keeps no other waiting. */
async function runAll(settlement: Settlement, request: Request, context: CommandContext): Promise<ExitCode> {
  const { options, processor, account, day, file, format, sha256 } = request;
  const openOptions = {
    formats: settlementFormats(processor),
    ...(format !== null && { format }),
    spoolDirectory: tmpdir(),
  };
  if (file !== null) {
    const open = (): Promise<OpenReport> =>
      openReport(file, { ...openOptions, ...(sha256 !== null && { sha256 }) });
    return await runOne(settlement, request, context, { processor, account, day }, open);
  }
  return await withFetchedReports(options, { processor, account, day }, openOptions, async (reports) => {
    if (reports.length === 0) {
      context.err(
        `no merchant has ${account === null ? 'an account' : `the account ${account}`} at ${processor}`,
      );
      return 1;
    }
    if (reports.length > 1 && request.report !== null)
      throw new MisuseError(
        `--report is of one run, and ${processor} has ${reports.length} accounts: name one by --account`,
      );
    let worst: ExitCode = 0;
    for (const one of reports) {
      const scope = { processor, account: one.account, day };
      try {
        if ((await runOne(settlement, request, context, scope, one.open)) !== 0) worst = 1;
      } catch (error) {
        // Without its databases no other would come further.
        if (error instanceof StorageError || error instanceof MisuseError) throw error;
        context.err(`${showScope(scope)} failed: ${printable((error as Error).message)}`);
        worst = 1;
      }
    }
    return worst;
  });
}

/** Runs one report to its end. What is refused or not to be had is told, and nothing of it is posted. */
async function runOne(
  settlement: Settlement,
  request: Request,
  context: CommandContext,
  scope: SettlementScope,
  open: () => Promise<OpenReport>,
): Promise<ExitCode> {
  try {
    const report = await open();
    try {
      return await runReport(settlement, request, context, scope, report);
    } finally {
      await report.close();
    }
  } catch (error) {
    if (error instanceof ReportRefused) {
      context.err(
        `${showScope(scope)} is refused (${error.code}): ${printable(error.message)}; nothing was posted`,
      );
      return 1;
    }
    if (error instanceof SettlementsUnavailable) {
      context.err(`${showScope(scope)} cannot be fetched: ${printable(error.message)}; nothing was posted`);
      return 1;
    }
    throw error;
  }
}

async function runReport(
  settlement: Settlement,
  request: Request,
  context: CommandContext,
  scope: SettlementScope,
  report: OpenReport,
): Promise<ExitCode> {
  const { runs, stores, desk } = settlement;
  const { options, deadlineDays, output, report: file } = request;
  const ranges = await shardMapOf(options);
  const progress = createProgressShow({
    ...context,
    terminal: context.terminal,
    now: () => performance.now(),
  });
  const ticks = setInterval(progress.tick, TICK_MS);
  const { run, again } = await reconcile(
    {
      ...{ runs, stores },
      databaseOf: (shard) => databaseOf(ranges, shard),
      now: Date.now,
      onProgress: progress.show,
    },
    { ...{ scope, report, deadlineDays }, startedBy: systemUser() },
  ).finally(() => {
    clearInterval(ticks);
    progress.end();
  });
  if (again) context.err(`this very report was reconciled before, as run ${run.runId}: nothing was changed`);
  else if (countOf(run, CORRECTED_CLASSES) > 0) await untilCorrected(settlement, run.runId, request, context);
  // It is there: it has just been written.
  const found = (await desk.report(run.runId, Date.now()))!;
  context.out(reportText(found, output));
  if (file !== null) writeReport(file, found);
  return needsPerson(found) ? 1 : 0;
}

/** Gives the gateways a while to make the corrections, so that the report can tell of them. */
async function untilCorrected(
  { desk }: Settlement,
  runId: number,
  { waitMs }: Request,
  { err }: CommandContext,
): Promise<void> {
  const until = performance.now() + waitMs;
  const first = await desk.correctionsWaiting(runId);
  if (first === 0 || waitMs === 0) return;
  err(`${showCount(first)} corrections wait for the gateways; at most ${waitMs / 1000} s`);
  while (performance.now() < until && (await desk.correctionsWaiting(runId)) > 0) await sleep(POLL_MS);
}
