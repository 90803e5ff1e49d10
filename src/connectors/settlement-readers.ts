/**
 * Settlement readers: one line per processor: how its reports are written.
 *
 * @module
 */

import type { ProcessorName } from '../domain/processor-word.ts';
import { PAYU_FORMATS } from './payu/settlement.ts';
import { PLAIN_FORMATS } from './plain-settlement.ts';
import { RAZORPAY_FORMATS } from './razorpay/settlement.ts';
import type { SettlementFormat } from './read-settlement.ts';
import { STRIPE_FORMATS } from './stripe/settlement.ts';

const FORMATS: Readonly<Record<ProcessorName, readonly SettlementFormat[]>> = {
  RAZORPAY: [...RAZORPAY_FORMATS, ...PLAIN_FORMATS],
  PAYU: [...PAYU_FORMATS, ...PLAIN_FORMATS],
  STRIPE: [...STRIPE_FORMATS, ...PLAIN_FORMATS],
  SANDBOX: PLAIN_FORMATS,
  SANDBOX_B: PLAIN_FORMATS,
};

/** The formats of a processor's reports: its own, then the plain ones. */
export function settlementFormats(processor: ProcessorName): readonly SettlementFormat[] {
  return FORMATS[processor];
}
