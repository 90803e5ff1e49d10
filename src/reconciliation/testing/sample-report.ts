/**
 * Sample report: a run with something of every class, and text from outside that means no good.
 *
 * @module
 */

import { makeId, transactionIdOf } from '../../domain/ids.ts';
import type { SettlementBreak, SettlementClass } from '../../domain/settlement.ts';
import type { SettlementRun } from '../../storage/settlement-runs.ts';
import type { RunReport } from '../settlement-desk.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
export const AT = Date.UTC(2026, 0, 22, 2, 11, 30);
export const HOSTILE = '"><script>alert(1)</script>';
export const FORMULA = '=HYPERLINK("http://evil.example","x")';

const scope = { processor: 'RAZORPAY' as const, account: 'acc_SluiceWorld001', day: '2026-01-21' };

export const SAMPLE_RUN: SettlementRun = {
  runId: 12,
  scope,
  source: 'razorpay-2026-01-21.csv.gz',
  digest: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  state: 'done',
  startedAt: AT - 42_000,
  finishedAt: AT - 2000,
  startedBy: 'cron',
  report: {
    rows: 1_000_000,
    notYetSettled: 3,
    badLines: 2,
    closedTo: '2026-01-18',
    totals: [
      total('matched', 'INR', 988_120, '485000012300', '9700000246', '1746000044', '473554012010'),
      total('matched', 'USD', 9_000, '4500000', '130500', '0', '4369500'),
      total('already_posted', 'INR', 2_310, '1155000000', '23100000', '4158000', '1127742000'),
      total('failed_there', 'INR', 40, '2000000', '0', '0', '0'),
      total('failed_here', 'INR', 120, '6000000', '120000', '21600', '5858400'),
      total('unknown_settled', 'INR', 310, '15500000', '310000', '55800', '15134200'),
      total('amount_differs', 'INR', 21, '1050000', '21000', '3780', '1025220'),
      total('currency_differs', 'USD', 2, '10000', '290', '0', '9710'),
      total('fee_differs', 'INR', 44, '2200000', '66000', '11880', '2122120'),
      total('unknown_here', 'INR', 12, '600000', '12000', '2160', '585840'),
      total('twice', 'INR', 19, '950000', '19000', '3420', '927580'),
      total('missing_there', 'INR', 3, '150000', '0', '0', '0'),
      total('not_due', 'INR', 4_102, '205100000', '0', '0', '0'),
    ],
    balances: [
      {
        currency: 'INR',
        accounts: {
          processor_receivable: '474678674170',
          processor_fees: '9723628246',
          processor_tax: '1750256684',
          merchant_payable: '-477580000000',
          merchant_fees: '-8569959100',
          suspense: '-2600000',
        },
        sum: '0',
      },
      {
        currency: 'USD',
        accounts: {
          processor_receivable: '4379210',
          processor_fees: '130790',
          processor_tax: '0',
          merchant_payable: '-4432500',
          merchant_fees: '-67500',
          suspense: '-10000',
        },
        sum: '0',
      },
    ],
  },
};

function total(
  name: SettlementClass,
  currency: string,
  count: number,
  ...[amount, fee, tax, net]: [string, string, string, string]
) {
  return { class: name, currency, count, amount, fee, tax, net };
}

const TRANSACTION = transactionIdOf(makeId(Date.UTC(2026, 0, 20), 7, new Uint8Array(8).fill(7)), 1);

function sampleBreak(
  name: SettlementClass,
  number: number,
  more: Partial<SettlementBreak> = {},
): SettlementBreak {
  return {
    breakId: `brk_1_${number}`,
    runId: 12,
    scope,
    class: name,
    state: 'open',
    detail: 'reported 500.00 INR, charged 450.00 INR',
    line: 1000 + number,
    transactionId: TRANSACTION,
    paymentIntentId: `${TRANSACTION.slice(0, 31)}0`,
    merchantId: 'merchant_demo',
    processorTxnId: 'pay_P1x9',
    reference: `txn_${TRANSACTION}`,
    reported: { amount: 50_000, fee: 1000, tax: 180, net: 48_820, currency: 'INR' },
    ours: { amount: 45_000, currency: 'INR', status: 'SUCCESS' },
    foundAt: AT - 20_000,
    closedAt: null,
    closedBy: null,
    reason: null,
    ...more,
  };
}

export const SAMPLE_REPORT: RunReport = {
  run: SAMPLE_RUN,
  badLines: [
    { line: 17, detail: 'amount: not a whole number of paise' },
    { line: 90_210, detail: HOSTILE },
  ],
  breaks: [
    sampleBreak('amount_differs', 1),
    sampleBreak('amount_differs', 2),
    sampleBreak('fee_differs', 3, { detail: 'kept 15.00 INR, by contract 10.00 INR' }),
    sampleBreak('unknown_here', 4, {
      transactionId: null,
      paymentIntentId: null,
      merchantId: null,
      reference: FORMULA,
      ours: null,
      detail: HOSTILE,
    }),
    sampleBreak('missing_there', 5, {
      line: null,
      reported: null,
      reference: null,
      processorTxnId: null,
      detail: 'paid on 2026-01-18 and in no report',
    }),
  ],
  moreOf: ['fee_differs'],
  corrections: { made: 468, waiting: 2, refused: 0 },
  open: [
    { class: 'amount_differs', count: 25, oldestAt: AT - 9 * DAY_MS },
    { class: 'fee_differs', count: 44, oldestAt: AT - 20_000 },
    { class: 'unknown_here', count: 12, oldestAt: AT - 2 * DAY_MS },
    { class: 'missing_there', count: 3, oldestAt: AT - 31 * DAY_MS },
  ],
  at: AT,
};
