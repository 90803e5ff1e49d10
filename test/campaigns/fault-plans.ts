/**
 * Fault plans: what goes wrong with one payment at the bank, and how it must end all the same, whichever processor it speaks as.
 *
 * Each names faults of `sandbox/README.md`. Together they name every one that can strike there.
 *
 * @module
 */

import { shuffled } from '../support/random.ts';
import { CARDS } from '../support/shop.ts';
import type { BankProcessor } from '../support/world.ts';
import type { CampaignRun } from './campaign.ts';
import type { Means } from './logged-shop.ts';
import { PROCESSOR_TIMEOUT_MS } from './setting.ts';

/** As `POST /_bank/faults` takes it, but for the amount, which is the payment's. */
export interface FaultOrder {
  step: 'order' | 'charge' | 'query' | 'callback' | 'challenge';
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
  /** Nothing is ever sent: that is no failure of the world around it. */
  unsent?: true;
}

/** Cards of one dialect of the bank (`sandbox/README.md` and those of its dialects). */
interface DialectCards {
  success: string;
  declined: string;
  /** By a page of the bank. */
  challenged: string;
}

const CARDS_OF: Readonly<Record<BankProcessor, DialectCards>> = {
  SANDBOX: { success: CARDS.success, declined: CARDS.declined, challenged: CARDS.threeDSecure },
  RAZORPAY: {
    success: '4111111111111111',
    declined: '4000000000000002',
    challenged: '4100288100000001',
  },
  PAYU: { success: '4111111111111111', declined: '4000000000000002', challenged: '5123456789012346' },
  STRIPE: { success: '4242424242424242', declined: '4000000000000002', challenged: '4000002760003184' },
};

/** A payment to which nothing happens there. */
export function unharmedCard(processor: BankProcessor): string {
  return CARDS_OF[processor].success;
}

const BEYOND_TIMEOUT_MS = PROCESSOR_TIMEOUT_MS + 1000;
/** Long after recovery has closed what the bank does not know. */
const LATE_MS = 13_000;

/** Every plan there is at a bank that speaks as this processor. */
export function faultPlans(processor: BankProcessor): readonly FaultPlan[] {
  const cards = CARDS_OF[processor];
  const order = (step: FaultOrder['step'], fault: string, ms?: number): FaultOrder => ({
    step,
    fault,
    ...(ms !== undefined && { ms }),
  });

  const charged = (fault: string, ms?: number): FaultPlan => ({
    name: `charge ${fault}`,
    card: cards.success,
    faults: [order('charge', fault, ms)],
    ends: 'SUCCESS',
    calledBack: true,
  });

  const notCharged = (fault: string): FaultPlan => ({ ...charged(fault), ends: 'FAILED', calledBack: false });

  /** The answer is lost and the callback late: only a query can tell, and the first one goes wrong. */
  const queried = (fault: string, ms?: number): FaultPlan => ({
    name: `query ${fault}`,
    card: cards.success,
    faults: [order('charge', 'drop'), order('query', fault, ms), order('callback', 'delay', LATE_MS)],
    ends: 'SUCCESS',
    calledBack: false,
  });

  const calledBack = (fault: string, ms?: number): FaultPlan => ({
    name: `callback ${fault}`,
    card: cards.success,
    faults: [order('callback', fault, ms)],
    ends: 'SUCCESS',
    calledBack: false,
  });

  /** The bank declines, and somebody says it has charged. */
  const forged = (fault: string): FaultPlan => ({
    ...calledBack(fault),
    card: cards.declined,
    ends: 'FAILED',
  });

  /** The shopper approves on the bank's page, and something goes wrong there or on the way back. */
  const challenged = (fault: string, ms?: number): FaultPlan => ({
    name: `challenge ${fault}`,
    card: cards.challenged,
    faults: [order('challenge', fault, ms)],
    ends: 'SUCCESS',
    calledBack: true,
  });

  /** The shopper pays in a UPI app. */
  const byUpi = (fault: FaultOrder): FaultPlan => ({
    name: `UPI, ${fault.step} ${fault.fault}`,
    card: 'upi',
    faults: [fault],
    ends: 'SUCCESS',
    calledBack: fault.step !== 'callback',
  });

  /** Without an order nothing can be charged, whatever became of the request that was to make one. */
  const unordered = (fault: string, ms?: number): FaultPlan => ({
    name: `order ${fault}`,
    card: cards.success,
    faults: [order('order', fault, ms)],
    ends: 'FAILED',
    calledBack: false,
    unsent: true,
  });

  /** The answer and every query say nothing or "not found" until recovery has closed the payment; then the callback comes. */
  const heardTooLate: FaultPlan = {
    name: 'heard after all said no',
    card: cards.success,
    faults: [
      order('charge', 'drop'),
      { ...order('query', 'notFound'), count: 1000 },
      order('callback', 'delay', LATE_MS),
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
    unsent: true,
  };

  return [
    charged('drop'),
    charged('delay', BEYOND_TIMEOUT_MS),
    charged('error500'),
    charged('html504'),
    charged('reset'),
    charged('otherReference'),
    charged('callbackFirst'),
    charged('bookLate', LATE_MS),
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
    byUpi(order('challenge', 'drop')),
    byUpi(order('callback', 'duplicate')),
    // PayU's callback is a hint: while every question is answered "not found" it tells nothing.
    ...(processor === 'PAYU' ? [] : [heardTooLate]),
    ...(processor === 'SANDBOX' ? [refused] : []),
    ...(processor === 'RAZORPAY'
      ? [
          unordered('drop'),
          unordered('dropBefore'),
          unordered('delay', BEYOND_TIMEOUT_MS),
          unordered('error500'),
          unordered('error503'),
          unordered('html502'),
          unordered('html504'),
          unordered('reset'),
        ]
      : []),
  ];
}

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
