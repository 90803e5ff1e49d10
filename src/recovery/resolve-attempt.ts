/**
 * Resolve attempt: one round of questions about one attempt, and what the answers move.
 *
 * The attempt is read afresh, so that one settled meanwhile costs the processors nothing. Every leg it has had is asked about, each
 * at its own processor with the credentials of its own account. What a processor says goes to the actor as a word like any other, if
 * the transition table has a use for it; the actor decides. "Not found" and silence are noted as evidence, once per change.
 *
 * "Not found" closes an attempt (`never_arrived`) only when it is proven of every leg by the rule of that leg's processor: so many
 * such answers, each to a question asked well after the sender had to stop sending, each a while after the one before. An earlier leg
 * that its processor says it declined is as good. Where a processor's "not found" never proves anything, where the processor has
 * named the charge once or said that it has it, and while the shopper is at the bank, nothing is closed here: an operator's list has it (design 7).
 *
 * Promises: a processor is asked with the very account that was to be charged, or not at all: another account's "not found" would
 * prove nothing.
 *
 * @module
 */

import type { Connector, NotFoundRule, QueryAnswer } from '../connectors/connector.ts';
import type { TransactionId } from '../domain/ids.ts';
import { ownWord, type ProcessorName, type ProcessorWord } from '../domain/processor-word.ts';
import type { RoutedLeg } from '../domain/routing.ts';
import {
  type Attempt,
  isFinal,
  isKnownToProcessor,
  moveAttempt,
  type PublicStatus,
} from '../domain/transaction.ts';
import {
  askAboutLeg,
  type InquiryDeps,
  readAttempt,
  type ShardDeps,
  tellWord,
  wordOfAnswer,
} from '../inquiry/inquiry.ts';
import { mayBeChargedLate } from './late-success.ts';
import type { LegProof, Watched } from './watch-list.ts';

export interface ResolveDeps extends ShardDeps, Omit<InquiryDeps, 'queryOf'> {
  /** Undefined: this version does not speak with that processor. */
  connectorOf(processor: ProcessorName): Pick<Connector, 'query' | 'notFound'> | undefined;
}

/**
 * - `settled`: nothing can follow
 * - `failed`: ended, and a late success may follow
 * - `open`: ask again; `countsFrom` is when the next question can count as proof, null when none can
 */
export type Resolution =
  | { kind: 'settled' }
  | { kind: 'failed'; failedAt: number }
  | { kind: 'open'; countsFrom: number | null };

/** Asks about every leg once. Rejects only where `accountOf` or a query does, when all that could be told is told. */
export async function resolveAttempt(deps: ResolveDeps, watched: Watched): Promise<Resolution> {
  const attempt = await readAttempt(deps, watched.transactionId);
  if (attempt === 'unreadable') return { kind: 'open', countsFrom: null };
  if (attempt === null || isSettled(attempt)) return { kind: 'settled' };
  const asked = await Promise.allSettled(
    attempt.routing.legs.map((leg) => askAbout(deps, watched, attempt, leg)),
  );
  const heard = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  if (heard.includes('SUCCESS')) return { kind: 'settled' };
  for (const one of asked) if (one.status === 'rejected') throw one.reason;
  if (isFinal(attempt.status)) return { kind: 'failed', failedAt: attempt.completedAt ?? attempt.updatedAt };
  if (heard.includes('FAILED')) return { kind: 'failed', failedAt: deps.now() };
  return await judgeProofs(deps, watched, attempt);
}

function isSettled(attempt: Attempt): boolean {
  return isFinal(attempt.status) && !mayBeChargedLate(attempt);
}

/** Asks about one leg and tells the actor what is of use; resolves with the attempt's status then, null when nothing was told. */
async function askAbout(
  deps: ResolveDeps,
  watched: Watched,
  attempt: Attempt,
  leg: RoutedLeg,
): Promise<PublicStatus | null> {
  const connector = deps.connectorOf(leg.processor);
  const asked = await askAboutLeg({ ...deps, queryOf: () => connector?.query }, attempt, leg);
  if (asked === null) return null;
  weigh(watched, attempt, leg, { ...asked, rule: connector!.notFound });
  const word = wordOfAnswer(asked.answer, leg, 'query', deps.now());
  return isOfUse(attempt, word) ? await tell(deps, attempt.transactionId, word) : null;
}

/** Keeps what an answer proves about its leg. */
function weigh(
  watched: Watched,
  attempt: Attempt,
  { leg }: RoutedLeg,
  { answer, askedAt, rule }: { answer: QueryAnswer; askedAt: number; rule: NotFoundRule },
): void {
  if (answer.kind === 'found') {
    const proven = leg !== attempt.leg && answer.word.said === 'declined';
    watched.proofs[leg - 1] = { ...unproven(attempt, rule), proven };
    return;
  }
  const proof = watched.proofs[leg - 1] ?? unproven(attempt, rule);
  watched.proofs[leg - 1] = proof;
  if (answer.kind === 'no_answer' || rule === 'never' || askedAt < proof.countsFrom) return;
  proof.notFound++;
  proof.countsFrom = askedAt + rule.gapMs;
  proof.proven = proof.notFound >= rule.queries;
}

function unproven({ sendBefore }: Attempt, rule: NotFoundRule): LegProof {
  const countsFrom = rule === 'never' ? Number.POSITIVE_INFINITY : sendBefore + rule.proofMs + 1;
  return { notFound: 0, countsFrom, proven: false };
}

/** The attempt just read says whether a word would change anything: a repeat costs the actor nothing. */
function isOfUse(attempt: Attempt, word: ProcessorWord): boolean {
  const { verdict, incidents } = moveAttempt(attempt, word);
  return verdict === 'applied' || incidents.length > 0;
}

/** Closes an attempt that is proven of no leg to have arrived. */
async function judgeProofs(deps: ResolveDeps, watched: Watched, attempt: Attempt): Promise<Resolution> {
  const mayNeverHaveArrived = attempt.status !== 'REQUIRES_ACTION' && !isKnownToProcessor(attempt);
  if (!mayNeverHaveArrived) return { kind: 'open', countsFrom: null };
  const { legs } = attempt.routing;
  if (!legs.every(({ leg }) => watched.proofs[leg - 1]?.proven === true)) {
    return { kind: 'open', countsFrom: nextCountFrom(watched, attempt) };
  }
  const status = await tell(deps, watched.transactionId, neverArrived(deps, watched, attempt));
  return status === 'FAILED'
    ? { kind: 'failed', failedAt: deps.now() }
    : status === 'SUCCESS'
      ? { kind: 'settled' }
      : { kind: 'open', countsFrom: null };
}

/** When the next question about a leg that is not proven can count; null: none can. */
function nextCountFrom({ proofs }: Watched, { routing }: Attempt): number | null {
  const moments = routing.legs.flatMap(({ leg }) => {
    const proof = proofs[leg - 1];
    return proof === undefined || proof.proven ? [] : [proof.countsFrom];
  });
  const first = Math.min(...moments);
  return Number.isFinite(first) ? first : null;
}

function neverArrived(deps: ResolveDeps, { proofs }: Watched, attempt: Attempt): ProcessorWord {
  const { legs } = attempt.routing;
  const afterSeconds = Math.round((deps.now() - attempt.sendBefore) / 1000);
  const told = legs.map(({ leg, processor }) => {
    const { notFound } = proofs[leg - 1]!;
    return notFound === 0 ? `${processor} declined it` : `not found by ${notFound} queries at ${processor}`;
  });
  const detail = `${told.join(', ')}, the last ${afterSeconds} s after send_before`;
  const current = legs.find(({ leg }) => leg === attempt.leg)!;
  return ownWord(current, { source: 'recovery', said: 'never_arrived', detail, at: deps.now() });
}

/** The attempt's status after the word; null when it was not heard: it is asked for again. */
async function tell(
  deps: ResolveDeps,
  transactionId: TransactionId,
  word: ProcessorWord,
): Promise<PublicStatus | null> {
  const reply = await tellWord(deps, transactionId, word);
  return reply.type === 'word-heard' ? reply.status : null;
}
