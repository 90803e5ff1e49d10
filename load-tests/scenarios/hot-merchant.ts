/**
 * Hot merchant: a flash sale. One merchant takes nearly all payments, so that nearly all fall on one logical shard, one lane and
 * one database.
 *
 * @module
 */

import { hotMix } from '../mix.ts';
import { openPayments } from '../payment-flow.ts';
import { type ScenarioDefinition, steady } from '../scenario.ts';

export const HOT_SHARE = 0.95;

export const hotMerchant: ScenarioDefinition = {
  name: 'hot-merchant',
  pays: true,
  summary: `whole payments, ${HOT_SHARE * 100} % of them of one merchant`,
  loads: ['concurrency', 'rate', 'max'],
  secondsDefault: 10,
  phases: steady,
  prepare: async (context) =>
    openPayments(
      context,
      hotMix(context.merchants, HOT_SHARE, () => context.random()),
    ),
};
