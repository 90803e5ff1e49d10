import { expect, test } from 'vitest';
import { createWatch } from './watch.ts';

/** A watch whose pauses end when the test says. */
function world() {
  let state: string | null = 'waiting';
  let looks = 0;
  const waiting = new Set<{ call: () => void; ms: number }>();
  const watch = createWatch({
    look: async () => {
      looks++;
      return state;
    },
    later: (call, ms) => {
      const timer = { call, ms };
      waiting.add(timer);
      return () => waiting.delete(timer);
    },
  });
  return {
    watch,
    looks: () => looks,
    waiting,
    become: (next: string | null) => {
      state = next;
    },
    async pass(): Promise<number> {
      await Promise.resolve();
      const [timer] = waiting;
      waiting.clear();
      timer?.call();
      await Promise.resolve();
      await Promise.resolve();
      return timer?.ms ?? 0;
    },
  };
}

test('one question per payment however many wait, each told the state and its changes, none asked once nobody waits', async () => {
  const { watch, looks, waiting, become, pass } = world();
  const told: string[] = [];
  const stops = ['a', 'b', 'c'].map((tab) => watch.begin('t', (state) => told.push(tab + state)));
  await pass();
  expect(looks()).toBe(2);
  become('paid');
  await pass();
  expect(told).toEqual(['awaiting', 'bwaiting', 'cwaiting', 'apaid', 'bpaid', 'cpaid']);
  watch.begin('t', (state) => told.push(`late ${state}`))();
  expect(told.at(-1)).toBe('late paid');
  for (const stop of stops) stop();
  expect(waiting.size).toBe(0);
});

test('pauses grow to five seconds, and what cannot be known is no state', async () => {
  const { watch, become, pass } = world();
  const told: string[] = [];
  become(null);
  watch.begin('t', (state) => told.push(state));
  const pauses: number[] = [];
  for (let i = 0; i < 15; i++) pauses.push(await pass());
  expect(pauses[0]).toBe(200);
  expect(pauses.at(-1)).toBe(5000);
  expect(told).toEqual([]);
});
