/**
 * CSV (RFC 4180) that a spreadsheet can open: no cell is a formula.
 *
 * @module
 */

export type Cell = string | number | null;

/** One line, with its end. Null is an empty cell. */
export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map((cell) => quoted(harmless(cell))).join(',')}\r\n`;
}

const NUMBER = /^-?\d+(\.\d+)?$/;
/** What spreadsheets take for the beginning of a formula (OWASP, CSV injection). */
const FORMULA = /^[=+\-@\t\r]/;

/** References come from outside: text that a spreadsheet would run begins with an apostrophe. Numbers are left. */
function harmless(cell: Cell): string {
  const text = cell === null ? '' : String(cell);
  return FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
