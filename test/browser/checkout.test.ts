/**
 * The checkout pages in a real browser: a shop, a shopper, every way a payment can go.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { behaviourOf } from '../../sandbox/plain/cards.ts';
import { SCRIPT_PATH } from '../../src/checkout/script.ts';
import { TEST_BANNERS } from '../../src/checkout/test-cards.ts';
import { CARDS, chargesOf } from '../support/shop.ts';
import type { Gateway, World } from '../support/world.ts';
import { expectAccessible, expectNoSideways, type Visit, WIDTHS } from './browser.ts';
import { heading, pay, type Scene, shot, startScene, type, WAYS, WAYS_APART } from './scene.ts';

/** Lets a page's wall clock go on by itself, as when the device sleeps: `sleep(ms)` in all. */
const SLEEPS =
  'const awake = Date.now; let slept = 0; Date.now = () => awake() + slept; globalThis.sleep = (ms) => { slept = ms; };';

let world: World;
let gateway: Gateway;
let shopUrl: string;
let scene: Scene;

beforeAll(async () => {
  scene = await startScene({ callbackDelayMs: 400 });
  ({ world, gateway, shopUrl } = scene);
});

afterAll(() => scene?.stop());

const order = () => scene.order();
const during = (options: BrowserContextOptions, act: (visit: Visit) => Promise<void>) =>
  scene.during(options, act);

describe.concurrent('shoppers', { timeout: 90_000 }, () => {
  describe.each(WAYS)('on a $width, script $script', ({ width, script, options }) => {
    const name = `${width}-${script ? 'script' : 'plain'}`;

    test('a card is paid and the shopper comes back to the shop', () =>
      during(options, async ({ page }) => {
        const { url, paymentIntentId } = await order();
        await page.goto(url);
        await expectNoSideways(page);
        await shot(page, `${name}-form`);
        await type(page, CARDS.success);
        await pay(page);
        await page.waitForSelector('[data-result=paid]');
        await shot(page, `${name}-paid`);
        await page.waitForURL(`${shopUrl}/paid`);
        expect(await chargesOf(world, paymentIntentId)).toHaveLength(1);
      }));
  });

  describe.each(WAYS_APART)('on a $width, script $script', ({ width, script, options }) => {
    const name = `${width}-${script ? 'script' : 'plain'}`;

    test('a bank that stays silent is told honestly, and the page changes by itself', () =>
      during(options, async ({ page }) => {
        await page.goto((await order()).url);
        await type(page, CARDS.answerLost);
        await pay(page);
        await page.waitForSelector('[data-result=asking]');
        expect(await page.textContent('main')).toContain('cannot be charged twice');
        await shot(page, `${name}-asking`);
        await page.waitForSelector('[data-result=paid]');
      }));

    test('a declined card is followed by another one, and the page of the first then says that the order is paid', () =>
      during(options, async ({ page }) => {
        await page.goto((await order()).url);
        await type(page, CARDS.insufficientFunds);
        await pay(page);
        await page.waitForSelector('[data-result=failed]');
        expect(await page.textContent('main')).toContain('enough funds');
        await shot(page, `${name}-failed`);
        const first = page.url();
        await page.click('text=Try another card');
        expect(await page.inputValue('[name=cardNumber]')).toBe('');
        await type(page, CARDS.success);
        await pay(page);
        await page.waitForSelector('[data-result=paid]');
        await page.goto(first);
        expect(await heading(page)).toBe('This order is paid');
        expect(await page.getAttribute('a.button', 'href')).toBe(`${shopUrl}/paid`);
      }));

    test('wrong fields are named beside them, cancel leads back to the shop, and nothing was charged', () =>
      during(options, async ({ page }) => {
        const { url, paymentIntentId } = await order();
        await page.goto(url);
        await type(page, '4111 1111 1111 1112', { expiryYear: '2020' });
        await pay(page);
        await page.waitForSelector('#cardNumber[aria-invalid=true]');
        expect(await page.textContent('#cardNumber-error')).toContain('mistyped');
        expect(await page.textContent('#expiryYear-error')).toContain('expired');
        await shot(page, `${name}-wrong`);
        await page.click('#cancel');
        await page.waitForURL(`${shopUrl}/cart`);
        expect(await chargesOf(world, paymentIntentId)).toEqual([]);
      }));
  });

  test.each(['light', 'dark'] as const)(
    'axe-core finds nothing on the form, its errors, and each result, in %s',
    (colorScheme) =>
      during({ colorScheme, viewport: WIDTHS.desktop, reducedMotion: 'reduce' }, async ({ page }) => {
        await page.goto((await order()).url);
        await expectAccessible(page);
        await shot(page, `${colorScheme}-form`);
        await pay(page);
        await expectAccessible(page);
        await type(page, CARDS.declined);
        await pay(page);
        await page.waitForSelector('[data-result=failed]');
        await expectAccessible(page);
        await shot(page, `${colorScheme}-failed`);
        await page.click('text=Try another card');
        await type(page, CARDS.processingForEver);
        await pay(page);
        await page.waitForSelector('[data-result=waiting]');
        await expectAccessible(page);
        await page.waitForSelector('[data-result=asking]');
        await expectAccessible(page);
        await shot(page, `${colorScheme}-asking`);
      }),
  );

  test('keyboard only: every field and the button in order, grouped as typed, caret kept, focus on the first wrong field', () =>
    during({}, async ({ page }) => {
      await page.goto((await order()).url);
      await page.focus('#cardNumber');
      await page.keyboard.type('4111-1111 1111');
      expect(await page.inputValue('#cardNumber')).toBe('4111 1111 1111');
      expect(await page.textContent('.brand')).toBe('Visa');
      for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowLeft');
      await page.keyboard.type('9');
      expect(await page.evaluate('document.querySelector("#cardNumber").selectionStart')).toBe(11);
      await page.keyboard.press('Backspace');
      await page.keyboard.press('End');
      await page.keyboard.type('1111');
      await page.keyboard.press('Enter');
      expect(await page.evaluate('document.activeElement.id')).toBe('expiryMonth');
      for (const text of ['12', '30', '123', 'Asha Rao']) {
        await page.keyboard.type(text);
        await page.keyboard.press('Tab');
      }
      // The shop does not answer: the page of the paid order stays for as long as it is looked at.
      await page.route(`${shopUrl}/paid`, () => undefined);
      await page.keyboard.press('Enter');
      await page.waitForSelector('[data-result=paid]');
      await expectAccessible(page);
    }));

  test('what is pasted: a number with spaces and dashes is grouped, text is kept and named wrong, 12/30 is month and year', () =>
    during({ permissions: ['clipboard-read', 'clipboard-write'] }, async ({ page }) => {
      await page.goto((await order()).url);
      const paste = async (field: string, text: string): Promise<void> => {
        await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(text)})`);
        await page.focus(field);
        await page.keyboard.press('Control+A');
        await page.keyboard.press('Control+V');
      };
      const number = () => page.inputValue('#cardNumber');
      await paste('#cardNumber', '  4111 - 1111 - 1111 - 1111 ');
      expect(await number()).toBe('4111 1111 1111 1111');
      await paste('#cardNumber', 'Card: 4111 1111 1111 1111');
      expect(await number()).toBe('Card: 4111 1111 1111 1111');
      await paste('#expiryMonth', '12/30');
      expect([await page.inputValue('#expiryMonth'), await page.inputValue('#expiryYear')]).toEqual([
        '12',
        '30',
      ]);
      expect(await page.textContent('#cardNumber-error')).toContain('using digits only');
      await paste('#cardNumber', '4111-1111-1111-1111');
      expect(await number()).toBe('4111 1111 1111 1111');
      expect(await page.textContent('#cardNumber-error')).toBe('');
    }));

  test('a click on a test card fills the form, a double click on pay posts and charges once, and Back leads to the result', () =>
    during({ viewport: WIDTHS.desktop }, async ({ page }) => {
      const posts: string[] = [];
      page.on('request', (request) => {
        if (request.method() === 'POST') posts.push(request.url());
      });
      const { url, paymentIntentId } = await order();
      await page.goto(url);
      await page.click('button[data-card^="4111"]');
      expect(await page.inputValue('#cardNumber')).toBe('4111 1111 1111 1111');
      await page.dblclick('button[type=submit]');
      await page.waitForSelector('[data-result=paid]');
      expect(posts).toHaveLength(1);
      await page.reload();
      await page.waitForSelector('[data-result=paid]');
      await page.goto(url);
      await page.waitForSelector('[data-result=paid]');
      await page.goBack();
      await page.waitForSelector('[data-result=paid], #cardNumber');
      for (const field of await page.locator('#cardNumber').all()) expect(await field.inputValue()).toBe('');
      expect(await chargesOf(world, paymentIntentId)).toHaveLength(1);
    }));

  test('Back to the form, loaded again or as it was left: nothing of the card is in it, and it works', () =>
    during({}, async ({ page }) => {
      const typed = () =>
        page
          .locator('input:not([type=hidden])')
          .evaluateAll((all) => all.map((one) => (one as unknown as { value: string }).value).join(''));
      const { url } = await order();
      await page.goto(url);
      await type(page, CARDS.success);
      await page.click('#cancel');
      await page.waitForURL(`${shopUrl}/cart`);
      await page.goBack();
      await page.waitForSelector('#cardNumber');
      expect(await typed()).toBe('');
      // As a browser that kept the page would show it: with what was typed, and sent.
      await type(page, CARDS.success);
      await page.evaluate(
        `document.querySelector('form[data-texts]').addEventListener('submit', (event) => event.preventDefault(), { once: true })`,
      );
      await pay(page);
      expect(await page.textContent('button[type=submit]')).toBe('Sending your payment…');
      await page.evaluate(`dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`);
      expect(await typed()).toBe('');
      expect(await page.textContent('button[type=submit]')).toContain('Pay ₹');
      await type(page, CARDS.success);
      await pay(page);
      await page.waitForSelector('[data-result=paid]');
    }));

  test('two tabs: what the second one sends leads to the payment of the first', () =>
    during({}, async ({ context, page }) => {
      const { url, paymentIntentId } = await order();
      const other = await context.newPage();
      await Promise.all([page.goto(url), other.goto(url)]);
      await Promise.all([type(page, CARDS.success), type(other, CARDS.success)]);
      await Promise.all([pay(page), pay(other)]);
      await Promise.all([page, other].map((one) => one.waitForSelector('[data-result=paid]')));
      expect(await chargesOf(world, paymentIntentId)).toHaveLength(1);
    }));

  test('a device that slept: the time it slept has passed too, and a clock that is merely wrong ends nothing', () =>
    during({}, async ({ page }) => {
      await page.addInitScript(SLEEPS);
      const { url } = await order();
      await page.goto(url);
      const leftMs = Number(await page.getAttribute('#time-left', 'data-remaining-ms'));
      await page.evaluate(`sleep(${leftMs - 50_000})`);
      await page.waitForSelector('#time-left[data-state=last]');
      const loaded = page.waitForEvent('load');
      await page.evaluate(`sleep(${leftMs})`);
      await loaded;
      expect(page.url()).toBe(url);
      await page.waitForSelector('#time-left[data-state=calm]');
    }));

  test('the time runs out: told aloud, a warning, then the page that says so, which knows the way back', () =>
    during({}, async ({ page }) => {
      await page.addInitScript(SLEEPS);
      const { url, sessionId } = await order();
      await page.goto(url);
      const leftMs = Number(await page.getAttribute('#time-left', 'data-remaining-ms'));
      const said = (text: string) => page.locator('#time-said', { hasText: text }).waitFor();
      expect(await page.textContent('#time-said')).toBe('');
      expect(await page.isVisible('#time-warning')).toBe(false);
      await page.evaluate(`sleep(${leftMs - 5 * 60_000})`);
      await said('5 minutes left to pay.');
      await page.evaluate(`sleep(${leftMs - 60_000})`);
      await said('Less than one minute left.');
      expect(await page.textContent('#time-warning')).toContain('one minute');
      expect(await page.isVisible('#time-warning')).toBe(true);
      await expectAccessible(page);
      await shot(page, 'last-minute');
      await world.sessions.end(sessionId);
      await page.evaluate(`sleep(${leftMs})`);
      await page.waitForURL(/session-expired/);
      expect(await heading(page)).toBe('This payment page has expired');
      await expectAccessible(page);
      await shot(page, 'expired');
      await page.goto(url);
      expect(await heading(page)).toBe('This payment page has expired');
      await page.click('a.button');
      await page.waitForURL(`${shopUrl}/cart`);
    }));

  test('typed in time and sent after it, the tab closed: the link tells the truth later, elsewhere, without a session', async () => {
    let link = '';
    const { url, sessionId } = await order();
    await during({}, async ({ page }) => {
      await page.goto(url);
      await type(page, CARDS.successByCallback);
      await world.sessions.end(sessionId);
      await pay(page);
      await page.waitForURL(/checkout\/result/);
      link = page.url();
    });
    await world.sessions.forget(sessionId);
    await during({ javaScriptEnabled: false }, async ({ page }) => {
      await page.goto(link.replace(/&session=.*/, ''));
      await page.waitForSelector('[data-result=paid]');
    });
  });

  test.each([
    ['refused', { status: 503 }],
    ['cut off', 'abort'],
    ['never answered', 'hold'],
  ] as const)('a stream of events that is %s: the page asks for itself until it is paid', (_, fate) =>
    during({}, async ({ page }) => {
      await page.route('**/checkout/events*', (route) =>
        fate === 'hold' ? undefined : fate === 'abort' ? route.abort() : route.fulfill(fate),
      );
      await page.goto((await order()).url);
      await type(page, CARDS.answerLost);
      await pay(page);
      await page.waitForSelector('[data-result=paid]');
    }),
  );

  /** The result page with its net, a refresh, due at once. */
  async function refreshAtOnce(page: Page): Promise<void> {
    await page.route('**/checkout/result*', async (route) => {
      const response = await route.fetch();
      const body = (await response.text()).replace(
        'http-equiv="refresh" content="20',
        'http-equiv="refresh" content="1',
      );
      await route.fulfill({ response, body });
    });
    await page.goto(page.url());
  }

  test('a script that never comes, though scripts are on: the page still changes by itself and goes on to the shop', () =>
    during({}, async ({ page }) => {
      await page.route(`**${SCRIPT_PATH}`, (route) => route.abort());
      await page.goto((await order()).url);
      await type(page, CARDS.answerLost);
      await pay(page);
      await page.waitForSelector('[data-result]');
      await refreshAtOnce(page);
      await page.waitForURL(`${shopUrl}/paid`);
    }));

  test('a script that runs stops the refresh, so that nobody who reads is disturbed', () =>
    during({}, async ({ page }) => {
      await page.goto((await order()).url);
      await type(page, CARDS.processingForEver);
      await pay(page);
      await page.waitForSelector('[data-result=asking]');
      await refreshAtOnce(page);
      await page.waitForFunction(`document.querySelector('meta[http-equiv=refresh]') === null`);
      await page.evaluate('window.same = true');
      // Nothing happens: there is no event to wait for.
      await page.waitForTimeout(2000);
      expect(await page.evaluate('window.same')).toBe(true);
    }));

  test('forced colours: fields, button and signs are there without the page’s own', () =>
    during({ forcedColors: 'active', viewport: WIDTHS.desktop }, async ({ page }) => {
      await page.goto((await order()).url);
      await pay(page);
      await page.focus('#cardNumber');
      const edge = (selector: string) =>
        page.evaluate(
          `(({ outlineStyle, outlineColor, borderTopWidth, borderTopColor, backgroundColor }) => ({ outline: outlineStyle, outlineColor, border: borderTopWidth, seen: borderTopColor !== backgroundColor }))(getComputedStyle(document.querySelector('${selector}')))`,
        );
      expect(await edge('button[type=submit]')).toMatchObject({ border: '1px', seen: true });
      expect(await edge('.wrong, .sheet')).toMatchObject({ border: '1px', seen: true });
      expect(await edge('#cardNumber')).toMatchObject({ outline: 'solid' });
      await shot(page, 'forced-form');
      await type(page, CARDS.declined);
      await pay(page);
      await page.waitForSelector('[data-result=failed]');
      await shot(page, 'forced-failed');
    }));

  test('Hindi by Accept-Language; 320 px and 200 % zoom without scrolling sideways', async () => {
    await during({ locale: 'hi-IN', viewport: { width: 320, height: 640 } }, async ({ page }) => {
      await page.goto((await order()).url);
      expect(await page.getAttribute('html', 'lang')).toBe('hi');
      expect(await page.textContent('button[type=submit]')).toBe('₹1,23,456.00 का भुगतान करें');
      await expectNoSideways(page);
      await expectAccessible(page);
      await shot(page, 'hindi');
    });
    await during({ viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }, async ({ page }) => {
      await page.goto((await order()).url);
      await expectNoSideways(page);
    });
  });

  test('the page as a browser receives it has the scripts and headers of docs/PAYMENT-PAGE-SCRIPTS.md and no others', async () => {
    const listed = readFileSync(join(import.meta.dirname, '../../docs/PAYMENT-PAGE-SCRIPTS.md'), 'utf8');
    const [, path, integrity] = /\| `(\/checkout\/assets\/[^`]+)` \| `(sha256-[^`]+)` \|/.exec(listed)!;
    const answer = await fetch((await order()).url);
    const scripts = (await answer.text()).match(/<script[^>]*>/g);
    expect(scripts).toEqual([`<script src="${path}" integrity="${integrity}" defer>`]);
    const script = await fetch(`${gateway.checkoutUrl}${path}`);
    const digest = createHash('sha256')
      .update(await script.text())
      .digest('base64');
    expect(`sha256-${digest}`).toBe(integrity);
    expect(script.headers.get('cache-control')).toContain('immutable');
    for (const [, name, value] of listed.matchAll(/^\| ([\w-]+) \| `(.+)` \|$/gm)) {
      expect([name, answer.headers.get(name!)]).toEqual([name, value!.replace(" connect-src 'self';", '')]);
    }
  });

  test('the cards of the test banner do at the bank what the banner says', () => {
    const outcomes = TEST_BANNERS.SANDBOX.cards.map(({ shown, outcome }) => {
      const { status, declineCode, settles, asks, funding } = behaviourOf(shown.replaceAll(' ', ''));
      return [outcome, status, declineCode ?? null, settles, asks, funding];
    });
    expect(outcomes).toEqual([
      ['paid', 'succeeded', null, false, false, 'credit'],
      ['debit', 'succeeded', null, false, false, 'debit'],
      ['confirm', 'succeeded', null, false, true, 'credit'],
      ['declined', 'declined', 'card_declined', false, false, 'credit'],
      ['noFunds', 'declined', 'insufficient_funds', false, false, 'credit'],
      ['later', 'processing', null, true, false, 'credit'],
      ['silent', 'processing', null, false, false, 'credit'],
    ]);
  });
});
