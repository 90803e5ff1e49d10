/**
 * The campaigns there are, a line each.
 *
 * @module
 */

import type { Campaign } from './campaign.ts';
import { clock } from './clock.ts';
import { disk } from './disk.ts';
import { faultsAt } from './faults.ts';
import { kill } from './kill.ts';
import { outageOn } from './outage.ts';
import { outcomes } from './outcomes.ts';
import { overload } from './overload.ts';
import { pause } from './pause.ts';
import { poison } from './poison.ts';
import { races } from './races.ts';
import { settlement } from './settlement.ts';
import { webhooks } from './webhooks.ts';

export const CAMPAIGNS: readonly Campaign[] = [
  kill,
  pause,
  races,
  faultsAt('SANDBOX'),
  faultsAt('RAZORPAY'),
  faultsAt('PAYU'),
  faultsAt('STRIPE'),
  outcomes,
  poison,
  clock,
  disk,
  overload,
  webhooks,
  settlement,
  outageOn('small'),
  outageOn('large'),
];
