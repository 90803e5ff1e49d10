/**
 * Resolve attempt: one question about one attempt, and what its answer moves.
 *
 * The attempt is read afresh, so that one settled meanwhile costs the processor nothing. What the processor says goes
 * to the actor as a word like any other; the transition table decides. "Not found" is no word: only the third one, each
 * to a question asked well after the sender had to stop sending, becomes `never_arrived`, which closes attempt and
 * intent and never reopens them (design 7).
 *
 * Promises: the processor is asked with the credentials of the very account that was to be charged, or not at all:
 * another account's "not found" would prove nothing.
 *
 * @module
 */

import type { ChargeAccount, Connector, NotFoundRule, QueryAnswer } from '../connectors/connector.ts';
import { intentIdOf, makeId, shardOfId, type TransactionId } from '../domain/ids.ts';
import { type Attempt, isFinal, type ProcessorName, type ProcessorWord } from '../domain/transaction.ts';
import type { AskShard } from '../messages/ask.ts';
import type { Watched } from './watch-list.ts';

export interface ResolveDeps {
  ask: AskShard;
  askDeadlineMs: number;
  /** Undefined: this version does not speak with that processor. */
  connectorOf(processor: ProcessorName): Pick<Connector, 'query' | 'notFound'> | undefined;
  /** Null: the merchant never had it. Rejects when that cannot be known. */
  accountOf(merchantId: string, processor: ProcessorName, account: string): Promise<ChargeAccount | null>;
  /** Milliseconds since 1970. */
  now(): number;
  randomBytes(length: number): Uint8Array;
  /** Counts questions by what came of them. */
  onQuery(processor: ProcessorName, outcome: QueryAnswer['kind'] | 'no_account'): void;
}

/** `open`: ask again; `sendBefore` is the attempt's, null when it could not be read. */
export type Resolution =
  | { kind: 'settled' }
  | { kind: 'open'; sendBefore: number | null; notFound: NotFoundRule };

/** Asks once. Rejects only where `accountOf` or a query does. */
export async function resolveAttempt(deps: ResolveDeps, watched: Watched): Promise<Resolution> {
  const found = await readAttempt(deps, watched.transactionId);
  if (found === 'unreadable') return { kind: 'open', sendBefore: null, notFound: 'never' };
  if (found === null || isFinal(found.status)) return { kind: 'settled' };
  const word = await askProcessor(deps, watched, found);
  const notFound = deps.connectorOf(found.processor)?.notFound ?? 'never';
  if (word !== null && (await tell(deps, watched.transactionId, word))) return { kind: 'settled' };
  return { kind: 'open', sendBefore: found.sendBefore, notFound };
}

async function readAttempt(
  deps: ResolveDeps,
  transactionId: TransactionId,
): Promise<Attempt | null | 'unreadable'> {
  const intentId = intentIdOf(transactionId);
  const request = { type: 'find-payment', intentId, merchantId: null } as const;
  const reply = await deps.ask(shardOfId(intentId), request, deps.askDeadlineMs);
  if (reply.type === 'payment-found') {
    return reply.payment.attempts.find((attempt) => attempt.transactionId === transactionId) ?? null;
  }
  return reply.type === 'refused' && reply.refusal.code === 'payment_not_found' ? null : 'unreadable';
}

/** The word to tell; null when there is none yet. */
async function askProcessor(
  deps: ResolveDeps,
  watched: Watched,
  attempt: Attempt,
): Promise<ProcessorWord | null> {
  const { transactionId, processor, processorAccount, leg } = attempt;
  const connector = deps.connectorOf(processor);
  const account = await deps.accountOf(attempt.merchantId, processor, processorAccount);
  if (connector === undefined || account === null) {
    deps.onQuery(processor, 'no_account');
    return null;
  }
  const askedAt = deps.now();
  const answer = await connector.query({ transactionId, leg, account, now: askedAt });
  deps.onQuery(processor, answer.kind);
  if (answer.kind === 'no_answer') return null;
  if (answer.kind === 'found') {
    watched.notFound = 0;
    return answer.word;
  }
  const rule = connector.notFound;
  if (rule === 'never' || askedAt <= attempt.sendBefore + rule.proofMs) return null;
  watched.notFound++;
  return watched.notFound < rule.queries ? null : neverArrived(deps, attempt, rule);
}

function neverArrived(
  deps: ResolveDeps,
  attempt: Attempt,
  { queries, proofMs }: Exclude<NotFoundRule, 'never'>,
): ProcessorWord {
  const proofSeconds = Math.round(proofMs / 1000);
  return {
    source: 'recovery',
    said: 'never_arrived',
    leg: attempt.leg,
    processor: attempt.processor,
    processorAccount: attempt.processorAccount,
    processorTxnId: null,
    amount: null,
    currency: null,
    failureCode: null,
    referenceClosed: false,
    elsewhere: false,
    nextAction: null,
    paymentMethodType: null,
    at: deps.now(),
    detail: `not found by ${queries} queries, ${proofSeconds} s and more after send_before`,
  };
}

/** True when the attempt is final now. A word that was not heard is asked for again. */
async function tell(deps: ResolveDeps, transactionId: TransactionId, word: ProcessorWord): Promise<boolean> {
  const shard = shardOfId(transactionId);
  const now = deps.now();
  const eventId = makeId(now, shard, deps.randomBytes(8));
  const request = { type: 'hear-word', transactionId, word, eventId, now } as const;
  const reply = await deps.ask(shard, request, deps.askDeadlineMs);
  return reply.type === 'word-heard' && (reply.status === 'SUCCESS' || reply.status === 'FAILED');
}
