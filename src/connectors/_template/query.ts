/**
 * Asks the processor what became of a reference.
 *
 * Fill in: how a charge is found by our reference (or by `processorTxnId`, where that is known), and the processor's own words for "I do not
 * know it". Everything that is not a charge of this reference, or those words, is no answer.
 *
 * @module
 */

import { showTransactionId } from '../../domain/ids.ts';
import { createHttpClient } from '../../outbound/http-client.ts';
import type { Query } from '../connector.ts';
import { parseAnswer } from '../json.ts';
import type { TemplateConfig } from './config.ts';
import { errorCodeOf, readCharge, wordOf } from './status.ts';

const CONNECTIONS_MAX = 64;
const ANSWER_BYTES_MAX = 64 * 1024;

/** Opens the connections queries go over; idle ones close by themselves. */
export function createTemplateQuery(config: TemplateConfig): Query {
  const client = createHttpClient({
    origin: config.baseUrl,
    connectionsMax: CONNECTIONS_MAX,
    connectTimeoutMs: config.connectTimeoutMs,
    answerBytesMax: ANSWER_BYTES_MAX,
  });
  return async ({ transactionId, leg, account, startedAt, now }) => {
    const answer = await client.exchange({
      method: 'GET',
      path: `/charges?reference=${showTransactionId(transactionId)}`,
      headers: { authorization: `Bearer ${account.secretKey}` },
      body: null,
      timeoutMs: config.timeoutMs,
    });
    if (answer.kind !== 'answered') return { kind: 'no_answer', detail: answer.detail };
    const body = parseAnswer(answer.body);
    // A proxy's 404 is not the processor's: its own names the reason.
    if (answer.status === 404 && errorCodeOf(body) === 'charge_not_found') return { kind: 'not_found' };
    const charge = answer.status === 200 ? readCharge(body) : null;
    if (charge === null || charge.transactionId !== transactionId) {
      return { kind: 'no_answer', detail: `the bank answered ${answer.status} without this charge` };
    }
    const failuresCount = now - startedAt > config.ambiguousFailureMs;
    const hearing = { source: 'query', leg, account: account.account, at: now, failuresCount } as const;
    return { kind: 'found', word: wordOf(config.name, charge, hearing) };
  };
}
