/**
 * Pause: waiting between two looks at a process, and between two starts of it.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';

export { pause };

/** How often a watched process, and the wish to stop, are looked at. */
export const WATCH_INTERVAL_MS = 100;

/** Waits `delayMs`, or less once `isStopping` says so. */
export async function pauseUnless(isStopping: () => boolean, delayMs: number): Promise<void> {
  const deadline = performance.now() + delayMs;
  while (!isStopping() && performance.now() < deadline) await pause(Math.min(WATCH_INTERVAL_MS, delayMs));
}
