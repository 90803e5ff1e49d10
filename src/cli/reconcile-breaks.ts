/**
 * `sluice reconcile breaks`: what is not as it should be, and waits for a person.
 *
 * Printed as it is read, page by page.
 *
 * @module
 */
import { showTransactionId } from '../domain/ids.ts';
import { BREAK_STATES, SETTLEMENT_CLASSES, type SettlementBreak } from '../domain/settlement.ts';
import { breakJson } from '../reconciliation/report-json.ts';
import { showMoney } from '../reconciliation/shown-money.ts';
import { type Command, loadOptions, readWords } from './command.ts';
import { showSpan } from './payments.ts';
import { nameIn, numberIn, oneOf, RUN_ID_MAX } from './reconcile-words.ts';
import { withSettlement } from './settlement.ts';
import { type Column, textTable } from './text-table.ts';

const PAGE = 500;

/** The command. */
export const reconcileBreaks: Command = {
  name: 'reconcile breaks',
  usage: '[--class CLASS] [--merchant ID] [--run N] [--state STATE] [--json] [--config FILE]',
  summary:
    'List the breaks that wait for a person (or those in another state), with class and age; --json: one JSON value a line.',
  async run(words, context) {
    const read = readWords(words, ['class', 'merchant', 'run', 'state'], ['json']);
    const filter = {
      states: [oneOf('--state', read.state ?? 'open', BREAK_STATES)],
      ...(read.class !== undefined && { classes: [oneOf('--class', read.class, SETTLEMENT_CLASSES)] }),
      ...(read.merchant !== undefined && { merchantId: nameIn('--merchant', read.merchant) }),
      ...(read.run !== undefined && { runId: numberIn('--run', read.run, 1, RUN_ID_MAX) }),
      limit: PAGE,
    };
    const { options } = loadOptions(context.env, read.config);
    return await withSettlement(options, async ({ desk }) => {
      const now = Date.now();
      const textOf = read.json === true ? jsonText : tableText;
      let count = 0;
      for (let after: string | undefined; ; ) {
        const { breaks, next } = await desk.breaks({ ...filter, ...(after !== undefined && { after }) });
        count += breaks.length;
        if (breaks.length > 0) context.out(textOf(breaks, now));
        if (next === null) break;
        after = next;
      }
      if (read.json !== true) context.out(`${filter.states[0]}: ${count}\n`);
      return 0;
    });
  },
};

function jsonText(breaks: readonly SettlementBreak[], now: number): string {
  return breaks.map((one) => `${JSON.stringify(breakJson(one, now))}\n`).join('');
}

const COLUMNS: readonly Column[] = [
  { head: 'break' },
  { head: 'class' },
  { head: 'age', align: 'right' },
  { head: 'run', align: 'right' },
  { head: 'transaction or reference' },
  { head: 'merchant' },
  { head: 'reported', align: 'right' },
  { head: 'ours', align: 'right' },
  { head: 'detail' },
];

function tableText(breaks: readonly SettlementBreak[], now: number): string {
  const cells = breaks.map(({ reported, ours, transactionId, ...one }) => [
    ...[one.breakId, one.class, showSpan((one.closedAt ?? now) - one.foundAt), String(one.runId)],
    transactionId === null
      ? (one.reference ?? one.processorTxnId ?? 'none')
      : showTransactionId(transactionId),
    one.merchantId ?? 'none',
    reported === null ? 'none' : showMoney(reported.amount, reported.currency),
    ours === null ? 'none' : `${showMoney(ours.amount, ours.currency)} ${ours.status}`,
    one.reason === null ? one.detail : `${one.detail} (${one.closedBy}: ${one.reason})`,
  ]);
  return `${textTable(COLUMNS, cells).join('\n')}\n`;
}
