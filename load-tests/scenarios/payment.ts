/**
 * Payment: whole payments, the merchants in turn.
 *
 * @module
 */

import { evenMix } from '../mix.ts';
import { openPayments } from '../payment-flow.ts';
import { type ScenarioDefinition, steady } from '../scenario.ts';

export const payment: ScenarioDefinition = {
  name: 'payment',
  pays: true,
  summary: 'whole payments, from intent to SUCCESS; the merchants take turns',
  loads: ['concurrency', 'rate', 'max'],
  secondsDefault: 10,
  phases: steady,
  prepare: async (context) => openPayments(context, evenMix(context.merchants)),
};
