/**
 * Looks for card numbers in files, in every encoding one could hide in by accident.
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The bytes a card number would be found as, by encoding. */
export function encodingsOf(pan: string): Map<string, Buffer> {
  const ascii = Buffer.from(pan);
  const groups = pan.match(/\d{1,4}/g)!;
  return new Map([
    ['ascii', ascii],
    ['spaced', Buffer.from(groups.join(' '))],
    ['dashed', Buffer.from(groups.join('-'))],
    ['utf-16', Buffer.from(pan, 'utf16le')],
    ['hex', Buffer.from(ascii.toString('hex'))],
    ['packed digits', Buffer.from(pan, 'hex')],
    // A number inside base64 stands at one of three offsets: what is certain of each.
    ['base64 at 0', base64At(ascii, 0)],
    ['base64 at 1', base64At(ascii, 1)],
    ['base64 at 2', base64At(ascii, 2)],
    ['64-bit little endian', integer(pan, 'LE')],
    ['64-bit big endian', integer(pan, 'BE')],
  ]);
}

function base64At(ascii: Buffer, offset: number): Buffer {
  const padded = Buffer.concat([Buffer.alloc(offset), ascii]).toString('base64');
  // The first characters hold bits of what stands before, the last ones of what follows.
  return Buffer.from(padded.slice(offset === 0 ? 0 : 4, Math.floor((offset + ascii.length) / 3) * 4));
}

function integer(pan: string, order: 'LE' | 'BE'): Buffer {
  const bytes = Buffer.alloc(8);
  bytes[`writeBigInt64${order}`](BigInt(pan));
  return bytes;
}

/** Every file below a folder. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Which card numbers stand in which files, as `encoding in file`. */
export function findCards(files: readonly string[], pans: readonly string[]): string[] {
  const needles = pans.flatMap((pan) =>
    [...encodingsOf(pan)].map(([encoding, bytes]) => ({ encoding, bytes })),
  );
  return files.flatMap((file) => {
    const content = readIfThere(file);
    if (content === null) return [];
    return needles
      .filter(({ bytes }) => content.includes(bytes))
      .map(({ encoding }) => `${encoding} in ${file}`);
  });
}

/** Which files have such words in them. */
export function findWords(files: readonly string[], words: RegExp): string[] {
  return files.filter((file) => words.test(readIfThere(file)?.toString('latin1') ?? ''));
}

/** Null: a running PostgreSQL has removed the file since it was listed. */
function readIfThere(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
