/**
 * Lines: a stream of bytes, page by page of whole lines, whatever its length; and records of one line each.
 *
 * @module
 */

import { createReadStream } from 'node:fs';

/** Some lines of a file, without their newlines. */
export interface LinePage {
  lines: readonly string[];
  /** Number of the first of them; a file's first is 1. */
  firstLine: number;
  /** Their last ended without a newline, which only the last line of a file can. */
  open: boolean;
}

/** A record cannot be read, or a line of it is none; the message names file and line. */
export class RecordError extends Error {
  override readonly name = 'RecordError';
}

const FILE_CHUNK_BYTES = 1 << 18;
const NEWLINE = 10;

/** The bytes of a file. Rejects with the system's error. */
export function bytesOfFile(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: FILE_CHUNK_BYTES });
}

/** Cuts bytes (UTF-8) into pages of lines. A last line without a newline is a line too. */
export async function* pagesOfLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<LinePage> {
  let rest: Uint8Array[] = [];
  let firstLine = 1;
  for await (const chunk of bytes) {
    const end = chunk.lastIndexOf(NEWLINE);
    if (end < 0) {
      if (chunk.length > 0) rest.push(chunk);
      continue;
    }
    const lines = linesOf([...rest, chunk.subarray(0, end)]);
    yield { lines, firstLine, open: false };
    firstLine += lines.length;
    rest = end + 1 < chunk.length ? [chunk.subarray(end + 1)] : [];
  }
  if (rest.length > 0) yield { lines: linesOf(rest), firstLine, open: true };
}

function linesOf(parts: readonly Uint8Array[]): string[] {
  return Buffer.concat(parts).toString('utf8').split('\n');
}

/** Where a line stands. */
export interface LinePlace {
  number: number;
  /** It is the file's last, and has no newline. */
  open: boolean;
}

/**
 * Reads what each line holds, page by page.
 * @param name how errors name it
 * @param read what a line holds, or null for nothing; what it throws says what is wrong with the line
 * @throws RecordError
 */
export async function* readRecord<Item>(
  name: string,
  bytes: AsyncIterable<Uint8Array>,
  read: (line: string, place: LinePlace) => Item | null,
): AsyncGenerator<readonly Item[]> {
  for await (const { lines, firstLine, open } of pagesOfLines(readable(name, bytes))) {
    const items: Item[] = [];
    for (const [at, line] of lines.entries()) {
      const number = firstLine + at;
      try {
        const item = read(line, { number, open: open && at === lines.length - 1 });
        if (item !== null) items.push(item);
      } catch (error) {
        throw new RecordError(`${name}:${number}: ${(error as Error).message}`);
      }
    }
    yield items;
  }
}

async function* readable(name: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    // What fetch throws says no more than "fetch failed"; its cause says why.
    const { message, cause } = error as Error;
    throw new RecordError(`${name} cannot be read: ${cause instanceof Error ? cause.message : message}`);
  }
}
