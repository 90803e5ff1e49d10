/**
 * World: payments in memory, with the scan, the shard actors and the bank that recovery meets, on a clock of the test.
 *
 * @module
 */

import type { ChargeAccount, QueryAnswer } from '../../connectors/connector.ts';
import {
  type IntentId,
  intentIdOf,
  makeId,
  shardOfId,
  type TransactionId,
  timeOfId,
  transactionIdOf,
} from '../../domain/ids.ts';
import { type OutcomeCode, refusal } from '../../domain/outcomes.ts';
import { INTENT_LIFETIME_MS, type Payment } from '../../domain/payment-intent.ts';
import type { ProcessorWord, Said } from '../../domain/processor-word.ts';
import { type Attempt, closesIntent, isFinal, moveAttempt, publicStatus } from '../../domain/transaction.ts';
import type { AskShard } from '../../messages/ask.ts';
import type { ShardReply } from '../../messages/replies.ts';
import type { HearWord, ShardRequest } from '../../messages/requests.ts';
import type { RecoveryScan } from '../../storage/recovery-scan.ts';
import { mayBeChargedLate } from '../late-success.ts';
import type { RecoveryDeps } from '../recovery.ts';

export const START = 1_800_000_000_000;
export const ACCOUNT: ChargeAccount = { account: 'acct_1', secretKey: 'secret' };
export const PROOF_MS = 120_000;
export const SEND_BEFORE_MS = 30_000;

export interface World {
  now: number;
  payments: Map<IntentId, Payment>;
  progress: Map<string, string>;
  /** Requests the actors were asked, in order. */
  asked: ShardRequest[];
  /** What the actors refuse everything with; null: they answer. */
  refusing: OutcomeCode | null;
  /** The bank's answer to a query. */
  bank(transactionId: TransactionId, leg: number): Promise<QueryAnswer>;
  /** Outcomes counted. */
  outcomes: string[];
  logged: string[];
  deps: RecoveryDeps;
  scan: RecoveryScan;
  addIntent(createdAt: number): IntentId;
  addAttempt(intentId: IntentId, at?: number): TransactionId;
  attempt(transactionId: TransactionId): Attempt;
  /** An actor hears a word: of a sender, a callback or recovery. */
  hear(transactionId: TransactionId, word: ProcessorWord): ShardReply;
}

export function word(said: Said, more: Partial<ProcessorWord> = {}): ProcessorWord {
  return {
    source: 'query',
    said,
    leg: 1,
    processor: 'SANDBOX',
    processorAccount: ACCOUNT.account,
    processorTxnId: 'ch_1',
    amount: 1000,
    currency: 'INR',
    failureCode: null,
    referenceClosed: false,
    elsewhere: false,
    nextAction: null,
    paymentMethodType: null,
    at: START,
    detail: '',
    ...more,
  };
}

export function createWorld(): World {
  let ids = 0;
  const payments = new Map<IntentId, Payment>();
  const world: World = {
    now: START,
    payments,
    progress: new Map(),
    asked: [],
    refusing: null,
    bank: async () => ({ kind: 'not_found' }),
    outcomes: [],
    logged: [],
    deps: undefined as unknown as RecoveryDeps,
    scan: undefined as unknown as RecoveryScan,
    addIntent(createdAt) {
      ids += 1;
      const random = new Uint8Array(8);
      new DataView(random.buffer).setUint32(4, ids);
      const paymentIntentId = makeId(createdAt, 7, random);
      payments.set(paymentIntentId, { intent: newIntent(paymentIntentId, createdAt), attempts: [] });
      return paymentIntentId;
    },
    addAttempt(intentId, at = world.now) {
      const { attempts } = payments.get(intentId)!;
      const attempt = newAttempt(intentId, attempts.length + 1, at);
      attempts.push(attempt);
      return attempt.transactionId;
    },
    attempt: (transactionId) =>
      payments.get(intentIdOf(transactionId))!.attempts.find((one) => one.transactionId === transactionId)!,
    hear: (transactionId, heard) => hear(world, transactionId, heard),
  };
  world.scan = scanOf(world);
  world.deps = depsOf(world);
  return world;
}

function depsOf(world: World): RecoveryDeps {
  return {
    scans: [world.scan],
    ask: askOf(world),
    askDeadlineMs: 1000,
    connectorOf: () => ({
      query: ({ transactionId, leg }) => world.bank(transactionId, leg),
      notFound: { queries: 3, proofMs: PROOF_MS, gapMs: 40_000 },
    }),
    accountOf: async () => ACCOUNT,
    now: () => world.now,
    random: () => 0.5,
    randomBytes: (size) => new Uint8Array(size),
    onQuery: (_, outcome) => world.outcomes.push(outcome),
    log: (_, event) => world.logged.push(event),
  };
}

function askOf(world: World): AskShard {
  return async (shard, request) => {
    world.asked.push(request);
    if (world.refusing !== null) return { type: 'refused', refusal: refusal(world.refusing, 'refused') };
    switch (request.type) {
      case 'hear-word':
        assertShard(shard, request);
        return hear(world, request.transactionId, request.word);
      case 'find-payment':
        return { type: 'payment-found', payment: world.payments.get(request.intentId)! };
      case 'expire-intent':
        return { type: 'intent-expired', expired: expire(world, request.intentId) };
      default:
        throw new Error(`recovery has no business with ${request.type}`);
    }
  };
}

function assertShard(shard: number, { transactionId, eventId }: HearWord): void {
  if (shard !== shardOfId(transactionId) || shardOfId(eventId) !== shard) throw new Error('wrong shard');
}

function hear(world: World, transactionId: TransactionId, heard: ProcessorWord): ShardReply {
  const payment = world.payments.get(intentIdOf(transactionId))!;
  const index = payment.attempts.findIndex((one) => one.transactionId === transactionId);
  const before = payment.attempts[index]!;
  const move = moveAttempt(before, heard);
  const after = move.verdict === 'applied' ? move.attempt : before;
  payment.attempts[index] = after;
  if (after.status === 'SUCCESS') payment.intent.status = 'SUCCESS';
  else if (closesIntent(after) && payment.intent.status === 'PENDING') payment.intent.status = 'FAILED';
  return { type: 'word-heard', verdict: move.verdict, status: publicStatus(after.status) };
}

function expire(world: World, intentId: IntentId): boolean {
  const { intent, attempts } = world.payments.get(intentId)!;
  const open = attempts.some(({ status }) => !isFinal(status));
  if (intent.status !== 'PENDING' || open || world.now - timeOfId(intentId) < INTENT_LIFETIME_MS)
    return false;
  intent.status = 'FAILED';
  return true;
}

function scanOf(world: World): RecoveryScan {
  function window<Row>(
    rows: Row[],
    idOf: (row: Row) => string,
    after: string,
    before: string,
    limit: number,
  ) {
    const looked = rows
      .filter((row) => idOf(row) > after && idOf(row) < before)
      .sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1))
      .slice(0, limit);
    return { looked, next: looked.length === limit ? idOf(looked.at(-1)!) : null };
  }
  return {
    async unsettledAttempts(after, before, limit) {
      const attempts = [...world.payments.values()].flatMap((payment) => payment.attempts);
      const { looked, next } = window(attempts, (one) => one.transactionId, after, before, limit);
      return { rows: looked.filter((one) => !isFinal(one.status) || mayBeChargedLate(one)), next };
    },
    async pendingIntents(after, before, limit) {
      const all = [...world.payments.values()];
      const { looked, next } = window(all, (one) => one.intent.paymentIntentId, after, before, limit);
      const pending = looked.filter(
        ({ intent, attempts }) =>
          intent.status === 'PENDING' && attempts.every(({ status }) => isFinal(status)),
      );
      return { rows: pending.map(({ intent }) => intent.paymentIntentId), next };
    },
    unmatchedCallbacks: async () => [],
    readProgress: async (name) => world.progress.get(name) ?? null,
    async writeProgress(name, upTo) {
      if ((world.progress.get(name) ?? '') < upTo) world.progress.set(name, upTo);
    },
    close: async () => undefined,
  };
}

function newIntent(paymentIntentId: IntentId, createdAt: number): Payment['intent'] {
  return {
    paymentIntentId,
    merchantId: 'mer_1',
    customerId: null,
    orderId: 'order',
    amount: 1000,
    currency: 'INR',
    status: 'PENDING',
    metadata: null,
    createdAt,
    updatedAt: createdAt,
  };
}

function newAttempt(intentId: IntentId, attempt: number, at: number): Attempt {
  return {
    transactionId: transactionIdOf(intentId, attempt),
    paymentIntentId: intentId,
    attempt,
    merchantId: 'mer_1',
    customerId: null,
    amount: 1000,
    currency: 'INR',
    status: 'SENT',
    outcome: 'unknown',
    leg: 1,
    processor: 'SANDBOX',
    processorAccount: ACCOUNT.account,
    routing: {
      fallback: null,
      legs: [
        { leg: 1, processor: 'SANDBOX', processorAccount: ACCOUNT.account, reason: 'preferred', at: at },
      ],
    },
    paymentMethodType: null,
    nextAction: null,
    processorTxnId: null,
    failureCode: null,
    reopenable: false,
    revision: 1,
    senderNonce: 'nonce',
    sendBefore: at + SEND_BEFORE_MS,
    card: { brand: 'visa', masked: '', expiryMonth: 1, expiryYear: 2030, fingerprint: '', token: '' },
    successUrl: null,
    cancelUrl: null,
    sessionExpiresAt: null,
    evidence: [],
    createdAt: at,
    updatedAt: at,
    completedAt: null,
  };
}
