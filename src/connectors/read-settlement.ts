/**
 * Reads one row of a processor's report of what it has paid out, and says how its reports are written.
 *
 * A room's `settlement.ts` reads one row or item at a time, so that a report of any length is read as it comes. Every amount is an integer
 * in minor units; nothing is rounded, and a row that does not add up is an error.
 *
 * @module
 */

import type { SettlementRow } from '../domain/settlement.ts';

/**
 * Reads one row; null: the processor tells of it and has not settled it yet. A refusal says what of it cannot be: by the column's name,
 * never by its value, which may be anything.
 */
export type ReadSettlementRow = (
  row: Readonly<Record<string, unknown>>,
) => { ok: true; row: SettlementRow | null } | { ok: false; detail: string };

/** One way reports are written. */
export type SettlementFormat = CsvFormat | JsonFormat;

interface Format {
  /** As an operator names it: `razorpay-json`. */
  name: string;
  /** Columns or members without which a row is none of these. */
  required: readonly string[];
  readRow: ReadSettlementRow;
}

/** Its first line names the columns. A row is read as an object of texts: of the columns that are required or optional, no other. */
export interface CsvFormat extends Format {
  kind: 'csv';
  optional: readonly string[];
  /** Its last line is `trailer`, the number of rows and the sum of their `net`: without it the file is not whole. */
  trailer: boolean;
}

/** An object with a list of rows, a list of rows, or a row on each line. */
export interface JsonFormat extends Format {
  kind: 'json';
  /** Where the rows of an object are. */
  rowsIn: readonly RowsIn[];
  /** Why the object around the rows cannot be a whole report; null: it can. */
  faultOf(around: Readonly<Record<string, unknown>>, rows: number): string | null;
}

export interface RowsIn {
  /** The member that has them: a list, or an object with a row for each key. */
  member: string;
  /** Its items are groups, and this member of each has the rows. What a group says before them is read as each row's own. */
  each?: string;
}
