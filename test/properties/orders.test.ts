/**
 * Every order of answer, callbacks, questions, return, operator and crash ends in the same final state: the one that follows from
 * what the banks did. What somebody concluded before a bank had spoken is the one thing that order decides, and each such case is
 * named where the expected ending is made.
 *
 * @module
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Attempt } from '../../src/domain/transaction.ts';
import {
  type Ending,
  type LegTruth,
  playPayment,
  type SenderEnd,
  type Standing,
  type Truth,
  type Weather,
} from './one-payment.ts';

const CODES: Readonly<Partial<Record<Standing, string>>> = {
  declined_closed: 'insufficient_funds',
  declined_open: 'card_declined',
  declined_elsewhere: 'acquirer_unavailable',
};

function answered(...book: Standing[]): LegTruth {
  return { sending: 'answered', book };
}

function unsent(sending: LegTruth['sending']): LegTruth {
  return { sending, book: [] };
}

/** What a charge can meet at a bank. */
const LEGS: Readonly<Record<string, LegTruth>> = {
  charged: answered('charged'),
  'declined, closed': answered('declined_closed'),
  'declined, open': answered('declined_open'),
  'charged, the answer lost': { sending: 'silent', book: ['charged'] },
  'declined, closed, the answer lost': { sending: 'silent', book: ['declined_closed'] },
  'sent and never arrived': unsent('lost'),
  'arrives late, charged': { sending: 'slow', book: ['charged'] },
  'arrives late, declined': { sending: 'slow', book: ['declined_closed'] },
  '3-D Secure, approved': answered('action', 'charged'),
  '3-D Secure in two steps, approved': answered('action', 'second_action', 'charged'),
  '3-D Secure, declined or abandoned': answered('action', 'declined_closed'),
  '3-D Secure, then slow': answered('action', 'processing', 'charged'),
  'processing, then charged': answered('processing', 'charged'),
  'processing, the answer lost, then declined': {
    sending: 'silent',
    book: ['processing', 'declined_closed'],
  },
};

/** What sends a payment to the second bank. */
const PROOFS: Readonly<Record<string, LegTruth>> = {
  'cannot be reached': unsent('unreachable'),
  'has enough to do': unsent('busy'),
  'has its breaker open': unsent('breaker_open'),
  'declines for its own trouble': answered('declined_elsewhere'),
};

const TRUTHS: readonly Truth[] = [
  ...Object.entries({ ...LEGS, ...PROOFS }).map(([name, first]) => ({
    name: `one bank: ${name}`,
    first,
    second: null,
  })),
  // A second bank that is at hand changes nothing of a first one that may have charged.
  ...Object.entries(LEGS).map(([name, first]) => ({
    name: `first bank: ${name}`,
    first,
    second: answered('charged'),
  })),
  ...Object.entries(PROOFS).flatMap(([proof, first]) =>
    Object.entries({ ...LEGS, ...PROOFS }).map(([name, second]) => ({
      name: `first bank ${proof}, second: ${name}`,
      first,
      second,
    })),
  ),
];

/** Truths in which somebody concludes what no bank has said. */
const CONCLUDED: readonly Truth[] = [
  ...['cannot be reached', 'declines for its own trouble'].map(
    (proof): Truth => ({
      name: `a sender slower than recovery's proof, first bank ${proof}`,
      first: PROOFS[proof]!,
      second: answered('charged'),
      proves: true,
    }),
  ),
  ...['arrives late, charged', 'arrives late, declined', 'sent and never arrived'].map(
    (name): Truth => ({
      name: `recovery proves, ${name}`,
      first: LEGS[name]!,
      second: null,
      proves: true,
    }),
  ),
  ...['charged', 'charged, the answer lost', '3-D Secure, approved', 'arrives late, charged'].flatMap(
    (name): Truth[] => [
      { name: `${name}, and an operator says so`, first: LEGS[name]!, second: null, operator: 'charged' },
      { name: `${name}, and an operator says no`, first: LEGS[name]!, second: null, operator: 'declined' },
    ],
  ),
  ...['declined, closed', 'declined, open', 'sent and never arrived'].map(
    (name): Truth => ({
      name: `${name}, and an operator says so`,
      first: LEGS[name]!,
      second: null,
      operator: 'declined',
    }),
  ),
  {
    name: 'an open decline that is charged after all',
    first: answered('declined_open', 'charged'),
    second: null,
  },
];

const SENDER_ENDS: readonly SenderEnd[] = [
  'never',
  'after-commit-b',
  'after-charge-1',
  'after-commit-b2',
  'after-charge-2',
];

type Expected = Pick<
  Attempt,
  'status' | 'outcome' | 'leg' | 'processor' | 'failureCode' | 'reopenable' | 'processorTxnId' | 'nextAction'
> & { intent: string; events: string[]; incidents: string[]; paymentMethodType: string | null };

/** The one ending that a world with these books and proofs can have. */
function expectedOf(truth: Truth, ending: Ending): Expected {
  const { booked, told, concluded } = ending;
  const charged = booked[1] === 'charged' ? 1 : booked[2] === 'charged' ? 2 : null;
  // Whether the sender lived, and had its proof in time, is no matter of words; and no word of another keeps it from its second leg.
  const leg = charged ?? (ending.askedForSecond ? 2 : 1);
  const standing = booked[leg];
  const known = {
    leg,
    processor: leg === 1 ? ('SANDBOX' as const) : ('SANDBOX_B' as const),
    processorTxnId: standing === null ? null : `ch_${leg}`,
    paymentMethodType: booked[1] === null && standing === null ? null : 'DEBIT_CARD',
    nextAction: null,
    incidents: [],
  };
  if (charged !== null) {
    // Who was told of a failure before the charge was heard is told that it was recovered. An open decline that turns is such a failure
    // only where it was heard before it turned.
    const turned = truth.first.book[0] === 'declined_open' && ending.events[0] === 'payment.failed';
    const events = concluded || turned ? ['payment.failed', 'payment.recovered'] : ['payment.succeeded'];
    const paid = { status: 'SUCCESS', outcome: 'charged', failureCode: null, reopenable: false } as const;
    return { ...known, ...paid, intent: 'SUCCESS', events };
  }
  const failed = { ...known, status: 'FAILED' } as const;
  const over = { reopenable: false, intent: 'FAILED', events: ['payment.failed'] };
  const again = { reopenable: true, intent: 'PENDING', events: ['payment.attempt_failed'] };
  // A decline, or the sender's proof, that comes after recovery's or an operator's conclusion finds the intent closed and told.
  if (concluded && truth.operator !== undefined)
    return { ...failed, ...over, outcome: 'declined', failureCode: 'resolved_failed' };
  if (!concluded && standing !== null) {
    const closed = standing !== 'declined_open';
    return { ...failed, ...(closed ? again : over), outcome: 'declined', failureCode: CODES[standing]! };
  }
  if (!concluded && told !== null && told.leg === leg)
    return { ...failed, ...again, outcome: 'not_sent', failureCode: told.failureCode };
  return { ...failed, ...over, outcome: 'not_sent', failureCode: 'processor_never_received' };
}

function endOf({ payment, attempt, events, incidents }: Ending): Expected {
  const { status, outcome, leg, processor, failureCode, reopenable } = attempt;
  const { processorTxnId, paymentMethodType, nextAction } = attempt;
  return {
    ...{ status, outcome, leg, processor, failureCode, reopenable },
    ...{ processorTxnId, paymentMethodType, nextAction, events, incidents },
    intent: payment.intent.status,
  };
}

function check(truth: Truth, ending: Ending): void {
  const told = `${truth.name}: ${ending.steps.join(' | ')}`;
  expect(ending.broken, told).toEqual([]);
  expect([ending.booked[1], ending.booked[2]].filter((one) => one === 'charged').length, told).toBeLessThan(
    2,
  );
  expect(endOf(ending), told).toEqual(expectedOf(truth, ending));
}

const CALM: Weather = {
  gateway: () => 0,
  losesMemory: () => false,
  repeats: () => false,
  secondPasses: () => false,
};
/** Every message at the gateway that did not hear the one before, so that the memory of each is always old. */
function inTurn(): Weather {
  let heard = 0;
  return { ...CALM, gateway: () => (heard++ % 2) as 0 | 1 };
}

/** Plays every order, each by the choices that lead to it. Returns how many there were. */
async function playOrders(play: (choose: (count: number) => number) => Promise<void>): Promise<number> {
  const path: Array<{ choice: number; count: number }> = [];
  for (let orders = 1; ; orders++) {
    let depth = 0;
    await play((count) => {
      if (depth === path.length) path.push({ choice: 0, count });
      return path[depth++]!.choice;
    });
    while (path.length > 0 && path.at(-1)!.choice + 1 === path.at(-1)!.count) path.pop();
    if (path.length === 0) return orders;
    path.at(-1)!.choice++;
  }
}

/** Truths small enough for all their orders, and the question that is asked meanwhile. */
const SMALL: readonly Truth[] = [
  ...['charged', 'declined, closed', 'declined, open', 'charged, the answer lost', 'sent and never arrived'],
  ...['arrives late, charged', '3-D Secure, approved', '3-D Secure, declined or abandoned'],
]
  .map((name): Truth => ({ name: `one bank: ${name}`, first: LEGS[name]!, second: null }))
  .concat(
    ['charged', 'charged, the answer lost', 'sent and never arrived'].map((name) => ({
      name: `a second bank at hand, first: ${name}`,
      first: LEGS[name]!,
      second: answered('charged'),
    })),
    ['charged', 'declined, closed', 'sent and never arrived', 'cannot be reached'].map((name) => ({
      name: `first bank cannot be reached, second: ${name}`,
      first: PROOFS['cannot be reached']!,
      second: { ...LEGS, ...PROOFS }[name]!,
    })),
  );

/** Callbacks of both banks leave no room for a question. */
const TWO_BANKS: readonly Truth[] = ['charged', 'declined, closed', 'sent and never arrived'].map((name) => ({
  name: `first bank declines for its own trouble, second: ${name}`,
  first: PROOFS['declines for its own trouble']!,
  second: LEGS[name]!,
}));

describe('all orders of the sender, its time, callbacks that come twice and a question', () => {
  test.each([...SMALL, ...TWO_BANKS].map((truth) => [truth.name, truth] as const))('%s', async (_, truth) => {
    const questions = TWO_BANKS.includes(truth) ? [] : (['query'] as const);
    for (const weather of [() => CALM, inTurn]) {
      const orders = await playOrders(async (choose) =>
        check(truth, await playPayment(truth, 'never', questions, weather(), choose)),
      );
      expect(orders).toBeGreaterThan(20);
    }
  });
});

/** Orders and weather out of one row of numbers, so that a failure shrinks to a short one. */
function drawnFrom(numbers: readonly number[]): { weather: Weather; choose: (count: number) => number } {
  let drawn = 0;
  const next = (count: number): number => (numbers[drawn++] ?? 0) % count;
  const rarely = (): boolean => next(6) === 5;
  return {
    choose: next,
    weather: {
      gateway: () => next(2) as 0 | 1,
      losesMemory: rarely,
      repeats: rarely,
      secondPasses: rarely,
    },
  };
}

const anyOrder = fc.array(fc.nat({ max: 719 }), { minLength: 120, maxLength: 120 });

test('whatever the order, whoever dies and whichever gateway hears it, the ending is that of the books', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...TRUTHS, ...CONCLUDED),
      fc.constantFrom(...SENDER_ENDS),
      anyOrder,
      async (truth, senderEnd, numbers) => {
        const { weather, choose } = drawnFrom(numbers);
        check(truth, await playPayment(truth, senderEnd, ['query', 'return'], weather, choose));
      },
    ),
    { numRuns: 4000 },
  );
}, 60_000);

describe('a bank that charges what it has declined as closed', () => {
  const contradiction: Truth = {
    name: 'a bank that contradicts itself',
    first: answered('declined_elsewhere', 'charged'),
    second: answered('charged'),
  };

  // Two banks have charged, by a lie of the first: which of them the attempt names is whichever was heard first.
  test('is found out in every order: the payment is paid, and each charge too many is an incident', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(anyOrder, async (numbers) => {
        const { weather, choose } = drawnFrom(numbers);
        const ending = await playPayment(contradiction, 'never', ['query'], weather, choose);
        const told = ending.steps.join(' | ');
        // Its time to send was over before it was sent.
        if (ending.booked[1] === null) return;
        const both = ending.booked[1] === 'charged' && ending.booked[2] === 'charged';
        expect(ending.broken, told).toEqual([]);
        expect(ending.attempt, told).toMatchObject({
          status: 'SUCCESS',
          outcome: 'charged',
          failureCode: null,
        });
        expect(ending.payment.intent.status, told).toBe('SUCCESS');
        const fellBack = ending.attempt.routing.legs.length === 2;
        const incidents = fellBack ? ['earlier_leg_charged', ...(both ? ['second_charge'] : [])] : [];
        expect(ending.incidents, told).toEqual(incidents);
        seen.add(`${ending.attempt.leg} ${ending.incidents}`);
      }),
      { numRuns: 500 },
    );
    expect(seen).toContain('1 earlier_leg_charged,second_charge');
    expect(seen).toContain('2 earlier_leg_charged,second_charge');
  });
});
