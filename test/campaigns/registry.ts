/**
 * The campaigns there are, a line each.
 *
 * @module
 */

import type { Campaign } from './campaign.ts';
import { faults } from './faults.ts';

export const CAMPAIGNS: readonly Campaign[] = [faults];
