/**
 * Checkout copy: the files of this checkout in a temporary folder of their own, to be broken there.
 *
 * @module
 */

import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Edit, edited } from './sabotage.ts';

const ROOT = join(import.meta.dirname, '../..');

export interface CheckoutCopy {
  readonly folder: string;
  /** @throws Error when an edit does not fit */
  apply(edits: readonly Edit[]): void;
  /** What the compiler has against the copy's `src`, where bugs are put; empty when nothing. */
  typeErrors(): string[];
  remove(): void;
}

/** Copies what git knows or would take, with the packages of this checkout linked in. */
export function copyCheckout(): CheckoutCopy {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-sabotage-')));
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  for (const file of list.split('\0')) {
    if (file !== '' && existsSync(join(ROOT, file))) cpSync(join(ROOT, file), join(folder, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return {
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
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
