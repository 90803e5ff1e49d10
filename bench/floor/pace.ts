/**
 * Pace: one piece of work at a time, begun no sooner than a few milliseconds after the last began, so that what arrives meanwhile is done
 * together. Idle, work begins at the end of the event loop's tick.
 *
 * @module
 */

/** Calls for the work; many calls before it begins are one. */
export type Wake = () => void;

/**
 * @param paceMs from beginning to beginning, at least
 * @param work does all that waits, and says whether more has come meanwhile; must not reject
 */
export function createPace(paceMs: number, work: () => Promise<boolean>): Wake {
  let busy = false;
  let begunMs = 0;
  const begin = async (): Promise<void> => {
    begunMs = performance.now();
    const more = await work();
    busy = false;
    if (more) wake();
  };
  const wake = (): void => {
    if (busy) return;
    busy = true;
    const waitMs = begunMs + paceMs - performance.now();
    if (waitMs > 0) setTimeout(begin, waitMs);
    else setImmediate(begin);
  };
  return wake;
}
