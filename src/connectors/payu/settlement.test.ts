/**
 * Rows of PayU's settlement report.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeId, transactionIdOf } from '../../domain/ids.ts';
import { readPayuSettlementRow } from './settlement.ts';
import { txnidOf } from './txnid.ts';

const TRANSACTION_ID = transactionIdOf(makeId(Date.UTC(2026, 0, 20), 7, new Uint8Array(8)), 1);
const report: { Txn_details: Record<'1' | '2', Record<string, unknown>> } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures', 'settlement-rows.json'), 'utf8'),
);
const CAPTURE = { ...report.Txn_details['1'], txnid: txnidOf(TRANSACTION_ID) };
const REFUND = report.Txn_details['2'];

test('a capture is a payment of ours, in paise: net is what is left of it after fee and tax', () => {
  expect(readPayuSettlementRow(CAPTURE)).toEqual({
    ok: true,
    row: {
      kind: 'payment',
      outcome: 'settled',
      movementId: '7000000001',
      account: null,
      processorTxnId: '403993715521937565',
      transactionId: TRANSACTION_ID,
      reference: CAPTURE.txnid,
      amount: 1_197_988,
      fee: 23_960,
      tax: 4313,
      net: 1_169_715,
      currency: 'INR',
      settledAt: null,
      settlementId: null,
      utr: 'UTR20260121001',
    },
  });
});

test('a refund goes out, with a minus in the report or without; a reference that is not ours is kept as it is', () => {
  for (const amount of ['10.50', '-10.50']) {
    const row = { ...REFUND, requestamount: amount, mer_net_amount: amount };
    expect(readPayuSettlementRow(row)).toMatchObject({
      ok: true,
      row: {
        kind: 'refund',
        amount: 1050,
        net: -1050,
        transactionId: null,
        reference: 'somebody-elses-reference',
      },
    });
  }
});

test('a movement of another name is "other"; a subvention goes off the net as well', () => {
  expect(readPayuSettlementRow({ ...CAPTURE, requestaction: 'chargeback' })).toMatchObject({
    row: { kind: 'other' },
  });
  const row = { ...CAPTURE, merchant_subvention_amount: '10.00', mer_net_amount: '11687.15' };
  expect(readPayuSettlementRow(row)).toMatchObject({
    ok: true,
    row: { fee: 24_960, tax: 4313, net: 1_168_715 },
  });
});

test.each([
  [{ mer_service_fee: '239.605' }, 'mer_service_fee'],
  [{ mer_service_tax: undefined }, 'mer_service_tax'],
  [{ requestamount: '11,979.88' }, 'requestamount'],
  [{ mer_net_amount: '11697.16' }, 'mer_net_amount'],
  [{ requestamount: '-11979.88' }, 'mer_net_amount'],
  [{ requestamount: '99999999999999.00' }, 'requestamount'],
])('a row with %j is an error that names what', (over, name) => {
  const read = readPayuSettlementRow({ ...CAPTURE, ...over });
  expect(read).toEqual({ ok: false, detail: expect.stringContaining(name) });
});
