/**
 * Commit turn: all facts of a turn in one statement, and what came of each.
 *
 * Facts are sorted into kinds, each kind into columns in the order of its keys; several changes of one attempt are folded
 * into one (an UPDATE that meets a row twice silently drops one). The rules by which a row is written are in
 * `statements/commit-turn.ts`.
 *
 * @module
 */

import {
  type AttemptMoved,
  type AttemptStarted,
  type CallbackRecorded,
  type Effect,
  type Fact,
  type IncidentNoted,
  type IntentCreated,
  type IntentExpired,
  type KeyClaimed,
  type OperatorAudited,
  paymentOf,
} from '../../domain/facts.ts';
import { intentIdOf, lastTransactionIdOf, shardOfId, transactionIdOf } from '../../domain/ids.ts';
import { StorageError } from '../storage.ts';
import { bareArray, hexArray, jsonArray, quotedArray } from './array-literal.ts';
import type { PgLink } from './connection.ts';
import { BIT, statementOf } from './statements/commit-turn.ts';

/** The facts of a turn by kind, each sorted by its primary key. */
interface Batch {
  keys: KeyClaimed[];
  intents: IntentCreated[];
  firstAttempts: AttemptStarted[];
  nextAttempts: AttemptStarted[];
  /** Those of the moves that take a success back. */
  reversals: AttemptMoved[];
  moves: AttemptMoved[];
  expiries: IntentExpired[];
  callbacks: CallbackRecorded[];
  incidents: IncidentNoted[];
  audits: OperatorAudited[];
}

/** The one row the statement returns. */
interface CommitRow {
  fence: number;
  claimed?: string | null;
  intents?: string | null;
  first_read?: AttemptRead[] | null;
  first_started?: string | null;
  next_read?: AttemptRead[] | null;
  next_started?: string | null;
  moves?: string | null;
  second_successes?: string | null;
  noted?: string | null;
  expiries?: string | null;
}

type AttemptRead = [id: string, amount: number, currency: string, customerId: string | null, orderId: string];

/**
 * Commits the facts in one statement. Rejects with the database's own error, or with a fenced StorageError.
 * @param ownShard a logical shard of the lane: where facts belong that name no payment
 */
export async function commitTurn(link: PgLink, facts: readonly Fact[], ownShard: number): Promise<Effect[]> {
  const batch = batchOf(facts);
  const { mask, values } = parametersOf(batch, boundsOf(facts, ownShard));
  const { rows } = await link.query<CommitRow>({ ...statementOf(mask), values });
  const row = rows[0]!;
  if (row.fence === 0)
    throw new StorageError('fenced', 'the ids of this batch are not in owned_ranges of this database');
  return effectsOf(facts, row);
}

function batchOf(facts: readonly Fact[]): Batch {
  const batch: Batch = {
    keys: [],
    intents: [],
    firstAttempts: [],
    nextAttempts: [],
    reversals: [],
    moves: [],
    expiries: [],
    callbacks: [],
    incidents: [],
    audits: [],
  };
  const moves = new Map<string, AttemptMoved>();
  const callbacks = new Map<string, CallbackRecorded>();
  for (const fact of facts) {
    switch (fact.kind) {
      case 'key-claimed':
        batch.keys.push(fact);
        break;
      case 'intent-created':
        batch.intents.push(fact);
        break;
      case 'attempt-started':
        (fact.attempt.attempt === 1 ? batch.firstAttempts : batch.nextAttempts).push(fact);
        break;
      case 'attempt-moved':
        moves.set(fact.attempt.transactionId, folded(moves.get(fact.attempt.transactionId), fact));
        break;
      case 'intent-expired':
        batch.expiries.push(fact);
        break;
      case 'incident-noted':
        batch.incidents.push(fact);
        break;
      case 'operator-audited':
        batch.audits.push(fact);
        break;
      case 'callback-recorded': {
        const name = callbackName(fact);
        // The one that moves is the one that says what happened.
        if (fact.moves || !callbacks.has(name)) callbacks.set(name, fact);
        break;
      }
    }
  }
  batch.moves = [...moves.values()];
  batch.callbacks = [...callbacks.values()];
  const inOrder = sorted(batch);
  return { ...inOrder, reversals: inOrder.moves.filter(({ event }) => event?.type === 'payment.reversed') };
}

/** Two changes of one attempt in one turn: from where the first began to where the second ends. */
function folded(before: AttemptMoved | undefined, after: AttemptMoved): AttemptMoved {
  if (before === undefined) return after;
  return {
    kind: 'attempt-moved',
    expected: before.expected,
    attempt: after.attempt,
    event: after.event ?? before.event,
    intentStatus: after.intentStatus ?? before.intentStatus,
  };
}

function sorted(batch: Batch): Batch {
  batch.keys.sort(
    (a, b) =>
      compare(a.key.merchantId, b.key.merchantId) ||
      compare(a.key.endpoint, b.key.endpoint) ||
      compare(a.key.key, b.key.key),
  );
  batch.intents.sort((a, b) => compare(a.intent.paymentIntentId, b.intent.paymentIntentId));
  batch.firstAttempts.sort((a, b) => compare(a.attempt.transactionId, b.attempt.transactionId));
  batch.nextAttempts.sort((a, b) => compare(a.attempt.transactionId, b.attempt.transactionId));
  batch.moves.sort((a, b) => compare(a.attempt.transactionId, b.attempt.transactionId));
  batch.expiries.sort((a, b) => compare(a.paymentIntentId, b.paymentIntentId));
  batch.callbacks.sort((a, b) => compare(a.processor, b.processor) || compare(a.eventId, b.eventId));
  batch.incidents.sort(
    (a, b) => compare(a.transactionId, b.transactionId) || compare(a.incident, b.incident),
  );
  return batch;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function parametersOf(batch: Batch, bounds: Bounds): { mask: number; values: unknown[] } {
  const values: unknown[] = [bounds.lowShard, bounds.highShard, bounds.firstId, bounds.lastId];
  let mask = 0;
  const add = (bit: number, columns: string[]): void => {
    mask |= bit;
    values.push(...columns);
  };
  if (batch.keys.length > 0) add(BIT.keys, keyColumns(batch));
  if (batch.intents.length > 0) add(BIT.intents, intentColumns(batch.intents));
  if (batch.firstAttempts.length > 0) add(BIT.firstAttempts, attemptColumns(batch.firstAttempts));
  if (batch.nextAttempts.length > 0) {
    const previous = batch.nextAttempts.map(({ attempt }) =>
      transactionIdOf(attempt.paymentIntentId, attempt.attempt - 1),
    );
    add(BIT.nextAttempts, [...attemptColumns(batch.nextAttempts), bareArray(previous)]);
  }
  if (batch.reversals.length > 0) add(BIT.reversals, reversalColumns(batch.reversals));
  if (batch.moves.length > 0) add(BIT.moves, moveColumns(batch.moves));
  if (batch.expiries.length > 0) add(BIT.expiries, expiryColumns(batch.expiries));
  if (batch.callbacks.length > 0) add(BIT.callbacks, callbackColumns(batch.callbacks));
  if (batch.incidents.length > 0) add(BIT.incidents, incidentColumns(batch.incidents));
  if (batch.audits.length > 0) add(BIT.audits, auditColumns(batch.audits));
  return { mask, values };
}

const NO_ID = '0'.repeat(32);

interface Bounds {
  lowShard: number;
  highShard: number;
  firstId: string;
  lastId: string;
}

/** The logical shards and the range of ids that a batch touches. */
function boundsOf(facts: readonly Fact[], ownShard: number): Bounds {
  let [lowShard, highShard] = [1023, 0];
  let [firstId, lastId] = ['g', ''];
  for (const fact of facts) {
    const id = paymentOf(fact);
    if (id === null) continue;
    const shard = shardOfId(id);
    if (shard < lowShard) lowShard = shard;
    if (shard > highShard) highShard = shard;
    if (id < firstId) firstId = id;
    if (id > lastId) lastId = id;
  }
  if (lastId === '') return { lowShard: ownShard, highShard: ownShard, firstId: NO_ID, lastId: NO_ID };
  // From the intent itself to the last attempt it can have.
  return { lowShard, highShard, firstId: `${firstId.slice(0, 31)}0`, lastId: lastTransactionIdOf(lastId) };
}

const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);

function keyColumns({ keys, firstAttempts, nextAttempts }: Batch): string[] {
  const attempts = new Set([...firstAttempts, ...nextAttempts].map(({ attempt }) => attempt.transactionId));
  return [
    quotedArray(keys.map(({ key }) => key.merchantId)),
    quotedArray(keys.map(({ key }) => key.endpoint)),
    quotedArray(keys.map(({ key }) => key.key)),
    hexArray(keys.map(({ key }) => key.bodyHash)),
    bareArray(keys.map(({ effectId }) => effectId)),
    jsonArray(keys.map(({ answer }) => answer)),
    bareArray(keys.map(({ effectId }) => attempts.has(effectId))),
  ];
}

function intentColumns(rows: readonly IntentCreated[]): string[] {
  return [
    bareArray(rows.map(({ intent }) => intent.paymentIntentId)),
    quotedArray(rows.map(({ intent }) => intent.merchantId)),
    quotedArray(rows.map(({ intent }) => intent.customerId)),
    quotedArray(rows.map(({ intent }) => intent.orderId)),
    bareArray(rows.map(({ intent }) => intent.amount)),
    quotedArray(rows.map(({ intent }) => intent.currency)),
    jsonArray(rows.map(({ intent }) => intent.metadata)),
    bareArray(rows.map(({ intent }) => seconds(intent.createdAt))),
    bareArray(rows.map(({ keyed }) => keyed)),
  ];
}

function attemptColumns(rows: readonly AttemptStarted[]): string[] {
  const attempts = rows.map(({ attempt }) => attempt);
  return [
    bareArray(attempts.map(({ transactionId }) => transactionId)),
    bareArray(attempts.map(({ paymentIntentId }) => paymentIntentId)),
    bareArray(attempts.map(({ attempt }) => attempt)),
    quotedArray(attempts.map(({ merchantId }) => merchantId)),
    quotedArray(attempts.map(({ processor }) => processor)),
    quotedArray(attempts.map(({ processorAccount }) => processorAccount)),
    jsonArray(attempts.map(({ routing }) => JSON.stringify(routing))),
    bareArray(attempts.map(({ paymentMethodType }) => paymentMethodType)),
    quotedArray(attempts.map(({ card }) => card?.token ?? null)),
    quotedArray(attempts.map(({ senderNonce }) => senderNonce)),
    bareArray(attempts.map(({ sendBefore }) => seconds(sendBefore))),
    quotedArray(attempts.map(({ card }) => card?.brand ?? null)),
    quotedArray(attempts.map(({ card }) => card?.masked ?? null)),
    bareArray(attempts.map(({ card }) => card?.expiryMonth ?? null)),
    bareArray(attempts.map(({ card }) => card?.expiryYear ?? null)),
    quotedArray(attempts.map(({ card }) => card?.fingerprint ?? null)),
    quotedArray(attempts.map(({ successUrl }) => successUrl)),
    quotedArray(attempts.map(({ cancelUrl }) => cancelUrl)),
    bareArray(attempts.map(({ sessionExpiresAt }) => seconds(sessionExpiresAt))),
    bareArray(attempts.map(({ createdAt }) => seconds(createdAt))),
    bareArray(rows.map(({ keyed }) => keyed)),
  ];
}

function reversalColumns(rows: readonly AttemptMoved[]): string[] {
  const attempts = rows.map(({ attempt }) => attempt);
  return [
    bareArray(attempts.map(({ transactionId }) => transactionId)),
    bareArray(attempts.map(({ paymentIntentId }) => paymentIntentId)),
    bareArray(attempts.map(({ paymentIntentId }) => lastTransactionIdOf(paymentIntentId))),
  ];
}

function moveColumns(rows: readonly AttemptMoved[]): string[] {
  const attempts = rows.map(({ attempt }) => attempt);
  return [
    bareArray(attempts.map(({ transactionId }) => transactionId)),
    bareArray(rows.map(({ expected }) => expected.status)),
    bareArray(rows.map(({ expected }) => expected.revision)),
    bareArray(attempts.map(({ status }) => status)),
    bareArray(attempts.map(({ outcome }) => outcome)),
    bareArray(attempts.map(({ leg }) => leg)),
    quotedArray(attempts.map(({ processor }) => processor)),
    quotedArray(attempts.map(({ processorAccount }) => processorAccount)),
    // It grows with a second leg and never else.
    jsonArray(attempts.map(({ routing }) => (routing.legs.length === 1 ? null : JSON.stringify(routing)))),
    quotedArray(attempts.map(({ processorTxnId }) => processorTxnId)),
    bareArray(attempts.map(({ paymentMethodType }) => paymentMethodType)),
    jsonArray(attempts.map(({ nextAction }) => (nextAction === null ? null : JSON.stringify(nextAction)))),
    quotedArray(attempts.map(({ failureCode }) => failureCode)),
    bareArray(attempts.map(({ reopenable }) => reopenable)),
    bareArray(attempts.map(({ revision }) => revision)),
    jsonArray(attempts.map(({ evidence }) => JSON.stringify(evidence))),
    bareArray(attempts.map(({ updatedAt }) => seconds(updatedAt))),
    bareArray(attempts.map(({ completedAt }) => seconds(completedAt))),
    bareArray(rows.map(({ event }) => event?.eventId ?? null)),
    quotedArray(rows.map(({ event }) => event?.type ?? null)),
    bareArray(rows.map(({ intentStatus }) => intentStatus)),
  ];
}

function expiryColumns(rows: readonly IntentExpired[]): string[] {
  return [
    bareArray(rows.map(({ paymentIntentId }) => paymentIntentId)),
    bareArray(rows.map(({ paymentIntentId }) => lastTransactionIdOf(paymentIntentId))),
    bareArray(rows.map(({ event }) => event.eventId)),
    quotedArray(rows.map(({ event }) => event.type)),
    bareArray(rows.map(({ at }) => seconds(at))),
  ];
}

function callbackColumns(rows: readonly CallbackRecorded[]): string[] {
  return [
    quotedArray(rows.map(({ processor }) => processor)),
    quotedArray(rows.map(({ eventId }) => eventId)),
    bareArray(rows.map(({ transactionId }) => transactionId)),
    bareArray(rows.map(({ verdict }) => verdict)),
    quotedArray(rows.map(({ reason }) => reason)),
    jsonArray(rows.map(({ word }) => word)),
    bareArray(rows.map(({ moves }) => moves)),
    bareArray(rows.map(({ relay }) => relay)),
    bareArray(rows.map(({ receivedAt }) => seconds(receivedAt))),
  ];
}

function incidentColumns(rows: readonly IncidentNoted[]): string[] {
  return [
    bareArray(rows.map(({ transactionId }) => transactionId)),
    bareArray(rows.map(({ transactionId }) => intentIdOf(transactionId))),
    bareArray(rows.map(({ incident }) => incident)),
    quotedArray(rows.map(({ detail }) => detail)),
    bareArray(rows.map(({ at }) => seconds(at))),
  ];
}

function auditColumns(rows: readonly OperatorAudited[]): string[] {
  return [
    bareArray(rows.map(({ transactionId }) => transactionId)),
    quotedArray(rows.map(({ operator }) => operator)),
    bareArray(rows.map(({ action }) => action)),
    quotedArray(rows.map(({ reason }) => reason)),
    bareArray(rows.map(({ moves }) => moves)),
    bareArray(rows.map(({ at }) => seconds(at))),
  ];
}

function effectsOf(facts: readonly Fact[], row: CommitRow): Effect[] {
  const claimed = idsOf(row.claimed);
  const intents = idsOf(row.intents);
  const senders = sendersOf(row.first_started, row.next_started);
  const read = new Map(
    [...(row.first_read ?? []), ...(row.next_read ?? [])].map((one) => [withoutDashes(one[0]), one]),
  );
  const moves = idsOf(row.moves);
  const secondSuccesses = idsOf(row.second_successes);
  const expiries = idsOf(row.expiries);
  const noted = incidentsOf(row.noted);
  const effectOf = (fact: Fact): Effect => {
    switch (fact.kind) {
      case 'key-claimed':
        return { effective: claimed.has(fact.effectId) };
      case 'intent-created':
        return { effective: intents.has(fact.intent.paymentIntentId) };
      case 'attempt-started':
        // Of two starts of one attempt in one batch the row is one's: only its sender may send.
        return startedEffect(
          senders.get(fact.attempt.transactionId) === fact.attempt.senderNonce,
          read.get(fact.attempt.transactionId),
        );
      case 'attempt-moved':
        return movedEffect(fact, moves, secondSuccesses);
      case 'intent-expired':
        return { effective: expiries.has(fact.paymentIntentId) };
      case 'callback-recorded':
        return { effective: !fact.moves || moves.has(fact.transactionId!) };
      case 'incident-noted':
        // One that is known already is as good as noted; a new one is told by the first of its facts.
        return noted.delete(fact.transactionId + fact.incident)
          ? { effective: true, incident: fact.incident }
          : { effective: true };
      case 'operator-audited':
        return { effective: !fact.moves || moves.has(fact.transactionId) };
    }
  };
  return facts.map(effectOf);
}

/** Of several moves of one attempt only the one to SUCCESS can be a second success. */
function movedEffect(
  { attempt: { transactionId }, intentStatus }: AttemptMoved,
  moves: ReadonlySet<string>,
  secondSuccesses: ReadonlySet<string>,
): Effect {
  const effective = moves.has(transactionId);
  return intentStatus === 'SUCCESS' && secondSuccesses.has(transactionId)
    ? { effective, incident: 'second_success' }
    : { effective };
}

function startedEffect(effective: boolean, read: AttemptRead | undefined): Effect {
  if (!effective || read === undefined) return { effective: false };
  const [, amount, currency, customerId, orderId] = read;
  return { effective: true, started: { amount, currency, customerId, orderId } };
}

function idsOf(...lists: Array<string | null | undefined>): Set<string> {
  const ids = new Set<string>();
  for (const list of lists) if (list) for (const id of list.split(',')) ids.add(withoutDashes(id));
  return ids;
}

/** Which incidents were new: a transaction and the kind. */
function incidentsOf(list: string | null | undefined): Set<string> {
  const incidents = new Set<string>();
  if (list) {
    for (const one of list.split(','))
      incidents.add(withoutDashes(one.slice(0, UUID_LENGTH)) + one.slice(UUID_LENGTH));
  }
  return incidents;
}

const UUID_LENGTH = 36;

/** Which sender's attempts were inserted: a uuid and its nonce for each. */
function sendersOf(...lists: Array<string | null | undefined>): Map<string, string> {
  const senders = new Map<string, string>();
  for (const list of lists) {
    if (!list) continue;
    for (const one of list.split(','))
      senders.set(withoutDashes(one.slice(0, UUID_LENGTH)), one.slice(UUID_LENGTH));
  }
  return senders;
}

/** A uuid as PostgreSQL writes it → 32 hex digits. */
export function withoutDashes(uuid: string): string {
  return uuid.slice(0, 8) + uuid.slice(9, 13) + uuid.slice(14, 18) + uuid.slice(19, 23) + uuid.slice(24);
}

function callbackName({ processor, eventId, receivedAt }: CallbackRecorded): string {
  return `${Math.floor(receivedAt / 86_400_000)} ${processor} ${eventId}`;
}
