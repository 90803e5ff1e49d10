/**
 * Report format: what a report is in, seen by how it begins. Its name says nothing.
 *
 * @module
 */

import type { CsvFormat, JsonFormat, SettlementFormat } from '../connectors/read-settlement.ts';
import { csvRecords } from './csv-records.ts';
import { type Fields, firstItems, firstMember } from './json-items.ts';
import { ReportRefused } from './report.ts';
import type { ReportFile } from './report-file.ts';

export type Found =
  | { layout: 'csv'; format: CsvFormat }
  | { layout: 'json' | 'json-lines'; format: JsonFormat };

/** How much of it is looked at: a header, the first rows, what an object says before its list. */
const HEAD_BYTES = 1024 * 1024;
const MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** How a report begins, unpacked. */
export async function headOf(file: ReportFile): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of withoutMark(file.bytes())) {
    parts.push(chunk);
    length += chunk.length;
    if (length >= HEAD_BYTES) break;
  }
  return Buffer.concat(parts);
}

/** The same without a byte order mark in front. */
export async function* withoutMark(chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let start: Buffer | null = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (start === null) {
      yield chunk;
      continue;
    }
    start = Buffer.concat([start, chunk]);
    if (start.length < MARK.length) continue;
    yield start.subarray(0, MARK.length).equals(MARK) ? start.subarray(MARK.length) : start;
    start = null;
  }
  if (start !== null && start.length > 0) yield start;
}

/** Which of the formats a report is in that begins so. Throws {@link ReportRefused} when it is none, and says what is missing. */
export async function chooseFormat(
  name: string,
  head: Buffer,
  { formats, asked }: { formats: readonly SettlementFormat[]; asked: string | null },
): Promise<Found> {
  const start = head.toString('latin1').trimStart()[0];
  if (start === undefined) throw new ReportRefused('truncated', `${name}: it is empty`);
  const wanted = asked === null ? formats : formats.filter((one) => one.name === asked);
  if (wanted.length === 0) {
    throw unknown(
      name,
      `its format is to be ${asked}, and there is ${formats.map((one) => one.name).join(', ')}`,
    );
  }
  if (start !== '{' && start !== '[') {
    const tables = wanted.filter((one) => one.kind === 'csv');
    return chooseCsv(name, head, tables);
  }
  const lists = wanted.filter((one) => one.kind === 'json');
  return chooseJson(name, head, lists);
}

async function chooseJson(name: string, head: Buffer, formats: readonly JsonFormat[]): Promise<Found> {
  const [first] = formats;
  if (first === undefined) throw unknown(name, 'it is JSON');
  const members = new Set(formats.flatMap(({ rowsIn }) => rowsIn.map(({ member }) => member)));
  const member = await firstMember(head, members);
  if (member !== null) {
    return {
      layout: 'json',
      format: formats.find(({ rowsIn }) => rowsIn.some((one) => one.member === member))!,
    };
  }
  const isList = head.toString('latin1').trimStart().startsWith('[');
  const items = isList ? await firstItems(head) : firstLine(head);
  if (isList && items.length === 0 && isEmptyList(head)) return { layout: 'json', format: first };
  const format = formats.find(({ required }) =>
    items.some((item) => required.every((one) => Object.hasOwn(item, one))),
  );
  if (format !== undefined) return { layout: isList ? 'json' : 'json-lines', format };
  throw unknown(
    name,
    items[0] === undefined
      ? `it has none of ${[...members].join(', ')}`
      : lacking(formats, (one) => Object.hasOwn(items[0]!, one)),
  );
}

/** The row on the first line, where a line is one. */
function firstLine(head: Buffer): Fields[] {
  const [line = ''] = head.toString().trimStart().split('\n', 1);
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? [value as Fields] : [];
  } catch {
    return [];
  }
}

function isEmptyList(head: Buffer): boolean {
  return /^\s*\[\s*\]/.test(head.toString('latin1'));
}

async function chooseCsv(name: string, head: Buffer, formats: readonly CsvFormat[]): Promise<Found> {
  if (formats.length === 0) throw unknown(name, 'it is no JSON');
  const header = await headerOf(head);
  if (header === null) throw unknown(name, 'its first line is no header');
  const format = formats.find(({ required }) => required.every((one) => header.includes(one)));
  if (format === undefined)
    throw unknown(
      name,
      lacking(formats, (one) => header.includes(one)),
    );
  const names = [...format.required, ...format.optional];
  const twice = names.find((one) => header.indexOf(one) !== header.lastIndexOf(one));
  if (twice !== undefined) throw unknown(name, `its header has ${twice} twice`);
  return { layout: 'csv', format };
}

async function headerOf(head: Buffer): Promise<readonly string[] | null> {
  async function* once(): AsyncGenerator<Buffer> {
    yield head;
  }
  for await (const [record] of csvRecords(once())) return record!.fields;
  return null;
}

export interface Columns {
  /** Fields of each record. */
  width: number;
  places: readonly (readonly [name: string, place: number])[];
}

/** Where in a record the columns of these names are; of those there are. */
export function columnsOf(header: readonly string[], names: readonly string[]): Columns {
  const places = names.map((name) => [name, header.indexOf(name)] as const);
  return { width: header.length, places: places.filter(([, place]) => place !== -1) };
}

/** What each of the formats is not for, nearest first. */
function lacking(formats: readonly SettlementFormat[], has: (name: string) => boolean): string {
  const missing = formats
    .map(({ name, required }) => ({ name, names: required.filter((one) => !has(one)) }))
    .toSorted((a, b) => a.names.length - b.names.length);
  return missing.map(({ name, names }) => `for ${name} ${names.join(', ')} missing`).join('; ');
}

function unknown(name: string, detail: string): ReportRefused {
  return new ReportRefused('unknown_format', `${name}: its format is not known: ${detail}`);
}
