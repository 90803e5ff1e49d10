import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pagesOfLines, RecordError, readRecord } from './lines.ts';

/** The bytes of a text in chunks of these sizes, the last as large as need be. */
async function* chunksOf(text: string, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let bytes = new TextEncoder().encode(text);
  for (const size of sizes) {
    yield bytes.subarray(0, size);
    bytes = bytes.subarray(size);
  }
  yield bytes;
}

test('lines are the same however the bytes are cut, also within a character', async () => {
  const text = fc
    .array(fc.string({ unit: fc.constantFrom('a', 'é', '€', '𝄞', '\r', '\n') }))
    .map((parts) => parts.join('\n'));
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }));
  await fc.assert(
    fc.asyncProperty(text, sizes, async (whole, cuts) => {
      const lines: string[] = [];
      let open = false;
      for await (const page of pagesOfLines(chunksOf(whole, cuts))) {
        expect(page.firstLine).toBe(lines.length + 1);
        expect(open).toBe(false);
        lines.push(...page.lines);
        open = page.open;
      }
      const expected = whole.split('\n');
      if (expected.at(-1) === '') expected.pop();
      expect(lines).toEqual(expected);
      expect(open).toBe(whole !== '' && !whole.endsWith('\n'));
    }),
  );
});

test('a line that holds nothing readable is named by file and line', async () => {
  const read = (line: string): string => {
    if (line === 'bad') throw new Error('it is bad');
    return line;
  };
  const items: string[] = [];
  const reading = (async () => {
    for await (const page of readRecord('file', chunksOf('a\nb\nbad\nc\n', [3]), read)) items.push(...page);
  })();
  await expect(reading).rejects.toThrow(new RecordError('file:3: it is bad'));
  expect(items).toEqual(['a']);
});

test('bytes that cannot be read are an error that names the file', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array([97, 10]);
    throw new Error('the disk is gone');
  }
  const reading = (async () => {
    for await (const page of readRecord('file', broken(), (line) => line)) expect(page).toEqual(['a']);
  })();
  await expect(reading).rejects.toThrow(new RecordError('file cannot be read: the disk is gone'));
});
