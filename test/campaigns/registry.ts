/**
 * The campaigns there are, a line each.
 *
 * @module
 */

import type { Campaign } from './campaign.ts';
import { faults } from './faults.ts';
import { kill } from './kill.ts';
import { pause } from './pause.ts';
import { poison } from './poison.ts';

export const CAMPAIGNS: readonly Campaign[] = [faults, kill, pause, poison];
