/**
 * Door of the counts that all gateways share: how much of a limit is used up in its present window.
 *
 * @module
 */

/** What was got of a limit. */
export interface Taken {
  /** 0 up to what was wanted; less than wanted means that the window has no more. */
  granted: number;
  /** Until the window ends, and what was granted with it. */
  remainingMs: number;
}

/** The counts of one limit. */
export interface RateCounts {
  /**
   * Takes `wanted` requests of a name's window. Null: the store cannot say, and nobody is to wait for it. It never rejects.
   * @param name of any length; it is kept as a digest only
   */
  take(name: string, wanted: number): Promise<Taken | null> | null;
}
