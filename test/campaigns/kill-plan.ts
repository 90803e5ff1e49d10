/**
 * The plan of the kill campaign: whom each trial kills, and at which instant.
 *
 * @module
 */

import {
  PAYMENT_POINTS,
  type PaymentPoint,
  THREAD_POINTS,
  type ThreadPoint,
} from '../../src/domain/fault-points.ts';
import { shuffled } from '../support/random.ts';

export type Target = 'gateway' | 'postgres' | 'bank' | 'thread';

/** One kill. At a point of a payment, PostgreSQL and bank are killed while a gateway stands still there. */
export interface Strike {
  target: Target;
  at: 'any moment' | PaymentPoint | ThreadPoint;
}

/** Where it matters to a payment that the bank dies. */
const BANK_POINTS = ['before-send', 'after-send', 'after-answer'] as const;

/** Every kill there is, once. */
export const STRIKES: readonly (readonly Strike[])[] = [
  strikes('postgres', ['any moment', ...PAYMENT_POINTS]),
  strikes('gateway', ['any moment', ...PAYMENT_POINTS]),
  strikes('bank', ['any moment', ...BANK_POINTS]),
  strikes('thread', THREAD_POINTS),
  strikes('thread', PAYMENT_POINTS),
];

function strikes(target: Target, points: readonly Strike['at'][]): Strike[] {
  return points.map((at) => ({ target, at }));
}

/** How many kills make a round of all of them. */
export const ROUND = STRIKES.flat().length;

/** Name of a kill in the report. */
export function nameOf({ target, at }: Strike): string {
  return `${target} at ${at}`;
}

/** Kills enough for `count` trials: rounds of all kills, each round in an order of its own that mixes the targets evenly. */
export function planOf(count: number, random: () => number): Strike[] {
  const rounds = Array.from({ length: Math.ceil(count / ROUND) }, () => roundOf(random));
  return rounds.flat().slice(0, count);
}

function roundOf(random: () => number): Strike[] {
  const placed = STRIKES.flatMap((group) =>
    shuffled(group, random).map((strike, i) => ({ strike, place: (i + random()) / group.length })),
  );
  return placed.sort((a, b) => a.place - b.place).map(({ strike }) => strike);
}
