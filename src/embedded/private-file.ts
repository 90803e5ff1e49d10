/**
 * Private file: small files with secrets or state in them, written whole or not at all.
 *
 * Written aside with mode 0600, synced, then renamed over the old one: a crash leaves the old file or the new
 * one, and nobody else can read either at any moment.
 *
 * @module
 */
import {
  closeSync,
  existsSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** Replaces `file` with `text`, mode 0600, owned by `owner` when given. */
export function writeDurably(
  file: string,
  text: string,
  owner?: { readonly uid: number; readonly gid: number },
): void {
  const aside = `${file}.new`;
  rmSync(aside, { force: true });
  const descriptor = openSync(aside, 'wx', 0o600);
  try {
    if (owner !== undefined) fchownSync(descriptor, owner.uid, owner.gid);
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(aside, file);
  syncFolder(dirname(file));
}

/** The JSON in `file`, or undefined when there is no such file or it holds something else. */
export function readJson(file: string): unknown {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
