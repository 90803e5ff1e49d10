import { expect, it } from 'vitest';
import { csvLine } from './csv.ts';
import { payoutsCsv, reportCsv } from './report-csv.ts';
import { FORMULA, HOSTILE, SAMPLE_REPORT } from './testing/sample-report.ts';

it.each(['=1+1', '+1+1', '-1+1', '@SUM(A1)', '\t=1', '\r=1'])(
  'a cell that begins as %j is no formula',
  (text) => {
    expect(csvLine([text, 1]).replaceAll('"', '')).toMatch(/^'/);
  },
);

it.each([
  ['-1.50', '-1.50\r\n'],
  [-15, '-15\r\n'],
  ['a,b', '"a,b"\r\n'],
  ['say "no"', '"say ""no"""\r\n'],
  ['two\nlines', '"two\nlines"\r\n'],
  [null, '\r\n'],
])('%j is written as %j', (cell, line) => {
  expect(csvLine([cell])).toBe(line);
});

it('a report has its totals, balances, breaks and set-aside lines, told apart by the first column', () => {
  const lines = reportCsv(SAMPLE_REPORT).split('\r\n');
  expect(lines[0]).toBe(
    'record,class,currency,count,amount,fee,tax,net,ledger_account,break_id,state,line,transaction_id,merchant_id,processor_txn_id,reference,our_amount,our_currency,our_status,found_at,detail',
  );
  expect(lines).toContain(
    'total,matched,INR,988120,4850000123.00,97000002.46,17460000.44,4735540120.10,,,,,,,,,,,,,',
  );
  expect(lines).toContain('balance,,USD,,-44325.00,,,,merchant_payable,,,,,,,,,,,,');
  expect(lines).toContain('balance,,INR,,0.00,,,,sum,,,,,,,,,,,,');
  expect(lines.filter((line) => line.startsWith('break,'))).toHaveLength(SAMPLE_REPORT.breaks.length);
  expect(lines.find((line) => line.includes('brk_1_4'))).toContain(`"'${FORMULA.replaceAll('"', '""')}"`);
  expect(lines.at(-2)).toBe(`set_aside,,,,,,,,,,,90210,,,,,,,,,"${HOSTILE.replaceAll('"', '""')}"`);
});

it('payouts are in the currency’s main unit, of either sign', () => {
  const payout = {
    ...{
      day: '2026-01-21',
      merchantId: '=cmd',
      processor: 'RAZORPAY' as const,
      currency: 'KWD',
      payments: -1,
    },
    ...{ amount: '-5000', processorFees: '0', processorTax: '0', merchantFees: '-75', payable: '-4925' },
  };
  expect(payoutsCsv([payout])).toBe(
    "day,merchant_id,processor,currency,payments,amount,processor_fees,processor_tax,merchant_fees,payable\r\n2026-01-21,'=cmd,RAZORPAY,KWD,-1,-5.000,0.000,0.000,-0.075,-4.925\r\n",
  );
});
