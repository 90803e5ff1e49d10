/**
 * Reports as they are opened: formats, checksums, gzip, what is set aside and what is refused.
 *
 * @module
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { settlementFormats } from '../connectors/settlement-readers.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { type OpenReport, openItems, openReport } from './open-report.ts';
import type { ReadRow } from './report.ts';

const fixture = (path: string): string =>
  readFileSync(join(import.meta.dirname, '..', 'connectors', path), 'utf8');

let directory: string;
let path: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-report-'));
  path = join(directory, 'report');
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Opens these bytes as a file. */
function opened(
  bytes: string | Uint8Array,
  processor: ProcessorName,
  more: object = {},
): Promise<OpenReport> {
  writeFileSync(path, bytes);
  return openReport(path, { formats: settlementFormats(processor), spoolDirectory: directory, ...more });
}

async function rowsOf(report: OpenReport): Promise<ReadRow[]> {
  const rows: ReadRow[] = [];
  try {
    for await (const batch of report.rows(() => undefined)) rows.push(...batch);
    return rows;
  } finally {
    await report.close();
  }
}

/** All rows of these bytes. */
async function read(
  bytes: string | Uint8Array,
  processor: ProcessorName,
  more: object = {},
): Promise<ReadRow[]> {
  return rowsOf(await opened(bytes, processor, more));
}

const refusal = (code: string, detail: string): object => ({
  name: 'ReportRefused',
  code,
  message: expect.stringContaining(detail),
});

const TXN = 'txn_019317d8a4007e9f8a1b2c3d4e5f6071';
const HEADER =
  'transaction_id,processor_txn_id,kind,status,amount,fee,tax,net,currency,settled_at,movement_id';
const plainRow = (over: Record<string, string> = {}): string =>
  Object.values({
    transaction_id: TXN,
    processor_txn_id: 'ch_1',
    kind: 'payment',
    status: 'settled',
    amount: '100000',
    fee: '2000',
    tax: '360',
    net: '97640',
    currency: 'INR',
    settled_at: '2026-01-21T10:00:00Z',
    movement_id: 'mov_1',
    ...over,
  }).join(',');
const refund = plainRow({
  transaction_id: '',
  kind: 'refund',
  amount: '5000',
  fee: '0',
  tax: '0',
  net: '-5000',
});
const PLAIN = `${HEADER}\n${plainRow()}\n${refund}\ntrailer,2,92640\n`;

describe('the plain CSV', () => {
  test('is read row by row, with the lines of the file', async () => {
    expect(await read(PLAIN, 'SANDBOX')).toEqual([
      {
        line: 2,
        ok: true,
        row: {
          kind: 'payment',
          outcome: 'settled',
          movementId: 'mov_1',
          processorTxnId: 'ch_1',
          transactionId: TXN.slice(4),
          reference: TXN,
          account: null,
          amount: 100_000,
          fee: 2000,
          tax: 360,
          net: 97_640,
          currency: 'INR',
          settledAt: Date.UTC(2026, 0, 21, 10),
          settlementId: null,
          utr: null,
        },
      },
      {
        line: 3,
        ok: true,
        row: expect.objectContaining({ kind: 'refund', net: -5000, transactionId: null }),
      },
    ]);
  });

  test('may have a byte order mark, CRLF, quotes, empty lines, columns of its own, and no break at its end', async () => {
    const text = [
      `\ufeff"note",${HEADER}`,
      `"a, ""b""\nc",${plainRow()}`,
      '',
      `,${refund}`,
      'trailer,2,92640',
    ].join('\r\n');
    expect(await read(text, 'RAZORPAY')).toMatchObject([
      { line: 2, ok: true, row: { reference: TXN, movementId: 'mov_1' } },
      { line: 5, ok: true, row: { kind: 'refund' } },
    ]);
  });

  test('of a payment that is taken back says so', async () => {
    const failed = plainRow({ status: 'failed' });
    expect(await read(`${HEADER}\n${failed}\ntrailer,1,97640`, 'SANDBOX')).toMatchObject([
      { ok: true, row: { kind: 'payment', outcome: 'failed', net: 97_640 } },
    ]);
  });

  test.each([
    [{ kind: 'charge' }, 'kind'],
    [{ status: 'paid' }, 'status'],
    [{ amount: '-100000' }, 'amount'],
    [{ amount: '9007199254740993' }, 'amount'],
    [{ amount: '1e5' }, 'amount'],
    [{ fee: '20.00' }, 'fee'],
    [{ tax: '' }, 'tax'],
    [{ net: '97641' }, 'net'],
    [{ status: 'failed', net: '-97640' }, 'net'],
    [{ currency: 'inr' }, 'currency'],
    [{ settled_at: '21/01/2026' }, 'settled_at'],
    [{ settled_at: '1969-12-31T23:59:59Z' }, 'time'],
    [{ settled_at: '2026-02-31T10:00:00Z' }, 'settled_at'],
    [{ settled_at: '2026-01-21T24:00:00Z' }, 'settled_at'],
    [{ movement_id: 'm'.repeat(201) }, 'movementId'],
    [{ processor_txn_id: 'a\u0007b' }, 'processorTxnId'],
    [{ processor_txn_id: 'a\0b' }, 'NUL'],
    [{ movement_id: 'x,y' }, 'columns'],
    [{ processor_txn_id: 'a"b' }, 'quote'],
    [{ processor_txn_id: '"a"b' }, 'quote'],
  ])('sets a row with %j aside, names %s, and goes on', async (over, named) => {
    const text = `${HEADER}\n${plainRow(over)}\n${refund}\ntrailer,2,0`;
    expect(await read(text, 'SANDBOX')).toEqual([
      { line: 2, ok: false, detail: expect.stringContaining(named) },
      expect.objectContaining({ line: 3, ok: true }),
    ]);
  });

  test('sets a row aside that is not UTF-8, or longer than a megabyte, quoted or not', async () => {
    const long = 'y'.repeat(1_200_000);
    const text = Buffer.concat([
      Buffer.from(`${HEADER}\n${plainRow()}`),
      Buffer.from([0xff, 0x0a]),
      Buffer.from(`${plainRow({ movement_id: long })}\n${plainRow()}\n"${long}\n`),
      Buffer.from(`${plainRow()}\ntrailer,5,0\n`),
    ]);
    expect((await read(text, 'SANDBOX')).map(({ line, ok }) => [line, ok])).toEqual([
      [2, false],
      [3, false],
      [4, true],
      [5, false],
      [6, true],
    ]);
  });

  test('of a value with a card number tells the column only', async () => {
    const card = '4242424242424242';
    const rows = await read(
      `${HEADER}\n${plainRow({ kind: card, amount: card })}\n${refund}\ntrailer,2,0`,
      'SANDBOX',
    );
    expect(JSON.stringify(rows)).not.toContain(card);
  });

  test.each([
    [`${HEADER}\n${plainRow()}\n${refund}\n`, 'trailer is missing'],
    [`${HEADER}\n${plainRow()}\ntrailer,2,92640`, '1 rows'],
    [`${HEADER}\n${plainRow()}\ntrailer,1,97641`, 'sum of net'],
    [`${HEADER}\n${plainRow()}\ntrailer,1`, 'trailer'],
    [`${HEADER}\n"${plainRow()}\ntrailer,1,97640`, 'trailer is missing'],
    ['', 'empty'],
    ['\ufeff \n', 'empty'],
  ])('that is not whole is refused: %#', async (text, detail) => {
    await expect(read(text, 'SANDBOX')).rejects.toMatchObject(refusal('truncated', detail));
  });

  test('with anything behind its trailer is refused', async () => {
    await expect(read(`${PLAIN}${refund}\n`, 'SANDBOX')).rejects.toMatchObject(
      refusal('unreadable', 'trailer'),
    );
  });

  test('without rows is a report of nothing', async () => {
    expect(await read(`${HEADER}\ntrailer,0,0\n`, 'SANDBOX')).toEqual([]);
  });

  test('is refused for its header, which lacks a column or has one twice', async () => {
    await expect(read(PLAIN.replace('tax,', 'gst,'), 'SANDBOX')).rejects.toMatchObject(
      refusal('unknown_format', 'for plain-csv tax missing'),
    );
    await expect(read(PLAIN.replace('settled_at', 'tax'), 'SANDBOX')).rejects.toMatchObject(
      refusal('unknown_format', 'tax twice'),
    );
    await expect(read('PK\u0003\u0004', 'PAYU')).rejects.toMatchObject(refusal('unknown_format', 'payu-csv'));
  });
});

test('the plain rows as JSON are the same, and say how many they are', async () => {
  const names = HEADER.split(',');
  const rows = [plainRow(), refund].map((row) =>
    Object.fromEntries(row.split(',').map((field, place) => [names[place]!, field])),
  );
  const fromCsv = await read(PLAIN, 'SANDBOX');
  const same = fromCsv.map((row, place) => ({ ...row, line: place + 1 }));
  expect(await read(JSON.stringify({ total: 2, rows, has_more: false }), 'SANDBOX')).toEqual(same);
  expect(await read(rows.map((row) => JSON.stringify(row)).join('\n'), 'STRIPE')).toEqual(same);
  for (const around of [{ total: 3 }, { total: 2, has_more: true }]) {
    await expect(read(JSON.stringify({ ...around, rows }), 'SANDBOX')).rejects.toMatchObject({
      code: 'truncated',
    });
  }
});

describe('a file', () => {
  const digest = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

  test('is known by the SHA-256 of its bytes and their number', async () => {
    const report = await opened(PLAIN, 'SANDBOX', { sha256: digest(PLAIN).toUpperCase() });
    expect(report).toMatchObject({
      name: path,
      digest: digest(PLAIN),
      sizeBytes: PLAIN.length,
      format: 'plain-csv',
    });
    const seen: number[] = [];
    for await (const _ of report.rows((bytes) => seen.push(bytes))) expect(seen.at(-1)).toBe(PLAIN.length);
    await report.close();
  });

  test('with another checksum than was said, or than stands beside it, is refused before a row is read', async () => {
    await expect(opened(PLAIN, 'SANDBOX', { sha256: digest('x') })).rejects.toMatchObject(
      refusal('checksum_differs', digest(PLAIN)),
    );
    const sidecar = `${path}.sha256`;
    const beside = async (text: string): Promise<string> => {
      writeFileSync(sidecar, text);
      return opened(PLAIN, 'SANDBOX').then(
        async (report) => {
          await report.close();
          return 'opened';
        },
        ({ code }) => code,
      );
    };
    try {
      expect(await beside(`${digest(PLAIN)}  report\n`)).toBe('opened');
      expect(await beside(`${digest('x')}  other\n${digest(PLAIN)} *some/where/report\r\n`)).toBe('opened');
      expect(await beside(digest(PLAIN))).toBe('opened');
      expect(await beside(`${digest('x')}  report\n`)).toBe('checksum_differs');
      expect(await beside(`${digest(PLAIN)}  other\n`)).toBe('checksum_differs');
      expect(await beside('')).toBe('checksum_differs');
    } finally {
      rmSync(sidecar);
    }
  });

  test('that is gone, or a directory, is refused by name', async () => {
    const options = { formats: settlementFormats('SANDBOX'), spoolDirectory: directory };
    await expect(openReport(join(directory, 'none'), options)).rejects.toMatchObject(
      refusal('unreadable', 'none: ENOENT'),
    );
    await expect(openReport(directory, options)).rejects.toMatchObject(refusal('unreadable', 'EISDIR'));
  });

  test('that was written to between its two passes is refused at its end', async () => {
    const report = await opened(PLAIN, 'SANDBOX');
    await appendFile(path, '\n');
    await expect(rowsOf(report)).rejects.toMatchObject(refusal('unreadable', 'changed'));
  });

  test('is unpacked when it is gzip, whatever its name; cut off, damaged or with more behind it is refused', async () => {
    const body = `${HEADER}\n${`${plainRow()}\n`.repeat(5000)}trailer,5000,${97_640 * 5000}\n`;
    const gzip = gzipSync(body);
    expect(await read(gzip, 'SANDBOX')).toHaveLength(5000);
    expect(
      await read(Buffer.concat([gzipSync(body.slice(0, 700)), gzipSync(body.slice(700))]), 'SANDBOX'),
    ).toHaveLength(5000);
    const wrongCheck = Buffer.from(gzip);
    wrongCheck[gzip.length - 6]! ^= 1;
    for (const [bytes, code] of [
      [gzip.subarray(0, -1), 'truncated'],
      [gzip.subarray(0, -8), 'truncated'],
      [gzip.subarray(0, 12), 'truncated'],
      [wrongCheck, 'unreadable'],
      [Buffer.concat([gzip, Buffer.from('more')]), 'unreadable'],
      [Buffer.concat([gzip, Buffer.alloc(4)]), 'unreadable'],
      [gzipSync(body.slice(0, -20)), 'truncated'],
    ] as const) {
      await expect(read(bytes, 'SANDBOX')).rejects.toMatchObject({ code });
    }
  });

  test('is read in a format by name, or not at all', async () => {
    await expect(opened(PLAIN, 'PAYU', { format: 'plain-csv' }).then(rowsOf)).resolves.toHaveLength(2);
    await expect(opened(PLAIN, 'PAYU', { format: 'payu-csv' })).rejects.toMatchObject(
      refusal('unknown_format', 'payuid'),
    );
    await expect(opened(PLAIN, 'PAYU', { format: 'xml' })).rejects.toMatchObject(
      refusal('unknown_format', 'payu-json'),
    );
  });

  test('of a million bytes a row is read in batches of a thousand', async () => {
    const report = await opened(`${HEADER}\n${`${plainRow()}\n`.repeat(12_345)}trailer,12345,0`, 'SANDBOX');
    const sizes: number[] = [];
    await expect(
      (async () => {
        for await (const batch of report.rows(() => undefined)) sizes.push(batch.length);
      })(),
    ).rejects.toMatchObject(refusal('truncated', 'sum of net'));
    await report.close();
    expect(sizes.length).toBeGreaterThanOrEqual(12);
    expect(sizes.every((size) => size === 1000)).toBe(true);
  });
});

describe('Razorpay', () => {
  const collection = JSON.parse(fixture('razorpay/fixtures/recon.json'));

  test('a collection is read as it was written, indented, on one line, as a list, and a row on each line', async () => {
    const lines = collection.items.map((item: object) => JSON.stringify(item));
    const texts = [
      fixture('razorpay/fixtures/recon.json'),
      JSON.stringify(collection),
      JSON.stringify({ items: collection.items, count: 4, entity: 'collection' }),
      JSON.stringify(collection.items),
      lines.join('\n'),
      `${lines.join('\r\n')}\r\n`,
    ];
    for (const text of texts) {
      const rows = await read(text, 'RAZORPAY');
      expect(rows.map((row) => row.line)).toEqual([1, 2, 3, 4]);
      expect(rows).toMatchObject([
        { row: { kind: 'payment', amount: 100_000, net: 97_100, transactionId: TXN.slice(4) } },
        { row: { kind: 'refund', net: -100_000, processorTxnId: 'pay_IH4NVgf4Dreq1l' } },
        { row: { kind: 'other', net: -10_295 } },
        // An adjustment that is not settled yet.
        { ok: true, row: null },
      ]);
    }
  });

  test('the same as CSV is the same', async () => {
    const names = Object.keys(collection.items[0]);
    const field = (value: unknown): string => {
      const text = value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
      return `"${text.replaceAll('"', '""')}"`;
    };
    const lines = collection.items.map((item: Record<string, unknown>) =>
      names.map((name) => field(item[name])).join(','),
    );
    const rows = await read([names.join(','), ...lines].join('\n'), 'RAZORPAY');
    const fromJson = await read(JSON.stringify(collection), 'RAZORPAY');
    expect(rows).toEqual(fromJson.map((row) => ({ ...row, line: row.line + 1 })));
  });

  test.each([
    ['settled', 'maybe', 'settled'],
    ['settled_at', '2026-01-21', 'settled_at'],
    ['amount', '1000.00', 'amount'],
    ['fee', '-1', 'fee'],
  ])('a CSV row with another %s, %s, is set aside', async (name, value, detail) => {
    const row: Record<string, unknown> = { ...collection.items[0], notes: '', [name]: value };
    const text = `${Object.keys(row).join(',')}\n${Object.values(row).join(',')}\n`;
    await expect(read(`${text}${text.split('\n')[1]}\n`, 'RAZORPAY')).resolves.toMatchObject([
      { ok: false, detail: expect.stringContaining(detail) },
      { ok: false },
    ]);
  });

  test('a count that is not the number of items is a report that is not whole', async () => {
    for (const count of [3, 5, undefined, '4']) {
      await expect(read(JSON.stringify({ ...collection, count }), 'RAZORPAY')).rejects.toMatchObject(
        refusal('truncated', 'count'),
      );
    }
  });

  test('an item that is no object, no JSON, too deep or too long is set aside; the others are read', async () => {
    const [item] = collection.items;
    const good = JSON.stringify(item);
    const items = [
      good,
      '"text"',
      '{"entity_id":nope}',
      `{"notes":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      `{"notes":"${'x'.repeat(1_100_000)}"}`,
      good.replace('100000', '1e400'),
      good.replace('100000', '9007199254740993'),
      good.replace('txn_', '\\u0000'),
      good,
    ];
    const rows = await read(`{"entity":"collection","items":[${items.join(' ,\n')}],"count":9}`, 'RAZORPAY');
    expect(rows.map(({ ok }) => ok)).toEqual([true, ...items.slice(2).map(() => false), true]);
  });

  test.each([
    ['{"entity":"collection","count":0}', 'unknown_format'],
    ['{"error":{"code":"BAD_REQUEST_ERROR"}}', 'unknown_format'],
    ['[{"id":"pay_1"}]', 'unknown_format'],
    ['{"count":1,"items":[', 'truncated'],
    ['{"count":1,"items":[1 2]}', 'unreadable'],
    ['{"count":0,"items":[],"items":[]}', 'unreadable'],
    ['{"count":0,"items":[]} {}', 'unreadable'],
    ['{"count":0,"items":7}', 'unknown_format'],
    ['[]x', 'unreadable'],
    [`{"a":${'['.repeat(500_000)}`, 'unknown_format'],
    [`{"items":[],${Array.from({ length: 300 }, (_, i) => `"a${i}":0`)},"count":0}`, 'unreadable'],
  ])('what is no collection is refused: %#', async (text, code) => {
    await expect(read(text, 'RAZORPAY')).rejects.toMatchObject({ code });
  });

  test('a time that no calendar of ours has sets its row aside', async () => {
    const item = { entity_id: 'adj_1', type: 'adjustment', amount: 5, credit: 5, debit: 0, currency: 'INR' };
    const rows = await read(
      [253_402_300_799, 253_402_300_800, 281_474_976_710]
        .map((at) => JSON.stringify({ ...item, settled: true, settled_at: at }))
        .join('\n'),
      'RAZORPAY',
    );
    expect(rows.map(({ ok }) => ok)).toEqual([true, false, false]);
  });

  test('a day without items is a report of nothing', async () => {
    expect(await read('{"entity":"collection","count":0,"items":[]}', 'RAZORPAY')).toEqual([]);
    expect(await read('[ ]', 'RAZORPAY')).toEqual([]);
  });
});

test.each([
  [
    'csv',
    (rows: string[]) => [`${HEADER},more`, ...rows.map((row) => `${plainRow()},${row}`), ''].join('\n'),
  ],
  ['list', (rows: string[]) => JSON.stringify({ rows: rows.map((more) => ({ more })), total: rows.length })],
  ['lines', (rows: string[]) => rows.map((more) => JSON.stringify({ ...JSON_ROW, more })).join('\n')],
])('of long rows fewer are held at a time: %s', async (_, textOf) => {
  const text = textOf(Array.from({ length: 60 }, () => 'x'.repeat(500_000)));
  const report = await opened(gzipSync(text, { level: 1 }), 'SANDBOX');
  const sizes: number[] = [];
  try {
    for await (const batch of report.rows(() => undefined)) sizes.push(batch.length);
  } catch {
    // Its end is of no interest here.
  } finally {
    await report.close();
  }
  expect(sizes.length).toBeGreaterThan(1);
});

const JSON_ROW = {
  ...{ transaction_id: '', processor_txn_id: 'ch_1', kind: 'payment', status: 'settled', amount: 1 },
  ...{ fee: 0, tax: 0, net: 1, currency: 'INR' },
};

test('a folder that takes no spooled report is named, and so is a checksum file that cannot be read', async () => {
  const away = { formats: settlementFormats('SANDBOX'), spoolDirectory: '/nowhere/at/all' };
  async function* none(): AsyncGenerator<[]> {
    yield [];
  }
  await expect(openItems(none(), away)).rejects.toThrow(
    'a report cannot be kept in /nowhere/at/all while it is read: ENOENT; TMPDIR names the folder',
  );
  mkdirSync(`${path}.sha256`);
  await expect(read(HEADER, 'SANDBOX')).rejects.toMatchObject(refusal('unreadable', '.sha256: EISDIR'));
  rmSync(`${path}.sha256`, { recursive: true });
});

test.each([
  ['4111111111111111', '411111****1111'],
  ['card 4111 1111 1111 1111, Asha', 'card 411111****1111, Asha'],
  ['7 3782-822463-10005 9', '7 378282****0005 9'],
  ['order 1700000000000', 'order 1700000000000'],
  ['41111111111111110000', '41111111111111110000'],
  [TXN, TXN],
])('a card number in the reference %j goes no further', async (reference, kept) => {
  const row = { ...JSON_ROW, transaction_id: reference };
  expect(await read(JSON.stringify(row), 'SANDBOX')).toMatchObject([{ ok: true, row: { reference: kept } }]);
});

test('a row that nothing but a card number names is set aside', async () => {
  const row = { ...JSON_ROW, transaction_id: '4111111111111111', processor_txn_id: '' };
  expect(await read(JSON.stringify(row), 'SANDBOX')).toEqual([
    { line: 1, ok: false, detail: 'its reference is a card number, and nothing else names it' },
  ]);
});

describe('PayU', () => {
  const sample = JSON.parse(fixture('payu/fixtures/settlement-rows.json'));

  test('rows come under keys, and an empty list is none', async () => {
    expect(await read(fixture('payu/fixtures/settlement-rows.json'), 'PAYU')).toMatchObject([
      { line: 1, row: { kind: 'payment', amount: 1_197_988, net: 1_169_715, utr: 'UTR20260121001' } },
      { line: 2, row: { kind: 'refund', net: -1050 } },
    ]);
    expect(await read('{"status":"1","msg":"0 transactions","Txn_details":[]}', 'PAYU')).toEqual([]);
  });

  test('an error is no report', async () => {
    const error = '{"status":0,"msg":"Please check date format","Txn_details":[]}';
    await expect(read(error, 'PAYU')).rejects.toMatchObject(refusal('truncated', 'status is not 1'));
  });

  test('the same as CSV is the same', async () => {
    const [first, second] = Object.values<Record<string, string>>(sample.Txn_details);
    const line = (row: object): string => Object.values(row).join(',');
    const rows = await read(`${Object.keys(first!).join(',')}\n${line(first!)}\n${line(second!)}`, 'PAYU');
    const fromJson = await read(JSON.stringify(sample), 'PAYU');
    expect(rows).toEqual(fromJson.map((row) => ({ ...row, line: row.line + 1 })));
  });

  const transaction = {
    action: 'capture',
    payuId: 'ID',
    requestId: '7000000001',
    transactionAmount: '11979.88',
    requestedAmount: 11_979.88,
    merchantServiceFee: '239.60',
    merchantServiceTax: '43.13',
    merchantNetAmount: '11697.15',
    merchantTransactionId: 'reference',
    transactionCurrency: 'INR',
    settlementCurrency: 'INR',
  };
  const json = (value: object): string => JSON.stringify(value).replaceAll('"ID"', '403993715521937565');
  const settlement = {
    settlementId: 'st_1',
    settlementAmount: '1',
    utrNumber: 'UTR1',
    transaction: [transaction],
  };

  test('the range API has transactions in settlements, and ids too long for a number stay exact', async () => {
    const body = { rows: 2, status: 1, result: [settlement, { ...settlement, settlementId: 'st_2' }] };
    expect(await read(json(body), 'PAYU')).toMatchObject([
      {
        line: 1,
        row: {
          processorTxnId: '403993715521937565',
          reference: 'reference',
          amount: 1_197_988,
          fee: 23_960,
          tax: 4313,
          net: 1_169_715,
          settlementId: 'st_1',
          utr: 'UTR1',
        },
      },
      { line: 2, row: { settlementId: 'st_2' } },
    ]);
  });

  test('a transaction of the range API that is wrong is told by the names it has there', async () => {
    const wrong = [
      { ...transaction, merchantServiceFee: '239.605' },
      { ...transaction, settlementCurrency: 'USD' },
      { ...transaction, merchantNetAmount: '11697.16' },
    ];
    const body = { status: 1, result: [{ ...settlement, transaction: wrong }] };
    expect((await read(json(body), 'PAYU')).map((row) => row.ok || row.detail)).toEqual([
      'merchantServiceFee is no amount in rupees',
      'transactionCurrency or settlementCurrency is not INR',
      'merchantNetAmount is not requestedAmount less fee and tax',
    ]);
  });
});

describe('Stripe', () => {
  const transaction = JSON.parse(fixture('stripe/fixtures/balance_transaction.json'));
  const row = JSON.parse(fixture('stripe/fixtures/balance_change_row.json'));
  const csv = (...rows: object[]): string =>
    [Object.keys(row), ...rows.map((one) => Object.values(one))].map((one) => one.join(',')).join('\r\n');

  test('a list of balance transactions, and one that has more behind it', async () => {
    const list = { object: 'list', url: '/v1/balance_transactions', has_more: false, data: [transaction] };
    expect(await read(JSON.stringify(list), 'STRIPE')).toMatchObject([
      { line: 1, row: { amount: 5000, tax: 18 } },
    ]);
    await expect(read(JSON.stringify({ ...list, has_more: true }), 'STRIPE')).rejects.toMatchObject(
      refusal('truncated', 'has_more'),
    );
  });

  test('a report is decimals of the main unit', async () => {
    expect(await read(csv(row, row), 'STRIPE')).toMatchObject([
      { line: 2, row: { amount: 5000, fee: 118, settlementId: 'po_1PXbankInABox0001' } },
      { line: 3 },
    ]);
  });

  test('a charge with a minus is set aside', async () => {
    const minus = { ...row, gross: '-50.00', net: '-51.18' };
    expect(await read(csv(minus, row), 'STRIPE')).toMatchObject([
      { ok: false, detail: expect.stringContaining('net') },
      { ok: true },
    ]);
  });

  test.each(['', '"', 'x'])(
    'a last line that is cut off is no bad line: the report is refused (%j)',
    async (end) => {
      await expect(read(`${csv(row)}\r\ntxn_1,2023${end}`, 'STRIPE')).rejects.toMatchObject(
        refusal('truncated', 'last line'),
      );
    },
  );

  test('a header that is cut off is refused', async () => {
    await expect(read(csv(), 'STRIPE')).rejects.toMatchObject(refusal('truncated', 'cut off'));
    expect(await read(`${csv()}\n`, 'STRIPE')).toEqual([]);
  });
});

test('standard input is a report, packed or not; a wrong checksum is refused, and no file is left behind', () => {
  const spoolDirectory = mkdtempSync(join(directory, 'spool-'));
  const script = `
    const { openReport } = await import(${JSON.stringify(import.meta.resolve('./open-report.ts'))});
    const { settlementFormats } = await import(${JSON.stringify(import.meta.resolve('../connectors/settlement-readers.ts'))});
    const { readdirSync } = await import('node:fs');
    const [spoolDirectory, sha256] = process.argv.slice(1);
    try {
      const report = await openReport('-', { formats: settlementFormats('SANDBOX'), spoolDirectory, sha256 });
      let rows = 0;
      for await (const batch of report.rows(() => undefined)) rows += batch.length;
      console.log(JSON.stringify({ name: report.name, size: report.sizeBytes, rows, left: readdirSync(spoolDirectory) }));
      await report.close();
    } catch (error) {
      console.log(JSON.stringify({ code: error.code, left: readdirSync(spoolDirectory) }));
    }`;
  const run = (input: string | Uint8Array, ...more: string[]): unknown =>
    JSON.parse(
      execFileSync(process.execPath, ['--input-type=module', '-e', script, spoolDirectory, ...more], {
        input,
        encoding: 'utf8',
      }),
    );
  const packed = gzipSync(PLAIN);
  expect(run(PLAIN)).toEqual({ name: '-', size: PLAIN.length, rows: 2, left: [] });
  expect(run(packed)).toEqual({ name: '-', size: packed.length, rows: 2, left: [] });
  expect(run(PLAIN, 'f'.repeat(64))).toEqual({ code: 'checksum_differs', left: [] });
  expect(run('')).toEqual({ code: 'truncated', left: [] });
});

describe('fetched items', () => {
  const items = JSON.parse(fixture('razorpay/fixtures/recon.json')).items;
  const options = { formats: settlementFormats('RAZORPAY'), spoolDirectory: '' };

  test('are a report of their own, that leaves no file behind', async () => {
    async function* pages(): AsyncGenerator<object[]> {
      yield items.slice(0, 3);
      yield items.slice(3);
    }
    const spoolDirectory = mkdtempSync(join(directory, 'spool-'));
    const report = await openItems(pages() as AsyncGenerator<Record<string, unknown>[]>, {
      ...options,
      spoolDirectory,
    });
    expect(report).toMatchObject({ name: 'api', format: 'razorpay-json' });
    expect(readdirSync(spoolDirectory)).toEqual([]);
    expect(await rowsOf(report)).toHaveLength(4);
  });

  test('of a day with none are an empty report, and of a fetch that failed none', async () => {
    async function* none(): AsyncGenerator<never[]> {
      yield [];
    }
    async function* broken(): AsyncGenerator<never[]> {
      yield [];
      throw new Error('cut off');
    }
    const spoolDirectory = mkdtempSync(join(directory, 'spool-'));
    expect(await rowsOf(await openItems(none(), { ...options, spoolDirectory }))).toEqual([]);
    await expect(openItems(broken(), { ...options, spoolDirectory })).rejects.toThrow('cut off');
    expect(readdirSync(spoolDirectory)).toEqual([]);
  });
});

describe('whatever the bytes', () => {
  const outcome = async (bytes: Uint8Array, processor: ProcessorName): Promise<ReadRow[] | string> => {
    try {
      return await read(bytes, processor);
    } catch (error) {
      expect(error).toMatchObject({ name: 'ReportRefused' });
      return (error as { code: string }).code;
    }
  };
  const pieces = fc.constantFrom(
    ...[
      '"',
      ',',
      '\n',
      '\r\n',
      '{',
      '}',
      '[',
      ']',
      ':',
      '\\',
      '\0',
      '\u00e9',
      '\ufeff',
      'trailer',
      '1',
      '-',
      '1e999',
    ],
    ...[
      HEADER,
      plainRow(),
      '{"count":1,"items":[',
      '{"status":1,"Txn_details":',
      '"transaction":[',
      '{"data":[',
    ],
  );

  test('rows or a refusal come of them, and no other error', async () => {
    const texts = fc.array(pieces, { maxLength: 40 }).map((some) => Buffer.from(some.join('')));
    const headed = texts.map((text) => Buffer.concat([Buffer.from(`${HEADER}\n`), text]));
    const packed = fc
      .uint8Array({ maxLength: 60 })
      .map((tail) => Buffer.concat([Buffer.from([0x1f, 0x8b]), tail]));
    const bytes = fc.oneof(texts, headed, packed, fc.uint8Array({ maxLength: 300 }));
    const processors = fc.constantFrom<ProcessorName>('SANDBOX', 'RAZORPAY', 'PAYU', 'STRIPE');
    await fc.assert(
      fc.asyncProperty(bytes, processors, async (some, processor) => {
        await outcome(some, processor);
      }),
      { numRuns: 1000 },
    );
  });

  const items: object[] = JSON.parse(fixture('razorpay/fixtures/recon.json')).items.slice(0, 2);
  const collection = JSON.stringify({ entity: 'collection', count: 2, items });
  const stripeRow: Record<string, string> = JSON.parse(fixture('stripe/fixtures/balance_change_row.json'));
  const stripe = [Object.keys(stripeRow), Object.values(stripeRow), Object.values(stripeRow)]
    .map((fields) => `${fields.join(',')}\n`)
    .join('');

  test.each<[string, ProcessorName, string | Buffer]>([
    ['plain CSV', 'SANDBOX', PLAIN],
    ['its gzip', 'SANDBOX', gzipSync(PLAIN)],
    ['Razorpay’s collection', 'RAZORPAY', collection],
    ['a list', 'RAZORPAY', JSON.stringify(items.slice(1))],
    ['PayU’s rows', 'PAYU', JSON.stringify(JSON.parse(fixture('payu/fixtures/settlement-rows.json')))],
  ])(
    '%s, cut off after any byte, is refused, unless only a line break is lost',
    async (_, processor, text) => {
      const bytes = Buffer.from(text as string);
      const whole = await outcome(bytes, processor);
      for (let length = 0; length < bytes.length; length++) {
        const cut = await outcome(bytes.subarray(0, length), processor);
        if (bytes.subarray(length).toString() === '\n') expect(cut).toEqual(whole);
        else expect([length, cut]).toEqual([length, expect.any(String)]);
      }
    },
  );

  test.each<[string, ProcessorName, string]>([
    ['a CSV without a trailer', 'STRIPE', stripe],
    ['a row on each line', 'RAZORPAY', items.map((item) => `${JSON.stringify(item)}\n`).join('')],
  ])('%s, cut off, is taken at the end of a line only, or in the last column', async (_, processor, text) => {
    const whole = await outcome(Buffer.from(text), processor);
    for (let length = 0; length < text.length; length++) {
      const cut = await outcome(Buffer.from(text.slice(0, length)), processor);
      if (typeof cut === 'string') continue;
      const lastBreak = text.lastIndexOf('\n', length - 1);
      const isAtEnd = text[length] === '\n' || lastBreak === length - 1;
      const isInLastColumn = processor === 'STRIPE' && !text.slice(length).split('\n', 1)[0]!.includes(',');
      expect([length, isAtEnd || isInLastColumn]).toEqual([length, true]);
      const sure = isAtEnd ? cut : cut.slice(0, -1);
      expect(sure).toEqual(whole.slice(0, sure.length));
    }
  });
});
