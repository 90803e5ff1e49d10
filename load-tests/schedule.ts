/**
 * Schedule: when the payments of an open loop are due, and the phases a run goes through.
 *
 * @module
 */

/** A stretch of a run. The first of every run is its warm-up. */
export interface Phase {
  readonly name: string;
  readonly seconds: number;
  /** What the rate is multiplied by; a closed loop knows none. */
  readonly factor: number;
}

/** The warm-up's name; what is due in it is not counted. */
export const WARM_UP = 'warm-up';

/** The whole run in ms. */
export function durationMsOf(phases: readonly Phase[]): number {
  return phases.reduce((sum, { seconds }) => sum + seconds * 1000, 0);
}

/** How long its warm-up is. */
export function warmUpMsOf(phases: readonly Phase[]): number {
  return durationMsOf(phases.filter(({ name }) => name === WARM_UP));
}

/** The instants at which payments are due, in ms from the run's begin: evenly spaced within each phase. */
export function* dueTimes(perSecond: number, phases: readonly Phase[]): Generator<number, void> {
  let phaseMs = 0;
  for (const { seconds, factor } of phases) {
    const rate = perSecond * factor;
    const count = Math.round(seconds * rate);
    for (let n = 0; n < count; n++) yield phaseMs + (n * 1000) / rate;
    phaseMs += seconds * 1000;
  }
}
