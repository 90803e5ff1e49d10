/**
 * Poison: rows that PostgreSQL refuses among good neighbours in one group commit.
 *
 * The real lane, actor and store over a real database, driven from inside, because the API lets none of these rows through.
 * One trial is one batch of intents, attempts, words and callbacks with some bad ones among them: exactly the bad ones are
 * refused, each with an error of its own, and everything else is stored as it was sent.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { createPaymentActor } from '../../src/actors/payment-actor.ts';
import { LIMITS } from '../../src/config/limits.ts';
import { type IntentId, makeId, showIntentId, showTransactionId } from '../../src/domain/ids.ts';
import { AMOUNT_MAX } from '../../src/domain/money.ts';
import type { ShardReply } from '../../src/messages/replies.ts';
import type {
  CreateIntent,
  HearCallback,
  HearWord,
  ShardRequest,
  StartAttempt,
} from '../../src/messages/requests.ts';
import * as clock from '../../src/runtime/clock.ts';
import { createLane, type Lane } from '../../src/runtime/turn.ts';
import { failureOf } from '../../src/storage/postgres/errors.ts';
import { createShardStore } from '../../src/storage/postgres/shard-store.ts';
import type { ClientLog } from '../../src/verification/client-log.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { query } from '../support/databases.ts';
import { anIntent, aWord, SHOWN_CARD } from '../support/payments.ts';
import { shuffled } from '../support/random.ts';
import type { Campaign, CampaignReport, CampaignRun } from './campaign.ts';
import { openCase } from './judgement.ts';
import { AWKWARD_TEXTS, BAD_ATTEMPTS, BAD_CALLBACKS, BAD_INTENTS, BAD_WORDS } from './poison-values.ts';

/** Commands of each kind in a batch, bad ones included. */
const EACH = 12;
/** Share of a batch that is bad. */
const BAD_SHARE = 0.15;
const SHARD = 7;
/** A batch of one lane has this long. */
const DEADLINE_MS = 60_000;
const DAY_MS = 24 * 60 * 60 * 1000;

export const poison: Campaign = {
  name: 'poison',
  summary: 'rows PostgreSQL refuses beside good ones; one trial is one group commit with bad rows',
  countDefault: 100,
  async run(run) {
    const cluster = await startCluster(1);
    try {
      return await poisonBatches(cluster, run);
    } finally {
      await cluster.stop();
    }
  },
};

/** A command of a batch; `poisoned` names what is wrong with it. */
interface Item<Command extends ShardRequest = ShardRequest> {
  command: Command;
  poisoned: string | null;
}

interface Counts {
  commits: number;
  turns: number;
  neighbours: number;
  poisoned: Record<string, number>;
}

type PaymentLane = Lane<ShardRequest, ShardReply>;

async function poisonBatches(cluster: Cluster, run: CampaignRun): Promise<CampaignReport> {
  // There is no bank here: what it would have booked is not compared.
  const { log, judge } = openCase({ cluster, banks: () => [] });
  const counts: Counts = { commits: 0, turns: 0, neighbours: 0, poisoned: {} };
  const violations: string[] = [];
  const store = createShardStore({
    connectionString: cluster.services.shards[0]!,
    applicationName: 'poison',
    ownShard: SHARD,
  });
  const lane = openLane(store, counts);
  let trials = 0;
  try {
    for (; trials < run.count; trials++) {
      violations.push(...(await poisonBatch(lane, cluster, log, counts, run)));
      if (trials % 25 === 24) run.tell(`  ${trials + 1} batches`);
    }
  } finally {
    await lane.close();
    await store.close();
  }
  // Attempts that nobody settled stay open.
  const judgement = await judge({ unknownAfterMs: DAY_MS });
  const { poisoned, ...figures } = counts;
  return {
    trials,
    figures: { ...judgement.figures, ...figures, ...poisoned },
    violations: [...violations, ...judgement.violations],
  };
}

function openLane(store: ReturnType<typeof createShardStore>, counts: Counts): PaymentLane {
  const actor = createPaymentActor({ paymentsMax: 1000, writeBehindMs: 1000 });
  const counted = {
    prefetch: store.prefetch,
    commit: (facts: Parameters<typeof store.commit>[0]) => {
      counts.commits++;
      return store.commit(facts);
    },
    failureOf,
  };
  const options = {
    mailboxMax: LIMITS.mailboxSlots,
    turnCommandsMax: LIMITS.turnCommandsMax,
    lingerMsMax: LIMITS.turnLingerMs,
    triesMax: LIMITS.turnTriesMax,
  };
  return createLane(actor, counted, clock, options, () => {
    counts.turns++;
  });
}

/** One trial. Resolves with what broke. */
async function poisonBatch(
  lane: PaymentLane,
  cluster: Cluster,
  log: ClientLog,
  counts: Counts,
  { random }: CampaignRun,
): Promise<string[]> {
  const pick = <Choice>(choices: readonly Choice[]): Choice =>
    choices[Math.floor(random() * choices.length)]!;
  const spoilt = <Command extends ShardRequest>(
    commands: Command[],
    spoils: ReadonlyArray<readonly [string, (command: Command) => Command]>,
  ): Item<Command>[] =>
    commands.map((command) => {
      if (random() >= BAD_SHARE) return { command, poisoned: null };
      const [name, spoil] = pick(spoils);
      return { command: spoil(command), poisoned: `${command.type}: ${name}` };
    });

  // What the batch's attempts and words are about.
  const [toPay, underWay] = [newIntents(random), newIntents(random)];
  const begun = underWay.map(({ intent }) => newAttempt(intent.paymentIntentId));
  await send(lane, log, plain([...toPay, ...underWay]));
  await send(lane, log, plain(begun));

  const words = begun.map((attempt, at) => newWord(attempt.intentId, underWay[at]!.intent.amount));
  const bad = {
    intents: spoilt(newIntents(random), BAD_INTENTS),
    attempts: spoilt(
      toPay.map(({ intent }) => newAttempt(intent.paymentIntentId)),
      BAD_ATTEMPTS,
    ),
    words: spoilt(words, BAD_WORDS),
    callbacks: spoilt(words.map(strayCallback), BAD_CALLBACKS),
  };
  // At least one, or it were no trial.
  const [name, spoil] = pick(BAD_INTENTS);
  bad.intents[0] = { command: spoil(bad.intents[0]!.command), poisoned: `create-intent: ${name}` };
  const batch: Item[] = shuffled([...bad.intents, ...bad.attempts, ...bad.words, ...bad.callbacks], random);
  const replies = await send(lane, log, batch);

  const violations = batch.flatMap((item, at) => wrongReply(item, replies[at]!));
  for (const { poisoned } of batch) {
    if (poisoned === null) counts.neighbours++;
    else counts.poisoned[poisoned] = (counts.poisoned[poisoned] ?? 0) + 1;
  }
  // A word that was refused is said again, rightly, and ends its payment; so do the attempts of the batch.
  const again = bad.words.flatMap(({ poisoned }, at) => (poisoned === null ? [] : [words[at]!]));
  const ends = bad.attempts.flatMap(({ poisoned, command }, at) =>
    poisoned === null ? [newWord(command.intentId, toPay[at]!.intent.amount)] : [],
  );
  const afterwards = plain([...again, ...ends]);
  const heard = await send(lane, log, afterwards);
  violations.push(...afterwards.flatMap((item, at) => wrongReply(item, heard[at]!)));
  return [...violations, ...(await wrongRows(cluster, bad.intents))];
}

function plain<Command extends ShardRequest>(commands: readonly Command[]): Item<Command>[] {
  return commands.map((command) => ({ command, poisoned: null }));
}

/** Puts all commands into the mailbox at once, so that one turn takes them, and writes down what the client is told. */
async function send(lane: PaymentLane, log: ClientLog, items: readonly Item[]): Promise<ShardReply[]> {
  const numbers = await Promise.all(items.map(({ command }) => begin(log, command)));
  const deadline = clock.monotonicMs() + DEADLINE_MS;
  const replies = await Promise.all(
    items.map(({ command }) => new Promise<ShardReply>((resolve) => lane.submit(command, deadline, resolve))),
  );
  replies.forEach((reply, at) => {
    const n = numbers[at]!;
    if (n === null) return;
    const { command } = items[at]!;
    if (reply.type === 'intent-created' && command.type === 'create-intent') {
      log.end(n, { outcome: 'ok', paymentIntentId: showIntentId(command.intent.paymentIntentId) });
    } else if (reply.type === 'attempt-started') {
      log.end(n, { outcome: 'ok', transactionId: showTransactionId(reply.transactionId) });
    } else log.end(n, { outcome: 'refused' });
  });
  return replies;
}

/** Null: the client does not see this command. */
async function begin(log: ClientLog, command: ShardRequest): Promise<number | null> {
  if (command.type === 'start-attempt') {
    return log.begin({ do: 'pay', paymentIntentId: showIntentId(command.intentId) });
  }
  if (command.type !== 'create-intent') return null;
  const { orderId, amount, currency } = command.intent;
  return log.begin({ do: 'intent', orderId, amount, currency });
}

function newIntents(random: () => number): CreateIntent[] {
  return Array.from({ length: EACH }, () => {
    const now = Date.now();
    const awkward = AWKWARD_TEXTS[Math.floor(random() * AWKWARD_TEXTS.length)]!;
    const paymentIntentId = makeId(now, SHARD, randomBytes(random));
    const intent = anIntent({
      paymentIntentId,
      orderId: awkward,
      amount: random() < 0.1 ? AMOUNT_MAX : 1 + Math.floor(random() * 100_000),
      metadata: JSON.stringify({ [awkward]: [awkward] }),
      createdAt: now,
    });
    const key = {
      merchantId: intent.merchantId,
      endpoint: 'POST /v1/payment/intent',
      key: randomUUID(),
      bodyHash: 'ab'.repeat(32),
    };
    return { type: 'create-intent', intent, answer: '{}', key: random() < 0.5 ? key : null, now };
  });
}

function newAttempt(intentId: IntentId): StartAttempt {
  const now = Date.now();
  return {
    type: 'start-attempt',
    intentId,
    merchantId: 'merchant_amazon',
    nonce: randomUUID().replaceAll('-', ''),
    processor: 'SANDBOX',
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
}

/** "Charged": the first attempt of the intent ends with it. */
function newWord(intentId: IntentId, amount: number): HearWord {
  const now = Date.now();
  const transactionId = `${intentId.slice(0, -1)}1`;
  const word = aWord({ processorTxnId: `ch_${transactionId}`, amount, at: now });
  return { type: 'hear-word', transactionId, word, eventId: makeId(now, SHARD, uuidBytes()), now };
}

/** A callback that says nothing of a charge: only its row is at stake. */
function strayCallback({ now, eventId }: HearWord): HearCallback {
  const callbackId = `cb_${randomUUID()}`;
  return {
    type: 'hear-callback',
    processor: 'SANDBOX',
    callbackId,
    transactionId: null,
    word: null,
    receivedAt: now,
    relay: false,
    eventId,
    now,
  };
}

const REPLY_OF: Readonly<Partial<Record<ShardRequest['type'], ShardReply['type']>>> = {
  'create-intent': 'intent-created',
  'start-attempt': 'attempt-started',
  'hear-word': 'word-heard',
  'hear-callback': 'callback-heard',
};

function wrongReply({ command, poisoned }: Item, reply: ShardReply): string[] {
  const said = reply.type === 'refused' ? reply.refusal.code : reply.type;
  const expected = poisoned === null ? REPLY_OF[command.type] : 'invalid_request';
  return said === expected
    ? []
    : [`${poisoned ?? `a good ${command.type}`} was answered ${said}, not ${expected}`];
}

interface Row {
  id: string;
  order_id: string;
  amount: string;
  metadata: unknown;
}

/** Good intents are there as they were sent, bad ones are not there at all. */
async function wrongRows(cluster: Cluster, intents: readonly Item<CreateIntent>[]): Promise<string[]> {
  const ids = intents.map(({ command }) => command.intent.paymentIntentId);
  const rows = await query<Row>(
    cluster.owner.shards[0]!,
    `select replace(payment_intent_id::text, '-', '') as id, order_id, amount, metadata from payment_intents
     where payment_intent_id = any ($1::uuid[])`,
    [ids],
  );
  const found = new Map(rows.map((row) => [row.id, row]));
  return intents.flatMap(({ command: { intent }, poisoned }) => {
    const row = found.get(intent.paymentIntentId);
    if (poisoned !== null) return row === undefined ? [] : [`${poisoned} is stored as ${row.id}`];
    if (row === undefined) return [`${intent.paymentIntentId} was acknowledged and is not stored`];
    const sent = JSON.stringify([intent.orderId, String(intent.amount), JSON.parse(intent.metadata!)]);
    const stored = JSON.stringify([row.order_id, row.amount, row.metadata]);
    return sent === stored ? [] : [`${row.id} was sent as ${sent} and is stored as ${stored}`];
  });
}

function randomBytes(random: () => number): Uint8Array {
  return Uint8Array.from({ length: 8 }, () => Math.floor(random() * 256));
}

function uuidBytes(): Uint8Array {
  return Buffer.from(randomUUID().replaceAll('-', ''), 'hex').subarray(0, 8);
}
