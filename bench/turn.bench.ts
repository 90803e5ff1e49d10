/**
 * Bench of the turn: what mailbox, payment actor and releasing cost without a database, microseconds per command by size of the batch.
 *
 * A lane runs on a store that has nothing and takes everything. Each batch of payments is created, started, heard as charged and
 * heard again by callback, one turn each; commands are made beforehand. Memory is as large as in the gateway and full, so that old
 * payments leave it. Wall time of one thread, medians of three rounds.
 *
 * Run: npm run bench -- turn, or node bench/turn.bench.ts
 *
 * @module
 */

import { cpus } from 'node:os';
import { createPaymentActor } from '../src/actors/payment-actor.ts';
import { LIMITS } from '../src/config/limits.ts';
import type { Effect, Fact } from '../src/domain/facts.ts';
import { transactionIdOf } from '../src/domain/ids.ts';
import type { PaymentIntent } from '../src/domain/payment-intent.ts';
import type { ShardReply } from '../src/messages/replies.ts';
import type { ShardRequest } from '../src/messages/requests.ts';
import * as clock from '../src/runtime/clock.ts';
import { createLane, type Lane } from '../src/runtime/turn.ts';
import type { Loaded, Needs } from '../src/storage/storage.ts';
import { freshEventId, freshIntent } from '../test/support/facts.ts';
import { aWord, SHOWN_CARD } from '../test/support/payments.ts';

const BATCHES = [1, 15, 150, 500];
const ROUNDS = 3;
const PAYMENTS_PER_ROUND = 30_000;

const COMMANDS = ['create-intent', 'start-attempt', 'hear-word', 'hear-callback'] as const;
type Command = (typeof COMMANDS)[number];

const EXPECTED: Record<Command, ShardReply['type']> = {
  'create-intent': 'intent-created',
  'start-attempt': 'attempt-started',
  'hear-word': 'word-heard',
  'hear-callback': 'callback-heard',
};

/** Every fact comes into effect; an attempt takes from its intent what {@link freshIntent} gives each. */
const store = {
  async prefetch({ payments, keys }: Needs): Promise<Loaded> {
    throw new Error(
      `${payments.size} payments and ${keys.size} keys were to be read: memory should have had them`,
    );
  },
  async commit(facts: readonly Fact[]): Promise<Effect[]> {
    return facts.map(({ kind }) =>
      kind === 'attempt-started' ? { effective: true, started } : { effective: true },
    );
  },
  failureOf(error: unknown): never {
    throw error;
  },
};
const { amount, currency, customerId, orderId } = freshIntent();
const started = { amount, currency, customerId, orderId };

function command(type: Command, intent: PaymentIntent): ShardRequest {
  const { paymentIntentId: intentId, merchantId, createdAt: now } = intent;
  const transactionId = transactionIdOf(intentId, 1);
  const word = aWord({ processorTxnId: `ch_${transactionId}`, at: now });
  switch (type) {
    case 'create-intent':
      return { type, intent, answer: '{}', key: null, now };
    case 'start-attempt':
      return {
        type,
        intentId,
        merchantId,
        nonce: intentId,
        processor: word.processor,
        processorAccount: 'acct_demo',
        fallback: null,
        card: SHOWN_CARD,
        sendBefore: now + 30_000,
        successUrl: 'https://shop.example/paid',
        cancelUrl: null,
        sessionExpiresAt: now + 600_000,
        claimedAmount: null,
        claimedCurrency: null,
        key: null,
        now,
      };
    case 'hear-word':
      return { type, transactionId, word, eventId: freshEventId(), now };
    case 'hear-callback':
      return {
        type,
        processor: word.processor,
        callbackId: `cb_${transactionId}`,
        transactionId,
        word: { ...word, source: 'callback', leg: null },
        receivedAt: now,
        relay: false,
        eventId: freshEventId(),
        now,
      };
  }
}

function openLane(): Lane<ShardRequest, ShardReply> {
  const actor = createPaymentActor({
    paymentsMax: LIMITS.paymentsInMemoryMax,
    writeBehindMs: LIMITS.writeBehindMs,
  });
  const limits = {
    mailboxMax: LIMITS.mailboxSlots,
    turnCommandsMax: LIMITS.turnCommandsMax,
    lingerMsMax: 0,
    triesMax: LIMITS.turnTriesMax,
  };
  return createLane(actor, store, clock, limits, () => undefined);
}

/** Submits all at once and resolves when the last is answered. */
function batch(
  lane: Lane<ShardRequest, ShardReply>,
  requests: readonly ShardRequest[],
): Promise<ShardReply[]> {
  return new Promise((resolve) => {
    const replies: ShardReply[] = [];
    for (const request of requests) {
      lane.submit(request, Number.POSITIVE_INFINITY, (reply) => {
        replies.push(reply);
        if (replies.length === requests.length) resolve(replies);
      });
    }
  });
}

/** Microseconds per command. */
async function round(
  lane: Lane<ShardRequest, ShardReply>,
  size: number,
  payments: number,
): Promise<Record<Command, number>> {
  const spent = { 'create-intent': 0, 'start-attempt': 0, 'hear-word': 0, 'hear-callback': 0 };
  for (let done = 0; done < payments; done += size) {
    const intents = Array.from({ length: size }, () => freshIntent());
    for (const type of COMMANDS) {
      const requests = intents.map((intent) => command(type, intent));
      const startedAt = performance.now();
      const replies = await batch(lane, requests);
      spent[type] += performance.now() - startedAt;
      const wrong = replies.find((reply) => reply.type !== EXPECTED[type]);
      if (wrong !== undefined) throw new Error(`${type} was answered ${JSON.stringify(wrong)}`);
    }
  }
  for (const type of COMMANDS) spent[type] *= 1000 / payments;
  return spent;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

/** One row: the median of each command, of a whole payment, and commands per second. */
async function measure(lane: Lane<ShardRequest, ShardReply>, size: number): Promise<Record<string, number>> {
  const rounds: Array<Record<Command, number>> = [];
  for (let n = 0; n < ROUNDS; n++) rounds.push(await round(lane, size, PAYMENTS_PER_ROUND));
  const row: Record<string, number> = {};
  for (const type of COMMANDS) row[type] = Number(median(rounds.map((one) => one[type])).toFixed(2));
  const whole = median(rounds.map((one) => COMMANDS.reduce((sum, type) => sum + one[type], 0)));
  return {
    ...row,
    'whole payment': Number(whole.toFixed(2)),
    'commands/s': Math.round((COMMANDS.length * 1e6) / whole),
  };
}

console.log(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}`);
const lane = openLane();
// Warm, and memory full.
await round(lane, 500, LIMITS.paymentsInMemoryMax);
const rows: Record<string, Record<string, number>> = {};
for (const size of BATCHES) rows[`${size} a batch`] = await measure(lane, size);
await lane.close();
console.log('Turn without a database, µs per command');
console.table(rows);
