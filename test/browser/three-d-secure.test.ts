/**
 * 3-D Secure in a real browser: the hand-over to the bank's page, every way to decide there or not to, and every way back.
 *
 * @module
 */

import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CARDS, chargesOf } from '../support/shop.ts';
import { expectAccessible, expectNoSideways, type Visit, WIDTHS } from './browser.ts';
import {
  heading,
  type Order,
  pay,
  type Scene,
  shot,
  standStill,
  startScene,
  type,
  WAYS,
  WAYS_APART,
} from './scene.ts';

const ASKS = { success: '4000008100000004', noFunds: '4000008200000003', slow: '4000008300000002' };

let scene: Scene;

beforeAll(async () => {
  scene = await startScene({ callbackDelayMs: 400 });
});

afterAll(() => scene?.stop());

const during = (options: BrowserContextOptions, act: (visit: Visit) => Promise<void>) =>
  scene.during(options, act);
const atBank = (page: Page) => page.waitForURL(bankPages());
const backHere = (page: Page) => page.waitForURL(`${scene.gateway.checkoutUrl}/checkout/result?**`);
/** A page of a payment that is made goes on to the shop; that of any other stays. */
const paid = (page: Page) => page.waitForURL(`${scene.shopUrl}/paid`);
const approve = (page: Page) => page.click('[name=choice][value=approve]');
const decline = (page: Page) => page.click('[name=choice][value=decline]');

/** Sends the card; the page then hands over. */
async function payWith(page: Page, card: string, order?: Order): Promise<Order> {
  const placed = order ?? (await scene.order());
  await page.goto(placed.url);
  await type(page, card);
  await pay(page);
  return placed;
}

const bankPages = () => `${scene.world.bankUrl}/3ds/**`;

/** Amounts that faults are armed by: each of one order. */
let amounts = 700_000;

/** An order at which the bank does this. */
async function orderWith(
  step: 'charge' | 'challenge' | 'callback',
  fault: string,
  ms?: number,
): Promise<Order> {
  amounts += 100;
  const placed = await scene.order(amounts);
  await scene.tellBank('/_bank/faults', {
    step,
    fault,
    amount: placed.amount,
    ...(ms !== undefined && { ms }),
  });
  return placed;
}

describe.concurrent('shoppers', { timeout: 90_000 }, () => {
  describe.each(WAYS)('on a $width, script $script', ({ width, script, options }) => {
    const name = `3ds-${width}-${script ? 'script' : 'plain'}`;

    test('the page hands over by itself, the bank hears nothing of the session, and who approves has paid', () =>
      during(options, async ({ page }) => {
        const toldToBank: string[] = [];
        const results: string[] = [];
        page.on('request', (request) => {
          if (request.url().includes('/checkout/result')) results.push(request.url());
          if (!request.url().startsWith(scene.world.bankUrl)) return;
          toldToBank.push(request.url(), JSON.stringify(request.headers()), request.postData() ?? '');
        });
        const wentByItself = standStill(page, bankPages());
        const { paymentIntentId, sessionId } = await payWith(page, ASKS.success);
        await wentByItself;
        expect(await heading(page)).toBe('Your bank asks you to confirm');
        expect(await page.textContent('.facts')).toContain(new URL(scene.world.bankUrl).host);
        await expectNoSideways(page);
        await shot(page, `${name}-hand-over`);
        await page.unroute(bankPages());
        await page.click('text=Go to the bank’s page');
        await atBank(page);
        await shot(page, `${name}-bank`);
        await approve(page);
        await backHere(page);
        await paid(page);
        expect(results.at(-1)).toContain(`session=${sessionId}`);
        expect(await chargesOf(scene.world, paymentIntentId)).toHaveLength(1);
        expect(toldToBank.length).toBeGreaterThan(0);
        expect(toldToBank.join()).not.toContain(sessionId);
      }));
  });

  describe.each(WAYS_APART)('on a $width, script $script', ({ width, script, options }) => {
    const name = `3ds-${width}-${script ? 'script' : 'plain'}`;

    test('who declines at the bank has not paid, and pays with another card', () =>
      during(options, async ({ page }) => {
        const { paymentIntentId } = await payWith(page, ASKS.success);
        await atBank(page);
        await decline(page);
        await page.waitForSelector('[data-result=failed]');
        expect(await page.textContent('main')).toContain('not confirmed with your bank');
        await shot(page, `${name}-declined`);
        await page.click('text=Try another card');
        await type(page, CARDS.success);
        await pay(page);
        await paid(page);
        expect(await chargesOf(scene.world, paymentIntentId)).toHaveLength(1);
      }));

    test('Back from the bank is not answered by being sent there again, and the way stays open', () =>
      during(options, async ({ page }) => {
        const { url } = await payWith(page, ASKS.success);
        await atBank(page);
        await page.goBack();
        // However far back that was, the payment's page is what it leads to.
        if (!page.url().includes('/checkout/result')) await page.goto(url);
        await page.waitForSelector('[data-result=action]');
        expect(await heading(page)).toBe('Waiting for your confirmation');
        expect(await page.locator('[data-go-on-ms]').count()).toBe(0);
        await shot(page, `${name}-back`);
        await page.click('text=Go to the bank’s page');
        await atBank(page);
        await approve(page);
        await paid(page);
      }));
  });

  test.each(['light', 'dark'] as const)(
    'axe-core finds nothing on the hand-over and the wait after it, in %s',
    (colorScheme) =>
      during({ colorScheme, viewport: WIDTHS.desktop }, async ({ page }) => {
        const wentByItself = standStill(page, bankPages());
        await payWith(page, ASKS.success);
        await wentByItself;
        await expectAccessible(page);
        await shot(page, `3ds-${colorScheme}-hand-over`);
        await page.reload();
        expect(await heading(page)).toBe('Waiting for your confirmation');
        await page.waitForFunction(`document.querySelector('meta[http-equiv=refresh]') === null`);
        await expectAccessible(page);
        await shot(page, `3ds-${colorScheme}-waits`);
      }),
  );

  test('where no events come through, the page finds out by itself that the bank asks, and hands over', () =>
    during({}, async ({ page }) => {
      await page.route('**/checkout/events?**', (route) => route.abort());
      await payWith(page, ASKS.success, await orderWith('charge', 'delay', 3000));
      await page.waitForSelector('[data-result=waiting]');
      await atBank(page);
    }));

  test('approved, and then declined for want of money: the page says so', () =>
    during({}, async ({ page }) => {
      await payWith(page, ASKS.noFunds);
      await atBank(page);
      await approve(page);
      await page.waitForSelector('[data-result=failed]');
      expect(await page.textContent('main')).toContain('enough funds');
    }));

  test('a slow bank: approved, worked on, and paid without a second look at its page', () =>
    during({}, async ({ page }) => {
      await payWith(page, ASKS.slow);
      await atBank(page);
      await approve(page);
      await backHere(page);
      await paid(page);
    }));

  test('back before the bank has booked it: the page waits and does not send anybody off', () =>
    during({}, async ({ page }) => {
      const order = await orderWith('challenge', 'decideLate', 8000);
      await payWith(page, ASKS.success, order);
      await atBank(page);
      await approve(page);
      await backHere(page);
      expect(await heading(page)).toBe('Waiting for your confirmation');
      await paid(page);
      expect(await chargesOf(scene.world, order.paymentIntentId)).toHaveLength(1);
    }));

  test('back before the callback: the bank is asked, and the page says it is paid long before the callback', () =>
    during({}, async ({ page }) => {
      await payWith(page, ASKS.success, await orderWith('callback', 'delay', 60_000));
      await atBank(page);
      await approve(page);
      await backHere(page);
      await paid(page);
    }));

  test('the callback before the way back: the page is of a payment that is made', () =>
    during({}, async ({ page }) => {
      await payWith(page, ASKS.success, await orderWith('challenge', 'callbackFirst'));
      await atBank(page);
      // The shop does not answer: the page of the way back stays for as long as it is looked at.
      await page.route(`${scene.shopUrl}/paid`, (route) => route.fulfill({ status: 204 }));
      await approve(page);
      await backHere(page);
      expect(await page.getAttribute('main', 'data-result')).toBe('paid');
    }));

  test('a way back that lies changes nothing: the page says what the bank has booked', () =>
    during({}, async ({ page }) => {
      const declined = await orderWith('challenge', 'forgeReturn');
      const asked: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      await payWith(page, ASKS.success, declined);
      await atBank(page);
      await decline(page);
      await page.waitForSelector('[data-result=failed]');
      expect(asked.find((url) => url.includes('/checkout/return'))).toContain('status=succeeded');
      expect(await chargesOf(scene.world, declined.paymentIntentId)).toEqual([]);
      await payWith(page, ASKS.success, await orderWith('challenge', 'forgeReturn'));
      await atBank(page);
      await approve(page);
      await paid(page);
    }));

  test('the bank’s tab is closed after the decision: the link to pay tells how it ended', () =>
    during({}, async ({ context, page }) => {
      const order = await orderWith('challenge', 'noReturn');
      await payWith(page, ASKS.success, order);
      await atBank(page);
      await approve(page);
      await page.waitForSelector('text=close this window');
      await page.close();
      const later = await context.newPage();
      await later.goto(order.url);
      await paid(later);
    }));

  test('another browser than the one that went: no session there, and the page is true all the same', () =>
    during({}, async ({ page }) => {
      await payWith(page, ASKS.success);
      await atBank(page);
      const bankPage = page.url();
      await during({}, async ({ page: phone }) => {
        await phone.goto(bankPage);
        await decline(phone);
        await phone.waitForSelector('[data-result=failed]');
        expect(phone.url()).not.toContain('session=');
        expect(await phone.locator('text=Try another card').count()).toBe(0);
        await phone.click('a.button');
        await phone.waitForURL(`${scene.shopUrl}/cart`);
      });
    }));

  test('a session that is gone meanwhile: the page says how it ended, and leads to the shop', () =>
    during({}, async ({ page }) => {
      const { sessionId } = await payWith(page, ASKS.success);
      await atBank(page);
      await scene.world.sessions.forget(sessionId);
      await decline(page);
      await page.waitForSelector('[data-result=failed]');
      expect(page.url()).not.toContain('session=');
      expect(await page.textContent('main')).toContain('start a new payment');
    }));
});

describe('when the bank gives little time', { timeout: 60_000 }, () => {
  beforeAll(() => scene.tellBank('/_bank/delay', { challengeMs: 8000 }));

  test.concurrent.each(WAYS_APART)(
    'who never decides is told that the time ran out, on a $width, script $script',
    ({ width, script, options }) =>
      during(options, async ({ page }) => {
        const { url } = await payWith(page, ASKS.success);
        await atBank(page);
        await page.goto(url);
        await page.waitForSelector('[data-result=failed]');
        expect(await page.textContent('main')).toContain('time to confirm with your bank ran out');
        expect(await page.locator('text=Try another card').count()).toBe(1);
        await shot(page, `3ds-${width}-${script ? 'script' : 'plain'}-expired`);
      }),
  );
});
