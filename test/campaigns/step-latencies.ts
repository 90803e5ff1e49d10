/**
 * Step latencies: how long a gateway takes for intent, session and pay at a steady rate, while a bank is well and while it hangs.
 *
 * Rounds of both take turns, so that a machine that is busy with something else is so for both. The bound is between the best
 * round with a bank that hangs and the worst without: whatever else slows the machine, a wait for the bank within a step would be
 * seconds.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { pause } from '../support/eventually.ts';
import { CARDS } from '../support/shop.ts';
import { letWait } from './bank-operator.ts';
import { type LoggedShop, newOrder } from './logged-shop.ts';

const STEPS = ['intent', 'session', 'pay'] as const;
type Step = (typeof STEPS)[number];
type Bank = 'well' | 'hangs';

export interface LatencyPlan {
  bankUrl: string;
  perSecond: number;
  /** How long one round lasts. */
  seconds: number;
  /** Of each kind. */
  rounds: number;
  /** Milliseconds beyond twice the time that are put down to the machine. */
  moreMs: number;
}

/** Beyond the gateway's patience with a bank. */
const SILENCE_MS = 4000;
const AMOUNT = 700;
const TIMES_MAX = 2;

/** Resolves with the 99th percentiles, and with what of them is beyond the bound. */
export async function compareSteps(
  shop: LoggedShop,
  plan: LatencyPlan,
): Promise<{ figures: Record<string, number>; violations: string[] }> {
  const rounds: Record<Bank, Array<Record<Step, number>>> = { well: [], hangs: [] };
  for (let round = 0; round < plan.rounds; round++) {
    for (const bank of ['well', 'hangs'] as const) {
      await letWait(plan.bankUrl, bank === 'hangs' ? SILENCE_MS : 0);
      rounds[bank].push(await measureRound(shop, plan));
    }
  }
  await letWait(plan.bankUrl, 0);
  const p99s = (bank: Bank, step: Step): number[] => rounds[bank].map((round) => round[step]);
  return {
    figures: Object.fromEntries(
      STEPS.flatMap((step) =>
        (['well', 'hangs'] as const).map((bank) => [
          `p99 of ${step}, ms, bank A ${bank}, best of ${plan.rounds} rounds`,
          Math.round(Math.min(...p99s(bank, step))),
        ]),
      ),
    ),
    violations: STEPS.flatMap((step) => {
      const bound = TIMES_MAX * Math.max(...p99s('well', step)) + plan.moreMs;
      const best = Math.min(...p99s('hangs', step));
      return best <= bound
        ? []
        : [`${step} takes ${Math.round(best)} ms (p99) while bank A hangs, beyond ${Math.round(bound)} ms`];
    }),
  };
}

/** Payments by schedule, whatever becomes of those before; the 99th percentile of each of their steps. */
async function measureRound(
  shop: LoggedShop,
  { perSecond, seconds }: LatencyPlan,
): Promise<Record<Step, number>> {
  const took: Record<Step, number[]> = { intent: [], session: [], pay: [] };
  const payments: Promise<void>[] = [];
  const from = performance.now();
  for (let n = 0; n < perSecond * seconds; n++) {
    await pause(Math.max(0, from + (n * 1000) / perSecond - performance.now()));
    payments.push(timeSteps(shop, took));
  }
  await Promise.all(payments);
  return { intent: p99(took.intent), session: p99(took.session), pay: p99(took.pay) };
}

async function timeSteps(shop: LoggedShop, took: Record<Step, number[]>): Promise<void> {
  async function timed<Told>(step: Step, ask: () => Promise<Told>): Promise<Told> {
    const from = performance.now();
    const told = await ask();
    took[step].push(performance.now() - from);
    return told;
  }
  const intent = await timed('intent', () => shop.intent(newOrder(AMOUNT)));
  assert.equal(intent?.status, 201);
  const { paymentIntentId } = intent!.body;
  const session = await timed('session', () => shop.session(paymentIntentId));
  assert.equal(session?.status, 201);
  const checkout = { paymentIntentId, sessionId: session!.body.sessionId };
  const paid = await timed('pay', () => shop.pay(checkout, CARDS.success));
  assert.equal(paid?.status, 202);
}

function p99(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.99) - 1]!;
}
