/**
 * Waiting for what is to become true, in tests and in campaigns that run outside the test runner.
 *
 * @module
 */

import { setTimeout as pause } from 'node:timers/promises';

export { pause };

export interface Patience {
  /** Milliseconds until it counts as never. Default 20,000. */
  withinMs?: number;
  /** Milliseconds between two looks. Default 30. */
  everyMs?: number;
}

/**
 * Looks again and again until `look` does not throw, and resolves with what it returned.
 * @throws what the last look threw, when the time is over
 */
export async function eventually<Seen>(
  look: () => Seen | Promise<Seen>,
  patience: Patience = {},
): Promise<Seen> {
  const { withinMs = 20_000, everyMs = 30 } = patience;
  const until = performance.now() + withinMs;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (performance.now() >= until) throw error;
    }
    await pause(everyMs);
  }
}
