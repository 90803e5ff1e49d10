/**
 * Records on a real disk.
 * @module
 */
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Records, RecordsCorruptError } from './records.ts';

interface Shelf {
  readonly books: number;
}

let dir: string;
let path: string;
const torn: number[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sandbox-records-'));
  path = join(dir, 'shelves.ndjson');
  torn.length = 0;
});
afterEach(() => rm(dir, { recursive: true }));

function openRecords(): Promise<Records<Shelf>> {
  return Records.open<Shelf>(path, {
    durable: true,
    onFailure: (error) => {
      throw error;
    },
    onTorn: (_, bytes) => torn.push(bytes),
  });
}

it('hold at once, are on disk when that is said, and the newest of a key outlives a restart', async () => {
  let records = await openRecords();
  const put = records.put('a', { books: 1 });
  expect(records.get('a')).toEqual({ books: 1 });
  await put;
  expect(await readFile(path, 'utf8')).toBe('{"key":"a","value":{"books":1}}\n');
  await records.put('b', { books: 2 });
  await records.put('a', { books: 3 });
  await records.close();
  records = await openRecords();
  expect(records.get('a')).toEqual({ books: 3 });
  expect([...records.values()]).toEqual([{ books: 3 }, { books: 2 }]);
  expect(records.get('c')).toBeUndefined();
  await records.close();
});

it('lose a torn last line and say so', async () => {
  let records = await openRecords();
  await records.put('a', { books: 1 });
  await records.close();
  await appendFile(path, '{"key":"b","val');
  records = await openRecords();
  expect(torn).toEqual([15]);
  await records.put('c', { books: 2 });
  await records.close();
  records = await openRecords();
  expect([...records.values()]).toEqual([{ books: 1 }, { books: 2 }]);
  await records.close();
});

it('refuse a whole line that is no record', async () => {
  await appendFile(path, '{"key":"a"}\n');
  await expect(openRecords()).rejects.toThrow(RecordsCorruptError);
});
