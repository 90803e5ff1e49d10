/**
 * Report as CSV: totals, balances, breaks and rows that were set aside, told apart by the first column; payouts. Amounts are in the
 * currency's main unit, as bank statements have them.
 *
 * @module
 */

import { showTransactionId } from '../domain/ids.ts';
import { decimalAmount } from '../domain/money.ts';
import type { SettlementBreak } from '../domain/settlement.ts';
import type { MerchantPayout } from '../storage/settlement-store.ts';
import { type Cell, csvLine } from './csv.ts';
import { showTime } from './report-json.ts';
import type { RunReport } from './settlement-desk.ts';

const COLUMNS = [
  'record',
  'class',
  'currency',
  'count',
  'amount',
  'fee',
  'tax',
  'net',
  'ledger_account',
  'break_id',
  'state',
  'line',
  'transaction_id',
  'merchant_id',
  'processor_txn_id',
  'reference',
  'our_amount',
  'our_currency',
  'our_status',
  'found_at',
  'detail',
] as const;
type Row = Partial<Record<(typeof COLUMNS)[number], Cell>>;

export function reportCsv({ run, breaks, badLines }: RunReport): string {
  const { totals = [], balances = [] } = run.report ?? {};
  const rows: Row[] = [
    ...totals.map(
      ({ amount, fee, tax, net, currency, ...total }): Row => ({
        record: 'total',
        class: total.class,
        currency,
        count: total.count,
        ...decimals({ amount, fee, tax, net }, currency),
      }),
    ),
    ...balances.flatMap(({ currency, accounts, sum }) =>
      [...Object.entries(accounts), ['sum', sum] as const].map(
        ([account, amount]): Row => ({
          record: 'balance',
          currency,
          amount: decimal(amount, currency),
          ledger_account: account,
        }),
      ),
    ),
    ...breaks.map(breakRow),
    ...badLines.map(({ line, detail }): Row => ({ record: 'set_aside', line, detail })),
  ];
  return [csvLine(COLUMNS), ...rows.map((row) => csvLine(COLUMNS.map((name) => row[name] ?? null)))].join('');
}

function breakRow({ reported, ours, transactionId, ...one }: SettlementBreak): Row {
  return {
    record: 'break',
    class: one.class,
    currency: reported?.currency ?? null,
    ...(reported !== null && decimals(reported, reported.currency)),
    break_id: one.breakId,
    state: one.state,
    line: one.line,
    transaction_id: transactionId === null ? null : showTransactionId(transactionId),
    merchant_id: one.merchantId,
    processor_txn_id: one.processorTxnId,
    reference: one.reference,
    our_amount: ours === null ? null : decimal(ours.amount, ours.currency),
    our_currency: ours?.currency ?? null,
    our_status: ours?.status ?? null,
    found_at: showTime(one.foundAt),
    detail: one.detail,
  };
}

interface Sums {
  amount: string | number;
  fee: string | number;
  tax: string | number;
  net: string | number;
}

function decimals({ amount, fee, tax, net }: Sums, currency: string): Row {
  return {
    amount: decimal(amount, currency),
    fee: decimal(fee, currency),
    tax: decimal(tax, currency),
    net: decimal(net, currency),
  };
}

function decimal(minor: string | number, currency: string): string {
  return decimalAmount(BigInt(minor), currency);
}

const PAYOUT_COLUMNS = [
  'day',
  'merchant_id',
  'processor',
  'currency',
  'payments',
  'amount',
  'processor_fees',
  'processor_tax',
  'merchant_fees',
  'payable',
] as const;

export function payoutsCsv(payouts: readonly MerchantPayout[]): string {
  const lines = payouts.map(({ day, merchantId, processor, currency, payments, ...sums }) =>
    csvLine([
      ...[day, merchantId, processor, currency, payments],
      ...[sums.amount, sums.processorFees, sums.processorTax, sums.merchantFees, sums.payable].map((sum) =>
        decimal(sum, currency),
      ),
    ]),
  );
  return [csvLine(PAYOUT_COLUMNS), ...lines].join('');
}
