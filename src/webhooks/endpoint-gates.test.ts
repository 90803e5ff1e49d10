/**
 * The gates alone: nothing that was taken in is ever left without a run or a time to come again.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { createEndpointGates, type EndpointGates } from './endpoint-gates.ts';
import type { SendResult } from './send.ts';

const T0 = Date.UTC(2026, 0, 21, 10);
const MINUTE = 60_000;
const OK: SendResult = { status: 200, failure: null, durationMs: 5, retryAfterMs: null };

interface Offered {
  /** Tries under way, by how they are ended. */
  running: Array<(result: SendResult | null) => void>;
  /** When those that were sent away are to come again. */
  away: number[];
}

function offer(gates: EndpointGates, endpointId: string, many: number): Offered {
  const offered: Offered = { running: [], away: [] };
  for (let i = 0; i < many; i++) {
    const again = gates.offer(endpointId, {
      run: () => new Promise((resolve) => void offered.running.push(resolve)),
      put: (at) => offered.away.push(at),
    });
    if (again !== null) offered.away.push(again);
  }
  return offered;
}

async function endAll(running: Offered['running'], result: SendResult | null): Promise<void> {
  for (const end of running.splice(0, running.length)) end(result);
  await new Promise((resolve) => setImmediate(resolve));
}

test('an endpoint that answers 2xx and asks for patience keeps nothing waiting in memory', async () => {
  const gates = createEndpointGates({ now: () => T0, timers: globalThis });
  const { running, away } = offer(gates, 'e', 20);
  await endAll(running, { ...OK, retryAfterMs: MINUTE });
  expect(running).toEqual([]);
  expect(away).toHaveLength(12);
  expect(Math.min(...away)).toBeGreaterThanOrEqual(T0 + MINUTE);
});

test('sixteen endpoints that answer well but slowly leave most of the memory to others', async () => {
  const gates = createEndpointGates({ now: () => T0, timers: globalThis });
  const endpoints = Array.from({ length: 16 }, (_, i) => `e${i}`);
  // Each has shown that it takes 1.9 s, just below what counts as trouble, until its share is full.
  for (const endpointId of endpoints) {
    for (let i = 0; i < 20; i++)
      await endAll(offer(gates, endpointId, 8).running, { ...OK, durationMs: 1900 });
  }
  const kept = endpoints.map((endpointId) => 1000 - offer(gates, endpointId, 1000).away.length);
  expect(kept.reduce((sum, each) => sum + each)).toBeLessThan(2000);
});

test('a try that could not be made keeps its endpoint at rest, so that nothing is read and written over and over', async () => {
  const gates = createEndpointGates({ now: () => T0, timers: globalThis });
  const { running, away } = offer(gates, 'e', 100);
  await endAll(running, null);
  expect(running).toEqual([]);
  expect(away).toHaveLength(92);
  expect(Math.min(...away)).toBeGreaterThanOrEqual(T0 + 5000);
  // The next ones come behind them, not with them.
  expect(offer(gates, 'e', 1).away[0]).toBeGreaterThan(Math.max(...away));
});
