/**
 * Spike: a steady rate, for a fifth of the time several times as much, then the steady rate again. What counts is how long the
 * gateway takes to be itself again, and that it refuses early what it cannot do.
 *
 * @module
 */

import { evenMix } from '../mix.ts';
import { openPayments } from '../payment-flow.ts';
import type { ScenarioDefinition } from '../scenario.ts';

export const spike: ScenarioDefinition = {
  name: 'spike',
  pays: true,
  summary: 'whole payments at a rate, for a fifth of the time --factor times as many',
  loads: ['rate'],
  secondsDefault: 30,
  phases: (seconds, factor) => [
    { name: 'before', seconds: seconds * 0.3, factor: 1 },
    { name: 'spike', seconds: seconds * 0.2, factor },
    { name: 'after', seconds: seconds * 0.5, factor: 1 },
  ],
  prepare: async (context) => openPayments(context, evenMix(context.merchants)),
};
