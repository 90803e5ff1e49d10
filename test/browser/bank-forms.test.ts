/**
 * The bank's form and its one-time password in a real browser, over our pages and a pretended bank: no processor of ours is asked.
 *
 * Everything from the listener to the rules of words is the program's own; the shard is one attempt per payment in memory.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAskBank } from '../../src/checkout/ask-bank.ts';
import { returnFromBankRoutes } from '../../src/checkout/endpoints/return-from-bank.ts';
import { serveScriptRoute } from '../../src/checkout/endpoints/serve-script.ts';
import { showResultRoutes, stateOf } from '../../src/checkout/endpoints/show-result.ts';
import { takeOtpRoutes } from '../../src/checkout/endpoints/take-otp.ts';
import { createOtp } from '../../src/checkout/otp.ts';
import { tellShard } from '../../src/checkout/tell-shard.ts';
import { createWatch } from '../../src/checkout/watch.ts';
import type { OtpAnswer, OtpRequest, Returned } from '../../src/connectors/connector.ts';
import { makeId, showTransactionId, type TransactionId } from '../../src/domain/ids.ts';
import { refusal } from '../../src/domain/outcomes.ts';
import type { NextAction, ProcessorWord } from '../../src/domain/processor-word.ts';
import { type Attempt, moveAttempt, publicStatus } from '../../src/domain/transaction.ts';
import { problem } from '../../src/http/problem.ts';
import { type HttpServer, startHttp } from '../../src/http/server.ts';
import type { AskShard } from '../../src/messages/ask.ts';
import { escapeHtml } from '../../src/pages/html.ts';
import { monotonicMs } from '../../src/runtime/clock.ts';
import { randomBytes } from '../../src/runtime/random.ts';
import { eventually } from '../support/eventually.ts';
import { anAttempt, anIntent, aWord } from '../support/payments.ts';
import { expectAccessible, expectNoSideways, startBrowser, type Visit, visit, WIDTHS } from './browser.ts';
import {
  heading,
  type Site,
  shot,
  standStill,
  startShopSite,
  startSite,
  visitOnce,
  WAYS,
  WAYS_APART,
} from './scene.ts';

let browser: Browser;
let shop: Site;
let bank: Site;
/** Another host of the bank, which its first page may lead to. */
let otherBank: Site;
let server: HttpServer;
let checkoutUrl: string;

/** The payments, as the shard has them. */
const attempts = new Map<TransactionId, Attempt>();
/** What the bank was posted, by the transaction it names. */
const posted = new Map<string, IncomingMessage[]>();
/** What the shopper decided at the bank, which says it when it is asked. */
const decided = new Map<string, 'charged' | 'declined'>();
/** What browsers brought back, by transaction. */
const hints = new Map<string, Returned[]>();
/** What reached the desk of passwords; of each the digits, and the bytes as they were handed over. */
const passwords: { transaction: string; digits: string; bytes: Uint8Array }[] = [];
const resends: string[] = [];

beforeAll(async () => {
  [browser, shop, bank, otherBank] = await Promise.all([
    startBrowser(),
    startShopSite(),
    startSite(answerAsBank),
    startSite(answerAsBank),
  ]);
  server = await startCheckout();
});

afterAll(async () => {
  await browser?.close();
  server?.close();
  for (const site of [shop, bank, otherBank]) site?.close();
});

/** `/acs` asks; `/moved` leads there, on the other host; `/decide` posts the shopper back, as it says. */
function answerAsBank(request: IncomingMessage, response: ServerResponse): void {
  void text(request).then((body) => {
    const form = new URLSearchParams(body);
    const { pathname, searchParams } = new URL(request.url!, 'http://bank');
    const transaction = form.get('MD') ?? searchParams.get('MD') ?? '';
    posted.set(transaction, [...(posted.get(transaction) ?? []), request]);
    if (pathname === '/moved') {
      response.writeHead(302, { location: `${otherBank.url}/acs?MD=${transaction}` }).end();
      return;
    }
    const choice = form.get('choice');
    if (choice !== null) decided.set(transaction, choice === 'approve' ? 'charged' : 'declined');
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(bankPage(transaction, choice, form.get('PaReq') ?? ''));
  });
}

/** The question, or once it is answered the way back, which carries more than anybody asked for. */
function bankPage(transaction: string, choice: string | null, order: string): string {
  const [action, fields, buttons] =
    choice === null
      ? ['/decide', { MD: transaction }, ['approve', 'decline']]
      : [
          `${checkoutUrl}/checkout/return?transaction=${transaction}`,
          { mihpayid: 'P1', status: choice, other: '<script>' },
          ['back'],
        ];
  const inputs = Object.entries(fields).map(
    ([name, value]) => `<input type="hidden" name="${name}" value="${escapeHtml(value)}">`,
  );
  const pressed = buttons.map((one) => `<button name="choice" value="${one}">${one}</button>`);
  return `<!doctype html><html lang="en"><title>Bank</title><h1>Bank ${escapeHtml(order)}</h1>
<form method="post" action="${action}">${inputs.join('')}${pressed.join('')}</form>`;
}

/** The listener of shoppers, with one difference: the shard is a map. */
async function startCheckout(): Promise<HttpServer> {
  const later = (call: () => void, ms: number) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  };
  const shards = { ask, askDeadlineMs: 1000 };
  const clocks = { now: Date.now, monotonicMs, randomBytes, later };
  const account = { account: 'acct_demo', secretKey: 'key' };
  const accountOf = async () => account;
  const askBank = createAskBank({
    ...shards,
    ...clocks,
    accountOf,
    queryOf: () => async (question) => {
      const name = showTransactionId(question.transactionId);
      hints.set(name, [...(hints.get(name) ?? []), question.returned]);
      const said = decided.get(name);
      return said === undefined
        ? { kind: 'no_answer', detail: 'nothing is decided' }
        : { kind: 'found', word: wordOf(question.transactionId, said) };
    },
    onQuery: () => undefined,
    onTrouble: fail,
  });
  const watch = createWatch({
    look: (transactionId) => stateOf({ ...shards, askBank }, transactionId as TransactionId, Date.now),
    later,
  });
  const otp = createOtp({
    otpOf: () => ({ submit: takePassword, resend: async ({ resendUrl }) => resends.push(resendUrl) < 100 }),
    accountOf,
    tell: (transactionId, word) =>
      tellShard({ ...shards, ...clocks, pause: (ms) => pause(ms), onLost: fail }, transactionId, word),
    onTrouble: () => undefined,
  });
  const listening = await startHttp({
    host: '127.0.0.1',
    port: 0,
    limits: { requestsInFlightMax: 100, bodyTimeoutMs: 5000, streamsMax: 100 },
    onRequestDone: () => undefined,
    onHandlerError: fail,
    routes: [
      ...showResultRoutes({
        ...shards,
        testMode: true,
        merchantName: async () => 'Chai & Co',
        watch,
        askBank,
        problem,
        secureCookies: false,
      }),
      ...returnFromBankRoutes({
        ...shards,
        askBank,
        store: { get: async () => undefined },
        onSessionStoreFailed: fail,
        returnFieldsOf: () => ['mihpayid', 'status'],
        secureCookies: false,
      }),
      ...takeOtpRoutes({
        ...shards,
        otp,
        get publicOrigin() {
          return checkoutUrl;
        },
        otpRateLimit: () => true,
        resendRateLimit: () => true,
      }),
      serveScriptRoute(),
    ],
  });
  checkoutUrl = `http://127.0.0.1:${listening.port}`;
  return listening;
}

function fail(detail: unknown): void {
  throw new Error(String(detail));
}

const ask: AskShard = async (_, request) => {
  const missing = { type: 'refused', refusal: refusal('payment_not_found', 'no') } as const;
  if (request.type === 'find-payment') {
    const found = [...attempts.values()].filter((one) => one.paymentIntentId === request.intentId);
    const [attempt] = found;
    if (attempt === undefined) return missing;
    const intent = anIntent({ paymentIntentId: request.intentId, createdAt: attempt.createdAt });
    return { type: 'payment-found', payment: { intent, attempts: found } };
  }
  if (request.type !== 'hear-word') return missing;
  const attempt = attempts.get(request.transactionId)!;
  const move = moveAttempt(attempt, request.word);
  if (move.verdict === 'applied') attempts.set(request.transactionId, move.attempt);
  const { status } = attempts.get(request.transactionId)!;
  return { type: 'word-heard', verdict: move.verdict, status: publicStatus(status) };
};

function wordOf(transactionId: TransactionId, said: ProcessorWord['said']): ProcessorWord {
  const { amount, currency } = attempts.get(transactionId)!;
  return aWord({ said, amount, currency, at: Date.now() });
}

/** 0000 is wrong, 9999 is lost on the way, 5555 takes a while; any other is right. */
async function takePassword({ transactionId, otp }: OtpRequest): Promise<OtpAnswer> {
  const digits = Buffer.from(otp).toString('latin1');
  passwords.push({ transaction: showTransactionId(transactionId), digits, bytes: otp });
  if (digits === '0000') return { kind: 'again' };
  if (digits === '9999') return { kind: 'no_answer', detail: 'nothing came back' };
  if (digits === '5555') await pause(1000);
  return { kind: 'found', word: wordOf(transactionId, 'charged') };
}

/** A payment that waits for its shopper. Resolves with its result page. */
function waiting(nextAction: NextAction, over: Partial<Attempt> = {}): { url: string; transaction: string } {
  const now = Date.now();
  const paymentIntentId = makeId(now, 7, randomBytes(8));
  const attempt = anAttempt({
    paymentIntentId,
    amount: 123_456,
    status: 'REQUIRES_ACTION',
    outcome: 'action_required',
    nextAction,
    successUrl: `${shop.url}/paid`,
    cancelUrl: `${shop.url}/cart`,
    createdAt: now,
    // The page that waits has the bank asked at once.
    updatedAt: now - 5000,
    ...over,
  });
  attempts.set(attempt.transactionId, attempt);
  const transaction = showTransactionId(attempt.transactionId);
  return { url: `${checkoutUrl}/checkout/result?transaction=${transaction}`, transaction };
}

/** Of which the bank's form names the transaction, so that the bank knows whose it is. */
function waitingForm(path = '/acs'): { url: string; transaction: string } {
  const placed = waiting({ kind: 'form', url: `${bank.url}${path}`, fields: {}, expiresAt: null });
  const id = placed.transaction.slice('txn_'.length) as TransactionId;
  const fields = { PaReq: 'a "quoted" <b>', MD: placed.transaction, submit: 'x', querySelector: 'y' };
  const nextAction = { kind: 'form', url: `${bank.url}${path}`, fields, expiresAt: null } as const;
  attempts.set(id, { ...attempts.get(id)!, nextAction });
  return placed;
}

const waitingOtp = (
  resendUrl: string | null = 'https://processor.example/resend',
  expiresAt: number | null = null,
) => waiting({ kind: 'otp', submitUrl: 'https://processor.example/submit', resendUrl, expiresAt });

const during = (options: BrowserContextOptions, act: (visit: Visit) => Promise<void>) =>
  visitOnce(browser, options, act);
const paid = (page: Page) => page.waitForURL(`${shop.url}/paid`);
const headed = (page: Page, title: string) => page.locator('h1', { hasText: title }).waitFor();
const atBank = (page: Page) => page.waitForURL(`${bank.url}/acs`);
const postsOf = (transaction: string) =>
  (posted.get(transaction) ?? []).filter(({ method, url }) => method === 'POST' && url !== '/decide');

async function decide(page: Page, choice: 'approve' | 'decline'): Promise<void> {
  await page.click(`text=${choice}`);
  await page.click('text=back');
}

describe.concurrent('shoppers', { timeout: 90_000 }, () => {
  describe.each(WAYS)('at the bank’s form, on a $width, script $script', ({ width, script, options }) => {
    const name = `form-${width}-${script ? 'script' : 'plain'}`;

    test('the page names the bank and the amount, posts the form, and who approves there has paid', () =>
      during(options, async ({ page }) => {
        const { url, transaction } = waitingForm();
        const went = standStill(page, `${bank.url}/**`);
        await page.goto(url);
        expect(await heading(page)).toBe('Your bank asks you to confirm');
        const facts = await page.textContent('.facts');
        expect(facts).toContain('₹1,234.56');
        expect(facts).toContain(new URL(bank.url).host);
        await expectNoSideways(page);
        await shot(page, `${name}-hand-over`);
        if (script) {
          await went;
          await expectAccessible(page);
        }
        await page.unroute(`${bank.url}/**`);
        if (script) await page.reload();
        await page.click('text=Go to the bank’s page');
        await atBank(page);
        expect(await heading(page)).toBe('Bank a "quoted" <b>');
        const [first] = postsOf(transaction);
        expect([first!.headers.origin, first!.headers.referer]).toEqual([checkoutUrl, `${checkoutUrl}/`]);
        await decide(page, 'approve');
        await paid(page);
        expect(hints.get(transaction)).toContainEqual({ mihpayid: 'P1', status: 'approve' });
      }));
  });

  describe.each(WAYS_APART)(
    'at the bank’s form, on a $width, script $script',
    ({ width, script, options }) => {
      const name = `form-${width}-${script ? 'script' : 'plain'}`;

      test('Back from the bank is not answered by being sent there again, and the way stays open', () =>
        during(options, async ({ page }) => {
          const { url, transaction } = waitingForm();
          await page.goto(url);
          if (!script) await page.click('text=Go to the bank’s page');
          await atBank(page);
          await page.goBack();
          await headed(page, 'Waiting for your confirmation');
          expect(await page.locator('[data-go-on-ms]').count()).toBe(0);
          await shot(page, `${name}-back`);
          expect(postsOf(transaction)).toHaveLength(1);
          await page.click('text=Go to the bank’s page');
          await atBank(page);
          await decide(page, 'decline');
          await page.waitForSelector('[data-result=failed]');
        }));

      test('a bank that leads the post to another host, where the policy stops it, is reached on the second try', () =>
        // The browser says of the first that it was stopped.
        visitAnyway(options, async (page) => {
          const { url, transaction } = waitingForm('/moved');
          await page.goto(url);
          if (!script) {
            await page.click('text=Go to the bank’s page');
            await eventually(async () => expect(postsOf(transaction)).toHaveLength(1));
            await page.goto(url);
          }
          await headed(page, 'Waiting for your confirmation');
          expect(postsOf(transaction)).toHaveLength(1);
          await page.click('text=Go to the bank’s page');
          await page.waitForURL(`${otherBank.url}/acs?**`);
          await decide(page, 'approve');
          await paid(page);
        }));
    },
  );

  test('the policy of the hand-over names the bank’s origin and no other', async () => {
    const answer = await fetch(waitingForm().url);
    expect(answer.headers.get('content-security-policy')).toContain(`; form-action 'self' ${bank.url}; `);
  });

  describe.each(WAYS)('with a password, on a $width, script $script', ({ width, script, options }) => {
    const name = `otp-${width}-${script ? 'script' : 'plain'}`;

    test('a wrong one is said beside the field, a right one has paid, and its bytes are gone', () =>
      during(options, async ({ page }) => {
        const { url, transaction } = waitingOtp();
        await page.goto(url);
        expect(await heading(page)).toBe('Enter the OTP from your bank');
        expect(await page.getAttribute('#otp', 'autocomplete')).toBe('one-time-code');
        await expectNoSideways(page);
        if (script) await expectAccessible(page);
        await shot(page, name);
        await page.fill('#otp', '0000');
        await page.press('#otp', 'Enter');
        await page.waitForSelector('#otp[aria-invalid=true]');
        expect(await page.textContent('#otp-error')).toContain('did not accept this password');
        expect(await page.inputValue('#otp')).toBe('');
        if (script) await expectAccessible(page);
        await shot(page, `${name}-wrong`);
        await page.fill('#otp', '12 34-56');
        await page.click('text=Confirm ₹1,234.56');
        await paid(page);
        const mine = passwords.filter((one) => one.transaction === transaction);
        expect(mine.map(({ digits }) => digits)).toEqual(['0000', '123456']);
        for (const { bytes } of mine) expect([...bytes]).toEqual(Array(bytes.length).fill(0));
      }));
  });

  describe.each(WAYS_APART)('with a password, on a $width, script $script', ({ width, script, options }) => {
    const name = `otp-${width}-${script ? 'script' : 'plain'}`;

    test('another one can be asked for, where the processor sends one', () =>
      during(options, async ({ page }) => {
        const resendUrl = `https://processor.example/${name}`;
        await page.goto(waitingOtp(resendUrl).url);
        await page.click('text=Send me a new password');
        await page.waitForSelector('.told');
        expect(await page.textContent('.told')).toContain('sending you a new password');
        expect(resends).toContain(resendUrl);
        await shot(page, `${name}-resent`);
        await page.goto(waitingOtp(null).url);
        expect(await page.locator('text=Send me a new password').count()).toBe(0);
      }));

    test('of one that nothing is known of the page waits, and says what the bank then says', () =>
      during(options, async ({ page }) => {
        const { url, transaction } = waitingOtp();
        await page.goto(url);
        await page.fill('#otp', '9999');
        await page.press('#otp', 'Enter');
        await headed(page, 'We are asking your bank');
        await shot(page, `${name}-unheard`);
        await page.click('text=Enter a password again');
        await page.waitForSelector('#otp');
        await page.goBack();
        decided.set(transaction, 'charged');
        await paid(page);
      }));
  });

  test('an impatient second click sends the password once', () =>
    during({}, async ({ page }) => {
      const { url, transaction } = waitingOtp();
      await page.goto(url);
      await page.fill('#otp', '5555');
      await page.locator('form.otp button').first().dblclick();
      await paid(page);
      expect(passwords.filter((one) => one.transaction === transaction)).toHaveLength(1);
    }));

  test('the time for a password runs down, and then nothing can be typed any more', () =>
    during({}, async ({ page }) => {
      await page.goto(waitingOtp(null, Date.now() + 10_000).url);
      await page.waitForSelector('#otp');
      await page.waitForSelector('[data-result=asking]');
      expect(await page.locator('#otp').count()).toBe(0);
    }));

  test.each(['light', 'dark'] as const)(
    'axe-core finds nothing on the page of a password in Hindi, in %s',
    (colorScheme) =>
      during({ colorScheme, locale: 'hi-IN', viewport: { width: 320, height: 640 } }, async ({ page }) => {
        await page.goto(waitingOtp('https://processor.example/resend', Date.now() + 240_000).url);
        await expectNoSideways(page);
        await page.waitForFunction(`document.querySelector('meta[http-equiv=refresh]') === null`);
        await expectAccessible(page);
        await shot(page, `otp-hindi-${colorScheme}`);
      }),
  );

  test('UPI on a page of the processor is called UPI, and opens it in a tab of its own: this page stays', () =>
    during({ viewport: WIDTHS.desktop }, async ({ context, page }) => {
      const nextAction = { kind: 'redirect', url: `${bank.url}/acs?MD=upi`, expiresAt: null } as const;
      await page.goto(waiting(nextAction, { card: null }).url);
      expect(await heading(page)).toBe('Approve it on the UPI page');
      expect(await page.textContent('main')).not.toContain('card');
      await page.waitForFunction(`document.querySelector('meta[http-equiv=refresh]') === null`);
      await expectAccessible(page);
      const [app] = await Promise.all([context.waitForEvent('page'), page.click('a.button')]);
      await app.waitForURL(nextAction.url);
      await app.close();
      await shot(page, 'upi-page-hand-over');
      await page.reload();
      expect(await heading(page)).toBe('Waiting for your approval');
      expect(await page.textContent('a.button')).toBe('Open the UPI page');
      await shot(page, 'upi-page-waits');
    }));
});

/** A visit on which the browser is expected to complain. */
async function visitAnyway(
  options: BrowserContextOptions,
  act: (page: Page) => Promise<void>,
): Promise<void> {
  const one = await visit(browser, options);
  try {
    await act(one.page);
    expect(one.faults.every((fault) => fault.includes('form-action'))).toBe(true);
  } finally {
    await one.context.close();
  }
}
