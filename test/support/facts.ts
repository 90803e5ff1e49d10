/**
 * Builders of facts for tests and benches of storage, as the payment actor makes them.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto';
import type {
  AttemptMoved,
  AttemptStarted,
  CallbackRecorded,
  IncidentNoted,
  IntentCreated,
  IntentExpired,
  KeyClaimed,
  OperatorAudited,
} from '../../src/domain/facts.ts';
import { makeId, type TransactionId, transactionIdOf } from '../../src/domain/ids.ts';
import type { PaymentIntent } from '../../src/domain/payment-intent.ts';
import { type ProcessorWord, senderWord } from '../../src/domain/processor-word.ts';
import { type Attempt, closesIntent, fallBack, moveAttempt } from '../../src/domain/transaction.ts';
import { anAttempt, anIntent, aWord } from './payments.ts';

/** An intent with an id of its own, made now unless told otherwise. */
export function freshIntent(over: Partial<PaymentIntent> = {}, shard = 7): PaymentIntent {
  const createdAt = over.createdAt ?? Date.now();
  return anIntent({ paymentIntentId: makeId(createdAt, shard, randomBytes(8)), createdAt, ...over });
}

/** The n-th attempt of an intent, SENT. */
export function attemptFor(intent: PaymentIntent, attempt = 1, over: Partial<Attempt> = {}): Attempt {
  const { paymentIntentId, merchantId, createdAt } = intent;
  return anAttempt({
    transactionId: transactionIdOf(paymentIntentId, attempt),
    paymentIntentId,
    merchantId,
    attempt,
    sendBefore: createdAt + 30_000,
    sessionExpiresAt: createdAt + 600_000,
    createdAt,
    updatedAt: createdAt,
    ...over,
  });
}

export function created(intent: PaymentIntent, keyed = false): IntentCreated {
  return { kind: 'intent-created', intent, keyed };
}

export function started(attempt: Attempt, keyed = false): AttemptStarted {
  return { kind: 'attempt-started', attempt, keyed };
}

/** A key of the intent's endpoint; the body's hash is that of the key unless told otherwise. */
export function claimed(key: string, effectId: string, body = key): KeyClaimed {
  return {
    kind: 'key-claimed',
    key: {
      merchantId: 'merchant_amazon',
      endpoint: 'POST /v1/payment/intent',
      key,
      bodyHash: createHash('sha256').update(body).digest('hex'),
    },
    effectId,
    answer: JSON.stringify({ effectId }),
    at: Date.now(),
  };
}

/** What a word makes of an attempt. Throws when it has no effect. */
export function moved(before: Attempt, word: Partial<ProcessorWord> = {}): AttemptMoved {
  const move = moveAttempt(before, aWord({ processorTxnId: `ch_${before.transactionId}`, ...word }));
  if (move.verdict !== 'applied') throw new Error(`the word is ${move.verdict}: ${move.reason}`);
  const { attempt, event } = move;
  return {
    kind: 'attempt-moved',
    expected: { status: before.status, revision: before.revision },
    attempt,
    event: event === null ? null : { eventId: freshEventId(), type: event },
    intentStatus: attempt.status === 'SUCCESS' ? 'SUCCESS' : closesIntent(attempt) ? 'FAILED' : null,
  };
}

/** A refusal that leaves the intent free for another card. */
export function declined(before: Attempt): AttemptMoved {
  return moved(before, { said: 'declined', referenceClosed: true, failureCode: 'card_declined' });
}

/** The second leg of an attempt whose first processor could not be reached (commit B2). Throws when it may not fall back. */
export function fellBack(before: Attempt): AttemptMoved {
  const at = before.createdAt + 1;
  const word = senderWord(before, 'not_sent', {
    failureCode: 'processor_unreachable',
    detail: 'refused',
    at,
  });
  const attempt = fallBack(before, word, at);
  if (attempt === null) throw new Error('it may not fall back');
  const { status, revision } = before;
  return {
    kind: 'attempt-moved',
    expected: { status, revision },
    attempt,
    event: null,
    intentStatus: null,
  };
}

export function incident(
  transactionId: TransactionId,
  kind: IncidentNoted['incident'] = 'quarantined_charge',
): IncidentNoted {
  return {
    kind: 'incident-noted',
    transactionId,
    incident: kind,
    detail: `it said "5 000"`,
    at: Date.now(),
  };
}

export function audited(
  transactionId: TransactionId,
  action: OperatorAudited['action'],
  moves = false,
): OperatorAudited {
  return {
    kind: 'operator-audited',
    transactionId,
    operator: 'asha',
    action,
    reason: 'seen in the bank’s books',
    moves,
    at: Date.now(),
  };
}

export function callback(over: Partial<CallbackRecorded> = {}): CallbackRecorded {
  return {
    kind: 'callback-recorded',
    processor: 'SANDBOX',
    eventId: `cb_${randomBytes(8).toString('hex')}`,
    transactionId: transactionIdOf(freshIntent().paymentIntentId, 1),
    verdict: 'applied',
    reason: null,
    word: JSON.stringify(aWord()),
    moves: false,
    relay: false,
    receivedAt: Date.now(),
    ...over,
  };
}

export function expired(intent: PaymentIntent): IntentExpired {
  const { paymentIntentId } = intent;
  const event = { eventId: freshEventId(), type: 'payment.failed' as const };
  return { kind: 'intent-expired', paymentIntentId, event, at: Date.now() };
}

/** UUIDv7 of now. */
export function freshEventId(): string {
  return makeId(Date.now(), 0, randomBytes(8));
}
