/**
 * The book on a real disk: groups, reading back, torn lines, one charge per reference.
 * @module
 */
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AppendLog, readBackLines } from './append-log.ts';
import { Book, BookCorruptError, type Charge, type Placed } from './book.ts';
import { cardNumber } from './card-numbers.ts';
import type { Order } from './dialect.ts';
import { plain } from './plain/dialect.ts';

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

function orderOf(reference: string, changes: Partial<Order> = {}): Order {
  return {
    reference,
    key: reference,
    amount: 100,
    currency: 'INR',
    method: ofCard('4111111111111111'),
    returnUrl: undefined,
    ...changes,
  };
}

function ofCard(number: string): Order['method'] {
  return { type: 'card', number, expiryMonth: 12, expiryYear: 2040 };
}

function place(book: Book, account: string, order: Order, now: number): Placed {
  const decision = plain.decide(order, now);
  return book.place({ dialect: plain, account, order, decision, now, challengeMs: CHALLENGE_MS });
}

function owed(book: Book): Charge[] {
  return [...book.all()].filter(({ callback }) => callback === 'due');
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
  const first = place(book, 'acct', orderOf('r1'), 1000);
  expect(first.kind).toBe('booked');
  expect(place(book, 'acct', orderOf('r1'), 2000)).toEqual({
    kind: 'replayed',
    charge: first.charge,
  });
  expect(place(book, 'other', orderOf('r1'), 2000).kind).toBe('booked');
  await book.close();
  book = await openBook();
  expect(place(book, 'acct', orderOf('r1'), 3000)).toMatchObject({
    kind: 'replayed',
    charge: { id: first.charge.id },
  });
  for (const changes of [{ amount: 101 }, { currency: 'USD' }, { method: ofCard('5555555555554444') }]) {
    expect(place(book, 'acct', orderOf('r1', changes), 3000).kind).toBe('reused');
  }
  await book.close();
  expect(await bookLines()).toHaveLength(2);
  expect(await readFile(join(dataDir, 'book.ndjson'), 'utf8')).not.toContain('4111111111111111');
});

it('books a settling charge as one effect under one id, and owes one callback for it', async () => {
  let book = await openBook();
  const { charge } = place(book, 'acct', orderOf('r1', { method: ofCard(cardNumber('40000092', 1)) }), 1000);
  await book.settle(charge, 2000);
  await book.settle(charge, 3000);
  await book.close();
  expect(await bookLines()).toMatchObject([
    { id: charge.id, at: 1000, status: 'processing', effect: 'none' },
    { id: charge.id, at: 2000, status: 'succeeded', effect: 'charged' },
  ]);
  book = await openBook();
  expect(owed(book)).toMatchObject([{ status: 'succeeded', createdAt: 1000, decidedAt: 2000 }]);
  await book.markCallbackDone(owed(book)[0]!, 'heard', 4000);
  await book.close();
  book = await openBook();
  expect(owed(book)).toEqual([]);
  await book.close();
});

it('knows a callback that a log of before there were dialects says is done', async () => {
  let book = await openBook();
  const { charge } = place(book, 'acct', orderOf('r1'), 1000);
  place(book, 'acct', orderOf('r2'), 1000);
  await book.close();
  const event = charge.id.replace('ch_', 'sbevt_');
  await writeFile(join(dataDir, 'delivered.ndjson'), `{"event_id":"${event}","outcome":"heard","at":2000}\n`);
  book = await openBook();
  expect(owed(book)).toMatchObject([{ reference: 'r2' }]);
  await book.close();
});

it('cuts off a torn last line, says so, and goes on behind it', async () => {
  let book = await openBook();
  place(book, 'acct', orderOf('r1'), 1000);
  await book.close();
  await appendFile(join(dataDir, 'book.ndjson'), '{"at":5,"id":"ch_to');
  book = await openBook();
  expect(torn).toEqual([19]);
  expect(place(book, 'acct', orderOf('r2'), 2000).kind).toBe('booked');
  await book.close();
  expect((await bookLines()).map((line) => line.reference)).toEqual(['r1', 'r2']);
});

it('refuses a book with a second charge for a reference, or a line that is none', async () => {
  const book = await openBook();
  place(book, 'acct', orderOf('r1'), 1000);
  await book.close();
  const path = join(dataDir, 'book.ndjson');
  const good = await readFile(path, 'utf8');
  await appendFile(path, good.replace(/ch_[0-9a-f]+/, 'ch_another'));
  await expect(openBook()).rejects.toThrow(BookCorruptError);
  await writeFile(path, good.replace('{', '{"processor":"KLINGON",'));
  await expect(openBook()).rejects.toThrow(/book.ndjson:1: not a processor/);
  await writeFile(path, `garbage\n${good}`);
  await expect(openBook()).rejects.toThrow(/book.ndjson:1: not JSON/);
});

it('streams the lines of one reference', async () => {
  const book = await openBook();
  for (let index = 0; index < 100; index++) place(book, 'acct', orderOf(`r${index}`), 1000);
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
