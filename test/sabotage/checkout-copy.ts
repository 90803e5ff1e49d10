/**
 * Checkout copy: the files of this checkout in a temporary folder of their own, to be broken there.
 *
 * @module
 */

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findRunningPostgres } from '../../src/embedded/postgres.ts';
import { signalProcess } from '../../src/embedded/process-identity.ts';
import { type Edit, edited } from './sabotage.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Where, in the copy, temporary files go of what runs in it. */
export const TEMPORARY = 'tmp';

export interface CheckoutCopy {
  readonly folder: string;
  /** @throws Error when an edit does not fit */
  apply(edits: readonly Edit[]): void;
  /** What the compiler has against the copy's `src`, where bugs are put; empty when nothing. */
  typeErrors(): string[];
  /** Removes it, and ends the PostgreSQL of a check that was killed before it could. */
  remove(): void;
}

const copies = new Set<CheckoutCopy>();

/** Removes every copy there is. */
export function removeCopies(): void {
  for (const copy of copies) copy.remove();
}

/** Copies what git knows or would take, with the packages of this checkout linked in. */
export function copyCheckout(): CheckoutCopy {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-sabotage-')));
  // PostgreSQL runs as another user when we are root.
  chmodSync(folder, 0o711);
  mkdirSync(join(folder, TEMPORARY));
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  for (const file of list.split('\0')) {
    if (file !== '' && existsSync(join(ROOT, file))) cpSync(join(ROOT, file), join(folder, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const copy: CheckoutCopy = {
    folder,
    apply(edits) {
      for (const edit of edits) {
        const file = join(folder, edit.file);
        writeFileSync(file, edited(readFileSync(file, 'utf8'), edit));
      }
    },
    typeErrors() {
      const words = [join(ROOT, 'node_modules/typescript/bin/tsc'), '--noEmit', '--pretty', 'false'];
      const { stdout } = spawnSync(process.execPath, words, { cwd: folder, encoding: 'utf8' });
      return stdout.split('\n').filter((line) => line.startsWith('src/'));
    },
    remove() {
      copies.delete(copy);
      endServers(join(folder, TEMPORARY));
      rmSync(folder, { recursive: true, force: true });
    },
  };
  copies.add(copy);
  return copy;
}

/** A server lives in a session of its own, and its folder names its process. */
function endServers(folder: string): void {
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('/cluster/postmaster.pid')) continue;
    const server = findRunningPostgres(join(folder, dirname(dirname(file))));
    if (server !== undefined) signalProcess(server, 'SIGKILL');
  }
}
