/**
 * Correction messages: what is written is read again by its name, and nothing else is.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { showTransactionId } from '../../domain/ids.ts';
import { aCorrection } from '../testing/pretended-shards.ts';
import { correctionMessage, readCorrectionMessage } from './correction-message.ts';

const HEADERS = { 'sluice-version': Buffer.from('1') };

function read(value: unknown) {
  return readCorrectionMessage(Buffer.from(JSON.stringify(value)), HEADERS);
}

test('a correction is read by its name, and goes to the partition of its transaction', () => {
  const correction = aCorrection();
  const { id, transactionId } = correction;
  const { key, value, headers } = correctionMessage(correction);
  expect(key).toBe(showTransactionId(transactionId));
  expect(readCorrectionMessage(Buffer.from(String(value)), headers)).toEqual({
    ok: true,
    correction: { id, transactionId },
  });
});

test('whoever else reads it finds the processor, the payment, what was reported and in which report', () => {
  const correction = aCorrection();
  const shown = showTransactionId(correction.transactionId);
  expect(JSON.parse(String(correctionMessage(correction).value))).toEqual({
    correctionId: correction.id,
    processor: 'SANDBOX',
    processorAccount: 'acct_demo',
    processorTxnId: 'ch_1',
    transactionId: shown,
    paymentIntentId: `pi_${shown.slice(4, -1)}0`,
    status: 'failed',
    amount: 5000,
    currency: 'INR',
    report: { day: '2026-01-21', runId: 3, line: 17 },
  });
});

test('what is not of this version, not JSON, or of another shape is not read', () => {
  const value = JSON.parse(String(correctionMessage(aCorrection()).value));
  expect(readCorrectionMessage(Buffer.from(JSON.stringify(value)), {})).toEqual({
    ok: false,
    reason: 'version_unknown',
  });
  expect(readCorrectionMessage(Buffer.from('{'), HEADERS)).toEqual({ ok: false, reason: 'not_json' });
  expect(readCorrectionMessage(null, HEADERS)).toEqual({ ok: false, reason: 'wrong_shape' });
  const wrong = [
    [],
    'txn',
    { ...value, correctionId: '1' },
    { ...value, correctionId: 0 },
    { ...value, correctionId: 1.5 },
    { ...value, transactionId: value.paymentIntentId },
    { ...value, transactionId: null },
  ];
  for (const one of wrong) expect(read(one)).toEqual({ ok: false, reason: 'wrong_shape' });
});
