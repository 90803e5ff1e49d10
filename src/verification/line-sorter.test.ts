import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLineSorter } from './line-sorter.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-sorter-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function sort(
  pages: readonly (readonly string[])[],
  runLengthMax: number,
): Promise<{ lines: string[]; files: string[] }> {
  const own = mkdtempSync(join(folder, 'sort-'));
  const sorter = createLineSorter({ folder: own, name: 'lines', runLengthMax });
  for (const page of pages) await sorter.add(page);
  const files = readdirSync(own);
  const lines: string[] = [];
  for await (const page of sorter.sorted()) lines.push(...page);
  return { lines, files };
}

/** Lines as records have them: no newline, and whole characters. */
const line = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .filter((text) => !text.includes('\n') && text.isWellFormed());

test('gives back every line as often as it came, in order, however small the runs are', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(line, { maxLength: 30 }), { maxLength: 30 }),
      fc.integer({ min: 1, max: 400 }),
      async (pages, runLengthMax) => {
        const { lines } = await sort(pages, runLengthMax);
        expect(lines).toEqual(pages.flat().sort());
      },
    ),
    { numRuns: 60 },
  );
});

test('what fits one run is not written, and many runs are merged so that few files stay', async () => {
  const pages = Array.from({ length: 300 }, (_, at) => [String((at * 7919) % 300).padStart(3, '0')]);
  const small = await sort(pages, 1_000_000);
  const large = await sort(pages, 3);
  expect(small.files).toEqual([]);
  // 300 runs are 18 merged ones of 16, of which 16 are one of 256, and 12.
  expect(large.files).toHaveLength(1 + 2 + 12);
  expect(large.lines).toEqual(small.lines);
  expect(small.lines).toEqual(pages.flat().sort());
});

test('ends with the error of its folder when a run cannot be written', async () => {
  const gone = join(folder, 'gone');
  mkdirSync(gone);
  const sorter = createLineSorter({ folder: gone, name: 'lines', runLengthMax: 1 });
  rmSync(gone, { recursive: true });
  await expect(sorter.add(['a'])).rejects.toThrow(/ENOENT/);
});
