/**
 * Charges that ask the shopper, over real HTTP: what a gateway, a shopper and an operator can rely on.
 * @module
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cardNumber } from './card-numbers.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';

interface NextAction {
  readonly type: string;
  readonly url: string;
  readonly link: string;
  readonly simulator_url: string;
  readonly expires_at: number;
}

interface Charge {
  readonly id: string;
  readonly status: string;
  readonly decline_code?: string;
  readonly next_action?: NextAction;
}

const THREE_D_SECURE = '40000081';
const THREE_D_SECURE_DECLINED = '40000082';
const THREE_D_SECURE_SLOW = '40000083';
const RETURN_URL = 'http://127.0.0.1:9/back?step=3';
const AMOUNT = 1050;
const headers = { Authorization: 'Bearer bank_sk_test' };
let dataDir: string;
let merchant: Server;
let heard: { type: string; data: Charge & { reference: string } }[];
let bank: Sandbox;
let url: string;
const failures: Error[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sandbox-challenges-'));
  heard = [];
  merchant = createServer(async (request, response) => {
    heard.push(JSON.parse(Buffer.concat(await request.toArray()).toString()));
    response.end();
  });
  await new Promise<void>((resolve) => merchant.listen(0, '127.0.0.1', resolve));
  await openBank();
});

afterEach(async () => {
  await bank.stop();
  merchant.closeAllConnections();
  merchant.close();
  await rm(dataDir, { recursive: true });
  expect(failures.splice(0)).toEqual([]);
});

async function openBank(challengeMs = 300_000): Promise<void> {
  const callbackUrl = new URL(`http://127.0.0.1:${(merchant.address() as AddressInfo).port}/`);
  bank = await startSandbox(
    {
      host: '127.0.0.1',
      port: 0,
      dataDir,
      accounts: [
        {
          dialect: 'plain',
          account: 'acct_demo',
          secretKey: 'bank_sk_test',
          webhookSecret: 'whsec_test',
          callbackUrl,
        },
      ],
      delayMs: 0,
      callbackDelayMs: 0,
      challengeMs,
      durable: false,
      shopFile: undefined,
    },
    () => undefined,
    (error) => failures.push(error),
  );
  url = `http://127.0.0.1:${bank.port}`;
}

function post(reference: string, method: object): Promise<Response> {
  const body = JSON.stringify({ reference, amount: AMOUNT, currency: 'INR', ...method });
  return fetch(`${url}/v1/charges`, { method: 'POST', headers, body });
}

function ofCard(bin: string, returnUrl: string | undefined = RETURN_URL): object {
  const card = { number: cardNumber(bin, 1), expiry_month: 12, expiry_year: 2040, cvv: '123', name: 'A' };
  return { card, return_url: returnUrl };
}

const UPI = { upi: { flow: 'intent' } };

async function charge(reference: string, method: object): Promise<Charge> {
  return (await (await post(reference, method)).json()) as Charge;
}

async function query(reference: string): Promise<Charge> {
  return (await (await fetch(`${url}/v1/charges?reference=${reference}`, { headers })).json()) as Charge;
}

function pageOf({ next_action: action }: Charge): string {
  return action!.type === 'redirect' ? action!.url : action!.simulator_url;
}

function choose(of: Charge, choice: string): Promise<Response> {
  const body = new URLSearchParams({ choice });
  return fetch(pageOf(of), { method: 'POST', redirect: 'manual', body });
}

/** What is said in the address the shopper is sent back to. */
function hintsOf(response: Response): Record<string, string> {
  expect(response.status).toBe(303);
  return Object.fromEntries(new URL(response.headers.get('Location')!).searchParams);
}

function order(path: string, body: object): Promise<Response> {
  return fetch(`${url}/_bank/${path}`, { method: 'POST', body: JSON.stringify(body) });
}

async function faults(): Promise<unknown> {
  return await (await fetch(`${url}/_bank/faults`)).json();
}

/** Status and effect of each line of a reference. */
async function bookOf(reference: string): Promise<string[]> {
  const text = await (await fetch(`${url}/_bank/charges?reference=${reference}`)).text();
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line)).map(({ status, effect }) => `${status} ${effect}`);
}

function hears(type: string, reference: string): Promise<void> {
  return vi.waitFor(
    () => expect(heard.map((one) => `${one.type} ${one.data.reference}`)).toContain(`${type} ${reference}`),
    { timeout: 10_000, interval: 10 },
  );
}

describe('3-D Secure', () => {
  it('asks, books the approval, leads back with hints and calls back', async () => {
    const asked = await charge('r1', ofCard(THREE_D_SECURE));
    expect(asked).toMatchObject({
      status: 'requires_action',
      payment_method: { type: 'card', funding: 'credit' },
      next_action: { type: 'redirect', url: `${url}/3ds/${asked.id}` },
    });
    expect(asked.next_action!.expires_at - Date.now()).toBeGreaterThan(290_000);
    expect(await query('r1')).toEqual(asked);
    const page = await (await fetch(pageOf(asked))).text();
    expect(page).toContain('₹10.50');
    expect(page).toContain('acct_demo');
    expect(hintsOf(await choose(asked, 'approve'))).toEqual({
      step: '3',
      charge: asked.id,
      status: 'succeeded',
    });
    const decided = await query('r1');
    expect(decided).toMatchObject({ id: asked.id, status: 'succeeded' });
    expect(decided).not.toHaveProperty('next_action');
    expect(await bookOf('r1')).toEqual(['requires_action none', 'succeeded charged']);
    await hears('charge.succeeded', 'r1');
    expect(heard).toHaveLength(1);
    const replayed = await post('r1', ofCard(THREE_D_SECURE));
    expect(replayed.headers.get('Idempotent-Replayed')).toBe('true');
    expect(await replayed.json()).toEqual(decided);
  });

  it.each([
    [THREE_D_SECURE, 'decline', 'authentication_failed'],
    [THREE_D_SECURE_DECLINED, 'approve', 'insufficient_funds'],
    [THREE_D_SECURE_SLOW, 'decline', 'authentication_failed'],
  ])('card %s, %s: declined %s, and the reference is closed', async (bin, choice, declineCode) => {
    const asked = await charge('r1', ofCard(bin));
    expect(hintsOf(await choose(asked, choice))).toMatchObject({ status: 'declined' });
    expect(await query('r1')).toMatchObject({
      status: 'declined',
      decline_code: declineCode,
      reference_closed: true,
    });
    expect(await bookOf('r1')).toEqual(['requires_action none', 'declined none']);
    await hears('charge.declined', 'r1');
  });

  it('leads back with a charge the bank still works on, which succeeds when its callback is due', async () => {
    await order('delay', { callbackMs: 300 });
    const asked = await charge('r1', ofCard(THREE_D_SECURE_SLOW));
    expect(hintsOf(await choose(asked, 'approve'))).toMatchObject({ status: 'processing' });
    await hears('charge.succeeded', 'r1');
    expect(await bookOf('r1')).toEqual(['requires_action none', 'processing none', 'succeeded charged']);
  });

  it('decides once, however often and whatever is clicked', async () => {
    const asked = await charge('r1', ofCard(THREE_D_SECURE));
    const clicks = ['decline', 'approve', 'approve', 'decline'].map((choice) => choose(asked, choice));
    const told = (await Promise.all(clicks)).map((response) => hintsOf(response).status);
    const { status } = await query('r1');
    expect(new Set(told)).toEqual(new Set([status]));
    expect(await bookOf('r1')).toHaveLength(2);
  });

  it('is declined where the shopper could not come back', async () => {
    expect(await charge('r1', { ...ofCard(THREE_D_SECURE), return_url: undefined })).toMatchObject({
      status: 'declined',
      decline_code: 'authentication_unavailable',
      reference_closed: true,
    });
    await hears('charge.declined', 'r1');
  });

  it('decides nothing when the shopper walks away', async () => {
    const asked = await charge('r1', ofCard(THREE_D_SECURE));
    expect(await (await choose(asked, 'leave')).text()).toContain('Nothing is decided');
    expect(await query('r1')).toEqual(asked);
  });
});

describe('UPI', () => {
  it('gives a link for the app, and the app’s answer decides', async () => {
    const asked = await charge('r1', { ...UPI, return_url: RETURN_URL });
    expect(asked).toMatchObject({
      status: 'requires_action',
      payment_method: { type: 'upi' },
      next_action: {
        type: 'upi_intent',
        link: `upi://pay?pa=acct_demo@sandboxbank&pn=acct_demo&tr=${asked.id}&am=10.50&cu=INR`,
        simulator_url: `${url}/upi/${asked.id}`,
      },
    });
    const paid = await choose(asked, 'approve');
    expect([paid.status, await paid.text()]).toEqual([200, expect.stringContaining('Payment approved')]);
    expect(await query('r1')).toMatchObject({ status: 'succeeded', payment_method: { type: 'upi' } });
    expect(await bookOf('r1')).toEqual(['requires_action none', 'succeeded charged']);
    await hears('charge.succeeded', 'r1');
  });

  it.each([
    ['decline', 'payment_declined'],
    ['insufficient_funds', 'insufficient_funds'],
  ])('%s declines as %s', async (choice, declineCode) => {
    const asked = await charge('r1', UPI);
    expect(await (await choose(asked, choice)).text()).toContain('Nothing was charged');
    expect(await query('r1')).toMatchObject({ decline_code: declineCode, reference_closed: true });
    await hears('charge.declined', 'r1');
  });

  it('is another charge than one by card', async () => {
    await charge('r1', UPI);
    expect((await post('r1', ofCard('41111111'))).status).toBe(409);
    expect((await post('r1', UPI)).headers.get('Idempotent-Replayed')).toBe('true');
  });
});

describe('nobody comes', () => {
  it.each([
    ['3ds', ofCard(THREE_D_SECURE), 'authentication_expired'],
    ['upi', UPI, 'upi_expired'],
  ])('%s expires: declined, called back, and too late to approve', async (path, method, declineCode) => {
    expect((await order('delay', { challengeMs: 100 })).status).toBe(200);
    const { id } = await charge('r1', method);
    await hears('charge.declined', 'r1');
    expect(await query('r1')).toMatchObject({ decline_code: declineCode, reference_closed: true });
    const page = `${url}/${path}/${id}`;
    const body = new URLSearchParams({ choice: 'approve' });
    await fetch(page, { method: 'POST', redirect: 'manual', body });
    expect(await query('r1')).toMatchObject({ status: 'declined' });
    expect(await bookOf('r1')).toEqual(['requires_action none', 'declined none']);
    expect(await (await fetch(page)).text()).toContain('Nobody confirmed it in time');
  });

  it('owes one callback each, although time is up before the charges are answered', async () => {
    await order('delay', { challengeMs: 0 });
    const references = Array.from({ length: 100 }, (_, index) => `r${index}`);
    await Promise.all(references.map((reference) => charge(reference, UPI)));
    await vi.waitFor(
      async () => {
        const health = await fetch(`${url}/_bank/health`);
        expect(await health.json()).toEqual({ ok: true, callbacks_pending: 0 });
      },
      { timeout: 10_000 },
    );
    expect(heard.map(({ data }) => data.reference).toSorted()).toEqual(references.toSorted());
  });

  it('a restart changes nothing: who is asked is asked on, until the same moment, and who was decided is called back', async () => {
    await order('delay', { challengeMs: 1500 });
    const expiring = await charge('expiring', UPI);
    await order('delay', { challengeMs: 300_000, callbackMs: 60_000 });
    const asked = await charge('asked', ofCard(THREE_D_SECURE));
    const decided = await charge('decided', ofCard(THREE_D_SECURE));
    await choose(decided, 'decline');
    await bank.stop();
    await openBank();
    expect(await query('decided')).toMatchObject({ decline_code: 'authentication_failed' });
    const again = await query('asked');
    expect(again.next_action!.expires_at).toBe(asked.next_action!.expires_at);
    expect(hintsOf(await choose(again, 'approve'))).toMatchObject({ step: '3', status: 'succeeded' });
    await hears('charge.declined', 'decided');
    await hears('charge.declined', 'expiring');
    expect(Date.now()).toBeGreaterThanOrEqual(expiring.next_action!.expires_at);
    expect(await readFile(join(dataDir, 'book.ndjson'), 'utf8')).not.toContain(cardNumber(THREE_D_SECURE, 1));
  });
});

describe('faults of the challenge', () => {
  async function askWith(fault: object, method: object = ofCard(THREE_D_SECURE)): Promise<Charge> {
    expect((await order('faults', { step: 'challenge', reference: 'r1', ...fault })).status).toBe(201);
    return await charge('r1', method);
  }

  it('callbackFirst: the callback is heard before the shopper is sent back', async () => {
    await order('delay', { callbackMs: 60_000 });
    const asked = await askWith({ fault: 'callbackFirst' });
    hintsOf(await choose(asked, 'approve'));
    expect(heard).toMatchObject([{ type: 'charge.succeeded' }]);
  });

  it('noReturn: the decision is booked, the shopper is told to close the window', async () => {
    const told = await choose(await askWith({ fault: 'noReturn' }), 'approve');
    expect([told.status, await told.text()]).toEqual([200, expect.stringContaining('close this window')]);
    expect(await query('r1')).toMatchObject({ status: 'succeeded' });
  });

  it.each([
    ['approve', 'declined'],
    ['decline', 'succeeded'],
  ])('forgeReturn: %s is told as %s, of another charge and reference', async (choice, status) => {
    const asked = await askWith({ fault: 'forgeReturn' });
    const hints = hintsOf(await choose(asked, choice));
    expect(hints).toMatchObject({
      status,
      charge: expect.stringMatching(/^ch_[0-9a-f]{32}$/),
      reference: 'r2',
    });
    expect(hints.charge).not.toBe(asked.id);
    expect((await query('r1')).status).not.toBe(status);
  });

  it('delay: answers late what is booked at once', async () => {
    const startedAt = performance.now();
    const answered = choose(await askWith({ fault: 'delay', ms: 400 }), 'approve');
    await hears('charge.succeeded', 'r1');
    hintsOf(await answered);
    expect(performance.now() - startedAt).toBeGreaterThan(390);
  });

  it('drop: booked, and the connection is cut', async () => {
    const asked = await askWith({ fault: 'drop' });
    await expect(choose(asked, 'approve')).rejects.toThrow();
    expect(await query('r1')).toMatchObject({ status: 'succeeded' });
    expect(hintsOf(await choose(asked, 'decline'))).toMatchObject({ status: 'succeeded' });
  });

  it('decideLate: the shopper is back before the decision is booked', async () => {
    const asked = await askWith({ fault: 'decideLate', ms: 1500 });
    expect(hintsOf(await choose(asked, 'approve'))).toMatchObject({ status: 'succeeded' });
    expect(await query('r1')).toEqual(asked);
    await hears('charge.succeeded', 'r1');
    expect(await bookOf('r1')).toEqual(['requires_action none', 'succeeded charged']);
  });

  it('decideLate: a stop forgets the decision, and the charge is asked on', async () => {
    await choose(await askWith({ fault: 'decideLate', ms: 60_000 }), 'approve');
    await bank.stop();
    await openBank();
    expect(await query('r1')).toMatchObject({ status: 'requires_action' });
  });

  it('strike UPI too, but for those of a way back, which wait', async () => {
    await order('faults', { step: 'challenge', fault: 'noReturn' });
    await order('faults', { step: 'challenge', fault: 'forgeReturn' });
    await order('faults', { step: 'challenge', fault: 'drop', amount: AMOUNT });
    await expect(choose(await charge('r1', UPI), 'approve')).rejects.toThrow();
    expect(await faults()).toEqual({ waiting: 2, struck: { 'challenge drop': 1 } });
  });

  it('with a card never strike UPI, at any step; with reference or amount they do', async () => {
    for (const step of ['charge', 'query', 'callback', 'challenge']) {
      await order('faults', { step, fault: 'drop', card: '4' });
    }
    const asked = await charge('r1', UPI);
    await choose(asked, 'approve');
    expect(await query('r1')).toMatchObject({ status: 'succeeded' });
    await hears('charge.succeeded', 'r1');
    expect(await faults()).toEqual({ waiting: 4, struck: {} });
    await order('faults', { step: 'charge', fault: 'drop', amount: AMOUNT });
    await expect(post('r2', UPI)).rejects.toThrow();
    await order('faults', { step: 'query', fault: 'drop', reference: 'r2' });
    await expect(query('r2')).rejects.toThrow();
  });

  it('of a charge strike one that asks; callbackFirst waits, for there is nothing to call back about', async () => {
    await order('faults', { step: 'charge', fault: 'callbackFirst' });
    await order('faults', { step: 'charge', fault: 'bookLate', ms: 100 });
    await expect(post('r1', ofCard(THREE_D_SECURE))).rejects.toThrow();
    await vi.waitFor(async () => expect(await query('r1')).toMatchObject({ status: 'requires_action' }), {
      timeout: 10_000,
    });
    expect(heard).toEqual([]);
    expect(await faults()).toEqual({ waiting: 1, struck: { 'charge bookLate': 1 } });
    const replay = await order('callbacks/replay', { reference: 'r1' });
    expect(await replay.json()).toEqual({ sent: [] });
  });
});

describe('the pages', () => {
  it('load nothing, may lead only back, and escape what they show', async () => {
    const asked = await charge(
      'r1',
      ofCard(THREE_D_SECURE, 'http://127.0.0.1:9/back?a="><script>x</script>'),
    );
    const page = await fetch(pageOf(asked));
    const policy = page.headers.get('Content-Security-Policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("form-action 'self' http://127.0.0.1:9;");
    expect(await page.text()).not.toMatch(/<script|<link[^>]*href="http|src=/);
    const left = await (await choose(asked, 'leave')).text();
    expect(left).not.toContain('<script');
    expect(left).toContain('http://127.0.0.1:9/back?a=&quot;&gt;&lt;script&gt;');
    const upi = await fetch(pageOf(await charge('r2', UPI)));
    expect(upi.headers.get('Content-Security-Policy')).toContain("form-action 'self';");
  });

  it('answer 404, 405 and 400 in words', async () => {
    const asked = await charge('r1', ofCard(THREE_D_SECURE));
    const statusOf = async (path: string, init?: RequestInit) => (await fetch(`${url}${path}`, init)).status;
    const never = `ch_${'0'.repeat(32)}`;
    expect(await statusOf(`/3ds/${never}`)).toBe(404);
    expect(await statusOf(`/upi/${asked.id}`)).toBe(404);
    const settled = await charge('r2', ofCard('41111111'));
    expect(await statusOf(`/3ds/${settled.id}`)).toBe(404);
    expect(await statusOf(`/3ds/${asked.id}`, { method: 'DELETE' })).toBe(405);
    expect((await choose(asked, 'insufficient_funds')).status).toBe(400);
    expect((await choose(asked, 'x'.repeat(5000))).status).toBe(400);
    expect(await query('r1')).toEqual(asked);
  });
});
