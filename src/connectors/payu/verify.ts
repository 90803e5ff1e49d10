/**
 * Verify: `verify_payment`, PayU's word on a reference, for whoever asks: a query, and a charge whose answer claims an end.
 *
 * @module
 */

import { createHttpClient } from '../../outbound/http-client.ts';
import type { ChargeAccount } from '../connector.ts';
import { parseExactly } from '../json.ts';
import { commandRequest } from './command.ts';
import type { PayuConfig } from './config.ts';
import { readVerified, type Verified } from './status.ts';

/** Commands of one room under way at once. */
const CONNECTIONS_MAX = 64;
const ANSWER_BYTES_MAX = 64 * 1024;
const COMMAND = 'verify_payment';

export interface Verify {
  /** Asks about one `txnid`. Never rejects. */
  verify(txnid: string, account: ChargeAccount): Promise<Verified>;
  close(): Promise<void>;
}

/** Opens the connections commands go over; idle ones close by themselves. */
export function createVerify(config: PayuConfig): Verify {
  const client = createHttpClient({
    origin: config.infoUrl,
    connectionsMax: CONNECTIONS_MAX,
    connectTimeoutMs: config.connectTimeoutMs,
    answerBytesMax: ANSWER_BYTES_MAX,
  });
  return {
    async verify(txnid, account) {
      const answer = await client.exchange({
        ...commandRequest(account, COMMAND, [txnid]),
        timeoutMs: config.timeoutMs,
      });
      if (answer.kind !== 'answered') return { kind: 'no_answer', detail: answer.detail };
      return readVerified(answer.status, parseExactly(answer.body), txnid);
    },
    close: () => client.close(),
  };
}
