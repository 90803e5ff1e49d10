/**
 * Zipf: merchants as different in size as they are in life. The n-th has a share in proportion to 1/n: of 1,000 the largest has
 * 13.4 % of the payments, the ten largest 39 %.
 *
 * @module
 */

import { zipfMix } from '../mix.ts';
import { openPayments } from '../payment-flow.ts';
import { type ScenarioDefinition, steady } from '../scenario.ts';

export const zipf: ScenarioDefinition = {
  name: 'zipf',
  pays: true,
  summary: 'whole payments, the n-th merchant in proportion to 1/n',
  loads: ['concurrency', 'rate', 'max'],
  secondsDefault: 10,
  phases: steady,
  prepare: async (context) =>
    openPayments(
      context,
      zipfMix(context.merchants, () => context.random()),
    ),
};
