/**
 * JSON items: the rows of a JSON report, one at a time, whatever its length.
 *
 * Where an item ends is found by its brackets and quotes; what is between is for `JSON.parse`. So an item that is no JSON is set aside
 * alone, unless it takes the end of the list with it: then the report is refused.
 *
 * @module
 */

import { isUtf8 } from 'node:buffer';
import type { JsonFormat, RowsIn } from '../connectors/read-settlement.ts';
import { ReportRefused } from './report.ts';

/** Longer than any item; what is longer is a fault, and is not kept. Bytes. */
const ITEM_LENGTH_MAX = 1024 * 1024;
/** Brackets in an item, and what a report says around its items. */
const DEPTH_MAX = 64;
const AROUND_LENGTH_MAX = 64 * 1024;
const MEMBERS_AROUND_MAX = 256;
const ITEMS_AT_ONCE = 1000;
/** Bytes of them: an item that is read takes more memory than its text. */
const ITEMS_LENGTH_AT_ONCE = 1024 * 1024;

export interface JsonItem {
  /** From 1: its place in the report, or its line where each has one. */
  line: number;
  /** Null: `fault` says why. With what its group says of all of them, in front. */
  fields: Fields | null;
  fault: string | null;
}

export type Fields = Record<string, unknown>;

/** Reads the items of a list, or of an object's list. Rejects with {@link ReportRefused} when it is not whole. */
export async function* jsonItems(
  chunks: AsyncIterable<Buffer>,
  { name, format }: { name: string; format: JsonFormat },
): AsyncGenerator<readonly JsonItem[]> {
  const text = new JsonText(chunks, name);
  const isObject = (await text.peek()) === OPEN_OBJECT;
  const around = noFields();
  let batch: JsonItem[] = [];
  let length = 0;
  let line = 0;
  for await (const { value, group } of reportValues(text, format.rowsIn, around)) {
    batch.push(itemOf(++line, value, group));
    length += value.length;
    if (batch.length < ITEMS_AT_ONCE && length < ITEMS_LENGTH_AT_ONCE) continue;
    yield batch;
    batch = [];
    length = 0;
  }
  if (batch.length > 0) yield batch;
  if ((await text.peek()) !== undefined) throw text.refused('something follows its end');
  const fault = isObject ? format.faultOf(around, line) : null;
  if (fault !== null) throw new ReportRefused('truncated', `${name}: ${fault}`);
}

/** The items at the start of a list, as far as this text has them; of no list, none. */
export async function firstItems(head: Buffer): Promise<Fields[]> {
  const text = new JsonText(once(head), '');
  const items: Fields[] = [];
  try {
    for await (const _ of elements(text)) {
      const { fields } = itemOf(0, await text.value(ITEM_LENGTH_MAX), null);
      if (fields !== null) items.push(fields);
      if (items.length === FIRST_ITEMS) break;
    }
  } catch (error) {
    if (!(error instanceof ReportRefused)) throw error;
  }
  return items;
}

const FIRST_ITEMS = 10;

/** The first of these members that an object at the start of this text has a list under; null: none as far as it goes. */
export async function firstMember(head: Buffer, names: ReadonlySet<string>): Promise<string | null> {
  const text = new JsonText(once(head), '');
  try {
    for await (const member of members(text)) {
      if (names.has(member) && isOpening(await text.peek())) return member;
      await text.value(ITEM_LENGTH_MAX);
    }
  } catch (error) {
    if (!(error instanceof ReportRefused)) throw error;
  }
  return null;
}

function isOpening(byte: number | undefined): boolean {
  return byte === OPEN_LIST || byte === OPEN_OBJECT;
}

/** An item's text as its fields. */
export function itemOf(line: number, bytes: Buffer | string, group: Fields | null): JsonItem {
  if (typeof bytes === 'string') return { line, fields: null, fault: bytes };
  if (!isUtf8(bytes)) return { line, fields: null, fault: 'it is not UTF-8' };
  const value = parsed(bytes.toString());
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { line, fields: null, fault: 'it is no JSON object' };
  }
  return { line, fields: group === null ? (value as Fields) : { ...group, ...value }, fault: null };
}

const LONG_NUMBER = /[:[,]\s*-?[0-9]{16}/;

/** Of what is no JSON, undefined. A whole number too long for one stays the text it is: two ids of 18 digits would be taken for one. */
function parsed(text: string): unknown {
  try {
    return LONG_NUMBER.test(text) ? JSON.parse(text, exact) : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function exact(_: string, value: unknown, context?: { source: string }): unknown {
  const isRounded = Number.isInteger(value) && !Number.isSafeInteger(value);
  return isRounded && context !== undefined ? context.source : value;
}

interface ReportValue {
  /** Its text, or why it is not read. */
  value: Buffer | string;
  group: Fields | null;
}

async function* reportValues(
  text: JsonText,
  rowsIn: readonly RowsIn[],
  around: Fields,
): AsyncGenerator<ReportValue> {
  if ((await text.peek()) === OPEN_LIST) {
    yield* listed(text, null);
    return;
  }
  let found: string | null = null;
  for await (const member of members(text)) {
    const rows = rowsIn.find((one) => one.member === member);
    if (rows === undefined) {
      await note(text, around, member);
      continue;
    }
    if (found !== null) throw text.refused(`${member} is there twice`);
    found = member;
    if (rows.each === undefined) yield* listed(text, null);
    else yield* grouped(text, rows.each);
  }
  if (found === null) throw text.refused('it has no rows');
}

/** The items of a list, or of an object as if it were one. */
async function* listed(text: JsonText, group: Fields | null): AsyncGenerator<ReportValue> {
  if ((await text.peek()) === OPEN_OBJECT) {
    for await (const _ of members(text)) yield { value: await text.value(ITEM_LENGTH_MAX), group };
    return;
  }
  for await (const _ of elements(text)) yield { value: await text.value(ITEM_LENGTH_MAX), group };
}

/** The items of each group of a list. */
async function* grouped(text: JsonText, each: string): AsyncGenerator<ReportValue> {
  for await (const _ of elements(text)) {
    const group = noFields();
    for await (const member of members(text)) {
      if (member === each) yield* listed(text, group);
      else await note(text, group, member);
    }
  }
}

/** Without a prototype that a member could be taken for. */
function noFields(): Fields {
  return Object.create(null) as Fields;
}

/** Keeps a member's value; of one too long that it is there. A report has few: more would fill the memory. */
async function note(text: JsonText, around: Fields, member: string): Promise<void> {
  if (!(member in around) && Object.keys(around).length === MEMBERS_AROUND_MAX) {
    throw text.refused(`more than ${MEMBERS_AROUND_MAX} members stand around its rows`);
  }
  const value = await text.value(AROUND_LENGTH_MAX);
  around[member] = typeof value === 'string' ? null : parsed(value.toString());
}

/** Stops before each element of a list. */
async function* elements(text: JsonText): AsyncGenerator<void> {
  await text.expect(OPEN_LIST);
  if ((await text.peek()) === CLOSE_LIST) return text.skip();
  for (;;) {
    yield;
    if ((await text.next()) === CLOSE_LIST) return;
    text.wasComma();
  }
}

/** Stops before the value of each member of an object. */
async function* members(text: JsonText): AsyncGenerator<string> {
  await text.expect(OPEN_OBJECT);
  if ((await text.peek()) === CLOSE_OBJECT) return text.skip();
  for (;;) {
    yield await text.key();
    if ((await text.next()) === CLOSE_OBJECT) return;
    text.wasComma();
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const KEY_LENGTH_MAX = 1024;

/** JSON as bytes that come in pieces. */
class JsonText {
  private readonly chunks: AsyncIterator<Buffer>;
  private readonly name: string;
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;
  private last = 0;

  constructor(chunks: AsyncIterable<Buffer>, name: string) {
    this.chunks = chunks[Symbol.asyncIterator]();
    this.name = name;
  }

  /** The next byte that is no space, which stays; undefined at the end. */
  async peek(): Promise<number | undefined> {
    for (;;) {
      for (; this.at < this.bytes.length; this.at++) {
        const byte = this.bytes[this.at]!;
        if (!isSpace(byte)) return byte;
      }
      if (!(await this.more(this.at))) return undefined;
    }
  }

  /** The next byte that is no space. */
  async next(): Promise<number> {
    const byte = await this.peek();
    if (byte === undefined) throw this.cutOff();
    this.at++;
    this.last = byte;
    return byte;
  }

  skip(): void {
    this.at++;
  }

  async expect(byte: number): Promise<void> {
    if ((await this.next()) !== byte) throw this.broken();
  }

  /** What {@link next} gave last must have been a comma. */
  wasComma(): void {
    if (this.last !== COMMA) throw this.broken();
  }

  /** A member's name, and the colon behind it. */
  async key(): Promise<string> {
    if ((await this.peek()) !== QUOTE) throw await this.brokenOrCutOff();
    const value = await this.value(KEY_LENGTH_MAX);
    // A name too long is none of those that are looked for.
    const key = typeof value === 'string' ? '' : parsed(value.toString());
    if (typeof key !== 'string') throw this.broken();
    await this.expect(COLON);
    return key;
  }

  /** The next value's bytes, whole; of one that is not kept why, and it is behind us. */
  async value(lengthMax: number): Promise<Buffer | string> {
    await this.peek();
    const scan = new ValueScan();
    let start = this.at;
    let isTooLong = false;
    for (;;) {
      const end = scan.end(this.bytes, this.at);
      if (end !== -1) {
        this.at = end;
        break;
      }
      this.at = this.bytes.length;
      if (isTooLong || this.at - start > lengthMax) {
        isTooLong = true;
        start = this.at;
      }
      if (!(await this.more(start))) throw this.cutOff();
      start = 0;
    }
    if (this.at === start && !isTooLong) throw this.broken();
    if (isTooLong || this.at - start > lengthMax) return 'it is longer than 1 MB';
    return scan.deepest > DEPTH_MAX ? 'it is nested too deeply' : this.bytes.subarray(start, this.at);
  }

  refused(detail: string): ReportRefused {
    return new ReportRefused('unreadable', `${this.name}: ${detail}`);
  }

  private cutOff(): ReportRefused {
    return new ReportRefused('truncated', `${this.name}: its JSON is cut off`);
  }

  private broken(): ReportRefused {
    return this.refused('it is not the JSON of a report');
  }

  private async brokenOrCutOff(): Promise<ReportRefused> {
    return (await this.peek()) === undefined ? this.cutOff() : this.broken();
  }

  /** Another chunk behind what is kept from here on; false at the end. */
  private async more(from: number): Promise<boolean> {
    const { done, value } = await this.chunks.next();
    if (done) return false;
    const rest = this.bytes.subarray(from);
    this.at -= from;
    this.bytes = rest.length === 0 ? value : Buffer.concat([rest, value]);
    return true;
  }
}

/** Looks for the end of one value, in as many pieces as it comes. */
class ValueScan {
  deepest = 0;
  private depth = 0;
  private isText = false;
  /** The next byte is behind a backslash, in the piece before. */
  private isEscaped = false;
  private isScalar = false;

  /** Where it ends, from here on; -1: not in these bytes. */
  end(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      if (this.isText) {
        at = this.endOfText(bytes, at);
        if (at < bytes.length && this.depth === 0) return at + 1;
        continue;
      }
      const byte = bytes[at]!;
      if (this.isScalar) {
        if (
          isSpace(byte) ||
          byte === COMMA ||
          byte === CLOSE_LIST ||
          byte === CLOSE_OBJECT ||
          byte === COLON
        ) {
          return at;
        }
      } else if (byte === QUOTE) {
        this.isText = true;
      } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        if (++this.depth > this.deepest) this.deepest = this.depth;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
        // Nothing was there: a bracket where a value should be.
        if (this.depth === 0) return at;
        if (--this.depth === 0) return at + 1;
      } else if (this.depth === 0) {
        if (byte === COMMA || byte === COLON) return at;
        this.isScalar = true;
      }
    }
    return -1;
  }

  /** The closing quote; the length of these bytes: it is not in them. */
  private endOfText(bytes: Buffer, from: number): number {
    const { length } = bytes;
    let at = this.isEscaped ? from + 1 : from;
    this.isEscaped = false;
    for (; at < length; at++) {
      const byte = bytes[at];
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) {
        this.isText = false;
        return at;
      }
    }
    this.isEscaped = at > length;
    return length;
  }
}

/** JSON's four. */
function isSpace(byte: number): boolean {
  return byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
