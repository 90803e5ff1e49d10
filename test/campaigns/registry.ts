/**
 * The campaigns there are, a line each.
 *
 * @module
 */

import type { Campaign } from './campaign.ts';

import { kill } from './kill.ts';
import { pause } from './pause.ts';
import { races } from './races.ts';

export const CAMPAIGNS: readonly Campaign[] = [kill, pause, races];
