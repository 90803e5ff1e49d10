/**
 * Open report: a settlement report out of a file, standard input or pages of an API, whatever its format.
 *
 * Two passes: the first knows the bytes by their digest, the second reads them, in the memory of one batch. What a report looks like
 * decides what it is (`report-format.ts`); a row that cannot be read is told by its line, and a report that is not whole is refused
 * (`docs/SETTLEMENT-FORMATS.md`).
 *
 * @module
 */

import type {
  CsvFormat,
  JsonFormat,
  ReadSettlementRow,
  SettlementFormat,
} from '../connectors/read-settlement.ts';
import { withoutCardNumbers } from '../domain/card-in-text.ts';
import type { SettlementRow } from '../domain/settlement.ts';
import { type CsvRecord, csvRecords } from './csv-records.ts';
import { type JsonItem, jsonItems } from './json-items.ts';
import { jsonLines } from './json-lines.ts';
import { type ReadRow, type Report, ReportRefused } from './report.ts';
import { openReportFile, type ReportFile, spool } from './report-file.ts';
import { type Columns, chooseFormat, columnsOf, type Found, headOf, withoutMark } from './report-format.ts';
import { rowFault } from './row-fault.ts';

export interface OpenReport extends Report {
  /** Name of the format it is in: `razorpay-json`. */
  format: string;
  /** Lets go of the file; a spooled one is gone then. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** What it may be: a processor's formats (`connectors/settlement-readers.ts`). */
  formats: readonly SettlementFormat[];
  /** Name of the one it is. @default whichever it looks like */
  format?: string;
  /** What its SHA-256 must be, hex. @default what a file beside it says, `FILE.sha256`, if there is one */
  sha256?: string;
  /** Where standard input and API pages are kept while they are read. */
  spoolDirectory: string;
}

/** Rows at a time. */
const BATCH_ROWS = 1000;
/** Pieces of at most about 1 MB that are waited for to have so many: each row may keep its piece in memory. */
const BATCH_PIECES = 16;

/**
 * Opens a report.
 * @param path `-` is standard input
 * @throws ReportRefused when it is not what its checksum says, cannot be read, or is in no format that is known
 */
export async function openReport(path: string, options: OpenOptions): Promise<OpenReport> {
  const { sha256 = null, spoolDirectory } = options;
  return recognised(await openReportFile(path, { sha256, spoolDirectory }), options);
}

/** Opens what was fetched, once it is there whole. Rejects with whatever the fetch rejects with. */
export async function openItems(
  pages: AsyncIterable<readonly Readonly<Record<string, unknown>>[]>,
  options: Omit<OpenOptions, 'sha256'>,
): Promise<OpenReport> {
  return recognised(await spool(asList(pages), options.spoolDirectory, 'api'), options);
}

/** A JSON list, so that its end is seen. */
async function* asList(
  pages: AsyncIterable<readonly Readonly<Record<string, unknown>>[]>,
): AsyncGenerator<Uint8Array> {
  let separator = '[';
  for await (const items of pages) {
    for (const item of items) {
      yield Buffer.from(`${separator}${JSON.stringify(item)}`);
      separator = ',\n';
    }
  }
  yield Buffer.from(separator === '[' ? '[]\n' : ']\n');
}

async function recognised(file: ReportFile, { formats, format }: OpenOptions): Promise<OpenReport> {
  const { name, digest, sizeBytes } = file;
  try {
    const found = await chooseFormat(name, await headOf(file), { formats, asked: format ?? null });
    return {
      name,
      digest,
      sizeBytes,
      format: found.format.name,
      rows: (onBytes) => readRows(file, found, onBytes),
      close: file.close,
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function* readRows(
  file: ReportFile,
  found: Found,
  onBytes: (bytes: number) => void,
): AsyncGenerator<readonly ReadRow[]> {
  const bytes = file.bytes(onBytes);
  try {
    yield* inBatches(rowsOf(file.name, found, withoutMark(bytes)));
  } finally {
    await bytes.return(undefined);
  }
}

function rowsOf(
  name: string,
  found: Found,
  bytes: AsyncGenerator<Buffer>,
): AsyncGenerator<readonly ReadRow[]> {
  switch (found.layout) {
    case 'csv':
      return csvRows(name, found.format, csvRecords(bytes));
    case 'json':
      return jsonRows(found.format, jsonItems(bytes, { name, format: found.format }));
    case 'json-lines':
      return jsonRows(found.format, jsonLines(bytes, name));
  }
}

/** Neither one row at a time nor as many as a chunk brings. */
async function* inBatches(rows: AsyncIterable<readonly ReadRow[]>): AsyncGenerator<readonly ReadRow[]> {
  let kept: readonly ReadRow[] = [];
  let pieces = 0;
  for await (const more of rows) {
    kept = kept.length === 0 ? more : [...kept, ...more];
    const least = ++pieces < BATCH_PIECES ? BATCH_ROWS : 1;
    let from = 0;
    for (; kept.length - from >= least; from += BATCH_ROWS) yield kept.slice(from, from + BATCH_ROWS);
    if (from > 0) pieces = 0;
    kept = kept.slice(from);
  }
  if (kept.length > 0) yield kept;
}

async function* jsonRows(
  { readRow }: JsonFormat,
  items: AsyncIterable<readonly JsonItem[]>,
): AsyncGenerator<readonly ReadRow[]> {
  for await (const some of items) {
    yield some.map(({ line, fields, fault }) =>
      fields === null ? badRow(line, fault!) : checked(line, readRow(fields)),
    );
  }
}

/** What a trailer is held against. */
interface Counted {
  rows: number;
  net: bigint;
  /** Rows that could not be read: what their net is, nobody knows. */
  bad: number;
}

async function* csvRows(
  name: string,
  format: CsvFormat,
  records: AsyncIterable<readonly CsvRecord[]>,
): AsyncGenerator<readonly ReadRow[]> {
  const counted: Counted = { rows: 0, net: 0n, bad: 0 };
  let columns: Columns | null = null;
  let isOver = false;
  let isCutOff = false;
  for await (const some of records) {
    const rows: ReadRow[] = [];
    for (const record of some) {
      if (isOver) throw new ReportRefused('unreadable', `${name}: something follows its trailer`);
      if (columns === null) {
        columns = columnsOf(record.fields ?? [], [...format.required, ...format.optional]);
        isCutOff = record.isOpen;
        continue;
      }
      if (format.trailer && record.fields?.[0] === TRAILER) {
        checkTrailer(name, record.fields, counted);
        isOver = true;
        continue;
      }
      const row = readRecord(format, columns, record);
      count(counted, row);
      isCutOff = !row.ok && (record.isOpen || (record.fields ?? []).length < columns.width);
      rows.push(row);
    }
    if (rows.length > 0) yield rows;
  }
  if (format.trailer && !isOver) throw new ReportRefused('truncated', `${name}: its trailer is missing`);
  if (!format.trailer && isCutOff) throw new ReportRefused('truncated', `${name}: its last line is cut off`);
}

const TRAILER = 'trailer';
const ROWS = /^[0-9]{1,10}$/;
const SUM = /^-?[0-9]{1,30}$/;

function count(counted: Counted, row: ReadRow): void {
  counted.rows++;
  if (!row.ok) counted.bad++;
  else if (row.row !== null) counted.net += BigInt(row.row.net);
}

function checkTrailer(name: string, [, rows, net, ...more]: readonly string[], counted: Counted): void {
  const isTrailer = rows !== undefined && ROWS.test(rows) && net !== undefined && SUM.test(net);
  if (!isTrailer || more.some((field) => field !== '')) {
    throw new ReportRefused('truncated', `${name}: its trailer is not "trailer", a number of rows and a sum`);
  }
  if (Number(rows) !== counted.rows) {
    throw new ReportRefused(
      'truncated',
      `${name}: it has ${counted.rows} rows, and its trailer says ${rows}`,
    );
  }
  if (counted.bad === 0 && BigInt(net) !== counted.net) {
    throw new ReportRefused('truncated', `${name}: the sum of net is not what its trailer says`);
  }
}

/** Reads a record under its header, which was found to have what the format needs. */
function readRecord(
  { readRow }: CsvFormat,
  { width, places }: Columns,
  { line, fields, fault }: CsvRecord,
): ReadRow {
  if (fields === null) return badRow(line, fault!);
  if (fields.length !== width) {
    return badRow(line, `it has ${fields.length} columns, and the header has ${width}`);
  }
  const row: Record<string, unknown> = {};
  for (const [name, place] of places) row[name] = fields[place];
  return checked(line, readRow(row));
}

function checked(line: number, read: ReturnType<ReadSettlementRow>): ReadRow {
  if (!read.ok) return badRow(line, read.detail);
  if (read.row === null) return { line, ok: true, row: null };
  const fault = rowFault(read.row);
  return fault === null ? withoutCard(line, read.row) : badRow(line, fault);
}

/** A reference of others may be anything, and no card number is kept or shown. What alone names a row is not made up. */
function withoutCard(line: number, row: SettlementRow): ReadRow {
  if (row.reference === null || row.transactionId !== null) return { line, ok: true, row };
  const reference = withoutCardNumbers(row.reference);
  if (reference !== row.reference && row.movementId === null && row.processorTxnId === null) {
    return badRow(line, 'its reference is a card number, and nothing else names it');
  }
  return { line, ok: true, row: { ...row, reference } };
}

const DETAIL_LENGTH_MAX = 200;
/** Digits that could be a card's, in one piece or as people write them. Readers name columns, not values: this is the second net. */
const MANY_DIGITS = /[0-9](?:[ .-]?[0-9]){11,}/g;
const UNSAFE = /[^ -~]/g;

function badRow(line: number, detail: string): ReadRow {
  const safe = detail.replace(MANY_DIGITS, '#').replace(UNSAFE, '?').slice(0, DETAIL_LENGTH_MAX);
  return { line, ok: false, detail: safe };
}
