/**
 * Asks PayU what became of a reference.
 *
 * @module
 */

import type { Query } from '../connector.ts';
import type { PayuConfig } from './config.ts';
import { transactionOf, wordOf } from './status.ts';
import { txnidOf } from './txnid.ts';
import { createVerify } from './verify.ts';

/** Opens the connections queries go over. */
export function createPayuQuery(config: PayuConfig): Query {
  const { verify } = createVerify(config);
  return async ({ transactionId, leg, account, startedAt, now }) => {
    const verified = await verify(txnidOf(transactionId), account);
    if (verified.kind !== 'found') return verified;
    if (transactionOf(verified.payment) !== transactionId) {
      return { kind: 'no_answer', detail: 'verify_payment shows another udf1 than ours' };
    }
    const word = wordOf(verified.payment, {
      source: 'query',
      leg,
      account: account.account,
      at: now,
      ambiguousUntil: startedAt + config.ambiguousFailureMs,
    });
    return { kind: 'found', word };
  };
}
