/**
 * The book on a real disk: groups, reading back, torn lines, one charge per reference.
 * @module
 */
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AppendLog, readBackLines } from './append-log.ts';
import type { ChargeOrder } from './bank.ts';
import { Book, BookCorruptError } from './book.ts';
import { cardNumber } from './cards.ts';

const CHALLENGE_MS = 300_000;
let dataDir: string;
const torn: number[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sandbox-book-'));
  torn.length = 0;
});
afterEach(() => rm(dataDir, { recursive: true }));

function openBook(): Promise<Book> {
  return Book.open(dataDir, {
    durable: true,
    onFailure: (error) => {
      throw error;
    },
    onTorn: (_, bytes) => torn.push(bytes),
  });
}

function orderOf(reference: string, changes: Partial<ChargeOrder> = {}): ChargeOrder {
  return {
    reference,
    amount: 100,
    currency: 'INR',
    method: ofCard('4111111111111111'),
    returnUrl: undefined,
    ...changes,
  };
}

function ofCard(number: string): ChargeOrder['method'] {
  return { type: 'card', number, expiryMonth: 12, expiryYear: 2040 };
}

async function bookLines(): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(dataDir, 'book.ndjson'), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

it('books a reference once, replays the same facts and refuses others, also after a restart', async () => {
  let book = await openBook();
  const first = book.place('acct', orderOf('r1'), 1000, CHALLENGE_MS);
  expect(first.kind).toBe('booked');
  expect(book.place('acct', orderOf('r1'), 2000, CHALLENGE_MS)).toEqual({
    kind: 'replayed',
    charge: first.charge,
  });
  expect(book.place('other', orderOf('r1'), 2000, CHALLENGE_MS).kind).toBe('booked');
  await book.close();
  book = await openBook();
  expect(book.place('acct', orderOf('r1'), 3000, CHALLENGE_MS)).toMatchObject({
    kind: 'replayed',
    charge: { id: first.charge.id },
  });
  for (const changes of [{ amount: 101 }, { currency: 'USD' }, { method: ofCard('5555555555554444') }]) {
    expect(book.place('acct', orderOf('r1', changes), 3000, CHALLENGE_MS).kind).toBe('reused');
  }
  await book.close();
  expect(await bookLines()).toHaveLength(2);
  expect(await readFile(join(dataDir, 'book.ndjson'), 'utf8')).not.toContain('4111111111111111');
});

it('books a settling charge as one effect under one id, and owes one callback for it', async () => {
  let book = await openBook();
  const { charge } = book.place(
    'acct',
    orderOf('r1', { method: ofCard(cardNumber('40000092', 1)) }),
    1000,
    CHALLENGE_MS,
  );
  await book.settle(charge, 2000);
  await book.settle(charge, 3000);
  await book.close();
  expect(await bookLines()).toMatchObject([
    { id: charge.id, at: 1000, status: 'processing', effect: 'none' },
    { id: charge.id, at: 2000, status: 'succeeded', effect: 'charged' },
  ]);
  book = await openBook();
  expect([...book.owedCallbacks()]).toMatchObject([
    { status: 'succeeded', createdAt: 1000, decidedAt: 2000 },
  ]);
  await book.markCallbackDone([...book.owedCallbacks()][0]!, 'heard', 4000);
  await book.close();
  book = await openBook();
  expect([...book.owedCallbacks()]).toEqual([]);
  await book.close();
});

it('cuts off a torn last line, says so, and goes on behind it', async () => {
  let book = await openBook();
  book.place('acct', orderOf('r1'), 1000, CHALLENGE_MS);
  await book.close();
  await appendFile(join(dataDir, 'book.ndjson'), '{"at":5,"id":"ch_to');
  book = await openBook();
  expect(torn).toEqual([19]);
  expect(book.place('acct', orderOf('r2'), 2000, CHALLENGE_MS).kind).toBe('booked');
  await book.close();
  expect((await bookLines()).map((line) => line.reference)).toEqual(['r1', 'r2']);
});

it('refuses a book with a second charge for a reference, or a line that is none', async () => {
  const book = await openBook();
  book.place('acct', orderOf('r1'), 1000, CHALLENGE_MS);
  await book.close();
  const path = join(dataDir, 'book.ndjson');
  const good = await readFile(path, 'utf8');
  await appendFile(path, good.replace(/ch_[0-9a-f]+/, 'ch_another'));
  await expect(openBook()).rejects.toThrow(BookCorruptError);
  await writeFile(path, `garbage\n${good}`);
  await expect(openBook()).rejects.toThrow(/book.ndjson:1: not JSON/);
});

it('streams the lines of one reference', async () => {
  const book = await openBook();
  for (let index = 0; index < 100; index++) book.place('acct', orderOf(`r${index}`), 1000, CHALLENGE_MS);
  const parts: string[] = [];
  for await (const part of book.stream('r7')) parts.push(part.toString());
  expect(parts.join('')).toMatch(/^\{[^\n]*"reference":"r7",[^\n]*\}\n$/);
  await book.close();
});

it('keeps the order of lines over many groups and knows how much is written', async () => {
  const path = join(dataDir, 'log');
  const log = await AppendLog.open(path, false, (error) => {
    throw error;
  });
  const appended: Promise<void>[] = [];
  for (let index = 0; index < 5000; index++) {
    appended.push(log.append(String(index)));
    if (index % 7 === 0) await appended.at(-1);
  }
  await Promise.all(appended);
  expect(log.writtenBytes).toBe((await stat(path)).size);
  await log.close();
  const lines: string[] = [];
  expect(await readBackLines(path, (line) => lines.push(line))).toBe(0);
  expect(lines).toEqual(Array.from({ length: 5000 }, (_, index) => String(index)));
});

it('tells the owner of a failed write and refuses what comes after', async () => {
  const failures: Error[] = [];
  const log = await AppendLog.open('/dev/full', false, (error) => failures.push(error));
  await expect(log.append('lost')).rejects.toThrow(/ENOSPC/);
  await expect(log.append('after')).rejects.toThrow(/ENOSPC/);
  expect(failures.length).toBeGreaterThan(0);
});
