/**
 * CSV as it comes, in pieces of any size.
 *
 * @module
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CsvRecord, csvRecords } from './csv-records.ts';

async function* pieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function recordsOf(text: string | Buffer, sizes: readonly number[] = [1 << 16]): Promise<CsvRecord[]> {
  const records: CsvRecord[] = [];
  for await (const some of csvRecords(pieces(Buffer.from(text), sizes))) {
    for (const record of some) records.push(record);
  }
  return records;
}

const fieldsOf = (records: readonly CsvRecord[]): unknown[] => records.map(({ fields }) => fields);

test('whatever was written is read again, in pieces of any size, each record with the line it begins on', async () => {
  const characters = fc.constantFrom('a', ' ', ',', '"', '\n', '\r\n', '\u00e9', '\u{1f4b3}');
  const field = fc.array(characters, { maxLength: 5 }).map((some) => some.join(''));
  const records = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 6 });
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
  const lineEnd = fc.constantFrom('\n', '\r\n');
  await fc.assert(
    fc.asyncProperty(records, sizes, lineEnd, fc.boolean(), async (written, cuts, end, isQuoted) => {
      const show = (one: string): string =>
        isQuoted || /[",\r\n]/.test(one) ? `"${one.replaceAll('"', '""')}"` : one;
      const lines = written.map((one) => one.map(show).join(','));
      const read = await recordsOf(lines.map((one) => one + end).join(''), cuts);
      expect(fieldsOf(read)).toEqual(written);
      let line = 1;
      for (const [place, one] of lines.entries()) {
        expect(read[place]!.line).toBe(line);
        line += one.split('\n').length;
      }
    }),
  );
});

test('a last line without a break is a record that is open', async () => {
  expect(await recordsOf('a,b\n1,2')).toMatchObject([
    { isOpen: false },
    { fields: ['1', '2'], isOpen: true },
  ]);
  expect(await recordsOf('a,b\n1,"2')).toMatchObject([{}, { fields: null, isOpen: true }]);
  expect(await recordsOf('a,b\n1,"2\n')).toMatchObject([{}, { fields: null, isOpen: true }]);
  expect(await recordsOf('')).toEqual([]);
});

test('a line that cannot be read is a fault, and the next line is read', async () => {
  const records = await recordsOf('a"b,1\n"a"b,1\n"a",x"\nok,1\n');
  expect(records.map(({ line, fields, fault }) => [line, fields ?? fault])).toEqual([
    [1, 'a quote is inside a field that has none around it'],
    [2, 'a quoted field goes on behind its closing quote'],
    [3, 'a quote is inside a field that has none around it'],
    [4, ['ok', '1']],
  ]);
});

test('a line of any length, and a quote that is never closed, take the memory of a megabyte and cost one line', async () => {
  const many = 'row,1\n'.repeat(400_000);
  const open = await recordsOf(`x,1\n"never,closed\n${many}`);
  expect(open).toHaveLength(400_002);
  expect(open.filter(({ fault }) => fault !== null).map(({ line }) => line)).toEqual([2]);

  const chunk = Buffer.alloc(1 << 20, 'x');
  let atMost = 0;
  async function* endless(): AsyncGenerator<Buffer> {
    for (let n = 0; n < 300; n++) {
      yield chunk;
      atMost = Math.max(atMost, process.memoryUsage().arrayBuffers);
    }
    yield Buffer.from('\nok,1');
  }
  const before = process.memoryUsage().arrayBuffers;
  const records: CsvRecord[] = [];
  for await (const some of csvRecords(endless())) records.push(...some);
  expect(records.map(({ line, fields }) => [line, fields])).toEqual([
    [1, null],
    [2, ['ok', '1']],
  ]);
  expect(atMost - before).toBeLessThan(8 << 20);
});
