/**
 * The campaigns there are, a line each.
 *
 * @module
 */

import type { Campaign } from './campaign.ts';

import { kill } from './kill.ts';

export const CAMPAIGNS: readonly Campaign[] = [kill];
