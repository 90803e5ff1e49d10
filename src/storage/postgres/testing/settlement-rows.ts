/**
 * Settlement rows: payments of ours as they stand in the tables, and rows of reports about them, for tests and benches of settlement.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { intentIdOf, makeId, type TransactionId, transactionIdOf } from '../../../domain/ids.ts';
import type { SettlementRow } from '../../../domain/settlement.ts';
import type { ShardRun, StagedRow } from '../../settlement-store.ts';

/** A transaction as the comparing sees it. */
export interface StoredPayment {
  transactionId: TransactionId;
  merchantId: string;
  amount: number;
  currency: string;
  status: 'SENT' | 'PROCESSING' | 'SUCCESS' | 'FAILED';
  processor: string;
  account: string;
  processorTxnId: string | null;
  legs: Array<{ leg: number; processor: string; processorAccount: string }>;
  /** Milliseconds since 1970. */
  completedAt: number;
}

/** A payment of 5000 INR that succeeded at noon of a day, with an id of its own in a logical shard. */
export function aPayment(day: string, shard: number, over: Partial<StoredPayment> = {}): StoredPayment {
  const at = Date.parse(`${day}T12:00:00Z`);
  const transactionId = transactionIdOf(makeId(at, shard, randomBytes(8)), 1);
  return {
    transactionId,
    merchantId: 'm_1',
    amount: 5000,
    currency: 'INR',
    status: 'SUCCESS',
    processor: 'SANDBOX',
    account: 'acct_1',
    processorTxnId: `ch_${transactionId}`,
    legs: [],
    completedAt: at + 1000,
    ...over,
  };
}

/** Writes payments past the gateway; their days must have partitions. */
export async function insertPayments(database: pg.Client, payments: readonly StoredPayment[]): Promise<void> {
  await database.query(
    `insert into transactions (transaction_id, payment_intent_id, attempt, merchant_id, customer_id, amount, currency, status, outcome, leg,
       processor, processor_account, processor_txn_id, routing, token, reopenable, revision, sender_nonce, send_before, card_brand, card_masked,
       card_expiry_month, card_expiry_year, card_fingerprint, evidence, created_at, updated_at, completed_at)
     select transaction_id, intent_id, 1, merchant_id, 'cust_1', amount, currency, status, 'unknown', 1, processor, account, processor_txn_id,
       jsonb_build_object('fallback', null, 'legs', legs), 't', false, 1, 'n', now(), 'VISA', '411111****1111', 1, 30, 'f', '[]', now(), now(),
       case when status in ('SUCCESS', 'FAILED') then to_timestamp(completed_at / 1000) end
     from jsonb_to_recordset($1::jsonb) as p(transaction_id uuid, intent_id uuid, merchant_id text, amount bigint, currency text, status text,
       processor text, account text, processor_txn_id text, legs jsonb, completed_at float8)`,
    [
      JSON.stringify(
        payments.map((payment) => ({
          ...payment,
          transaction_id: payment.transactionId,
          intent_id: intentIdOf(payment.transactionId),
          merchant_id: payment.merchantId,
          processor_txn_id: payment.processorTxnId,
          completed_at: payment.completedAt,
        })),
      ),
    ],
  );
}

/** The row of a payment that was settled with a fee of 100 and a tax of 18. */
export function rowOf(payment: StoredPayment, over: Partial<SettlementRow> = {}): SettlementRow {
  const { transactionId, processorTxnId, amount, currency } = payment;
  const row: SettlementRow = {
    kind: 'payment',
    outcome: 'settled',
    movementId: `mv_${transactionId}`,
    processorTxnId,
    transactionId,
    reference: `txn_${transactionId}`,
    account: null,
    amount,
    fee: 100,
    tax: 18,
    net: 0,
    currency,
    settledAt: payment.completedAt,
    settlementId: 'setl_1',
    utr: 'utr_1',
    ...over,
  };
  return { ...row, net: over.net ?? row.amount - row.fee - row.tax };
}

/** A row at a line of a report, under its transaction or under another subject. */
export function staged(line: number, row: SettlementRow, subjectId?: string): StagedRow {
  return { line, subjectId: subjectId ?? row.transactionId!, row };
}

/** A run of a day's report of all accounts. */
export function aRun(runId: number, day: string, over: Partial<ShardRun['scope']> = {}): ShardRun {
  return {
    runId,
    scope: { processor: 'SANDBOX', account: null, day, ...over },
    now: Date.parse(`${day}T20:00:00Z`),
  };
}
