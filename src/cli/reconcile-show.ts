/**
 * `sluice reconcile show`: the report of one run, as it stands now.
 *
 * @module
 */
import { type Command, loadOptions, MisuseError, readWordsAround } from './command.ts';
import { reportText } from './reconcile-report.ts';
import { numberIn, OUTPUTS, oneOf, RUN_ID_MAX } from './reconcile-words.ts';
import { withSettlement } from './settlement.ts';
import { reportFile, writeReport } from './written-report.ts';

/** The command. */
export const reconcileShow: Command = {
  name: 'reconcile show',
  usage: 'RUN [--report FILE.html|.json|.csv] [--output table|json|csv] [--config FILE]',
  summary: 'Show the report of a run, with what has become of its corrections and breaks since.',
  async run(words, context) {
    const { read, word } = readWordsAround(words, ['report', 'output']);
    if (word === undefined) throw new MisuseError('the number of a run is needed: see sluice reconcile runs');
    const runId = numberIn('RUN', word, 1, RUN_ID_MAX);
    const output = oneOf('--output', read.output ?? 'table', OUTPUTS);
    const file = read.report === undefined ? undefined : reportFile(read.report);
    const { options } = loadOptions(context.env, read.config);
    return await withSettlement(options, async ({ desk }) => {
      const report = await desk.report(runId, Date.now());
      if (report === undefined) {
        context.err(`there is no run ${runId}: see sluice reconcile runs`);
        return 1;
      }
      context.out(reportText(report, output));
      if (file !== undefined) writeReport(file, report);
      return 0;
    });
  },
};
