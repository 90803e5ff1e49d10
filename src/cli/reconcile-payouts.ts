/**
 * `sluice reconcile payouts`: what each merchant is owed of each day's reports.
 *
 * @module
 */
import { payoutsCsv } from '../reconciliation/report-csv.ts';
import { showCount, showMoney } from '../reconciliation/shown-money.ts';
import type { MerchantPayout } from '../storage/settlement-store.ts';
import { type Command, loadOptions, MisuseError, readWords, required } from './command.ts';
import { dayIn } from './days.ts';
import { nameIn, OUTPUTS, oneOf } from './reconcile-words.ts';
import { withSettlement } from './settlement.ts';
import { type Column, textTable } from './text-table.ts';

/** The command. */
export const reconcilePayouts: Command = {
  name: 'reconcile payouts',
  usage: '--from DAY --to DAY [--merchant ID] [--output table|json|csv] [--config FILE]',
  summary: 'Show what each merchant is owed, by the day of the reports, processor and currency.',
  async run(words, context) {
    const read = readWords(words, ['from', 'to', 'merchant', 'output']);
    const from = dayIn('--from', required('--from', read.from));
    const to = dayIn('--to', required('--to', read.to));
    if (to < from) throw new MisuseError('--to is before --from');
    const output = oneOf('--output', read.output ?? 'table', OUTPUTS);
    const merchant = read.merchant === undefined ? {} : { merchantId: nameIn('--merchant', read.merchant) };
    const { options } = loadOptions(context.env, read.config);
    return await withSettlement(options, async ({ desk }) => {
      const payouts = await desk.payouts({ from, to, ...merchant });
      context.out(TEXTS[output](payouts));
      return 0;
    });
  },
};

const TEXTS: Record<(typeof OUTPUTS)[number], (payouts: readonly MerchantPayout[]) => string> = {
  table: (payouts) => `${payoutLines(payouts).join('\n')}\n`,
  json: (payouts) => payouts.map((one) => `${JSON.stringify(one)}\n`).join(''),
  csv: payoutsCsv,
};

const COLUMNS: readonly Column[] = [
  { head: 'day' },
  { head: 'merchant' },
  { head: 'processor' },
  { head: 'payments', align: 'right' },
  { head: 'amount', align: 'right' },
  { head: 'processor fees', align: 'right' },
  { head: 'tax on them', align: 'right' },
  { head: 'merchant fees', align: 'right' },
  { head: 'payable', align: 'right' },
];

function payoutLines(payouts: readonly MerchantPayout[]): string[] {
  if (payouts.length === 0) return ['no payout in these days'];
  const cells = payouts.map(({ day, merchantId, processor, currency, payments, ...sums }) => [
    ...[day, merchantId, processor, showCount(payments)],
    ...[sums.amount, sums.processorFees, sums.processorTax, sums.merchantFees, sums.payable].map((sum) =>
      showMoney(sum, currency),
    ),
  ]);
  return textTable(COLUMNS, cells);
}
