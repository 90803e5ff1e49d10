/**
 * The answer to a processor's callback, as the run's profile has it.
 *
 * @module
 */

import { expect } from 'vitest';
import { PROFILE } from './profile.ts';

/**
 * What the answer says of a verdict. Where Kafka carries callbacks: nothing, unless it was not there in time, so that the callback
 * was applied at once.
 */
export function answered(verdict: string): unknown {
  return PROFILE.brokers > 0 ? expect.toBeOneOf([null, verdict]) : verdict;
}
