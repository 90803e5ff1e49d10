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
import { pause } from './pause.ts';
import { poison } from './poison.ts';

export const CAMPAIGNS: readonly Campaign[] = [clock, disk, faults, kill, pause, poison];
