/**
 * Asks the sandbox bank what became of a reference.
 *
 * @module
 */

import { showTransactionId } from '../../domain/ids.ts';
import { createHttpClient } from '../../outbound/http-client.ts';
import type { Query } from '../connector.ts';
import { parseAnswer } from '../json.ts';
import type { SandboxConfig } from './config.ts';
import { errorCodeOf, readCharge, transactionOf, wordOf } from './status.ts';

const CONNECTIONS_MAX = 64;
const ANSWER_BYTES_MAX = 64 * 1024;

/** Opens the connections queries go over; idle ones close by themselves. */
export function createSandboxQuery(config: SandboxConfig): Query {
  const client = createHttpClient({
    origin: config.baseUrl,
    connectionsMax: CONNECTIONS_MAX,
    connectTimeoutMs: config.connectTimeoutMs,
    answerBytesMax: ANSWER_BYTES_MAX,
  });
  return async ({ transactionId, leg, account, now }) => {
    const answer = await client.exchange({
      method: 'GET',
      path: `/v1/charges?reference=${showTransactionId(transactionId)}`,
      headers: { authorization: `Bearer ${account.secretKey}` },
      body: null,
      timeoutMs: config.timeoutMs,
    });
    if (answer.kind !== 'answered') return { kind: 'no_answer', detail: answer.detail };
    const body = parseAnswer(answer.body);
    // A proxy's 404 is not the bank's: its own names the reason.
    if (answer.status === 404 && errorCodeOf(body) === 'charge_not_found') return { kind: 'not_found' };
    const charge = answer.status === 200 ? readCharge(body) : null;
    if (charge === null || transactionOf(charge) !== transactionId) {
      return { kind: 'no_answer', detail: `the bank answered ${answer.status} without this charge` };
    }
    return { kind: 'found', word: wordOf(config.name, charge, 'query', leg, now) };
  };
}
