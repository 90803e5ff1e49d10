/**
 * Scheduler: the only time there is in a simulation. Events run in the order of their moments, and of their making
 * where moments are the same.
 *
 * Between two events every promise that can go on does: the next event is taken by a `process.nextTick` asked for from a
 * microtask, and Node runs that only when no microtask is left. So what one event sets off is over before the next
 * begins, whatever number of awaits that takes, at a fifth of what a turn of the event loop would cost.
 *
 * @module
 */

import type { Trace } from './trace.ts';

export interface Scheduler {
  /** Milliseconds since the start of the run. */
  now(): number;
  after(ms: number, run: () => void): Scheduled;
  /** Runs events until `over` says so, or there is none. Rejects with what an event throws. */
  run(over: () => boolean): Promise<void>;
  /** Events run so far. */
  readonly events: number;
}

/** A planned event; taken back by setting `run` to null. */
export interface Scheduled {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

/** So many events, and the event loop turns once: signals are seen, a progress line is written. */
const EVENTS_PER_TURN = 4096;

/** @param trace called late, since the trace reads this scheduler's time */
export function createScheduler(trace: () => Trace): Scheduler {
  const heap: Scheduled[] = [];
  let time = 0;
  let order = 0;
  let events = 0;

  function next(): (() => void) | null {
    while (heap.length > 0) {
      const first = pop(heap);
      if (first.run === null) continue;
      time = first.at;
      events++;
      trace().tick(time);
      return first.run;
    }
    return null;
  }

  return {
    now: () => time,
    after(ms, run) {
      const scheduled = { at: time + Math.max(0, ms), order: order++, run };
      push(heap, scheduled);
      return scheduled;
    },
    run: (over) =>
      new Promise((resolve, reject) => {
        const afterMicrotasks = (): void => {
          if (events % EVENTS_PER_TURN === 0) setImmediate(step);
          else process.nextTick(step);
        };
        function step(): void {
          try {
            const run = over() ? null : next();
            if (run === null) {
              resolve();
              return;
            }
            run();
          } catch (error) {
            reject(error);
            return;
          }
          queueMicrotask(afterMicrotasks);
        }
        step();
      }),
    get events() {
      return events;
    },
  };
}

function before(a: Scheduled, b: Scheduled): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Scheduled[], scheduled: Scheduled): void {
  let at = heap.length;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (before(heap[parent]!, scheduled)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = scheduled;
}

function pop(heap: Scheduled[]): Scheduled {
  const first = heap[0]!;
  const last = heap.pop()!;
  if (heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
    if (before(last, heap[child]!)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
}
