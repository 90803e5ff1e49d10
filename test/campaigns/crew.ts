/**
 * Crew: many tasks of one kind, a bounded number of them under way.
 *
 * @module
 */

/** Runs `task` for 0 to `count - 1`, at most `atOnce` at a time. Rejects with the first failure, once all have ended. */
export async function inCrew(
  count: number,
  atOnce: number,
  task: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const hand = async (): Promise<void> => {
    while (next < count && !failed) {
      await task(next++).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(count, atOnce) }, hand));
  const broken = ends.find((end) => end.status === 'rejected');
  if (broken !== undefined) throw broken.reason;
}
