/**
 * Payments on real databases through the real actors, the reports of their processor on the days after, and what is made of both.
 *
 * A play is a row of steps: payments, words about them, an operator, reports with right and wrong rows, corrections, a person at the
 * breaks. Two shard databases, a lane and a settlement store over each, as a gateway and `sluice reconcile` have them.
 *
 * @module
 */

import { randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPaymentActor } from '../../src/actors/payment-actor.ts';
import { LIMITS } from '../../src/config/limits.ts';
import { settlementFormats } from '../../src/connectors/settlement-readers.ts';
import {
  type IntentId,
  makeId,
  shardOfId,
  shardOfMerchant,
  type TransactionId,
} from '../../src/domain/ids.ts';
import { resolveByOperator } from '../../src/domain/operator-resolution.ts';
import { type Attempt, isFailedByReport, isFinal } from '../../src/domain/transaction.ts';
import type { ShardReply } from '../../src/messages/replies.ts';
import type { ShardRequest } from '../../src/messages/requests.ts';
import { applyCorrection, createCorrections } from '../../src/reconciliation/corrections.ts';
import { openReport } from '../../src/reconciliation/open-report.ts';
import { type ReconcileServices, reconcile } from '../../src/reconciliation/reconcile.ts';
import * as clock from '../../src/runtime/clock.ts';
import { createLane, type Lane } from '../../src/runtime/turn.ts';
import { failureOf } from '../../src/storage/postgres/errors.ts';
import { createSettlementRuns } from '../../src/storage/postgres/settlement-runs.ts';
import { createSettlementStores } from '../../src/storage/postgres/settlement-store.ts';
import { createShardStore, type PostgresShardStore } from '../../src/storage/postgres/shard-store.ts';
import type { SettlementRun } from '../../src/storage/settlement-runs.ts';
import type { SettlementStore } from '../../src/storage/settlement-store.ts';
import { databaseOf } from '../../src/storage/shard-map.ts';
import { type Movement, percentOf } from '../reconciliation/plan.ts';
import { plainText } from '../reconciliation/report-file.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { commitAsLane } from '../support/commit-as-lane.ts';
import { query, queryShards } from '../support/databases.ts';
import { anIntent, aWord, SHOWN_CARD } from '../support/payments.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
export const PROCESSOR = 'SANDBOX';

/** Decimal text; those with a contract have their fees compared. */
export const MERCHANTS = [
  {
    merchantId: 'merchant_a',
    account: 'acct_a',
    feePercent: '1.50',
    contract: { percent: '2.00', taxPercent: '18.00' },
  },
  { merchantId: 'merchant_b', account: 'acct_b', feePercent: '2.75', contract: null },
  {
    merchantId: 'merchant_c',
    account: 'acct_c',
    feePercent: '0.33',
    contract: { percent: '1.85', taxPercent: '0.00' },
  },
  { merchantId: 'merchant_d', account: 'acct_d', feePercent: '12.50', contract: null },
] as const;

/** A payment that a play may make: one of each merchant. */
export interface Slot {
  amount: number;
  currency: 'INR' | 'JPY' | 'KWD';
  /** The processor's, where no contract says it. */
  fee: number;
  tax: number;
}

export interface ReportRow {
  slot: number;
  wrong:
    | 'nothing'
    | 'amount'
    | 'currency'
    | 'fee'
    | 'account'
    | 'taken_back'
    | 'refund'
    | 'nobody'
    | 'no_reference'
    | 'other_charge';
  /** Which movement of the payment's money: the same number is the same movement, in whatever report. */
  movement: number;
}

export type Step =
  | { do: 'pay'; slot: number }
  | {
      do: 'word';
      slot: number;
      said: 'charged' | 'declined' | 'declined_closed' | 'accepted' | 'unknown';
      by: 'answer' | 'callback' | 'query';
      twice: boolean;
    }
  | { do: 'operator'; slot: number; as: 'success' | 'failed' }
  | { do: 'report'; daysOn: 0 | 1 | 2; rows: ReportRow[] }
  | { do: 'same report'; nth: number }
  | { do: 'correct'; atMost: number }
  | { do: 'resolve'; nth: number; as: 'accepted' | 'dismissed' };

/** A row as it was written, with the run that has had it. */
export interface PlayedRow {
  runId: number;
  line: number;
  row: ReportRow;
  movement: Movement;
  transactionId: TransactionId | null;
}

/** What is left when a play is over. */
export interface Played {
  attempts: Attempt[];
  rows: PlayedRow[];
  runs: SettlementRun[];
  /** Transactions that were said to be charged after a report had its last word of them. */
  chargedSince: ReadonlySet<TransactionId>;
  /** Breaks a person accepted, by transaction. */
  accepted: ReadonlySet<TransactionId>;
}

export interface SettledWorld {
  cluster: Cluster;
  play(slots: readonly Slot[], steps: readonly Step[]): Promise<Played>;
  stop(): Promise<void>;
}

const TABLES = [
  'ledger_entries',
  'payment_ledger',
  'settlement_breaks',
  'settlement_progress',
  'merchant_payouts',
  'outbox',
  'incidents',
  'operator_audit',
  'processor_callbacks',
  'transactions',
  'payment_intents',
];

export async function startSettledWorld(): Promise<SettledWorld> {
  const cluster = await startCluster(2);
  const shardStores = cluster.services.shards.map((connectionString, at) =>
    createShardStore({ connectionString, applicationName: 'play', ownShard: cluster.ranges[at]!.low }),
  );
  const lanes = shardStores.map(openLane);
  const stores = createSettlementStores(cluster.services.shards);
  const runs = createSettlementRuns(cluster.services.control);
  await query(cluster.owner.control, MERCHANTS_SQL, [JSON.stringify(MERCHANTS), PROCESSOR]);
  const ask = (shard: number, request: ShardRequest): Promise<ShardReply> =>
    new Promise((resolve) =>
      lanes[databaseOf(cluster.ranges, shard)]!.submit(request, clock.monotonicMs() + 30_000, resolve),
    );
  const hands: Hands = {
    ...{ ask, shardStores, stores, runs },
    async finalsOf(runId) {
      const sql = "select replace(transaction_id::text, '-', '') as id from payment_ledger where run_id = $1";
      return (await queryShards<{ id: TransactionId }>({ cluster }, sql, [runId])).map(({ id }) => id);
    },
    databaseOf: (shard) => databaseOf(cluster.ranges, shard),
  };
  return {
    cluster,
    async play(slots, steps) {
      await Promise.all(
        cluster.owner.shards.map((url) =>
          query(url, TABLES.map((table) => `delete from ${table}`).join('; ')),
        ),
      );
      await query(cluster.owner.control, 'delete from settlement_bad_lines; delete from settlement_runs');
      return await play(hands, slots, steps);
    },
    async stop() {
      await Promise.all(lanes.map((lane) => lane.close()));
      await Promise.all([
        ...shardStores.map((store) => store.close()),
        ...stores.map((store) => store.end()),
        runs.close(),
      ]);
      await cluster.stop();
    },
  };
}

const MERCHANTS_SQL = `
with given as (
  select one->>'merchantId' as merchant_id, one->>'account' as account, (one->>'feePercent')::numeric as fee_percent,
         (one->'contract'->>'percent')::numeric as contract_percent, (one->'contract'->>'taxPercent')::numeric as tax_percent
  from jsonb_array_elements($1::jsonb) one),
made as (
  insert into merchants (merchant_id, name, mode, created_at) select merchant_id, merchant_id, 'test', now() from given returning merchant_id),
accounts as (
  insert into processor_accounts (merchant_id, processor, account, config, fee_percent, fee_tax_percent)
  select merchant_id, $2, account, '\\x00', contract_percent, tax_percent from given join made using (merchant_id) returning merchant_id)
insert into merchant_preferences (merchant_id, preferred_processor, preferred_account, transaction_fee_percent)
select merchant_id, $2, account, fee_percent from given join made using (merchant_id)`;

function openLane(store: PostgresShardStore): Lane<ShardRequest, ShardReply> {
  return createLane(
    createPaymentActor({ paymentsMax: 1000, writeBehindMs: 50 }),
    { ...store, failureOf },
    clock,
    {
      mailboxMax: LIMITS.mailboxSlots,
      turnCommandsMax: LIMITS.turnCommandsMax,
      lingerMsMax: 0,
      triesMax: LIMITS.turnTriesMax,
    },
    () => undefined,
  );
}

interface Hands {
  ask(shard: number, request: ShardRequest): Promise<ShardReply>;
  databaseOf(shard: number): number;
  shardStores: readonly PostgresShardStore[];
  stores: readonly SettlementStore[];
  runs: ReturnType<typeof createSettlementRuns>;
  /** Transactions that a run has made a final record of. */
  finalsOf(runId: number): Promise<TransactionId[]>;
}

/** What a play has made so far. */
interface Stage {
  hands: Hands;
  slots: readonly Slot[];
  /** Of each slot the intent, and how many attempts it has had. */
  intents: Map<number, { intentId: IntentId; attempts: number }>;
  /** Days after today that the last report was of. */
  day: number;
  reports: { path: string; day: string; text: string }[];
  played: Played & { chargedSince: Set<TransactionId>; accepted: Set<TransactionId> };
}

async function play(hands: Hands, slots: readonly Slot[], steps: readonly Step[]): Promise<Played> {
  const stage: Stage = {
    hands,
    slots,
    intents: new Map(),
    day: 0,
    reports: [],
    played: { attempts: [], rows: [], runs: [], chargedSince: new Set(), accepted: new Set() },
  };
  for (const step of steps) await take(stage, step);
  await close(stage);
  return stage.played;
}

function take(stage: Stage, step: Step): Promise<unknown> {
  switch (step.do) {
    case 'pay':
      return pay(stage, step.slot);
    case 'word':
      return say(stage, step);
    case 'operator':
      return operate(stage, step);
    case 'report':
      return report(stage, step);
    case 'same report':
      return sameReport(stage, step.nth);
    case 'correct':
      return correct(stage.hands, step.atMost);
    case 'resolve':
      return resolve(stage, step);
  }
}

/** An intent and its first attempt, or the next attempt of one that is there; a refusal is no matter. */
async function pay({ hands, slots, intents }: Stage, slot: number): Promise<void> {
  const { merchantId, account } = MERCHANTS[slot]!;
  const { amount, currency } = slots[slot]!;
  const now = Date.now();
  const shard = shardOfMerchant(merchantId);
  let known = intents.get(slot);
  if (known === undefined) {
    const intentId = makeId(now, shard, randomBytes(8));
    known = { intentId, attempts: 0 };
    intents.set(slot, known);
    const intent = anIntent({ paymentIntentId: intentId, merchantId, amount, currency, createdAt: now });
    await hands.ask(shard, { type: 'create-intent', intent, answer: '{}', key: null, now });
  }
  const reply = await hands.ask(shard, {
    type: 'start-attempt',
    intentId: known.intentId,
    merchantId,
    nonce: randomUUID().replaceAll('-', ''),
    processor: PROCESSOR,
    processorAccount: account,
    fallback: null,
    card: SHOWN_CARD,
    // An operator may speak at once: nobody sends here.
    sendBefore: now,
    successUrl: null,
    cancelUrl: null,
    sessionExpiresAt: null,
    claimedAmount: null,
    claimedCurrency: null,
    key: null,
    now,
  });
  if (reply.type === 'attempt-started') known.attempts++;
}

/** The last attempt of a slot; undefined: nothing was paid yet. */
async function lastAttempt({ hands, intents }: Stage, slot: number): Promise<Attempt | undefined> {
  const known = intents.get(slot);
  if (known === undefined) return undefined;
  const intentId = known.intentId;
  const reply = await hands.ask(shardOfId(intentId), { type: 'find-payment', intentId, merchantId: null });
  return reply.type === 'payment-found' ? reply.payment.attempts.at(-1) : undefined;
}

async function say(stage: Stage, { slot, said, by, twice }: Extract<Step, { do: 'word' }>): Promise<void> {
  const attempt = await lastAttempt(stage, slot);
  if (attempt === undefined) return;
  const { transactionId, processorAccount, amount, currency } = attempt;
  const now = Date.now();
  const shard = shardOfId(transactionId);
  const word = aWord({
    source: by,
    said: said === 'declined_closed' ? 'declined' : said,
    leg: by === 'callback' ? null : 1,
    processor: PROCESSOR,
    processorAccount,
    processorTxnId: said === 'unknown' ? null : chargeOf(transactionId),
    amount,
    currency,
    failureCode: said.startsWith('declined') ? 'card_declined' : null,
    referenceClosed: said === 'declined_closed',
    at: now,
  });
  const callbackId = `cb_${randomUUID()}`;
  for (let times = twice ? 2 : 1; times > 0; times--) {
    const eventId = makeId(now, shard, randomBytes(8));
    await stage.hands.ask(
      shard,
      by === 'callback'
        ? {
            type: 'hear-callback',
            processor: PROCESSOR,
            callbackId,
            transactionId,
            word,
            receivedAt: now,
            relay: false,
            eventId,
            now,
          }
        : { type: 'hear-word', transactionId, word, eventId, now },
    );
  }
  // What a correction has failed stays so, whoever but a report or an operator says that it was charged.
  if (said === 'charged' && !isFailedByReport(attempt)) stage.played.chargedSince.add(transactionId);
}

function chargeOf(transactionId: TransactionId): string {
  return `ch_${transactionId}`;
}

/** As `sluice payments resolve` does it. */
async function operate(stage: Stage, { slot, as }: Extract<Step, { do: 'operator' }>): Promise<void> {
  const attempt = await lastAttempt(stage, slot);
  if (attempt === undefined) return;
  const now = Date.now() + 1000;
  const shard = shardOfId(attempt.transactionId);
  const eventId = makeId(now, shard, randomBytes(8));
  const decision = resolveByOperator(attempt, as, null, { operator: 'asha', reason: 'seen', eventId, now });
  if (decision.kind !== 'facts') return;
  await commitAsLane(stage.hands.shardStores[stage.hands.databaseOf(shard)]!, decision.facts);
  if (as === 'success') stage.played.chargedSince.add(attempt.transactionId);
}

async function report(stage: Stage, { daysOn, rows }: Extract<Step, { do: 'report' }>): Promise<void> {
  stage.day = Math.max(1, stage.day + daysOn);
  const day = new Date(Date.now() + stage.day * DAY_MS).toISOString().slice(0, 10);
  const movements = [];
  for (const row of rows) {
    const attempt = await lastAttempt(stage, row.slot);
    movements.push({
      row,
      movement: movementOf(stage, row, attempt?.transactionId ?? null),
      transactionId: row.wrong === 'nobody' || attempt === undefined ? null : attempt.transactionId,
    });
  }
  const path = join(tmpdir(), `sluice-play-${process.pid}.csv`);
  // The same rows are another report when they come again: the number of the report is in it.
  const text = plainText(
    movements.map(({ movement }) => ({ ...movement, utr: `UTR${stage.reports.length}` })),
  );
  const found = { path, day, movements, text };
  stage.reports.push(found);
  const { run, again } = await reconcileText(stage.hands, found);
  if (again) throw new Error('a new report was taken for an old one');
  const [bad] = await stage.hands.runs.badLines(run.runId, 1);
  if (bad !== undefined) throw new Error(`line ${bad.line} was set aside: ${bad.detail}\n${text}`);
  stage.played.runs.push(run);
  // A row that was had before, or waits for a person, says nothing final of its payment.
  for (const id of await stage.hands.finalsOf(run.runId)) stage.played.chargedSince.delete(id);
  for (const [at, { row, movement, transactionId }] of movements.entries()) {
    // The first line names the columns.
    stage.played.rows.push({ runId: run.runId, line: at + 2, row, movement, transactionId });
  }
}

async function sameReport({ hands, reports, played }: Stage, nth: number): Promise<void> {
  if (reports.length === 0) return;
  const { again, run } = await reconcileText(hands, reports[nth % reports.length]!);
  const before = played.runs[nth % reports.length]!;
  if (!again || run.runId !== before.runId) throw new Error(`run ${before.runId} again is run ${run.runId}`);
}

async function reconcileText(
  { stores, runs, databaseOf }: Hands,
  { path, day, text }: { path: string; day: string; text: string },
): ReturnType<typeof reconcile> {
  writeFileSync(path, text);
  const opened = await openReport(path, { formats: settlementFormats(PROCESSOR), spoolDirectory: tmpdir() });
  const services: ReconcileServices = {
    runs,
    stores,
    databaseOf,
    now: Date.now,
    onProgress: () => undefined,
  };
  try {
    return await reconcile(services, {
      scope: { processor: PROCESSOR, account: null, day },
      report: opened,
      deadlineDays: 2,
      startedBy: 'asha',
      // Rows of one payment lie in several segments.
      segmentLines: 2,
    });
  } finally {
    await opened.close();
  }
}

/** Of such a row the processor has said otherwise whose it is: its movement is another. */
const NAMED_OTHERWISE: ReadonlySet<ReportRow['wrong']> = new Set(['account', 'no_reference']);

function movementOf(
  { slots }: Stage,
  { slot, wrong, movement }: ReportRow,
  transactionId: TransactionId | null,
): Movement {
  const { account, contract } = MERCHANTS[slot]!;
  const { amount, currency, fee, tax } = slots[slot]!;
  const ours = wrong === 'nobody' ? null : transactionId;
  const gross = wrong === 'amount' ? amount + 10 : amount;
  const kept = contract === null ? fee : percentOf(gross, contract.percent) + (wrong === 'fee' ? 7 : 0);
  const taxed = contract === null ? tax : percentOf(percentOf(gross, contract.percent), contract.taxPercent);
  const back = wrong === 'taken_back';
  const out = wrong === 'refund';
  return {
    kind: out ? 'refund' : 'payment',
    outcome: back ? 'failed' : 'settled',
    movementId: `mv_${ours ?? `nobody_${slot}`}_${movement}${back ? '_back' : ''}${out ? '_out' : ''}${NAMED_OTHERWISE.has(wrong) ? `_${wrong}` : ''}`,
    processorTxnId: wrong === 'other_charge' || ours === null ? `ch_other_${slot}` : chargeOf(ours),
    reference: wrong === 'no_reference' || ours === null ? null : { transactionId: ours },
    account: wrong === 'account' ? 'acct_of_another' : account,
    amount: gross,
    fee: back || out ? 0 : kept,
    tax: back || out ? 0 : taxed,
    net: back ? gross : out ? -gross : gross - kept - taxed,
    currency: wrong === 'currency' ? 'USD' : currency,
    // Of the movement, in whatever report it is.
    settledAt: Math.floor(Date.now() / DAY_MS) * DAY_MS + movement * 3_600_000,
  };
}

/** Brings at most so many corrections to their actors, oldest first in each database. */
async function correct({ ask, databaseOf, stores }: Hands, atMost: number): Promise<void> {
  let left = atMost;
  const apply = applyCorrection({
    ask,
    askDeadlineMs: 30_000,
    storeOf: (shard) => stores[databaseOf(shard)]!,
    isAway: () => false,
    now: Date.now,
    randomBytes,
    onClosed: () => undefined,
  });
  for (const store of stores) {
    const { round } = createCorrections({
      store,
      apply,
      publish: async (correction) => {
        if (left-- <= 0) return { ok: true, closed: false };
        const applied = await apply(correction);
        return applied.ok ? { ok: true, closed: true } : applied;
      },
      isOurs: () => left > 0,
      monotonicMs: clock.monotonicMs,
      onTrouble: (error) => {
        throw error;
      },
    });
    await round();
  }
}

/** A person closes one of the breaks that are open. */
async function resolve(
  { hands: { stores }, played }: Stage,
  { nth, as }: Extract<Step, { do: 'resolve' }>,
): Promise<void> {
  const lists = await Promise.all(stores.map((store) => store.breaks({ states: ['open'], limit: 100 })));
  const all = lists.flatMap((list, at) => list.map((one) => ({ one, store: stores[at]! })));
  const chosen = all[nth % Math.max(1, all.length)];
  if (chosen === undefined) return;
  const id = Number(chosen.one.breakId.split('_').at(-1));
  const closed = await chosen.store.resolveBreak(id, as, {
    operator: 'asha',
    reason: 'seen',
    now: Date.now(),
  });
  if (
    closed !== undefined &&
    closed !== 'nothing_to_post' &&
    as === 'accepted' &&
    closed.transactionId !== null
  )
    played.accepted.add(closed.transactionId);
}

/** Everything comes to its end: what is open is declined, as its processor tells recovery, and every correction is made. */
async function close(stage: Stage): Promise<void> {
  await correct(stage.hands, Number.POSITIVE_INFINITY);
  for (const slot of stage.intents.keys()) {
    const attempt = await lastAttempt(stage, slot);
    if (attempt !== undefined && !isFinal(attempt.status)) {
      await say(stage, { do: 'word', slot, said: 'declined', by: 'query', twice: false });
    }
  }
  for (const { intentId } of stage.intents.values()) {
    const reply = await stage.hands.ask(shardOfId(intentId), {
      type: 'find-payment',
      intentId,
      merchantId: null,
    });
    if (reply.type === 'payment-found') stage.played.attempts.push(...reply.payment.attempts);
  }
}
