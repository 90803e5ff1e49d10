/**
 * Spread: the median of the rounds, and from the least to the greatest.
 *
 * @module
 */

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
}

/** Null where no round has a value. The median of an even number is the mean of the two in the middle. */
export function spreadOf(values: readonly (number | null)[]): Spread | null {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  const [least, greatest] = [sorted[0], sorted.at(-1)];
  if (least === undefined || greatest === undefined) return null;
  const [low, high] = [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!];
  return { median: (low + high) / 2, least, greatest };
}
