/**
 * The core under a dialect that has everything plain has not: what every dialect may count on.
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Dialects } from './dialects.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';
import { ASKED, HELD, hashOf, LATE, LATE_MS, OPEN, openBabel } from './testing/babel.ts';

const SECRET = 'whsec_test';
const WAIT = { timeout: 10_000 };
let dataDir: string;
let merchant: Server;
let bank: Sandbox;
let url: string;
let kept: ReturnType<typeof openBabel>['kept'];
/** Bodies of callbacks, in the order in which they came. */
const heard: string[] = [];
/** What the merchant answers to the next callbacks; 200 when none is left. */
const answers: number[] = [];
const failures: Error[] = [];

interface Shown {
  readonly id: string;
  readonly reference: string;
  readonly status: string;
  readonly word: string | null;
  readonly facts: object;
}

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sandbox-desk-'));
  merchant = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      heard.push(`${request.headers['content-type']} ${body}`);
      response.writeHead(answers.shift() ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => merchant.listen(0, '127.0.0.1', resolve));
  await openBank();
});

afterEach(async () => {
  await bank.stop();
  merchant.closeAllConnections();
  await new Promise((resolve) => merchant.close(resolve));
  await rm(dataDir, { recursive: true });
  heard.length = 0;
  answers.length = 0;
  expect(failures.splice(0)).toEqual([]);
});

async function openBank(callbackDelayMs = 0): Promise<void> {
  const opened = openBabel();
  kept = opened.kept;
  const callbackUrl = new URL(`http://127.0.0.1:${(merchant.address() as AddressInfo).port}/`);
  bank = await startSandbox(
    {
      host: '127.0.0.1',
      port: 0,
      dataDir,
      accounts: [
        { dialect: 'stripe', account: 'acct_1', secretKey: 'sk', webhookSecret: SECRET, callbackUrl },
      ],
      delayMs: 0,
      callbackDelayMs,
      challengeMs: 300_000,
      durable: false,
      shopFile: undefined,
    },
    () => undefined,
    (error) => failures.push(error),
    new Dialects([opened.babel]),
  );
  url = `http://127.0.0.1:${bank.port}`;
}

async function restart(callbackDelayMs = 0): Promise<void> {
  await bank.stop();
  await openBank(callbackDelayMs);
}

function post(path: string, body: object = {}): Promise<Response> {
  return fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
}

function order(reference: string, amount = 100, more: object = {}): Promise<Response> {
  return post('/babel', { reference, amount, note: `of ${reference}`, ...more });
}

async function charge(reference: string, amount?: number): Promise<Shown> {
  return (await (await order(reference, amount)).json()) as Shown;
}

async function ask(reference: string): Promise<Shown[]> {
  return (await (await fetch(`${url}/babel?reference=${reference}`)).json()) as Shown[];
}

async function bookOf(reference: string): Promise<Record<string, unknown>[]> {
  const text = await (await fetch(`${url}/_bank/charges?reference=${reference}`)).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Resolves when the bank owes no callback. */
async function nothingOwed(): Promise<void> {
  const health = async () => await (await fetch(`${url}/_bank/health`)).json();
  await vi.waitFor(async () => expect(await health()).toEqual({ ok: true, callbacks_pending: 0 }), WAIT);
}

/** The types of the callbacks heard. */
function types(): (string | null)[] {
  return heard.map((text) => new URLSearchParams(text.split(' ')[1]).get('type'));
}

describe('the book', () => {
  it('has two charges of one reference, where the dialect gives no keys, and shows the same after a restart', async () => {
    const first = await charge('r1');
    const second = await charge('r1', HELD);
    expect(second.id).not.toBe(first.id);
    const before = await ask('r1');
    expect(before.map(({ id }) => id)).toEqual([first.id, second.id]);
    expect(before[0]).toMatchObject({ facts: { note: 'of r1' } });
    await restart();
    expect(await ask('r1')).toEqual(before);
    expect(await bookOf('r1')).toMatchObject([
      { id: first.id, processor: 'STRIPE', key: first.id, effect: 'charged' },
      { id: second.id, processor: 'STRIPE', status: 'processing', word: 'held', effect: 'none' },
    ]);
  });

  it('replays a key and refuses it for other facts', async () => {
    const first = (await (await order('r1', 100, { key: 'k' })).json()) as Shown;
    expect(await (await order('r2', 100, { key: 'k' })).json()).toMatchObject({
      id: first.id,
      reference: 'r1',
    });
    expect((await order('r1', 101, { key: 'k' })).status).toBe(409);
    expect(await bookOf('r2')).toEqual([]);
  });

  it('streams the lines of a reference, not those whose facts have the word', async () => {
    await order('r1');
    await order('r2', 100, { note: '"reference":"r1",' });
    await order('r3', 100, { note: { reference: 'r1', x: 1 } });
    expect(await bookOf('r1')).toHaveLength(1);
  });

  it('decides a charge anew while it is open, and never after it took money', async () => {
    const held = await charge('r1', HELD);
    expect((await post(`/babel/${held.id}/capture`)).status).toBe(200);
    expect((await post(`/babel/${held.id}/cancel`)).status).toBe(409);
    const open = await charge('r2', OPEN);
    expect(await (await post(`/babel/${open.id}/cancel`)).json()).toMatchObject({ word: 'cancelled' });
    expect((await post(`/babel/${open.id}/capture`)).status).toBe(409);
    expect((await bookOf('r1')).map(({ effect }) => effect)).toEqual(['none', 'charged']);
    expect((await bookOf('r2')).map(({ effect }) => effect)).toEqual(['none', 'none']);
    await restart();
    expect((await post(`/babel/${open.id}/capture`)).status).toBe(409);
  });
});

describe('a charge that changes by itself', () => {
  it('is declined, and succeeds later: booked once, called back twice', async () => {
    expect(await charge('r1', LATE)).toMatchObject({ status: 'declined' });
    await vi.waitFor(() => expect(types()).toEqual(['declined', 'done', 'paid']), WAIT);
    expect(await ask('r1')).toMatchObject([{ status: 'succeeded', word: 'late', facts: { late: true } }]);
    const lines = await bookOf('r1');
    expect(lines.map(({ effect }) => effect)).toEqual(['none', 'charged']);
    expect(Number(lines[1]!.at) - Number(lines[0]!.at)).toBeGreaterThanOrEqual(LATE_MS);
  });

  it('does so over a restart, which sends nothing twice', async () => {
    await charge('r1', LATE);
    await vi.waitFor(() => expect(types()).toEqual(['declined']), WAIT);
    await nothingOwed();
    await restart();
    await vi.waitFor(() => expect(types()).toEqual(['declined', 'done', 'paid']), WAIT);
    await nothingOwed();
    await restart();
    expect(await (await fetch(`${url}/_bank/health`)).json()).toEqual({ ok: true, callbacks_pending: 0 });
    expect(types()).toEqual(['declined', 'done', 'paid']);
  });
});

describe('callbacks', () => {
  it('are done when every letter is heard; who was heard is not told again', async () => {
    answers.push(200, 500);
    await charge('r1');
    await vi.waitFor(() => expect(types()).toEqual(['done', 'paid', 'paid']), WAIT);
    expect(heard[2]).toBe(heard[1]);
    await nothingOwed();
    await restart();
    expect(await (await fetch(`${url}/_bank/health`)).json()).toEqual({ ok: true, callbacks_pending: 0 });
  });

  it('that a newer decision overtakes are not sent', async () => {
    await restart(1500);
    const held = await charge('r1', HELD);
    await post(`/babel/${held.id}/capture`);
    await vi.waitFor(() => expect(types()).toEqual(['done', 'paid']), WAIT);
    await nothingOwed();
    expect(types()).toEqual(['done', 'paid']);
  });

  it('are forms signed inside, and replayed letter by letter', async () => {
    const { id } = await charge('r1');
    await vi.waitFor(() => expect(heard).toHaveLength(2), WAIT);
    const [, type, content, hash] = /^(\S+) (.*)&hash=(\w+)$/.exec(heard[0]!)!;
    expect(type).toBe('application/x-www-form-urlencoded');
    expect(hash).toBe(hashOf(SECRET, content!));
    const replayed = await post('/_bank/callbacks/replay', { reference: 'r1' });
    expect(await replayed.json()).toEqual({
      sent: [
        { event_id: `${id}_done`, status: 200 },
        { event_id: `${id}_paid`, status: 200 },
      ],
    });
  });

  it.each([
    ['forge', { type: 'declined', account: 'acct_1', amount: '100' }, false],
    ['forgeSignature', { type: 'declined', account: 'acct_1', amount: '100' }, false],
    ['forgeAccount', { type: 'declined', account: 'acct_1_other', amount: '100' }, true],
    ['forgeAmount', { type: 'declined', account: 'acct_1', amount: '101' }, true],
  ])('%s comes before the truth, in the same form', async (fault, said, rightlySigned) => {
    await post('/_bank/faults', { step: 'callback', fault });
    await charge('r1');
    await vi.waitFor(() => expect(types()).toEqual(['declined', 'done', 'paid']), WAIT);
    const [, content, hash] = / (.*)&hash=(\w+)$/.exec(heard[0]!)!;
    expect(Object.fromEntries(new URLSearchParams(content))).toMatchObject(said);
    expect(hash === hashOf(SECRET, content!)).toBe(rightlySigned);
    const truth = / (.*)&hash=/.exec(heard.at(-1)!)![1]!;
    expect(hash === hashOf(SECRET, truth)).toBe(fault === 'forgeSignature');
  });

  it('have an older word behind them, where that is ordered', async () => {
    await post('/_bank/faults', { step: 'callback', fault: 'reorder' });
    await charge('r1');
    await vi.waitFor(() => expect(types()).toEqual(['done', 'paid', 'processing']), WAIT);
  });
});

describe('charge faults leave in the words of the dialect', () => {
  it.each([
    ['error500', 500, { babel: 'oops' }, 1],
    ['error503', 503, { babel: 'later' }, 0],
    ['otherReference', 200, { reference: 'r2', facts: { note: 'of r1' } }, 1],
  ])('%s', async (fault, status, body, booked) => {
    await post('/_bank/faults', { step: 'charge', fault, reference: 'r1' });
    const answered = await order('r1');
    expect(answered.status).toBe(status);
    expect(await answered.json()).toMatchObject(body);
    expect(await bookOf('r1')).toHaveLength(booked);
  });

  it.each([
    ['drop', '200'],
    ['reset', '200'],
    ['html504', '200'],
    ['otherReference', '200'],
    ['error500', '500'],
    ['dropBefore', undefined],
    ['html502', undefined],
  ])('%s: the dialect keeps the true answer of what is booked', async (fault, status) => {
    await post('/_bank/faults', { step: 'charge', fault });
    await order('r1').then(
      (answered) => answered.text().catch(() => undefined),
      () => undefined,
    );
    const [answer] = kept[0]!.values();
    expect(answer?.slice(0, 3)).toBe(status);
    if (status === '200') expect(answer).toContain('"reference":"r1"');
  });

  it('answers what the dialect has kept, though the charge changed while the answer waited', async () => {
    await post('/_bank/delay', { ms: 2 * LATE_MS });
    const text = await (await order('r1', LATE)).text();
    expect(await ask('r1')).toMatchObject([{ status: 'succeeded' }]);
    expect([...kept[0]!.values()]).toEqual([`200 ${text}`]);
    expect(text).toContain('"status":"declined"');
  });

  it('a query fault too', async () => {
    await charge('r1');
    await post('/_bank/faults', { step: 'query', fault: 'otherReference' });
    expect(await ask('r1')).toMatchObject([{ reference: 'r2' }]);
    await post('/_bank/faults', { step: 'query', fault: 'notFound' });
    expect(await ask('r1')).toEqual([]);
    await post('/_bank/faults', { step: 'query', fault: 'error500' });
    expect(await ask('r1')).toEqual({ babel: 'oops' });
  });
});

describe('the page of a card', () => {
  async function choose({ id }: Shown, fields: Record<string, string>): Promise<Response> {
    return await fetch(`${url}/3ds/${id}`, { method: 'POST', body: new URLSearchParams(fields) });
  }

  it('leads back by a form that posts itself, and has a button', async () => {
    const asked = await charge('r1', ASKED);
    const back = await choose(asked, { choice: 'approve' });
    const page = await back.text();
    expect(page).toContain('<form method="post" action="http://127.0.0.1:9/back">');
    expect(page).toContain(`<input type="hidden" name="id" value="${asked.id}">`);
    expect(page).toContain('<input type="hidden" name="status" value="succeeded">');
    expect(page).toContain('<button>');
    const policy = back.headers.get('Content-Security-Policy');
    expect(policy).toMatch(/script-src 'sha256-[^']+'; /);
    expect(policy).toContain("form-action 'self' http://127.0.0.1:9;");
  });

  it('leads back with the lies of the dialect', async () => {
    const asked = await charge('r1', ASKED);
    await post('/_bank/faults', { step: 'challenge', fault: 'forgeReturn' });
    expect(await (await choose(asked, { choice: 'approve' })).text()).toContain('value="lie"');
    expect(await ask('r1')).toMatchObject([{ status: 'succeeded' }]);
  });

  it('tells what is decided late before it is booked', async () => {
    const asked = await charge('r1', ASKED);
    await post('/_bank/faults', { step: 'challenge', fault: 'decideLate', ms: 60_000 });
    expect(await (await choose(asked, { choice: 'approve' })).text()).toContain('value="succeeded"');
    expect(await ask('r1')).toMatchObject([{ status: 'requires_action' }]);
  });

  it.each([
    ['', 'succeeded'],
    ['1234', 'succeeded'],
    ['123', 'declined'],
  ])('takes the one-time password "%s": %s', async (otp, status) => {
    const asked = await charge('r1', ASKED);
    expect(await (await fetch(`${url}/3ds/${asked.id}`)).text()).toContain('name="otp"');
    await choose(asked, { choice: 'approve', otp });
    expect(await ask('r1')).toMatchObject([{ status }]);
  });

  it('is also shown to a form that says nothing, as merchants bring shoppers by', async () => {
    const asked = await charge('r1', ASKED);
    expect(await (await choose(asked, { PaReq: 'x' })).text()).toContain('Confirm your payment');
    expect(await ask('r1')).toMatchObject([{ status: 'requires_action' }]);
  });
});
