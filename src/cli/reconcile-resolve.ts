/**
 * `sluice reconcile resolve`: a person's word about a break, with its reason.
 *
 * @module
 */
import { parseBreakId } from '../domain/break-id.ts';
import { OPERATOR_LENGTH_MAX, REASON_LENGTH_MAX } from '../domain/operator-text.ts';
import { type Command, loadOptions, MisuseError, readWordsAround, required } from './command.ts';
import { operatorText, printable, systemUser } from './payments.ts';
import { oneOf } from './reconcile-words.ts';
import { withSettlement } from './settlement.ts';

const WORDS = ['accepted', 'dismissed'] as const;

/** The command. */
export const reconcileResolve: Command = {
  name: 'reconcile resolve',
  usage: 'BREAK --as accepted|dismissed --reason TEXT [--by NAME] [--config FILE]',
  summary:
    'Close a break (brk_…): accepted posts what was reported in place of what was posted or held for it, dismissed posts nothing; reason and operator (default: the user of the system) are kept.',
  async run(words, context) {
    const { read, word } = readWordsAround(words, ['as', 'reason', 'by']);
    if (word === undefined) throw new MisuseError('the id of a break is needed: brk_…');
    if (parseBreakId(word) === null) throw new MisuseError(`${printable(word)} is no id of a break: brk_…`);
    const as = oneOf('--as', required('--as', read.as), WORDS);
    const reason = operatorText('--reason', required('--reason', read.reason), REASON_LENGTH_MAX);
    const operator = operatorText('--by', read.by ?? systemUser(), OPERATOR_LENGTH_MAX);
    const { options } = loadOptions(context.env, read.config);
    return await withSettlement(options, async ({ desk }) => {
      const closed = await desk.resolve(word, as, { operator, reason, now: Date.now() });
      if (closed === undefined) {
        context.err(`${word} is not open: it is not there, or it was closed already; nothing was changed`);
        return 1;
      }
      if (closed === 'nothing_to_post') {
        context.err(`${word} has nothing that could be posted to a merchant: it can only be dismissed`);
        return 1;
      }
      context.out(`${word} is ${closed.state} now (${closed.class})\n`);
      return 0;
    });
  },
};
