/**
 * The operator of a bank in a box: orders faults and troubles there, and reads what has become of them.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { FAULT_KINDS } from '../../sandbox/faults.ts';
import { eventually, pause } from '../support/eventually.ts';
import type { FaultOrder } from './fault-plans.ts';

const BACK_MS = 30_000;
const HEARD_MS = 60_000;

/** Orders a fault for the payment of this amount. False: the bank is away, and takes no orders. */
export async function orderFault(bankUrl: string, fault: FaultOrder, amount: number): Promise<boolean> {
  const body = JSON.stringify({ ...fault, amount });
  const answer = await askOnce(`${bankUrl}/_bank/faults`, { method: 'POST', body });
  if (answer === null) return false;
  assert.equal(answer.status, 201, `the bank does not take the fault ${body}`);
  return true;
}

/** Takes back what was ordered for an amount, once the bank is there, and resolves with how many still waited. */
export async function clearFaults(bankUrl: string, amount: number): Promise<number> {
  const answer = await askUntilBack(`${bankUrl}/_bank/faults?amount=${amount}`, { method: 'DELETE' });
  return ((await answer.json()) as { cleared: number }).cleared;
}

/** The bank refuses connections for so long; resolves when it is back. */
export async function sendAway(bankUrl: string, ms: number): Promise<void> {
  await askUntilBack(`${bankUrl}/_bank/outage`, { method: 'POST', body: JSON.stringify({ ms }) });
  await pause(ms);
  await askUntilBack(`${bankUrl}/_bank/health`);
}

/** From now on each answer of the bank takes so long; the charge is booked at once. */
export async function letWait(bankUrl: string, ms: number): Promise<void> {
  const { status } = await askUntilBack(`${bankUrl}/_bank/delay`, {
    method: 'POST',
    body: JSON.stringify({ ms }),
  });
  assert.equal(status, 200);
}

/** Resolves when every callback of the bank has been heard. */
export async function allCallbacksHeard(bankUrl: string): Promise<void> {
  await eventually(
    async () => {
      const health = await fetch(`${bankUrl}/_bank/health`);
      const { callbacks_pending: pending } = (await health.json()) as { callbacks_pending: number };
      assert.equal(pending, 0, 'callbacks are still to be heard');
    },
    { withinMs: HEARD_MS, everyMs: 100 },
  );
}

/** How often each fault of the bank has struck; 0 for those that have not. */
export async function struckFaults(bankUrl: string): Promise<Record<string, number>> {
  const tally = await fetch(`${bankUrl}/_bank/faults`);
  const { struck } = (await tally.json()) as { struck: Record<string, number> };
  const names = Object.entries(FAULT_KINDS).flatMap(([step, kinds]) =>
    kinds.map((kind) => `${step} ${kind}`),
  );
  return Object.fromEntries(names.map((name) => [name, struck[name] ?? 0]));
}

/** Null: nobody answers there. */
async function askOnce(url: string, init?: RequestInit): Promise<Response | null> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

async function askUntilBack(url: string, init?: RequestInit): Promise<Response> {
  return await eventually(
    async () => {
      const answer = await askOnce(url, init);
      if (answer === null) throw new Error(`${url} does not answer`);
      return answer;
    },
    { withinMs: BACK_MS, everyMs: 20 },
  );
}
