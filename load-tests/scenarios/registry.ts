/**
 * The scenarios there are, a line each.
 *
 * @module
 */

import type { ScenarioDefinition } from '../scenario.ts';
import { createIntent } from './create-intent.ts';
import { createSession } from './create-session.ts';
import { getTransaction } from './get-transaction.ts';
import { hotMerchant } from './hot-merchant.ts';
import { payment } from './payment.ts';
import { processorDown } from './processor-down.ts';
import { processorSlow } from './processor-slow.ts';
import { spike } from './spike.ts';
import { zipf } from './zipf.ts';

export const SCENARIOS: readonly ScenarioDefinition[] = [
  payment,
  hotMerchant,
  zipf,
  processorSlow,
  processorDown,
  spike,
  createIntent,
  createSession,
  getTransaction,
];
