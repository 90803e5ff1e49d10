import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { makeId, showIntentId, showTransactionId, transactionIdOf } from '../domain/ids.ts';
import { createClientLog } from './client-log.ts';
import { readClientLog, type Told } from './told.ts';

type Done = (error: NodeJS.ErrnoException | null) => void;

/** The disk: its syncs are done at once, or held until they are let go. */
const disk = vi.hoisted(() => ({ holds: false, held: [] as Array<(error: Error | null) => void> }));

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  const fdatasync = (file: number, done: Done): void =>
    real.fdatasync(file, (error) => {
      if (disk.holds) disk.held.push((other) => done(other ?? error));
      else done(error);
    });
  return { ...real, fdatasync };
});

const intentId = makeId(1_764_115_200_000, 7, new Uint8Array(8));
const transactionId = transactionIdOf(intentId, 1);
const PI = showIntentId(intentId);
const TXN = showTransactionId(transactionId);
const ORDER = { do: 'intent', orderId: 'o_1', amount: 100, currency: 'INR' } as const;

let folder: string;
let files = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-client-log-'));
});
beforeEach(() => {
  disk.holds = false;
  disk.held = [];
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const freshPath = (): string => join(folder, `log-${++files}`);

function linesIn(path: string): Array<Record<string, unknown>> {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function read(path: string): Promise<{ told: Told[]; torn: number[] }> {
  const told: Told[] = [];
  const torn: number[] = [];
  for await (const page of readClientLog(path, (line) => torn.push(line))) told.push(...page);
  return { told, torn };
}

describe('written', () => {
  test('begin resolves when its line is synced and not before; what comes meanwhile shares the next sync', async () => {
    disk.holds = true;
    const path = freshPath();
    const log = createClientLog(path);
    const begun: number[] = [];
    const begin = async (): Promise<void> => {
      begun.push(await log.begin(ORDER));
    };
    const first = begin();
    await vi.waitFor(() => expect(disk.held).toHaveLength(1));
    expect(linesIn(path)).toEqual([{ n: 1, at: expect.any(Number), ...ORDER }]);
    const others = [begin(), begin(), begin()];
    expect(begun).toEqual([]);
    disk.held.shift()!(null);
    await first;
    await vi.waitFor(() => expect(disk.held).toHaveLength(1));
    expect(linesIn(path)).toHaveLength(4);
    expect(begun).toEqual([1]);
    disk.held.shift()!(null);
    await Promise.all(others);
    expect(begun).toEqual([1, 2, 3, 4]);
    expect(disk.held).toEqual([]);
    await log.close();
  });

  test('without durability nothing is synced', async () => {
    disk.holds = true;
    const log = createClientLog(freshPath(), { durable: false });
    await log.begin(ORDER);
    expect(disk.held).toEqual([]);
    await log.close();
  });

  test('after a failed sync every call fails: nobody takes a log with a hole for a whole one', async () => {
    disk.holds = true;
    const log = createClientLog(freshPath());
    const first = log.begin(ORDER);
    await vi.waitFor(() => expect(disk.held).toHaveLength(1));
    const second = log.begin(ORDER);
    disk.held.shift()!(new Error('no space left'));
    await expect(first).rejects.toThrow('no space left');
    await expect(second).rejects.toThrow('no space left');
    await expect(log.begin(ORDER)).rejects.toThrow('no space left');
    expect(() => log.end(1, { outcome: 'unknown' })).toThrow('no space left');
    await expect(log.close()).rejects.toThrow('no space left');
  });

  test('close writes the outcomes that wait', async () => {
    const path = freshPath();
    const log = createClientLog(path);
    const n = await log.begin(ORDER);
    log.end(n, { outcome: 'ok', paymentIntentId: PI });
    await log.close();
    expect(linesIn(path)[1]).toEqual({ n, at: expect.any(Number), outcome: 'ok', paymentIntentId: PI });
  });

  test('nothing is taken once it is being closed: the descriptor may be another file by then', async () => {
    disk.holds = true;
    const path = freshPath();
    const log = createClientLog(path);
    const begun = log.begin(ORDER);
    await vi.waitFor(() => expect(disk.held).toHaveLength(1));
    const closing = log.close();
    expect(() => log.end(1, { outcome: 'refused' })).toThrow('the client log is closed');
    disk.held.shift()!(null);
    await Promise.all([begun, closing]);
    expect(() => log.end(1, { outcome: 'refused' })).toThrow('the client log is closed');
    await expect(log.begin(ORDER)).rejects.toThrow('the client log is closed');
    await expect(log.close()).rejects.toThrow('the client log is closed');
    expect(linesIn(path)).toHaveLength(1);
  });

  test('a log is never begun twice', async () => {
    const path = freshPath();
    await createClientLog(path).close();
    expect(() => createClientLog(path)).toThrow(/EEXIST/);
  });
});

describe('read', () => {
  test('tells what was answered with ok, and nothing of what was refused or is unknown', async () => {
    const path = freshPath();
    const log = createClientLog(path);
    const order = await log.begin(ORDER);
    log.end(order, { outcome: 'ok', paymentIntentId: PI });
    const refused = await log.begin(ORDER);
    log.end(refused, { outcome: 'refused' });
    const pay = await log.begin({ do: 'pay', paymentIntentId: PI });
    const lost = await log.begin({ do: 'pay', paymentIntentId: PI });
    log.end(lost, { outcome: 'unknown' });
    log.end(pay, { outcome: 'ok', transactionId: TXN });
    const question = await log.begin({ do: 'read', transactionId: TXN });
    await log.begin({ do: 'read', transactionId: TXN });
    log.end(question, { outcome: 'ok', status: 'SUCCESS' });
    await log.close();
    expect(await read(path)).toEqual({
      told: [
        { kind: 'intent', intentId, orderId: 'o_1', amount: 100, currency: 'INR' },
        { kind: 'pay', transactionId, askedFor: intentId },
        { kind: 'read', transactionId, status: 'SUCCESS', askedAt: 9, toldAt: 11 },
      ],
      torn: [],
    });
  });

  test('a last line torn by a crash is told and passed over, whatever it looks like', async () => {
    const path = freshPath();
    const log = createClientLog(path);
    await log.begin(ORDER);
    await log.close();
    for (const rest of ['{"n":1,"at":2,"outco', '{"n":1,"at":2,"outcome":"refused"}']) {
      const torn = freshPath();
      writeFileSync(torn, readFileSync(path));
      appendFileSync(torn, rest);
      expect(await read(torn)).toEqual({ told: [], torn: [2] });
    }
  });

  const BEGIN = '{"n":1,"at":1,"do":"read","transactionId":"TXN"}'.replace('TXN', TXN);
  test.each<[string, string[], number, string]>([
    ['a torn line in the middle', ['{"n":1,"at":', BEGIN], 1, 'JSON'],
    ['a line that is no object', ['null'], 1, 'n is not a whole number'],
    ['a line without a number', ['{"do":"pay"}'], 1, 'n is not a whole number'],
    ['an operation nobody knows', ['{"n":1,"do":"refund"}'], 1, 'neither a known operation'],
    ['an operation that begins twice', [BEGIN, BEGIN], 2, 'operation 1 begins twice'],
    ['an end without a beginning', ['{"n":1,"outcome":"unknown"}'], 1, 'operation 1 ends and has not begun'],
    [
      'an operation that ends twice',
      [BEGIN, '{"n":1,"outcome":"unknown"}', '{"n":1,"outcome":"unknown"}'],
      3,
      'operation 1 ends and has not begun',
    ],
    [
      'a status the API does not show',
      [BEGIN, '{"n":1,"outcome":"ok","status":"SENT"}'],
      2,
      'status is not one the API shows: SENT',
    ],
    [
      'a payment without an id of ours',
      ['{"n":1,"do":"pay","paymentIntentId":"x"}', '{"n":1,"outcome":"ok","transactionId":"x"}'],
      2,
      'transactionId is not one of ours: x',
    ],
    [
      'a payment of no intent',
      ['{"n":1,"do":"pay","paymentIntentId":"x"}', `{"n":1,"outcome":"ok","transactionId":"${TXN}"}`],
      2,
      'paymentIntentId is not one of ours: x',
    ],
    [
      'an order without a name',
      ['{"n":1,"do":"intent"}', `{"n":1,"outcome":"ok","paymentIntentId":"${PI}"}`],
      2,
      'orderId of operation 1 is no text',
    ],
    [
      'an order of no currency',
      [
        '{"n":1,"do":"intent","orderId":"o","amount":1,"currency":"I N"}',
        `{"n":1,"outcome":"ok","paymentIntentId":"${PI}"}`,
      ],
      2,
      'currency of operation 1 is not three capitals',
    ],
    [
      'an order without an amount',
      ['{"n":1,"do":"intent","orderId":"o"}', `{"n":1,"outcome":"ok","paymentIntentId":"${PI}"}`],
      2,
      'amount of operation 1 is no integer',
    ],
  ])('%s is an error with file and line', async (_, lines, number, reason) => {
    const path = freshPath();
    writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
    await expect(read(path)).rejects.toThrow(`${path}:${number}: `);
    await expect(read(path)).rejects.toThrow(reason);
  });
});
