/**
 * The table of incidents names tests that are there.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const INCIDENTS = 26;

interface Row {
  number: number;
  tests: string;
}

const rows: Row[] = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  .split('\n')
  .map((line) => /^\| (\d+) +\| .+? \| (.+) \|$/.exec(line))
  .filter((match) => match !== null)
  .map(([, number, tests]) => ({ number: Number(number), tests: tests! }));

/** Files with the names a row gives of their tests; a name may have quotation marks of its own. */
function namedIn(tests: string): Array<{ file: string; names: string[] }> {
  return [...tests.matchAll(/`([^`]+)` ([^`;]+)/g)].map(([, file, list]) => ({
    file: file!,
    names: list!
      .split(/(?<=”), (?=“)/)
      .map((quoted) => quoted.slice(quoted.indexOf('“') + 1, quoted.lastIndexOf('”'))),
  }));
}

test('every incident has its row, with a test or with why it does not apply yet', () => {
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: INCIDENTS }, (_, i) => i + 1));
  const bare = rows.filter(
    ({ tests }) => namedIn(tests).length === 0 && !tests.startsWith('Does not apply yet: '),
  );
  expect(bare).toEqual([]);
});

test('every test that is named is there', () => {
  const missing = rows.flatMap(({ number, tests }) =>
    namedIn(tests).flatMap(({ file, names }) => {
      const path = join(ROOT, file);
      const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
      return names
        .filter((name) => name.length < 10 || !text.includes(name))
        .map((name) => `${number}: ${file} “${name}”`);
    }),
  );
  expect(missing).toEqual([]);
});
