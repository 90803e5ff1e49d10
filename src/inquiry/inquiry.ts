/**
 * Inquiry: reads an attempt, asks the processor of one of its legs, tells the shard.
 *
 * @module
 */

import type { ChargeAccount, Query, QueryAnswer, Returned } from '../connectors/connector.ts';
import { intentIdOf, makeId, shardOfId, type TransactionId } from '../domain/ids.ts';
import {
  type LegPlace,
  ownWord,
  type ProcessorName,
  type ProcessorWord,
  type WordSource,
} from '../domain/processor-word.ts';
import type { Attempt } from '../domain/transaction.ts';
import type { AskShard } from '../messages/ask.ts';
import type { ShardReply } from '../messages/replies.ts';

/** The way to the shards. */
export interface ShardDeps {
  ask: AskShard;
  askDeadlineMs: number;
  /** Milliseconds since 1970. */
  now(): number;
  randomBytes(length: number): Uint8Array;
}

/** The way to the processors. */
export interface InquiryDeps {
  /** Undefined: this version does not speak with that processor. */
  queryOf(processor: ProcessorName): Query | undefined;
  /** Null: the merchant never had it. Rejects when that cannot be known. */
  accountOf(merchantId: string, processor: ProcessorName, account: string): Promise<ChargeAccount | null>;
  /** Milliseconds since 1970. */
  now(): number;
  /** Counts questions by what came of them. */
  onQuery(processor: ProcessorName, outcome: QueryAnswer['kind'] | 'no_account'): void;
}

/** The attempt as it is now; null when there is none; `unreadable` when that cannot be known now. */
export async function readAttempt(
  { ask, askDeadlineMs }: Pick<ShardDeps, 'ask' | 'askDeadlineMs'>,
  transactionId: TransactionId,
): Promise<Attempt | null | 'unreadable'> {
  const intentId = intentIdOf(transactionId);
  const reply = await ask(
    shardOfId(intentId),
    { type: 'find-payment', intentId, merchantId: null },
    askDeadlineMs,
  );
  if (reply.type === 'payment-found') {
    return reply.payment.attempts.find((attempt) => attempt.transactionId === transactionId) ?? null;
  }
  return reply.type === 'refused' && reply.refusal.code === 'payment_not_found' ? null : 'unreadable';
}

/**
 * Asks once about one leg; null when nobody can be asked. Rejects where `accountOf` does.
 * @param returned what a browser brought back, of the attempt's current leg
 */
export async function askAboutLeg(
  deps: InquiryDeps,
  attempt: Attempt,
  { leg, processor, processorAccount }: LegPlace,
  returned: Returned = {},
): Promise<{ answer: QueryAnswer; askedAt: number } | null> {
  const { transactionId, merchantId } = attempt;
  const query = deps.queryOf(processor);
  const account = await deps.accountOf(merchantId, processor, processorAccount);
  if (query === undefined || account === null) {
    deps.onQuery(processor, 'no_account');
    return null;
  }
  const askedAt = deps.now();
  const processorTxnId = leg === attempt.leg ? attempt.processorTxnId : null;
  const request = {
    transactionId,
    leg,
    account,
    startedAt: attempt.createdAt,
    processorTxnId,
    returned,
    now: askedAt,
  };
  const answer = await query(request);
  deps.onQuery(processor, answer.kind);
  return { answer, askedAt };
}

/** The word an answer is; what is no word of the processor's is evidence of ours. */
export function wordOfAnswer(
  answer: QueryAnswer,
  place: LegPlace,
  source: Extract<WordSource, 'query' | 'return'>,
  at: number,
): ProcessorWord {
  if (answer.kind === 'found') return { ...answer.word, source };
  const detail = answer.kind === 'no_answer' ? answer.detail : 'the processor does not know the reference';
  return ownWord(place, { source, said: answer.kind, detail, at });
}

/** Tells the attempt's shard a word, once: one that was not heard is asked for again. */
export function tellWord(
  deps: ShardDeps,
  transactionId: TransactionId,
  word: ProcessorWord,
): Promise<ShardReply> {
  const shard = shardOfId(transactionId);
  const now = deps.now();
  const eventId = makeId(now, shard, deps.randomBytes(8));
  return deps.ask(shard, { type: 'hear-word', transactionId, word, eventId, now }, deps.askDeadlineMs);
}
