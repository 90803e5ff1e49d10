/**
 * Assert: says what must be so, and ends the thread where it is not.
 *
 * @module
 */

import { InvariantBroken } from './errors.ts';

/**
 * Throws where `condition` does not hold.
 * @param message what must be so, without any value of a caller
 * @throws InvariantBroken
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantBroken(message);
}
