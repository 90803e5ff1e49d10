/**
 * Rows of what Stripe has paid out.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readBalanceTransaction, readReportRow } from './settlement.ts';

const fixture = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8'));

const TRANSACTION_ID = '018bcfe5680070078000000000000001';
const NAMES = {
  processorTxnId: 'pi_3PXbankInABox0001',
  transactionId: TRANSACTION_ID,
  reference: `txn_${TRANSACTION_ID}`,
};

describe('a balance transaction', () => {
  const SAMPLE = fixture('balance_transaction');
  const read = (over: object = {}) => readBalanceTransaction({ ...SAMPLE, ...over });

  test('is read in minor units, the tax apart from the fee', () => {
    expect(read()).toEqual({
      ok: true,
      row: {
        kind: 'payment',
        outcome: 'settled',
        movementId: 'txn_1PXbankInABox0001',
        account: null,
        ...NAMES,
        amount: 5000,
        fee: 100,
        tax: 18,
        net: 4882,
        currency: 'INR',
        settledAt: 1_700_179_200_000,
        settlementId: null,
        utr: null,
      },
    });
  });

  test('names no intent when its source is only an id, and no time while it is pending', () => {
    expect(read({ source: 'ch_1', status: 'pending' })).toMatchObject({
      row: { processorTxnId: null, transactionId: null, reference: null, settledAt: null },
    });
  });

  test.each([
    ['payment', 'payment'],
    ['refund', 'refund'],
    ['payment_refund', 'refund'],
    ['refund_failure', 'refund'],
    ['payment_failure_refund', 'payment'],
    ['adjustment', 'adjustment'],
    ['payout', 'other'],
    ['stripe_fee', 'other'],
    ['a type of tomorrow', 'other'],
  ])('of type %s is a %s', (type, kind) => {
    expect(read({ type })).toMatchObject({ row: { kind } });
  });

  test('of a payment that the bank has taken back is the payment as it was, failed', () => {
    const back = { type: 'payment_failure_refund', amount: -5000, fee: 0, fee_details: [], net: -5000 };
    expect(read(back)).toMatchObject({
      row: { kind: 'payment', outcome: 'failed', ...NAMES, amount: 5000, fee: 0, net: 5000 },
    });
  });

  test('of a refund goes out', () => {
    expect(read({ type: 'refund', amount: -5000, fee: 0, fee_details: [], net: -5000 })).toMatchObject({
      row: { kind: 'refund', amount: 5000, fee: 0, tax: 0, net: -5000 },
    });
  });

  test.each<[string, object]>([
    ['net', { net: 4883 }],
    ['integers', { amount: 50.5 }],
    ['integers', { fee: '118' }],
    ['fee_details', { fee_details: [{ type: 'tax' }] }],
    ['fee_details', { fee_details: 'none' }],
    ['currency', { currency: null }],
  ])('is refused for its %s: %j', (what, over) => {
    expect(read(over)).toMatchObject({ ok: false, detail: expect.stringContaining(what) });
  });
});

describe('a row of a report', () => {
  const SAMPLE = fixture('balance_change_row');
  const read = (over: object = {}) => readReportRow({ ...SAMPLE, ...over });

  test('is read in decimals of the main unit, settled when its payout was', () => {
    expect(read()).toEqual({
      ok: true,
      row: {
        kind: 'payment',
        outcome: 'settled',
        movementId: 'txn_1PXbankInABox0001',
        account: null,
        ...NAMES,
        amount: 5000,
        fee: 118,
        tax: 0,
        net: 4882,
        currency: 'INR',
        settledAt: Date.UTC(2023, 10, 18),
        settlementId: 'po_1PXbankInABox0001',
        utr: null,
      },
    });
  });

  test('of a payout report brings the bank’s reference', () => {
    expect(read({ trace_id: 'ARN123', trace_id_status: 'supported' })).toMatchObject({
      row: { utr: 'ARN123' },
    });
  });

  test('without a payout is settled when its money became available', () => {
    expect(read({ automatic_payout_id: '', automatic_payout_effective_at_utc: '' })).toMatchObject({
      row: { settlementId: null, settledAt: Date.UTC(2023, 10, 17) },
    });
  });

  test.each([
    ['inr', '50.00', '0.10', '49.90', 5000, 10],
    ['inr', '50', '0.1', '49.9', 5000, 10],
    ['inr', '90071992547.40', '0.01', '90071992547.39', 9_007_199_254_740, 1],
    ['jpy', '14800', '533', '14267', 14_800, 533],
    ['jpy', '14800.00', '533.00', '14267.00', 14_800, 533],
    ['kwd', '1.500', '0.050', '1.450', 1500, 50],
  ])('%s %s less %s is exact', (currency, gross, fee, net, amount, feeMinor) => {
    expect(read({ currency, gross, fee, net })).toMatchObject({ ok: true, row: { amount, fee: feeMinor } });
  });

  test('of a payment that the bank has taken back is the payment as it was, failed', () => {
    const back = { reporting_category: 'charge_failure', gross: '-50.00', fee: '0.00', net: '-50.00' };
    expect(read(back)).toMatchObject({
      row: { kind: 'payment', outcome: 'failed', amount: 5000, net: 5000 },
    });
  });

  test('of a refund goes out', () => {
    const refund = { reporting_category: 'refund', gross: '-50.00', fee: '-0.00', net: '-50.00' };
    expect(read(refund)).toMatchObject({ row: { kind: 'refund', amount: 5000, fee: 0, net: -5000 } });
  });

  test.each<[string, object]>([
    ['decimals', { gross: '50.001' }],
    ['decimals', { gross: '5,000.00' }],
    ['decimals', { gross: 50 }],
    ['decimals', { fee: '' }],
    ['decimals', { currency: 'jpy' }],
    ['net', { net: '48.83' }],
    ['currency', { currency: 'xxx' }],
    ['time', { automatic_payout_effective_at_utc: 'yesterday' }],
    ['time', { automatic_payout_effective_at_utc: '2023-13-41 00:00:00' }],
    ['time', { automatic_payout_effective_at_utc: '2023-02-31 00:00:00' }],
  ])('is refused for its %s: %j', (what, over) => {
    expect(read(over)).toMatchObject({ ok: false, detail: expect.stringContaining(what) });
  });
});
