/**
 * The whole bank over real HTTP: what a gateway and an operator can rely on. Where it is killed or ends it is a process of its own.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cardNumber } from './card-numbers.ts';
import { type Endpoint, openEndpoint } from './testing/endpoint.ts';
import { type RunningBank, runHere } from './testing/running-bank.ts';

interface Heard {
  readonly eventId: string;
  readonly type: string;
  readonly status: string;
  readonly reference: string;
  readonly genuine: boolean;
}

interface BankApart extends RunningBank {
  readonly process: ChildProcess;
  readonly stderr: () => string;
}

/** The fields of the bank's JSON answers that the tests look at. */
interface Answered {
  readonly id: string;
  readonly status: string;
  readonly error: { readonly code: string; readonly field?: string };
  readonly sent: readonly { readonly status: number }[];
}

interface BankResponse extends Response {
  json(): Promise<Answered>;
}

const call = fetch as (url: string, init?: RequestInit) => Promise<BankResponse>;
const secretKey = 'bank_sk_test';
const webhookSecret = 'whsec_bank_test';
const SUCCESS = '4111111111111111';
let dataDir: string;
let merchant: Endpoint;
let heard: Heard[];
let answerWith: number;
const banks: RunningBank[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sandbox-bank-'));
  heard = [];
  answerWith = 200;
  merchant = await openEndpoint((body, headers) => {
    const { event_id, type, data } = JSON.parse(body);
    const signed = `${headers['x-sandbox-timestamp']}.${body}`;
    const signature = createHmac('sha256', webhookSecret).update(signed).digest('hex');
    const genuine = headers['x-sandbox-signature'] === signature;
    heard.push({ eventId: event_id, type, status: data.status, reference: data.reference, genuine });
    return answerWith;
  });
});

afterEach(async () => {
  for (const bank of banks.splice(0)) await bank.end();
  merchant.close();
  await rm(dataDir, { recursive: true });
});

function environmentOf(more: Record<string, string>): Record<string, string> {
  const callbackUrl = `${merchant.url}/webhooks/sandbox`;
  return {
    SANDBOX_PORT: '0',
    SANDBOX_DATA_DIR: dataDir,
    SANDBOX_CALLBACK_DELAY_MS: '10',
    SANDBOX_ACCOUNTS: JSON.stringify([{ account: 'acct_demo', secretKey, webhookSecret, callbackUrl }]),
    ...more,
  };
}

function spawnBank(environment: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [new URL('./main.ts', import.meta.url).pathname], {
    env: environmentOf(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function startBank(environment: Record<string, string> = {}): Promise<RunningBank> {
  const bank = await runHere(environmentOf(environment));
  banks.push(bank);
  return bank;
}

/** A bank that can be killed, and whose words can be read. */
async function startBankApart(environment: Record<string, string> = {}): Promise<BankApart> {
  const child = spawnBank(environment);
  let stderr = '';
  child.stderr!.on('data', (chunk) => {
    stderr += chunk;
  });
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  const { ready, port } = JSON.parse(line);
  expect(ready).toBe(true);
  const bank: BankApart = {
    process: child,
    url: `http://127.0.0.1:${port}`,
    stderr: () => stderr,
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
  banks.push(bank);
  return bank;
}

async function runToExit(environment: Record<string, string>): Promise<{ code: number; stderr: string }> {
  const child = spawnBank(environment);
  let stderr = '';
  child.stderr!.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, stderr };
}

function charge(
  bank: RunningBank,
  reference: string,
  number = SUCCESS,
  amount = 1050,
): Promise<BankResponse> {
  const card = { number, expiry_month: 12, expiry_year: 2040, cvv: '123', name: 'A Shopper' };
  return call(`${bank.url}/v1/charges`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${secretKey}` },
    body: JSON.stringify({ reference, amount, currency: 'INR', card }),
  });
}

function query(bank: RunningBank, reference: string): Promise<BankResponse> {
  return call(`${bank.url}/v1/charges?reference=${reference}`, {
    headers: { Authorization: `Bearer ${secretKey}` },
  });
}

function operate(bank: RunningBank, path: string, body: object): Promise<BankResponse> {
  return call(`${bank.url}/_bank/${path}`, { method: 'POST', body: JSON.stringify(body) });
}

async function bookOf(bank: RunningBank, reference?: string): Promise<Record<string, unknown>[]> {
  const response = await call(
    `${bank.url}/_bank/charges${reference === undefined ? '' : `?reference=${reference}`}`,
  );
  const lines = (await response.text()).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line));
}

function hears(count: number): Promise<void> {
  return vi.waitFor(() => expect(heard).toHaveLength(count), { timeout: 10_000, interval: 10 });
}

describe('charges', () => {
  it('books 50 parallel requests of one reference once, even while the first is delayed', async () => {
    const bank = await startBank({ SANDBOX_DELAY_MS: '50' });
    const responses = await Promise.all(Array.from({ length: 50 }, () => charge(bank, 'r1')));
    const ids = new Set(await Promise.all(responses.map(async (response) => (await response.json()).id)));
    expect(ids.size).toBe(1);
    expect(
      responses.filter((response) => response.headers.get('Idempotent-Replayed') === 'true'),
    ).toHaveLength(49);
    expect(await bookOf(bank, 'r1')).toMatchObject([
      {
        account: 'acct_demo',
        amount: 1050,
        currency: 'INR',
        last4: '1111',
        effect: 'charged',
        status: 'succeeded',
      },
    ]);
    await hears(1);
    expect(heard).toMatchObject([{ type: 'charge.succeeded', reference: 'r1', genuine: true }]);
  });

  it('answers 401, 400, 404, 405, 409 and 413 by name', async () => {
    const bank = await startBank();
    const stranger = await call(`${bank.url}/v1/charges`, {
      method: 'POST',
      headers: { Authorization: 'Bearer x' },
    });
    expect([stranger.status, (await stranger.json()).error.code]).toEqual([401, 'unauthorized']);
    const bad = await charge(bank, 'r1', '4111111111111112');
    expect([bad.status, (await bad.json()).error]).toMatchObject([
      400,
      { code: 'card_number_invalid', field: 'card.number' },
    ]);
    const unknown = await query(bank, 'r1');
    expect([unknown.status, (await unknown.json()).error.code]).toEqual([404, 'charge_not_found']);
    await charge(bank, 'r1');
    const reused = await charge(bank, 'r1', SUCCESS, 99);
    expect([reused.status, (await reused.json()).error.code]).toEqual([409, 'reference_reused']);
    const headers = { Authorization: `Bearer ${secretKey}` };
    expect((await call(`${bank.url}/v1/charges`, { method: 'PUT', headers })).status).toBe(405);
    const huge = await call(`${bank.url}/v1/charges`, { method: 'POST', headers, body: 'x'.repeat(70_000) });
    expect(huge.status).toBe(413);
    const broken = await call(`${bank.url}/v1/charges`, { method: 'POST', headers, body: '{' });
    expect((await broken.json()).error.code).toBe('invalid_json');
    expect(await bookOf(bank)).toHaveLength(1);
  });

  it('declines with a closed reference, and shows no card data', async () => {
    const bank = await startBank();
    const text = await (await charge(bank, 'r1', '4000000000000119')).text();
    expect(JSON.parse(text)).toMatchObject({
      status: 'declined',
      decline_code: 'insufficient_funds',
      reference_closed: true,
    });
    expect(text).not.toMatch(/0119|40000000|123|Shopper/);
    expect(await (await query(bank, 'r1')).text()).toBe(text);
    await hears(1);
    expect(heard[0]).toMatchObject({ type: 'charge.declined', status: 'declined' });
    expect(await bookOf(bank)).toMatchObject([{ effect: 'none' }]);
  });

  it('plays the documented cards', async () => {
    const bank = await startBankApart();
    expect(await (await charge(bank, 'r91', cardNumber('40000091', 1))).json()).toMatchObject({
      status: 'processing',
    });
    expect(await (await charge(bank, 'r92', cardNumber('40000092', 1))).json()).toMatchObject({
      status: 'processing',
    });
    expect(await (await charge(bank, 'r93', cardNumber('40000093', 1))).json()).toMatchObject({
      status: 'succeeded',
    });
    await expect(charge(bank, 'r94', cardNumber('40000094', 1))).rejects.toThrow();
    await expect(charge(bank, 'r95', cardNumber('40000095', 1))).rejects.toThrow();
    expect((await charge(bank, 'r97', cardNumber('40000097', 1))).status).toBe(500);
    const page = await charge(bank, 'r98', cardNumber('40000098', 1));
    expect([page.status, page.headers.get('Content-Type')]).toEqual([502, 'text/html']);
    const late = charge(bank, 'r96', cardNumber('40000096', 1)).catch((error: Error) => error);
    await hears(4);
    expect(heard.map(({ reference }) => reference).toSorted()).toEqual(['r92', 'r95', 'r96', 'r97']);
    expect(heard.every(({ status, genuine }) => status === 'succeeded' && genuine)).toBe(true);
    expect((await query(bank, 'r98')).status).toBe(404);
    const statuses = await Promise.all(
      ['r91', 'r92', 'r94', 'r96'].map(
        async (reference) => (await (await query(bank, reference)).json()).status,
      ),
    );
    expect(statuses).toEqual(['processing', 'succeeded', 'succeeded', 'succeeded']);
    const charged = (await bookOf(bank)).filter(({ effect }) => effect === 'charged');
    expect(charged.map(({ reference }) => reference).toSorted()).toEqual([
      'r92',
      'r93',
      'r94',
      'r95',
      'r96',
      'r97',
    ]);
    bank.process.kill('SIGKILL');
    expect(await late).toBeInstanceOf(Error);
  });
});

describe('restarts', () => {
  it('keeps the book over kill -9 and sends the callbacks still owed, with the same event id', async () => {
    answerWith = 503;
    const first = await startBankApart();
    const ids = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => (await (await charge(first, `r${index}`)).json()).id),
    );
    await charge(first, 'settling', cardNumber('40000092', 2));
    await hears(21);
    first.process.kill('SIGKILL');
    await once(first.process, 'exit');
    const before = new Map(heard.map(({ reference, eventId }) => [reference, eventId]));
    await appendFile(join(dataDir, 'book.ndjson'), '{"at":1,"id":"ch_torn","refer');
    heard = [];
    answerWith = 200;
    const second = await startBankApart();
    expect(second.stderr()).toContain('torn line');
    await hears(21);
    expect(new Map(heard.map(({ reference, eventId }) => [reference, eventId]))).toEqual(before);
    const replayed = await charge(second, 'r7');
    expect(replayed.headers.get('Idempotent-Replayed')).toBe('true');
    expect((await replayed.json()).id).toBe(ids[7]);
    expect(await bookOf(second)).toHaveLength(22);
    second.process.kill('SIGTERM');
    expect(await once(second.process, 'exit')).toEqual([0, null]);
    heard = [];
    const third = await startBankApart();
    expect(await (await call(`${third.url}/_bank/health`)).json()).toEqual({
      ok: true,
      callbacks_pending: 0,
    });
    expect(heard).toEqual([]);
  });

  it('stops with 0 on SIGTERM while an answer is delayed, and the charge is in the book', async () => {
    const first = await startBankApart({ SANDBOX_DELAY_MS: '60000' });
    const delayed = charge(first, 'r1').catch((error: Error) => error);
    await vi.waitFor(async () => expect((await query(first, 'r1')).status).toBe(200), { timeout: 5000 });
    first.process.kill('SIGTERM');
    expect(await once(first.process, 'exit')).toEqual([0, null]);
    expect(await delayed).toBeInstanceOf(Error);
    const second = await startBankApart();
    expect(await bookOf(second, 'r1')).toHaveLength(1);
  });

  it('redelivers a refused callback after a second', async () => {
    answerWith = 500;
    const bank = await startBank();
    await charge(bank, 'r1');
    await hears(1);
    answerWith = 200;
    await hears(2);
    expect(heard[1]?.eventId).toBe(heard[0]?.eventId);
  });
});

describe('the operator', () => {
  it('orders faults that strike as often as counted', async () => {
    const bank = await startBank();
    const fault = await operate(bank, 'faults', { step: 'charge', fault: 'drop', reference: 'r1' });
    expect(fault.status).toBe(201);
    await operate(bank, 'faults', { step: 'query', fault: 'error500', count: 2 });
    await operate(bank, 'faults', { step: 'charge', fault: 'html502', amount: 77 });
    await expect(charge(bank, 'r1')).rejects.toThrow();
    expect((await charge(bank, 'r2')).status).toBe(200);
    expect((await charge(bank, 'r3', SUCCESS, 77)).status).toBe(502);
    expect((await query(bank, 'r1')).status).toBe(500);
    expect((await query(bank, 'r1')).status).toBe(500);
    expect(await (await query(bank, 'r1')).json()).toMatchObject({ status: 'succeeded' });
    expect((await query(bank, 'r3')).status).toBe(404);
    await operate(bank, 'faults', { step: 'query', fault: 'drop', card: '411111', count: 9 });
    await expect(query(bank, 'r1')).rejects.toThrow();
    await call(`${bank.url}/_bank/faults`, { method: 'DELETE' });
    expect((await query(bank, 'r1')).status).toBe(200);
    const misspelt = await operate(bank, 'faults', { step: 'query', fault: 'drop', refrence: 'r1' });
    expect([misspelt.status, (await misspelt.json()).error.field]).toEqual([400, 'refrence']);
    for (const step of ['charge', 'query', 'callback']) {
      const noDelay = await operate(bank, 'faults', { step, fault: 'delay' });
      expect([noDelay.status, (await noDelay.json()).error.field]).toEqual([400, 'ms']);
    }
  });

  it.each([
    ['drop', true, null],
    ['dropBefore', false, null],
    ['error503', false, 503],
    ['html504', true, 504],
    ['reset', true, null],
    ['otherReference', true, 200],
  ])('charge fault %s: charged %s, answered %s', async (fault, charged, status) => {
    const bank = await startBank();
    await operate(bank, 'faults', { step: 'charge', fault, reference: 'txn_1' });
    const answered = await charge(bank, 'txn_1')
      .then(async (response) => ({ status: response.status, text: await response.text() }))
      .catch(() => null);
    // A reset comes while the body is read: the fetch, or the reading, fails.
    expect(answered?.status ?? null).toBe(status);
    if (fault === 'otherReference') expect(JSON.parse(answered!.text).reference).toBe('txn_2');
    expect((await bookOf(bank, 'txn_1')).map(({ effect }) => effect)).toEqual(charged ? ['charged'] : []);
    expect((await query(bank, 'txn_1')).status).toBe(charged ? 200 : 404);
    expect(await (await call(`${bank.url}/_bank/faults`)).json()).toEqual({
      waiting: 0,
      struck: { [`charge ${fault}`]: 1 },
    });
  });

  it.each(['drop', 'delay', 'error500', 'html504', 'reset', 'otherReference', 'bookLate', 'callbackFirst'])(
    'charge fault %s does not charge the card that is not charged, and goes on waiting',
    async (fault) => {
      const bank = await startBank();
      await operate(bank, 'faults', { step: 'charge', fault, reference: 'r1', ms: 1 });
      const answered = await charge(bank, 'r1', cardNumber('40000098', 1));
      expect([answered.status, answered.headers.get('Content-Type')]).toEqual([502, 'text/html']);
      expect(await (await call(`${bank.url}/_bank/faults`)).json()).toEqual({ waiting: 1, struck: {} });
      // What was ordered strikes the next charge that can be made.
      const broken = (error: Error) => error;
      await charge(bank, 'r1')
        .then((response) => response.text())
        .catch(broken);
      await vi.waitFor(async () => expect(await bookOf(bank)).toMatchObject([{ last4: '1111' }]), {
        timeout: 10_000,
      });
    },
  );

  it('keeps the promise of no callback although one is ordered before the answer', async () => {
    const bank = await startBank();
    await operate(bank, 'faults', { step: 'charge', fault: 'callbackFirst', amount: 1050 });
    await charge(bank, 'silent', cardNumber('40000093', 1));
    expect(await (await call(`${bank.url}/_bank/faults`)).json()).toEqual({ waiting: 1, struck: {} });
    await charge(bank, 'r2');
    expect(new Set(heard.map(({ reference }) => reference))).toEqual(new Set(['r2']));
  });

  it.each(['otherReference', 'notFound'])('query fault %s waits for a charge to lie about', async (fault) => {
    const bank = await startBank();
    await operate(bank, 'faults', { step: 'query', fault, reference: 'r1' });
    expect((await query(bank, 'r1')).status).toBe(404);
    expect(await (await call(`${bank.url}/_bank/faults`)).json()).toEqual({ waiting: 1, struck: {} });
    await charge(bank, 'r1');
    await (await query(bank, 'r1')).text();
    expect(await (await call(`${bank.url}/_bank/faults`)).json()).toEqual({
      waiting: 0,
      struck: { [`query ${fault}`]: 1 },
    });
  });

  it('books late: unknown to queries until then, charged and called back afterwards', async () => {
    const bank = await startBank();
    await operate(bank, 'faults', { step: 'charge', fault: 'bookLate', reference: 'r1', ms: 300 });
    await expect(charge(bank, 'r1')).rejects.toThrow();
    expect((await query(bank, 'r1')).status).toBe(404);
    await hears(1);
    expect(heard).toMatchObject([{ type: 'charge.succeeded', reference: 'r1', genuine: true }]);
    expect(await bookOf(bank, 'r1')).toMatchObject([{ effect: 'charged' }]);
  });

  it('stops with 0 while a charge is to be booked late, and forgets it', async () => {
    const first = await startBankApart();
    await operate(first, 'faults', { step: 'charge', fault: 'bookLate', reference: 'r1', ms: 500 });
    await expect(charge(first, 'r1')).rejects.toThrow();
    first.process.kill('SIGTERM');
    expect(await once(first.process, 'exit')).toEqual([0, null]);
    expect(await bookOf(await startBankApart())).toEqual([]);
  });

  it('calls back before it answers', async () => {
    const bank = await startBank({ SANDBOX_CALLBACK_DELAY_MS: '60000' });
    await operate(bank, 'faults', { step: 'charge', fault: 'callbackFirst', reference: 'r1' });
    await charge(bank, 'r1');
    expect(heard).toMatchObject([{ type: 'charge.succeeded', reference: 'r1', genuine: true }]);
  });

  it('answers queries with another reference, half an answer, or 404 for what is booked', async () => {
    const bank = await startBank();
    await charge(bank, 'txn_1');
    for (const fault of ['otherReference', 'reset', 'notFound']) {
      await operate(bank, 'faults', { step: 'query', fault, reference: 'txn_1' });
    }
    expect(JSON.parse(await (await query(bank, 'txn_1')).text()).reference).toBe('txn_2');
    const broken = query(bank, 'txn_1').then((response) => response.text());
    await expect(broken).rejects.toThrow();
    expect((await query(bank, 'txn_1')).status).toBe(404);
    expect((await query(bank, 'txn_1')).status).toBe(200);
  });

  it('sends an older word after the final one', async () => {
    const bank = await startBank();
    await operate(bank, 'faults', { step: 'callback', fault: 'reorder', reference: 'r1' });
    await charge(bank, 'r1');
    await hears(2);
    expect(heard.map(({ type, genuine }) => [type, genuine])).toEqual([
      ['charge.succeeded', true],
      ['charge.processing', true],
    ]);
    expect(heard[0]!.eventId).not.toBe(heard[1]!.eventId);
  });

  it.each([
    ['forge', false],
    ['forgeSignature', false],
    ['forgeAccount', true],
    ['forgeAmount', true],
  ])('%s says the opposite first, then the truth; signed rightly: %s', async (fault, genuine) => {
    const bank = await startBank();
    await operate(bank, 'faults', { step: 'callback', fault, reference: 'r1' });
    await charge(bank, 'r1', '4000000000000002');
    await hears(2);
    expect(heard.map(({ type, genuine: signed }) => [type, signed])).toEqual([
      ['charge.succeeded', genuine],
      ['charge.declined', true],
    ]);
    expect(heard[0]!.eventId).not.toBe(heard[1]!.eventId);
  });

  it('clears the faults of one amount', async () => {
    const bank = await startBank();
    await operate(bank, 'faults', { step: 'charge', fault: 'drop', amount: 77 });
    await operate(bank, 'faults', { step: 'charge', fault: 'drop', amount: 78 });
    const cleared = await call(`${bank.url}/_bank/faults?amount=77`, { method: 'DELETE' });
    expect(await cleared.json()).toEqual({ cleared: 1 });
    expect((await charge(bank, 'r1', SUCCESS, 77)).status).toBe(200);
    await expect(charge(bank, 'r2', SUCCESS, 78)).rejects.toThrow();
    const wrong = await call(`${bank.url}/_bank/faults?amount=x`, { method: 'DELETE' });
    expect([wrong.status, (await wrong.json()).error.field]).toEqual([400, 'amount']);
  });

  it('sends callbacks twice more, forged first, or again on demand', async () => {
    const bank = await startBank();
    await operate(bank, 'faults', { step: 'callback', fault: 'duplicate', reference: 'twice' });
    await operate(bank, 'faults', { step: 'callback', fault: 'forge', reference: 'forged' });
    await charge(bank, 'twice');
    await hears(3);
    expect(new Set(heard.map(({ eventId }) => eventId)).size).toBe(1);
    heard = [];
    await charge(bank, 'forged');
    await hears(2);
    expect(heard.map(({ genuine }) => genuine)).toEqual([false, true]);
    heard = [];
    const replay = await operate(bank, 'callbacks/replay', { reference: 'forged', times: 2 });
    expect((await replay.json()).sent.map(({ status }) => status)).toEqual([200, 200]);
    expect(heard).toHaveLength(2);
    expect((await operate(bank, 'callbacks/replay', { reference: 'nobody' })).status).toBe(404);
  });

  it('changes the delays', async () => {
    const bank = await startBank();
    const changed = await operate(bank, 'delay', { ms: 120, callbackMs: 0 });
    expect(await changed.json()).toEqual({ ms: 120, callbackMs: 0, challengeMs: 300_000 });
    const startedAt = performance.now();
    await charge(bank, 'r1');
    expect(performance.now() - startedAt).toBeGreaterThan(110);
    expect((await operate(bank, 'delay', { ms: -1 })).status).toBe(400);
    expect(await (await call(`${bank.url}/_bank/delay`)).json()).toEqual({
      ms: 120,
      callbackMs: 0,
      challengeMs: 300_000,
    });
    expect(await (await call(bank.url)).text()).toContain(SUCCESS);
  });

  it('goes away when told to: refuses connections, and is back with its book', async () => {
    const bank = await startBank();
    await charge(bank, 'r1');
    await operate(bank, 'delay', { ms: 60_000 });
    const cutOff = charge(bank, 'r2').catch((error: Error) => error);
    await vi.waitFor(async () => expect(await bookOf(bank, 'r2')).toHaveLength(1), { timeout: 10_000 });
    expect((await operate(bank, 'outage', { ms: 0 })).status).toBe(400);
    expect((await operate(bank, 'outage', { ms: 2000 })).status).toBe(200);
    expect(await cutOff).toBeInstanceOf(Error);
    await vi.waitFor(() => expect(query(bank, 'r1')).rejects.toThrow(), { timeout: 10_000 });
    await vi.waitFor(async () => expect(await bookOf(bank)).toHaveLength(2), { timeout: 15_000 });
    expect(await (await query(bank, 'r2')).json()).toMatchObject({ status: 'succeeded' });
  });

  it('books late what was on its way when it went away', async () => {
    const bank = await startBank();
    await operate(bank, 'faults', { step: 'charge', fault: 'bookLate', reference: 'r1', ms: 1500 });
    await expect(charge(bank, 'r1')).rejects.toThrow();
    await operate(bank, 'outage', { ms: 100 });
    await hears(1);
    expect(heard).toMatchObject([{ type: 'charge.succeeded', reference: 'r1', genuine: true }]);
    expect(await bookOf(bank, 'r1')).toMatchObject([{ effect: 'charged' }]);
  });

  it('stops with 0 while it is away', async () => {
    const bank = await startBankApart();
    await operate(bank, 'outage', { ms: 60_000 });
    bank.process.kill('SIGTERM');
    expect(await once(bank.process, 'exit')).toEqual([0, null]);
  });
});

describe('settings', () => {
  it('refuses bad ones by name with 2, without repeating secrets', async () => {
    const accounts = JSON.stringify([{ account: 'a', secretKey, webhookSecret: '', callbackUrl: 'ftp://x' }]);
    const environment = {
      SANDBOX_PORT: 'x',
      SANDBOX_HOST: '0.0.0.0',
      SANDBOX_FSYNC: 'maybe',
      SANDBOX_ACCOUNTS: accounts,
    };
    const { code, stderr } = await runToExit({ ...environment, SANDBOX_DATA_DIR: '' });
    expect(code).toBe(2);
    for (const name of [...Object.keys(environment), 'SANDBOX_DATA_DIR']) expect(stderr).toContain(`${name}`);
    expect(stderr).not.toContain(secretKey);
  });

  it('refuses a data directory and a port in use with 1', async () => {
    const bank = await startBank();
    const sameDir = await runToExit({});
    expect([sameDir.code, sameDir.stderr]).toEqual([1, expect.stringContaining('SANDBOX_DATA_DIR')]);
    const otherDir = join(dataDir, 'other');
    const samePort = await runToExit({ SANDBOX_DATA_DIR: otherDir, SANDBOX_PORT: new URL(bank.url).port });
    expect([samePort.code, samePort.stderr]).toEqual([1, expect.stringContaining('SANDBOX_PORT')]);
  });
});
