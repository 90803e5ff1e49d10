/**
 * Book: the charges of a bank or processor, read as a stream.
 *
 * It comes from a sandbox bank over HTTP (NDJSON) or from a file: NDJSON, whose lines begin with `{`, or CSV with a heading. Fields
 * are `reference`, `amount` (minor units), `currency`, and `effect` (`charged`: money was taken; `none`) or else `status`;
 * `account`, which it need not have where charges are not told apart by it; `decline_code`; `processor`, where a book has charges of
 * several. Other fields are passed over.
 *
 * @module
 */

import type { ProcessorName } from '../domain/processor-word.ts';
import { bytesOfFile, readRecord } from './lines.ts';

/** Where a book is, and whose charges it has. */
export interface Book {
  /** URL (http, https) of a sandbox bank, whose `/_bank/charges` is streamed, or path of an NDJSON or CSV export. */
  place: string;
  /**
   * Whose charges it has: of several, each line says whose it is, and one that says nothing is the first's. Null: of all, and it does
   * not tell them apart.
   */
  processors: readonly ProcessorName[] | null;
}

/** A line of the book that took money. */
export interface Charge {
  /** The merchant's reference: `txn_…` when it is ours. */
  reference: string;
  /** Null: of nobody in particular. */
  processor: ProcessorName | null;
  /** Minor units. */
  amount: number;
  currency: string;
  /** The account it was taken for; null: the book does not say. */
  account: string | null;
}

/** A line of the book that took none, or has not yet. */
export interface Refusal {
  reference: string;
  processor: ProcessorName | null;
  account: string | null;
  /** Why it was declined; null: the book does not say, or it was not declined. */
  declineCode: string | null;
}

/** Whether a line of the book took money. */
export function tookMoney(line: Charge | Refusal): line is Charge {
  return 'amount' in line;
}

/**
 * Reads the lines of a book in the order they stand there, page by page.
 * @param account only lines of this account; undefined: of all
 * @throws RecordError
 */
export function readBook(
  { place, processors }: Book,
  account: string | undefined,
): AsyncGenerator<ReadonlyArray<Charge | Refusal>> {
  const url = `${place.replace(/\/+$/, '')}/_bank/charges`;
  return isUrl(place)
    ? readRecord(url, bytesOfUrl(url), createLineReader(processors, account))
    : readRecord(place, bytesOfFile(place), createLineReader(processors, account));
}

/** Whether a book is a bank that answers, and no file. */
export function isUrl(place: string): boolean {
  return /^https?:\/\//.test(place);
}

async function* bytesOfUrl(url: string): AsyncGenerator<Uint8Array> {
  const response = await fetch(url);
  if (response.status !== 200 || response.body === null) throw new Error(`it answers ${response.status}`);
  yield* response.body;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads line by line; null for a line that is of another account, is blank or is the heading. */
function createLineReader(
  processors: Book['processors'],
  account: string | undefined,
): (line: string) => Charge | Refusal | null {
  let fieldsOf: ((line: string) => Fields) | null = null;
  return (text) => {
    const line = text.endsWith('\r') ? text.slice(0, -1) : text;
    if (line.trim() === '') return null;
    if (fieldsOf === null) {
      fieldsOf = line.startsWith('{') ? jsonFields : csvFields(line);
      if (fieldsOf !== jsonFields) return null;
    }
    return lineOf(fieldsOf(line), processors, account);
  };
}

function jsonFields(line: string): Fields {
  const value: unknown = JSON.parse(line);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new Error('not a JSON object');
}

/** A byte order mark stands before the heading of files that a spreadsheet wrote. */
function csvFields(heading: string): (line: string) => Fields {
  const columns = csvCells(heading.replace(/^\uFEFF/, '')).map((column) => column.trim().toLowerCase());
  for (const needed of ['reference', 'amount', 'currency']) {
    if (!columns.includes(needed)) throw new Error(`neither JSON nor a CSV heading with a column ${needed}`);
  }
  return (line) => {
    const cells = csvCells(line);
    if (cells.length !== columns.length) {
      throw new Error(`${cells.length} columns, and the heading has ${columns.length}`);
    }
    return Object.fromEntries(columns.map((column, at) => [column, cells[at]]));
  };
}

/** The cells of a line of CSV (RFC 4180, but a quoted cell ends on its line). */
function csvCells(line: string): string[] {
  const cell = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  const cells: string[] = [];
  for (;;) {
    const match = cell.exec(line);
    if (match === null) throw new Error(`column ${cells.length + 1} has a quote out of place`);
    const [, quoted, bare = '', end] = match;
    cells.push(quoted?.replaceAll('""', '"') ?? bare);
    if (end === '') return cells;
  }
}

/** Values of `status`, in any case, of a charge that took money … */
const TAKEN = /^(charged|succeeded|success|captured|paid)$/i;
/** … and of one that did not, or has not yet. */
const NOT_TAKEN = /^(declined|failed|processing|pending|created|authorized|cancelled)$/i;

function lineOf(
  fields: Fields,
  processors: Book['processors'],
  account: string | undefined,
): Charge | Refusal | null {
  if (account !== undefined && textOf(fields, 'account') !== account) return null;
  const reference = textOf(fields, 'reference');
  const at = (fields.account ?? '') === '' ? null : textOf(fields, 'account');
  const processor = processorOf(fields, processors);
  if (!saysTaken(fields)) {
    const { decline_code: code } = fields;
    return {
      reference,
      processor,
      account: at,
      declineCode: typeof code === 'string' && code !== '' ? code : null,
    };
  }
  const amount = Number(fields.amount);
  if (!/^\d{1,15}$/.test(String(fields.amount)))
    throw new Error('amount is not a whole number of minor units');
  const currency = textOf(fields, 'currency');
  if (!/^[A-Z]{3}$/.test(currency)) throw new Error('currency is not three capitals');
  return { reference, processor, amount, currency, account: at };
}

/** Whose line it is: in a book of one it is that one's, whatever it says. */
function processorOf({ processor }: Fields, processors: Book['processors']): ProcessorName | null {
  if (processors === null || processors.length === 0) return null;
  return processors.length === 1
    ? processors[0]!
    : (processors.find((name) => name === processor) ?? processors[0]!);
}

function saysTaken(fields: Fields): boolean {
  const { effect, status } = fields;
  if (effect === 'charged' || effect === 'none') return effect === 'charged';
  if (effect !== undefined && effect !== '') throw new Error('effect is neither charged nor none');
  if (typeof status === 'string' && TAKEN.test(status)) return true;
  if (typeof status === 'string' && NOT_TAKEN.test(status)) return false;
  throw new Error(`status says neither that money was taken nor that it was not: ${String(status)}`);
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new Error(`${name} is missing or not a text`);
}
