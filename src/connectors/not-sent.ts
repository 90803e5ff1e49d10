/**
 * Not sent: the word of a charge that has not left.
 *
 * @module
 */

import { type LegPlace, type ProcessorWord, senderWord } from '../domain/processor-word.ts';
import type { HttpOutcome, NotSentReason } from '../outbound/http-client.ts';

/** Failure codes by why the client has sent nothing; `routing.ts` says which of them let another processor be asked. */
const CODES: Readonly<Record<NotSentReason, string>> = {
  unreachable: 'processor_unreachable',
  busy: 'processor_busy',
  deadline_passed: 'send_before_passed',
  closed: 'processor_busy',
};

/** The sender's word that no byte left. */
export function notSentWord(
  place: LegPlace,
  { reason, detail }: Pick<Extract<HttpOutcome, { kind: 'not_sent' }>, 'reason' | 'detail'>,
  at: number,
): ProcessorWord {
  return senderWord(place, 'not_sent', { failureCode: CODES[reason], detail, at });
}
