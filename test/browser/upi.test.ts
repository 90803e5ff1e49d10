/**
 * UPI in a real browser: chosen beside the card, approved in the app of the phone or by its camera, and every other end.
 *
 * @module
 */

import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CARDS, chargesOf, createShop } from '../support/shop.ts';
import { expectAccessible, expectNoSideways, type Visit, WIDTHS } from './browser.ts';
import { heading, type Order, pay, type Scene, shot, startScene, type, WAYS, WAYS_APART } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
  scene = await startScene({ callbackDelayMs: 100 });
});

afterAll(() => scene?.stop());

const during = (options: BrowserContextOptions, act: (visit: Visit) => Promise<void>) =>
  scene.during(options, act);

/** A page of a payment that is made goes on to the shop; that of any other stays. */
const paid = (page: Page) => page.waitForURL(`${scene.shopUrl}/paid`);

async function chooseUpi(page: Page, order?: Order): Promise<Order> {
  const placed = order ?? (await scene.order());
  await page.goto(placed.url);
  await page.click('button[name=method][value=upi]');
  await page.waitForSelector('[data-result=action]');
  return placed;
}

/** What the shopper does in the app, which the bank's page stands for; it opens beside this one. */
async function inTheApp({ context, page }: Visit, choice: string): Promise<void> {
  const [app] = await Promise.all([context.waitForEvent('page'), page.click('#simulator')]);
  await app.click(`[name=choice][value=${choice}]`);
  await app.waitForLoadState();
  await app.close();
}

describe.concurrent('shoppers', { timeout: 90_000 }, () => {
  describe.each(WAYS)('on a $width, script $script', ({ width, script, options }) => {
    const name = `upi-${width}-${script ? 'script' : 'plain'}`;

    test('who approves in the app has paid, and the page that waited goes on to the shop', () =>
      during(options, async (visit) => {
        const { page } = visit;
        const placed = await scene.order();
        await page.goto(placed.url);
        await shot(page, `${name}-form`);
        await expectNoSideways(page);
        await page.click('button[name=method][value=upi]');
        await page.waitForSelector('[data-result=action]');
        await expectNoSideways(page);
        expect(await page.textContent('.facts')).toContain('₹1,23,456.00');
        const top = async (what: string) => (await page.locator(what).boundingBox())!.y;
        expect((await top('.upi .button')) < (await top('.qr'))).toBe(width === 'phone');
        await shot(page, `${name}-action`);
        await inTheApp(visit, 'approve');
        await paid(page);
        expect(await chargesOf(scene.world, placed.paymentIntentId)).toHaveLength(1);
      }));
  });

  describe.each(WAYS_APART)('on a $width, script $script', ({ width, script, options }) => {
    const name = `upi-${width}-${script ? 'script' : 'plain'}`;

    test('who declines in the app has not paid, and pays by card', () =>
      during(options, async (visit) => {
        const { page } = visit;
        const { paymentIntentId } = await chooseUpi(page);
        await inTheApp(visit, 'decline');
        await page.waitForSelector('[data-result=failed]');
        expect(await page.textContent('main')).toContain('The UPI payment was declined');
        await shot(page, `${name}-declined`);
        await page.click('text=Try another way to pay');
        await type(page, CARDS.success);
        await pay(page);
        await paid(page);
        expect(await chargesOf(scene.world, paymentIntentId)).toHaveLength(1);
      }));
  });

  test.each(['light', 'dark'] as const)(
    'axe-core finds nothing on the choice and the wait for the app, in %s',
    (colorScheme) =>
      during({ colorScheme, viewport: WIDTHS.desktop }, async ({ page }) => {
        const { url } = await scene.order();
        await page.goto(url);
        await expectAccessible(page);
        await shot(page, `upi-${colorScheme}-form`);
        await page.click('button[name=method][value=upi]');
        await page.waitForSelector('[data-result=action]');
        await page.waitForFunction(`document.querySelector('meta[http-equiv=refresh]') === null`);
        await expectAccessible(page);
        await shot(page, `upi-${colorScheme}-action`);
      }),
  );

  test('by keyboard: UPI is the first button, and the app’s link and the wait are said', () =>
    during({}, async ({ page }) => {
      const { url } = await scene.order();
      await page.goto(url);
      await page.focus('.skip');
      await page.keyboard.press('Tab');
      const focused = () => page.evaluate('document.activeElement.textContent');
      expect(await focused()).toBe('Pay ₹1,23,456.00 by UPI');
      await page.keyboard.press('Enter');
      await page.waitForSelector('[data-result=action]');
      expect(await page.getAttribute('.upi a', 'href')).toMatch(/^upi:\/\/pay\?/);
      expect(await page.getAttribute('.qr', 'aria-label')).toMatch(/₹1,23,456.00 to .+@/);
      expect(await page.textContent('#time-left')).toMatch(/Time left to pay\s+[45]:\d\d/);
      await page.keyboard.press('Tab');
      expect(await focused()).toBe('Open UPI app');
    }));

  test('too little money on the account: the page says so', () =>
    during({}, async (visit) => {
      await chooseUpi(visit.page);
      await inTheApp(visit, 'insufficient_funds');
      await visit.page.waitForSelector('[data-result=failed]');
      expect(await visit.page.textContent('main')).toContain('The account does not have enough funds');
    }));

  test('the callback does not come: the page that waits has the bank asked', () =>
    during({}, async (visit) => {
      const order = await scene.order(910_100);
      const fault = { step: 'callback', fault: 'delay', ms: 80_000, amount: order.amount };
      await scene.tellBank('/_bank/faults', fault);
      await chooseUpi(visit.page, order);
      await inTheApp(visit, 'approve');
      await paid(visit.page);
    }));

  test('the page is closed and opened again: it still waits, and is not asked to pay twice', () =>
    during({}, async ({ page }) => {
      const { url, paymentIntentId } = await chooseUpi(page);
      const link = await page.getAttribute('.upi a', 'href');
      await page.goto(url);
      await page.waitForSelector('[data-result=action]');
      expect(await page.getAttribute('.upi a', 'href')).toBe(link);
      const { body } = await createShop(scene.world, scene.gateway).get(
        `/v1/payment/intent/${paymentIntentId}`,
      );
      expect(body.transactions).toHaveLength(1);
    }));

  test('chosen in time and on its way when the time ends: the page does not turn to say that it is over', () =>
    during({}, async ({ page }) => {
      const { url } = await scene.order();
      await page.addInitScript(
        'const now = Date.now; let passed = 0; Date.now = () => now() + passed; globalThis.pass = (ms) => { passed = ms; };',
      );
      await page.goto(url);
      // On its way for as long as it is looked at.
      await page.evaluate("addEventListener('submit', (event) => event.preventDefault())");
      await page.click('button[name=method][value=upi]');
      await page.evaluate(`pass(${11 * 60_000})`);
      await page.locator('#time-left .clock', { hasText: /^0:00$/ }).waitFor();
      expect(await page.textContent('#time-said')).not.toContain('over');
    }));

  test('in Hindi, on a narrow phone', () =>
    during({ locale: 'hi-IN', viewport: { width: 320, height: 640 } }, async ({ page }) => {
      await chooseUpi(page);
      expect(await heading(page)).toBe('अपने UPI ऐप में मंज़ूरी दें');
      await expectNoSideways(page);
      await page.waitForFunction(`document.querySelector('meta[http-equiv=refresh]') === null`);
      await expectAccessible(page);
      await shot(page, 'upi-hindi');
    }));
});

describe('when the bank gives little time', { timeout: 60_000 }, () => {
  beforeAll(() => scene.tellBank('/_bank/delay', { challengeMs: 8000 }));

  test.concurrent.each(WAYS_APART)(
    'who never approves is told that the time ran out, on a $width, script $script',
    ({ width, script, options }) =>
      during(options, async ({ page }) => {
        await chooseUpi(page);
        await page.waitForSelector('[data-result=failed]');
        expect(await page.textContent('main')).toContain('time to approve in your UPI app ran out');
        expect(await page.locator('text=Try another way to pay').count()).toBe(1);
        await shot(page, `upi-${width}-${script ? 'script' : 'plain'}-expired`);
      }),
  );
});
