/**
 * Report: a settlement report as it is read, row by row, in the memory of one batch.
 *
 * @module
 */

import type { SettlementRow } from '../domain/settlement.ts';

/**
 * A row (null: of what is not settled yet), or what of it cannot be, by its line: of a text the line of the file it begins on, whose first is 1; of a JSON list its place in
 * it, from 1.
 */
export type ReadRow = { line: number } & (
  | { ok: true; row: SettlementRow | null }
  | { ok: false; detail: string }
);

/** A report that is there whole, in a file. */
export interface Report {
  /** The file's name, `-`, or `api`. */
  name: string;
  /** SHA-256 of its bytes, hex. */
  digest: string;
  sizeBytes: number;
  /**
   * Reads it from the start, in batches. Rejects with {@link ReportRefused} when it turns out, at its end, not to be whole.
   * @param onBytes hears how far in the file it has come
   */
  rows(onBytes: (bytes: number) => void): AsyncIterable<readonly ReadRow[]>;
}

/** A report that is not taken: nothing of it is posted. */
export class ReportRefused extends Error {
  readonly code: 'truncated' | 'checksum_differs' | 'unreadable' | 'unknown_format' | 'too_many_bad_lines';

  constructor(code: ReportRefused['code'], message: string) {
    super(message);
    this.name = 'ReportRefused';
    this.code = code;
  }
}
