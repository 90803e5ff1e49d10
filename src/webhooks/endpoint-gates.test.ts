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
  for (const end of running.splice(0)) end(result);
  await new Promise((resolve) => setImmediate(resolve));
}

test('an endpoint that answers 2xx and asks for patience keeps nothing waiting in memory', async () => {
  const gates = createEndpointGates({ now: () => T0, timers: globalThis });
  const { running, away } = offer(gates, 'e', 20);
  await endAll(running, { status: 200, failure: null, durationMs: 5, retryAfterMs: MINUTE });
  expect(running).toEqual([]);
  expect(away).toHaveLength(12);
  expect(Math.min(...away)).toBeGreaterThanOrEqual(T0 + MINUTE);
});
