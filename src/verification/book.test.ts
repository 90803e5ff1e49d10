import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ProcessorName } from '../domain/processor-word.ts';
import { type Charge, type Refusal, readBook, tookMoney } from './book.ts';

let folder: string;
let files = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-book-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function linesOf(place: string, account?: string): Promise<Array<Charge | Refusal>> {
  const lines: Array<Charge | Refusal> = [];
  for await (const page of readBook({ place, processors: null }, account)) lines.push(...page);
  return lines;
}

async function chargesOf(place: string, account?: string): Promise<Charge[]> {
  return (await linesOf(place, account)).filter(tookMoney);
}

function fileOf(text: string): string {
  const path = join(folder, `book-${++files}`);
  writeFileSync(path, text);
  return path;
}

const CHARGE = { reference: 'txn_1', processor: null, amount: 100, currency: 'INR', account: 'acct_1' };

function line(over: object = {}): string {
  return JSON.stringify({
    at: 1,
    id: 'ch_1',
    ...CHARGE,
    status: 'succeeded',
    effect: 'charged',
    ...over,
  });
}

describe('NDJSON', () => {
  test('has the lines that took money, in their order, also the last without a newline', async () => {
    const lines = [
      line(),
      line({ reference: 'txn_2', status: 'declined', effect: 'none' }),
      line({ reference: 'txn_3', status: 'processing', effect: 'none', settles: true }),
      '',
      line({ reference: 'txn_4', amount: 7, currency: 'USD' }),
    ];
    expect(await chargesOf(fileOf(lines.join('\n')))).toEqual([
      CHARGE,
      { ...CHARGE, reference: 'txn_4', amount: 7, currency: 'USD' },
    ]);
    expect(await chargesOf(fileOf(''))).toEqual([]);
  });

  test('in a book of several each line says whose it is, and is the first’s if it does not; one of one is that one’s', async () => {
    const lines = [{}, { processor: 'STRIPE' }, { processor: 'PAYU' }, { processor: 'SANDBOX' }];
    const place = fileOf(lines.map((own) => line({ ...own, effect: 'none' })).join('\n'));
    const whose = async (...processors: ProcessorName[]): Promise<unknown[]> => {
      const found: unknown[] = [];
      for await (const page of readBook({ place, processors }, undefined)) {
        found.push(...page.map(({ processor }) => processor));
      }
      return found;
    };
    expect(await whose('SANDBOX', 'PAYU', 'STRIPE')).toEqual(['SANDBOX', 'STRIPE', 'PAYU', 'SANDBOX']);
    expect(await whose('SANDBOX_B')).toEqual(['SANDBOX_B', 'SANDBOX_B', 'SANDBOX_B', 'SANDBOX_B']);
  });

  test('has the lines that took none with the reason the bank gives', async () => {
    const none = { account: 'acct_1', effect: 'none' };
    const lines = [
      line({ reference: 'txn_2', status: 'declined', decline_code: 'card_declined', ...none }),
      line({ reference: 'txn_3', status: 'processing', settles: true, ...none }),
      line({ reference: 'txn_4', status: 'declined', decline_code: '', ...none, account: undefined }),
    ];
    expect(await linesOf(fileOf(lines.join('\n')))).toEqual([
      { reference: 'txn_2', processor: null, account: 'acct_1', declineCode: 'card_declined' },
      { reference: 'txn_3', processor: null, account: 'acct_1', declineCode: null },
      { reference: 'txn_4', processor: null, account: null, declineCode: null },
    ]);
  });

  test('goes by the status where a line has no effect', async () => {
    const text = ['captured', 'PAID', 'failed', 'authorized']
      .map((status) => line({ effect: undefined, reference: status, status }))
      .join('\n');
    expect((await chargesOf(fileOf(text))).map(({ reference }) => reference)).toEqual(['captured', 'PAID']);
  });

  test('of one account leaves the others out', async () => {
    const text = [line(), line({ account: 'acct_2', reference: 'txn_2' })].join('\n');
    expect(await chargesOf(fileOf(text), 'acct_1')).toEqual([CHARGE]);
    expect(await chargesOf(fileOf(text))).toHaveLength(2);
  });

  test.each<[string, string, string]>([
    ['is torn', line().slice(0, -5), 'JSON'],
    ['is no object', '[]', 'not a JSON object'],
    ['has an account that is no text', line({ account: 7 }), 'account is missing or not a text'],
    ['has no reference', line({ reference: undefined }), 'reference is missing'],
    ['has an amount with a point', line({ amount: 1.5 }), 'amount is not a whole number'],
    ['has a negative amount', line({ amount: -1 }), 'amount is not a whole number'],
    ['has no currency', line({ currency: undefined }), 'currency is missing'],
    ['has a currency of other letters', line({ currency: 'inr' }), 'currency is not three capitals'],
    ['has an effect nobody knows', line({ effect: 'maybe' }), 'effect is neither charged nor none'],
    [
      'has a status nobody knows',
      line({ effect: undefined, status: 'odd' }),
      'status says neither that money was taken nor that it was not: odd',
    ],
  ])('a line that %s is an error with file and line', async (_, bad, reason) => {
    const file = fileOf(`${line()}\n${bad}\n${line()}\n`);
    await expect(chargesOf(file)).rejects.toThrow(`${file}:2: `);
    await expect(chargesOf(file)).rejects.toThrow(reason);
  });

  test('without an account is an error where one account is asked for', async () => {
    await expect(chargesOf(fileOf(line({ account: undefined })), 'acct_1')).rejects.toThrow(
      'account is missing',
    );
  });
});

describe('CSV', () => {
  test('is read by its heading, whatever the order, case, quotes and line ends', async () => {
    const text = [
      '\uFEFF"id",Currency, AMOUNT ,status,reference',
      'ch_1,INR,100,succeeded,txn_1',
      '"a ""quoted"", id",INR,"7",Captured,"txn_2"',
      ',INR,100,failed,txn_3',
    ].join('\r\n');
    const charge = { ...CHARGE, account: null };
    expect(await chargesOf(fileOf(text))).toEqual([charge, { ...charge, reference: 'txn_2', amount: 7 }]);
  });

  test.each<[string, string, number, string]>([
    ['lacks a column', 'reference,amount\n', 1, 'heading with a column currency'],
    ['is no heading', 'hello\n', 1, 'neither JSON nor a CSV heading'],
    [
      'has a line too short',
      'reference,amount,currency,status\na,1,INR',
      2,
      '3 columns, and the heading has 4',
    ],
    ['has an open quote', 'reference,amount,currency,status\n"a,1,INR,paid', 2, 'column 1 has a quote'],
    [
      'has a quote within a cell',
      'reference,amount,currency,status\na,1,I"NR,paid',
      2,
      'column 3 has a quote',
    ],
    ['has an amount with a point', 'reference,amount,currency,status\na,1.00,INR,paid', 2, 'amount is not'],
    ['says nothing of the money', 'reference,amount,currency\na,1,INR', 2, 'status says neither'],
  ])('that %s is an error with file and line', async (_, text, number, reason) => {
    const file = fileOf(text);
    await expect(chargesOf(file)).rejects.toThrow(`${file}:${number}: `);
    await expect(chargesOf(file)).rejects.toThrow(reason);
  });
});

test('a file that is not there is an error that names it', async () => {
  const file = join(folder, 'nowhere');
  await expect(chargesOf(file)).rejects.toThrow(`${file} cannot be read: ENOENT`);
});

describe('over HTTP', () => {
  let server: Server;

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  async function bank(answer: (response: ServerResponse, path: string) => void): Promise<string> {
    server = createServer((request, response) => answer(response, request.url!));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test('is streamed from the bank, wherever it cuts its lines', async () => {
    const url = await bank((response, path) => {
      expect(path).toBe('/_bank/charges');
      const text = `${line()}\n${line({ reference: 'txn_2' })}\n`;
      response.write(text.slice(0, 30));
      setImmediate(() => response.end(text.slice(30)));
    });
    const references = (await chargesOf(`${url}/`)).map(({ reference }) => reference);
    expect(references).toEqual(['txn_1', 'txn_2']);
  });

  test('a bank that breaks off is an error, not a shorter book', async () => {
    const url = await bank((response) => {
      response.write(`${line()}\n`);
      setImmediate(() => response.destroy());
    });
    await expect(chargesOf(url)).rejects.toThrow(`${url}/_bank/charges cannot be read: `);
  });

  test('a bank that refuses or is away is an error that names the address', async () => {
    const url = await bank((response) => response.writeHead(404).end());
    await expect(chargesOf(url)).rejects.toThrow(`${url}/_bank/charges cannot be read: it answers 404`);
    server.close();
    await once(server, 'close');
    await expect(chargesOf(url)).rejects.toThrow(/cannot be read: .*ECONNREFUSED/);
  });
});
