/**
 * What every bus must do; run by each bus's own test.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import type { ApplyCallback, Bus, CallbackBus, CorrectionSent, Published } from './bus.ts';
import {
  aCallback,
  aCorrection,
  aTransaction,
  createPretendedShards,
  type PretendedShards,
} from './testing/pretended-shards.ts';

export interface BusUnderTest {
  /** A bus as the api thread has it, on topics or tables of their own name. */
  openPublisher(name: string, apply: ApplyCallback): CallbackBus;
  /** As the background thread has it, before `consume`. It publishes corrections, and consumes both. */
  openConsumer(name: string, shards: PretendedShards): Bus;
  close(): Promise<void>;
}

/** A bus has at most so many in hand, published at once or waiting. */
const IN_HAND_MAX = 9000;

export function callbackBusContract(name: string, open: () => Promise<BusUnderTest>): void {
  describe(`callback bus: ${name}`, () => {
    let under: BusUnderTest;
    let worlds = 0;
    beforeAll(async () => {
      under = await open();
    }, 60_000);
    afterAll(() => under?.close());

    /** Both ends of a bus over shards that nobody else uses. */
    async function world(): Promise<{
      shards: PretendedShards;
      bus: CallbackBus;
      background: Bus;
      name: string;
      close(): Promise<void>;
    }> {
      const own = `world${++worlds}`;
      const shards = createPretendedShards();
      const bus = under.openPublisher(own, shards.apply);
      const background = under.openConsumer(own, shards);
      await background.consume(shards.apply);
      await firstTaken(bus, shards);
      const close = async (): Promise<void> => {
        await Promise.all([bus.close(), background.close()]);
      };
      return { shards, bus, background, name: own, close };
    }

    /** Both ends have found each other. */
    async function firstTaken(bus: CallbackBus, shards: PretendedShards): Promise<void> {
      const first = aCallback();
      expect(await bus.publish(first)).toMatchObject({ ok: true });
      await eventually(() => expect(shards.rows.get(first.callbackId)).toBe('applied'));
    }

    test('what was answered as durable is applied, also when both ends were closed at once and opened again', async () => {
      const { shards, bus, name: own, close } = await world();
      const callbacks = Array.from({ length: 200 }, () => aCallback());
      const publishing = callbacks.map((callback) => bus.publish(callback));
      const [answers] = await Promise.all([Promise.all(publishing), close()]);
      const durable = callbacks.filter((_, i) => answers[i]!.ok);
      const again = under.openConsumer(own, shards);
      await again.consume(shards.apply);
      await eventually(() =>
        expect(durable.filter(({ callbackId }) => !shards.rows.has(callbackId))).toEqual([]),
      );
      expect(durable.length).toBe(200);
      await again.close();
    });

    test('each is applied once, however often and on whatever way it comes', async () => {
      const { shards, bus, close } = await world();
      const callback = aCallback();
      for (const _ of [1, 2, 3]) expect(await bus.publish(callback)).toMatchObject({ ok: true });
      const last = aCallback(callback.transactionId);
      await bus.publish(last);
      await eventually(() => expect(shards.applied).toContain(last.callbackId));
      expect(shards.applied.filter((id) => id === callback.callbackId)).toHaveLength(1);
      await close();
    });

    test('those of one transaction that went one way are applied in the order in which they were answered', async () => {
      const { shards, bus, close } = await world();
      const transactions = Array.from({ length: 8 }, (_, i) => aTransaction(i * 128));
      const published = await Promise.all(
        transactions.map(async (transactionId) => {
          // What a queue that was only just found refuses is applied at once, past what it has taken.
          const [queued, direct]: [string[], string[]] = [[], []];
          for (let i = 0; i < 25; i++) {
            const callback = aCallback(transactionId);
            const answer = await bus.publish(callback);
            (answer.ok && answer.verdict === null ? queued : direct).push(callback.callbackId);
          }
          return [queued, direct];
        }),
      );
      const own = published.flat();
      // Counted by name: what both ends found each other with is applied as well.
      const missing = (): string[] => own.flat().filter((id) => !shards.rows.has(id));
      await eventually(() => expect(missing()).toEqual([]));
      for (const ids of own) expect(shards.applied.filter((id) => ids.includes(id))).toEqual(ids);
      await close();
    });

    test('one of an unknown transaction is kept, and applied when the transaction is there', async () => {
      const { shards, bus, close } = await world();
      const callback = aCallback();
      shards.unknown.add(callback.transactionId!);
      expect(await bus.publish(callback)).toMatchObject({ ok: true });
      await eventually(() => expect(shards.rows.get(callback.callbackId)).toBe('unmatched'));
      shards.unknown.clear();
      await eventually(() => expect(shards.rows.get(callback.callbackId)).toBe('applied'));
      await close();
    });

    test('while a shard is away its callbacks are refused, or kept and applied when it is back; those of others go on', async () => {
      const { shards, bus, close } = await world();
      const [here, gone] = [aCallback(aTransaction(1)), aCallback(aTransaction(1000))];
      shards.away(({ transactionId }) => transactionId === gone.transactionId);
      const answer = await bus.publish(gone);
      expect(await bus.publish(here)).toMatchObject({ ok: true });
      await eventually(() => expect(shards.rows.get(here.callbackId)).toBe('applied'));
      expect(shards.rows.has(gone.callbackId)).toBe(false);
      shards.away(null);
      if (!answer.ok) expect(await bus.publish(gone)).toMatchObject({ ok: true });
      await eventually(() => expect(shards.rows.get(gone.callbackId)).toBe('applied'));
      await close();
    });

    test('what is in hand is bounded: the rest is refused as overloaded, and what was not is applied', async () => {
      const { shards, bus, close } = await world();
      const release = shards.hold();
      const callbacks = Array.from({ length: IN_HAND_MAX + 1000 }, () => aCallback());
      let refusals = 0;
      const publishing = callbacks.map((callback) =>
        bus.publish(callback).then((answer: Published) => {
          if (!answer.ok) refusals++;
          return answer;
        }),
      );
      await eventually(() => expect(refusals).toBeGreaterThanOrEqual(1000));
      release();
      const answers = await Promise.all(publishing);
      expect(new Set(answers.flatMap((answer) => (answer.ok ? [] : [answer.refusal.code])))).toEqual(
        new Set(['overloaded']),
      );
      const taken = callbacks.filter((_, i) => answers[i]!.ok).map(({ callbackId }) => callbackId);
      await eventually(() => expect(taken.filter((id) => !shards.rows.has(id))).toEqual([]));
      await close();
    });

    /** It waits in its database, and is sent on its way. */
    async function correct(
      { shards, background }: { shards: PretendedShards; background: Bus },
      correction = aCorrection(),
    ): Promise<CorrectionSent> {
      shards.waiting.add(correction.id);
      return await background.publishCorrection(correction);
    }

    test('a correction that was taken is applied, once however often it is published, also by another after a close', async () => {
      const { shards, background, name: own, close } = await world();
      const corrections = Array.from({ length: 50 }, (_, i) => aCorrection(aTransaction(i * 20)));
      const twice = [...corrections, ...corrections];
      const publishing = twice.map((correction) => correct({ shards, background }, correction));
      const [answers] = await Promise.all([Promise.all(publishing), close()]);
      expect(answers.filter(({ ok }) => !ok)).toEqual([]);
      const again = under.openConsumer(own, shards);
      await again.consume(shards.apply);
      await eventually(() => expect(shards.waiting).toEqual(new Set()));
      expect(shards.corrected.toSorted((a, b) => a - b)).toEqual(corrections.map(({ id }) => id));
      await again.close();
    });

    test('a correction that is said to be closed is closed', async () => {
      const { shards, background, close } = await world();
      const correction = aCorrection();
      const sent = await correct({ shards, background }, correction);
      expect(sent).toMatchObject({ ok: true });
      if (sent.ok && sent.closed) expect(shards.corrected).toEqual([correction.id]);
      await eventually(() => expect(shards.corrected).toEqual([correction.id]));
      await close();
    });

    test('corrections of one transaction are applied in the order in which they were taken', async () => {
      const { shards, background, close } = await world();
      const transactionId = aTransaction();
      const own = Array.from({ length: 25 }, () => aCorrection(transactionId));
      for (const correction of own) await correct({ shards, background }, correction);
      await eventually(() => expect(shards.corrected).toEqual(own.map(({ id }) => id)));
      await close();
    });

    test('while a shard is away its corrections are refused, or kept and applied when it is back; those of others go on', async () => {
      const { shards, background, close } = await world();
      const [here, gone] = [aCorrection(aTransaction(1)), aCorrection(aTransaction(1000))];
      shards.away(({ transactionId }) => transactionId === gone.transactionId);
      const sent = await correct({ shards, background }, gone);
      expect(await correct({ shards, background }, here)).toMatchObject({ ok: true });
      await eventually(() => expect(shards.corrected).toEqual([here.id]));
      shards.away(null);
      if (!sent.ok) expect(await background.publishCorrection(gone)).toMatchObject({ ok: true });
      await eventually(() => expect(shards.corrected).toEqual([here.id, gone.id]));
      await close();
    });

    test('closing without work ends at once, and a closed one says so with a refusal or is gone past', async () => {
      const { shards, bus, close } = await world();
      await close();
      const late = aCallback();
      const answer = await bus.publish(late);
      expect(answer.ok === shards.rows.has(late.callbackId)).toBe(true);
    });
  });
}
