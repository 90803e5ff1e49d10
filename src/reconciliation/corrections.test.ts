/**
 * Corrections on their way, over a pretended database, bus and actor.
 *
 * @module
 */

import { expect, test } from 'vitest';
import type { CorrectionSent } from '../bus/bus.ts';
import { makeId, shardOfId, transactionIdOf } from '../domain/ids.ts';
import { refusal } from '../domain/outcomes.ts';
import type { ShardReply } from '../messages/replies.ts';
import type { HearSettlement } from '../messages/requests.ts';
import type { Correction } from '../storage/settlement-store.ts';
import { applyCorrection, createCorrections } from './corrections.ts';

const NOW = Date.parse('2026-01-22T06:00:00Z');
const APPLIED: ShardReply = {
  type: 'settlement-heard',
  verdict: 'applied',
  reason: null,
  status: 'FAILED',
};

let names = 0;

function aTransaction(): string {
  const random = new Uint8Array(8);
  new DataView(random.buffer).setUint32(4, ++names);
  return transactionIdOf(makeId(NOW, 700, random), 1);
}

function aCorrection(id: number, over: Partial<Correction> = {}): Correction {
  return {
    id,
    runId: 3,
    scope: { processor: 'STRIPE', account: 'acct_all', day: '2026-01-21' },
    line: 17,
    transactionId: aTransaction(),
    class: 'failed_there',
    row: { outcome: 'failed', processorTxnId: 'ch_1', account: 'acct_own', amount: 5000, currency: 'INR' },
    ...over,
  };
}

/** A database with corrections that wait, and what became of those that were closed. */
function database(...corrections: Correction[]) {
  let waiting = corrections;
  const closed: unknown[][] = [];
  let reads = 0;
  return {
    closed,
    reads: () => reads,
    waiting: () => waiting.map(({ id }) => id),
    take: (id: number) => {
      waiting = waiting.filter((one) => one.id !== id);
    },
    async corrections(after: number, limit: number) {
      reads++;
      return waiting.filter(({ id }) => id > after).slice(0, limit);
    },
    async closeCorrection(id: number, ...how: unknown[]) {
      closed.push([id, ...how]);
      this.take(id);
    },
  };
}

class Away extends Error {}

/** The way to a pretended actor. */
function way(store: ReturnType<typeof database>, answer: ShardReply | (() => ShardReply)) {
  const heard: HearSettlement[] = [];
  const told: unknown[] = [];
  const apply = applyCorrection({
    async ask(shard, request) {
      const ours = request as HearSettlement;
      expect(shard).toBe(shardOfId(ours.transactionId));
      heard.push(ours);
      return typeof answer === 'function' ? answer() : answer;
    },
    askDeadlineMs: 5000,
    storeOf: () => store,
    isAway: (error) => error instanceof Away,
    now: () => NOW,
    randomBytes: (length) => new Uint8Array(length),
    onClosed: ({ id }, as) => told.push([id, as]),
  });
  return { apply, heard, told };
}

test('a row that failed is the word of a settlement that it was declined, with what the row says and the same name each time', async () => {
  const correction = aCorrection(7);
  const store = database(correction);
  const { apply, heard, told } = way(store, APPLIED);
  expect(await apply(correction)).toEqual({ ok: true });
  const detail = 'row 17 of run 3, report of STRIPE of 2026-01-21';
  expect(heard).toMatchObject([
    {
      type: 'hear-settlement',
      transactionId: correction.transactionId,
      operator: 'reconciliation',
      reason: `failed_there: ${detail}`,
      now: NOW,
      word: {
        source: 'settlement',
        said: 'declined',
        leg: null,
        processor: 'STRIPE',
        processorAccount: 'acct_own',
        processorTxnId: 'ch_1',
        amount: 5000,
        currency: 'INR',
        failureCode: 'settlement_failed',
        detail,
      },
    },
  ]);
  expect(shardOfId(heard[0]!.eventId)).toBe(shardOfId(correction.transactionId));
  expect(store.closed).toEqual([[7, 'corrected', 'it is FAILED now', NOW]]);
  expect(told).toEqual([[7, 'corrected']]);
});

test('a row that was settled is the word that it was charged, at the account of the report where the row names none', async () => {
  const row = { ...aCorrection(1).row, outcome: 'settled' as const, account: null };
  for (const kind of ['failed_here', 'unknown_settled'] as const) {
    const correction = aCorrection(1, { class: kind, row });
    const { apply, heard } = way(database(correction), APPLIED);
    await apply(correction);
    expect(heard[0]!.word).toMatchObject({
      said: 'charged',
      failureCode: null,
      processorAccount: 'acct_all',
    });
  }
});

test.each<[string, ShardReply, string, string]>([
  ['a duplicate', { ...APPLIED, verdict: 'duplicate', reason: 'heard' }, 'corrected', 'it is FAILED now'],
  [
    'what is quarantined',
    { type: 'settlement-heard', verdict: 'quarantined', reason: 'amount_mismatch', status: 'SUCCESS' },
    'refused',
    'quarantined: amount_mismatch; it stays SUCCESS',
  ],
  [
    'what is ignored',
    { type: 'settlement-heard', verdict: 'ignored', reason: 'both legs were charged', status: 'SUCCESS' },
    'refused',
    'ignored: both legs were charged; it stays SUCCESS',
  ],
  [
    'a payment that is gone',
    { type: 'refused', refusal: refusal('payment_not_found', 'No such payment') },
    'refused',
    'payment_not_found: No such payment',
  ],
])('%s closes a correction: %o, as %s', async (_, reply, as, detail) => {
  const correction = aCorrection(1);
  const store = database(correction);
  expect(await way(store, reply).apply(correction)).toEqual({ ok: true });
  expect(store.closed).toEqual([[1, as, detail, NOW]]);
});

test('a shard or a database that is away closes nothing and is told as such; what is broken is thrown', async () => {
  const correction = aCorrection(1);
  const store = database(correction);
  const away = refusal('shard_unavailable', '');
  expect(await way(store, { type: 'refused', refusal: away }).apply(correction)).toEqual({
    ok: false,
    refusal: away,
  });
  const silent = { ...store, closeCorrection: () => Promise.reject(new Away('the database')) };
  expect(await way(silent, APPLIED).apply(correction)).toMatchObject({
    ok: false,
    refusal: { code: 'storage_unavailable' },
  });
  const broken = { ...store, closeCorrection: () => Promise.reject(new Error('a bug')) };
  await expect(way(broken, APPLIED).apply(correction)).rejects.toThrow('a bug');
  expect(store.waiting()).toEqual([1]);
});

test('a name that does not wait asks nobody, and one of another transaction is refused', async () => {
  const store = database(aCorrection(5));
  const { apply, heard } = way(store, APPLIED);
  expect(await apply(aCorrection(4))).toEqual({ ok: true });
  expect(await apply(aCorrection(6))).toEqual({ ok: true });
  expect(await apply(aCorrection(5))).toMatchObject({ ok: false, refusal: { code: 'invalid_request' } });
  expect(heard).toEqual([]);
  expect(store.waiting()).toEqual([5]);
});

/** Rounds over a database, with a bus that answers as it is told. */
function rounds(store: ReturnType<typeof database>, answer: (correction: Correction) => CorrectionSent) {
  const [published, applied, troubles]: [number[], number[], unknown[]] = [[], [], []];
  const clock = { ms: 0, ours: true };
  const { round } = createCorrections({
    store,
    async publish(correction) {
      published.push(correction.id);
      const sent = answer(correction);
      if (sent.ok && sent.closed) store.take(correction.id);
      return sent;
    },
    async apply({ id }) {
      applied.push(id);
      store.take(id);
      return { ok: true };
    },
    isOurs: () => clock.ours,
    monotonicMs: () => clock.ms,
    onTrouble: (error) => troubles.push(error),
  });
  return { round, published, applied, troubles, clock };
}

const CLOSED: CorrectionSent = { ok: true, closed: true };
const ON_BUS: CorrectionSent = { ok: true, closed: false };
const AWAY: CorrectionSent = { ok: false, refusal: refusal('shard_unavailable', '') };

test('without Kafka one round closes all there are, page after page, those of one transaction in order', async () => {
  const transactionId = aTransaction();
  const many = Array.from({ length: 1200 }, (_, i) =>
    aCorrection(i + 1, i % 400 === 0 ? { transactionId } : {}),
  );
  const store = database(...many);
  const { round, published } = rounds(store, () => CLOSED);
  await round();
  expect(store.waiting()).toEqual([]);
  expect(published).toHaveLength(1200);
  expect(published.filter((id) => id % 400 === 1)).toEqual([1, 401, 801]);
});

test('what is on the bus is left to its consumers, and applied past it when it still waits 15 s later', async () => {
  const [taken, parked] = [aCorrection(1), aCorrection(2)];
  const store = database(taken, parked);
  const { round, published, applied, clock } = rounds(store, () => ON_BUS);
  await round();
  clock.ms = 14_999;
  store.take(taken.id);
  await round();
  expect([published, applied]).toEqual([[1, 2], []]);
  clock.ms = 15_000;
  await round();
  expect([published, applied, store.waiting()]).toEqual([[1, 2], [2], []]);
});

test('what is refused for now is tried again ever more rarely, at most a minute later, and keeps no other waiting', async () => {
  const [gone, here] = [aCorrection(1), aCorrection(2)];
  const store = database(gone, here);
  const { round, published, clock } = rounds(store, ({ id }) => (id === 1 ? AWAY : CLOSED));
  const triedAt: number[] = [];
  for (; clock.ms < 300_000; clock.ms += 1000) {
    const before = published.length;
    await round();
    if (published.length > before) triedAt.push(clock.ms / 1000);
  }
  expect(triedAt).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
  expect(store.waiting()).toEqual([1]);
});

test('one that breaks is told, tried again, and keeps no other waiting', async () => {
  const store = database(aCorrection(1), aCorrection(2));
  const { round, troubles } = rounds(store, ({ id }) => {
    if (id === 1) throw new Error('a bug');
    return CLOSED;
  });
  await round();
  expect(troubles).toHaveLength(1);
  expect(store.waiting()).toEqual([1]);
});

test('whose duty it is not reads and sends nothing, and one that loses it stops', async () => {
  const store = database(...Array.from({ length: 100 }, (_, i) => aCorrection(i + 1)));
  const { round, published, clock } = rounds(store, ({ id }) => {
    if (id === 50) clock.ours = false;
    return CLOSED;
  });
  await round();
  expect(published.length).toBeLessThan(66);
  const [reads, sent] = [store.reads(), published.length];
  await round();
  expect([store.reads(), published.length]).toEqual([reads, sent]);
});

test('a database that cannot be read is told to whoever runs the rounds', async () => {
  const store = { ...database(), corrections: () => Promise.reject(new Away('the database')) };
  await expect(rounds(store, () => CLOSED).round()).rejects.toThrow('the database');
});
