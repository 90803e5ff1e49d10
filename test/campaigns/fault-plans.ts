/**
 * Fault plans: what goes wrong with one payment at the bank, and how it must end all the same.
 *
 * Each names faults of `sandbox/README.md`. Together they name every one of them.
 *
 * @module
 */

import { shuffled } from '../support/random.ts';
import { CARDS } from '../support/shop.ts';
import type { CampaignRun } from './campaign.ts';
import type { Means } from './logged-shop.ts';
import { PROCESSOR_TIMEOUT_MS } from './setting.ts';

/** As `POST /_bank/faults` takes it, but for the amount, which is the payment's. */
export interface FaultOrder {
  step: 'charge' | 'query' | 'callback' | 'challenge';
  fault: string;
  ms?: number;
  count?: number;
}

export interface FaultPlan {
  name: string;
  card: Means;
  faults: readonly FaultOrder[];
  /** How the payment ends. */
  ends: 'SUCCESS' | 'FAILED';
  /** Its callback comes, so that one more fault may be laid on it. */
  calledBack: boolean;
}

const BEYOND_TIMEOUT_MS = PROCESSOR_TIMEOUT_MS + 1000;
/** Long after recovery has closed what the bank does not know. */
const LATE_MS = 13_000;

const charged = (fault: string, ms?: number): FaultPlan => ({
  name: `charge ${fault}`,
  card: CARDS.success,
  faults: [{ step: 'charge', fault, ...(ms !== undefined && { ms }) }],
  ends: 'SUCCESS',
  calledBack: true,
});

const notCharged = (fault: string): FaultPlan => ({
  ...charged(fault),
  ends: 'FAILED',
  calledBack: false,
});

/** The answer is lost and no callback comes: only a query can tell, and the first one goes wrong. */
const queried = (fault: string, ms?: number): FaultPlan => ({
  name: `query ${fault}`,
  card: CARDS.answerLost,
  faults: [{ step: 'query', fault, ...(ms !== undefined && { ms }) }],
  ends: 'SUCCESS',
  calledBack: false,
});

const calledBack = (fault: string, ms?: number): FaultPlan => ({
  name: `callback ${fault}`,
  card: CARDS.success,
  faults: [{ step: 'callback', fault, ...(ms !== undefined && { ms }) }],
  ends: 'SUCCESS',
  calledBack: false,
});

/** The shopper approves on the bank's page, and something goes wrong there or on the way back. */
const challenged = (fault: string, ms?: number): FaultPlan => ({
  name: `challenge ${fault}`,
  card: CARDS.threeDSecure,
  faults: [{ step: 'challenge', fault, ...(ms !== undefined && { ms }) }],
  ends: 'SUCCESS',
  calledBack: true,
});

/** The bank declines, and somebody says it has charged. */
const forged = (fault: string): FaultPlan => ({
  ...calledBack(fault),
  card: CARDS.declined,
  ends: 'FAILED',
});

/** The answer and every query say nothing or 404 until recovery has closed the payment; then the callback comes. */
const heardTooLate: FaultPlan = {
  name: 'heard after all said no',
  card: CARDS.success,
  faults: [
    { step: 'charge', fault: 'drop' },
    { step: 'query', fault: 'notFound', count: 1000 },
    { step: 'callback', fault: 'delay', ms: LATE_MS },
  ],
  ends: 'SUCCESS',
  calledBack: false,
};

const refused: FaultPlan = {
  name: 'connection refused',
  card: CARDS.connectionRefused,
  faults: [],
  ends: 'FAILED',
  calledBack: false,
};

export const FAULT_PLANS: readonly FaultPlan[] = [
  charged('drop'),
  charged('delay', BEYOND_TIMEOUT_MS),
  charged('error500'),
  charged('html504'),
  charged('reset'),
  charged('otherReference'),
  charged('callbackFirst'),
  { ...charged('bookLate', LATE_MS), calledBack: true },
  notCharged('dropBefore'),
  notCharged('error503'),
  notCharged('html502'),
  queried('drop'),
  queried('delay', BEYOND_TIMEOUT_MS),
  queried('error500'),
  queried('html502'),
  queried('reset'),
  queried('otherReference'),
  queried('notFound'),
  calledBack('drop'),
  calledBack('delay', 1000),
  calledBack('duplicate'),
  calledBack('reorder'),
  forged('forge'),
  forged('forgeSignature'),
  forged('forgeAccount'),
  forged('forgeAmount'),
  challenged('callbackFirst'),
  challenged('noReturn'),
  challenged('forgeReturn'),
  challenged('delay', 1000),
  challenged('drop'),
  challenged('decideLate', 1500),
  heardTooLate,
  refused,
];

/** What may befall the callback of a payment whose charge went wrong already. */
export const SECOND_FAULTS: readonly FaultOrder[] = [
  { step: 'callback', fault: 'drop' },
  { step: 'callback', fault: 'delay', ms: 1000 },
  { step: 'callback', fault: 'duplicate' },
  { step: 'callback', fault: 'reorder' },
  { step: 'callback', fault: 'forge' },
  { step: 'callback', fault: 'forgeSignature' },
  { step: 'callback', fault: 'forgeAccount' },
  { step: 'callback', fault: 'forgeAmount' },
];

/** Shuffled decks of these plans, one after the other; half of those that are called back get a second fault. */
export function dealt<Plan extends FaultPlan>(
  plans: readonly Plan[],
  { count, random }: Pick<CampaignRun, 'count' | 'random'>,
): Plan[] {
  const decks: Plan[] = [];
  while (decks.length < count) decks.push(...shuffled(plans, random));
  return decks.slice(0, count).map((plan) => {
    if (!plan.calledBack || random() < 0.5) return plan;
    const second = SECOND_FAULTS[Math.floor(random() * SECOND_FAULTS.length)]!;
    const name = `${plan.name}, ${second.step} ${second.fault}`;
    return { ...plan, name, faults: [...plan.faults, second] };
  });
}
