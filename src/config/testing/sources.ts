/**
 * The sources that may read an option or a limit.
 *
 * @module
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SRC = join(import.meta.dirname, '../..');

/** Text of every module of `src` but config and the tests, by its path in `src`. */
export function sourcesOutsideConfig(): ReadonlyMap<string, string> {
  const files = globSync('**/*.ts', { cwd: SRC }).filter(
    (file) => !file.startsWith('config/') && !file.endsWith('.test.ts') && !file.includes('/testing/'),
  );
  return new Map(files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')]));
}
