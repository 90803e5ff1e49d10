/**
 * JSON lines: a row of a report on each line.
 *
 * @module
 */

import { itemOf, type JsonItem } from './json-items.ts';
import { ReportRefused } from './report.ts';

/** Longer than any row; what is longer is a fault, and is not kept. Bytes. */
const LINE_LENGTH_MAX = 1024 * 1024;
const LF = 0x0a;

/** Reads lines, as many at a time as a chunk brings; an empty one is none. Rejects with {@link ReportRefused} when the last is cut off. */
export async function* jsonLines(
  chunks: AsyncIterable<Buffer>,
  name: string,
): AsyncGenerator<readonly JsonItem[]> {
  let rest: Buffer[] = [];
  let restLength = 0;
  let line = 1;
  for await (const chunk of chunks) {
    const items: JsonItem[] = [];
    let at = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, at)) {
      const piece = chunk.subarray(at, end);
      items.push(...lineOf(line++, [...rest, piece], restLength + piece.length));
      rest = [];
      restLength = 0;
      at = end + 1;
    }
    restLength += chunk.length - at;
    if (restLength > LINE_LENGTH_MAX) rest = [];
    else if (at < chunk.length) rest.push(chunk.subarray(at));
    if (items.length > 0) yield items;
  }
  const last = lineOf(line, rest, restLength);
  if (last.some(({ fault }) => fault !== null)) {
    throw new ReportRefused('truncated', `${name}: its last line is cut off`);
  }
  if (last.length > 0) yield last;
}

function lineOf(line: number, parts: readonly Buffer[], length: number): JsonItem[] {
  if (length > LINE_LENGTH_MAX) return [itemOf(line, 'it is longer than 1 MB', null)];
  const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  return isBlank(bytes) ? [] : [itemOf(line, bytes, null)];
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}
