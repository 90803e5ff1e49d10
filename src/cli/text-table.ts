/**
 * Text table: columns for a terminal.
 *
 * @module
 */
import { printable } from './payments.ts';

/** A column: its head, and to which side its cells are moved. */
export interface Column {
  readonly head: string;
  readonly align?: 'right';
}

/** The lines of a table. Cells may hold text of others. */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const cells = [columns.map(({ head }) => head), ...rows.map((row) => row.map(printable))];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  return cells.map((row) =>
    row
      .map((cell, i) => (columns[i]!.align === 'right' ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}
