/**
 * Txnid: our transaction's id as PayU takes it, in 25 characters where a UUID has 36.
 *
 * The 128 bits of the id in base 36, with zeros in front: exact, the same length always, and read back without a table.
 *
 * @module
 */

import { parseTransactionId, type TransactionId } from '../../domain/ids.ts';

/** 36^25 is more than 2^128, 36^24 is not. */
const LENGTH = 25;
const SHAPE = /^[0-9a-z]{25}$/;

/** The id as `txnid`. */
export function txnidOf(transactionId: TransactionId): string {
  return BigInt(`0x${transactionId}`).toString(36).padStart(LENGTH, '0');
}

/** Reads a `txnid`; null when it is not one of ours. */
export function parseTxnid(txnid: string): TransactionId | null {
  if (!SHAPE.test(txnid)) return null;
  let value = 0n;
  for (const character of txnid) value = value * 36n + BigInt(Number.parseInt(character, 36));
  return parseTransactionId(`txn_${value.toString(16).padStart(32, '0')}`);
}
