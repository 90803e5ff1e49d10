/**
 * The bus in PostgreSQL over a pretended actor.
 *
 * @module
 */

import { expect, test, vi } from 'vitest';
import type { ProcessorCallback } from '../../domain/callback.ts';
import type { ApplyCallback } from '../bus.ts';
import { createPostgresBus } from './callback-bus.ts';

const applied = { ok: true, verdict: 'applied' } as const;
const unmatched = { ok: true, verdict: 'unmatched' } as const;

function callback(callbackId: string): ProcessorCallback {
  return { processor: 'SANDBOX', callbackId, transactionId: null, word: null, hint: false, receivedAt: 1 };
}

function held(): { apply: ApplyCallback; release: () => void; calls: () => number } {
  const gate = Promise.withResolvers<void>();
  let calls = 0;
  const apply: ApplyCallback = async () => {
    calls++;
    await gate.promise;
    return applied;
  };
  return { apply, release: gate.resolve, calls: () => calls };
}

test('publishing answers what the actor has committed, and nothing earlier', async () => {
  const { apply, release } = held();
  const bus = createPostgresBus({ apply });
  let answered = false;
  const published = bus.publish(callback('evt_1')).finally(() => {
    answered = true;
  });
  await new Promise(setImmediate);
  expect(answered).toBe(false);
  release();
  expect(await published).toEqual(applied);
});

test('a refusal of the actor is the answer: the processor sends it again', async () => {
  const refused = { ok: false, refusal: { code: 'storage_unavailable', detail: '' } } as const;
  const bus = createPostgresBus({ apply: async () => refused });
  expect(await bus.publish(callback('evt_1'))).toEqual(refused);
});

test('callbacks being published are bounded, and a place is free again afterwards, also after a failure', async () => {
  const { apply, release, calls } = held();
  const bus = createPostgresBus({ apply, inFlightMax: 2 });
  const both = [bus.publish(callback('evt_1')), bus.publish(callback('evt_2'))];
  expect(await bus.publish(callback('evt_3'))).toMatchObject({ refusal: { code: 'overloaded' } });
  expect(calls()).toBe(2);
  release();
  await Promise.all(both);
  expect(await bus.publish(callback('evt_3'))).toEqual(applied);

  const breaking = createPostgresBus({ apply: () => Promise.reject(new Error('broken')), inFlightMax: 1 });
  await expect(breaking.publish(callback('evt_1'))).rejects.toThrow('broken');
  await expect(breaking.publish(callback('evt_1'))).rejects.toThrow('broken');
});

test('an unmatched callback is offered again until it is matched', async () => {
  let pending = [callback('evt_1')];
  let known = false;
  const apply = vi.fn<ApplyCallback>(async () => {
    if (known) pending = [];
    return known ? applied : unmatched;
  });
  const bus = createPostgresBus({ apply: held().apply, unmatched: [async () => pending], everyMs: 1 });
  await bus.consume(apply);
  await vi.waitFor(() => expect(apply.mock.calls.length).toBeGreaterThan(2));
  known = true;
  await vi.waitFor(() => expect(pending).toEqual([]));
  const offers = apply.mock.calls.length;
  await bus.close();
  expect(apply.mock.calls.length).toBe(offers);
});

test('one offered in vain is offered ever more rarely', async () => {
  let pages = 0;
  const offeredIn: number[] = [];
  const bus = createPostgresBus({
    apply: held().apply,
    unmatched: [
      async () => {
        pages++;
        return [callback('evt_1')];
      },
    ],
    everyMs: 0,
  });
  await bus.consume(async () => {
    offeredIn.push(pages);
    return unmatched;
  });
  await vi.waitFor(() => expect(pages).toBeGreaterThan(40));
  await bus.close();
  expect(offeredIn.slice(0, 6)).toEqual([1, 2, 4, 8, 16, 32]);
});

test('one that breaks, or a page that cannot be read, does not stop the others', async () => {
  const failures: unknown[] = [];
  const offered = new Set<string>();
  let pages = 0;
  const bus = createPostgresBus({
    apply: held().apply,
    unmatched: [
      async () => {
        pages++;
        if (pages === 1) throw new Error('database is away');
        return [callback('evt_1'), callback('evt_2')];
      },
    ],
    onFailed: (error) => failures.push(error),
    everyMs: 1,
  });
  await bus.consume(async ({ callbackId }) => {
    if (callbackId === 'evt_1') throw new Error('poisoned');
    offered.add(callbackId);
    return unmatched;
  });
  await vi.waitFor(() => expect(offered).toEqual(new Set(['evt_2'])));
  await bus.close();
  expect(failures.map(String).slice(0, 2)).toEqual(['Error: database is away', 'Error: poisoned']);
});

test('few are offered at once, and closing waits for these and begins no other', async () => {
  const { apply, release, calls } = held();
  const page = Array.from({ length: 100 }, (_, i) => callback(`evt_${i}`));
  const bus = createPostgresBus({ apply, unmatched: [async () => page], everyMs: 1 });
  await bus.consume(apply);
  await vi.waitFor(() => expect(calls()).toBe(16));
  let closed = false;
  const closing = bus.close().finally(() => {
    closed = true;
  });
  await new Promise(setImmediate);
  expect(closed).toBe(false);
  release();
  await closing;
  expect(calls()).toBe(16);
});
