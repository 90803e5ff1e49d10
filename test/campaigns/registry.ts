/**
 * The campaigns there are, a line each.
 *
 * @module
 */

import type { Campaign } from './campaign.ts';
import { clock } from './clock.ts';
import { disk } from './disk.ts';
import { faults } from './faults.ts';
import { kill } from './kill.ts';
import { outcomes } from './outcomes.ts';
import { overload } from './overload.ts';
import { pause } from './pause.ts';
import { poison } from './poison.ts';
import { races } from './races.ts';
import { webhooks } from './webhooks.ts';

export const CAMPAIGNS: readonly Campaign[] = [
  kill,
  pause,
  races,
  faults,
  outcomes,
  poison,
  clock,
  disk,
  overload,
  webhooks,
];
