import { expect, test } from 'vitest';
import { createWatch } from './watch.ts';

/** A watch whose pauses end when the test says. */
function world() {
  let state: string | null = 'waiting';
  let looks = 0;
  const pauses = new Set<{ call: () => void; ms: number }>();
  const told: string[] = [];
  const watch = createWatch({
    look: async () => {
      looks++;
      return state;
    },
    later: (call, ms) => {
      const pause = { call, ms };
      pauses.add(pause);
      return () => pauses.delete(pause);
    },
  });
  return {
    looks: () => looks,
    pauses,
    told,
    /** A tab that tells what it hears, and leaves when it is ended. */
    open(tab: string, known = 'waiting'): () => void {
      const stop = watch.begin('t', known, {
        tell: (other) => told.push(`${tab} ${other}`),
        end: () => {
          told.push(`${tab} ended`);
          stop();
        },
      });
      return stop;
    },
    become: (next: string | null) => {
      state = next;
    },
    async pass(): Promise<number> {
      const [pause] = pauses;
      pauses.clear();
      pause?.call();
      await Promise.resolve();
      await Promise.resolve();
      return pause?.ms ?? 0;
    },
  };
}

test('one question per payment however many wait, each told what changed, none asked once nobody waits', async () => {
  const { looks, pauses, told, open, become, pass } = world();
  const stops = ['a', 'b', 'c'].map((tab) => open(tab));
  await pass();
  expect([looks(), told]).toEqual([1, []]);
  become('paid');
  await pass();
  expect(told).toEqual(['a paid', 'b paid', 'c paid']);
  for (const stop of stops) stop();
  expect(pauses.size).toBe(0);
});

test('who joins with a newer state than the last look saw is not told the older one', async () => {
  const { told, open, become, pass } = world();
  open('early');
  await pass();
  become('asking');
  open('late', 'asking');
  expect(told).toEqual([]);
  await pass();
  expect(told).toEqual(['early asking']);
});

test('of one payment eight wait at most: the ninth ends the first', async () => {
  const { told, open, become, pass } = world();
  for (let tab = 1; tab <= 10; tab++) open(String(tab));
  expect(told).toEqual(['1 ended', '2 ended']);
  become('paid');
  await pass();
  expect(told.slice(2)).toEqual(['3', '4', '5', '6', '7', '8', '9', '10'].map((tab) => `${tab} paid`));
});

test('pauses grow to five seconds, and what cannot be known is no state', async () => {
  const { told, open, become, pass } = world();
  become(null);
  open('a');
  const pauses: number[] = [];
  for (let i = 0; i < 15; i++) pauses.push(await pass());
  expect(pauses[0]).toBe(200);
  expect(pauses.at(-1)).toBe(5000);
  expect(told).toEqual([]);
});
