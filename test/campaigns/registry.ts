/**
 * The campaigns there are, a line each.
 *
 * @module
 */

import type { Campaign } from './campaign.ts';

export const CAMPAIGNS: readonly Campaign[] = [];
