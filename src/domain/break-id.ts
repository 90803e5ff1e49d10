/**
 * Break ids: `brk_<database>_<number>`. The database is counted from 1, as `sluice shards` does; the number is its own.
 *
 * @module
 */

/** A break by its place. */
export interface BreakPlace {
  /** Which shard database, from 1. */
  database: number;
  number: number;
}

const BREAK_ID = /^brk_([1-9]\d{0,3})_([1-9]\d{0,14})$/;

export function showBreakId({ database, number }: BreakPlace): string {
  return `brk_${database}_${number}`;
}

/** Reads `brk_…`; null when it is not the id of a break. */
export function parseBreakId(text: string): BreakPlace | null {
  const found = BREAK_ID.exec(text);
  return found === null ? null : { database: Number(found[1]), number: Number(found[2]) };
}
