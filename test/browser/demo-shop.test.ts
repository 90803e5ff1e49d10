/**
 * The demo shop in a browser: buying with the keyboard and without JavaScript, a story that grows while it is read, and no violation
 * that axe-core finds, on phone and desktop, light and dark. The gateway is scripted.
 *
 * @module
 */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { signedWebhook } from '../../sandbox/shop/testing/fake-sluice.ts';
import { SECRET, type ShopWorld, startShopWorld } from '../../sandbox/shop/testing/shop-world.ts';
import { startBrowser } from './browser.ts';

const PRICE = { amount: 14_800, currency: 'JPY' };

let browser: Browser;
/** Stands for the checkout page; a page of another origin is all that is needed of it. */
let checkout: Server;
let world: ShopWorld;
/** What went wrong in the pages: scripts, and what the policy stopped. */
const complaints: string[] = [];

beforeAll(async () => {
  browser = await startBrowser();
  checkout = createServer((_, response) => response.setHeader('content-type', 'text/html').end('checkout'));
  await new Promise<void>((resolve) => checkout.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  await browser?.close();
  checkout.closeAllConnections();
  checkout.close();
});

beforeEach(async () => {
  world = await startShopWorld(`http://127.0.0.1:${(checkout.address() as AddressInfo).port}`);
});

afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await world.stop();
  expect(complaints.splice(0)).toEqual([]);
});

async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // The stand-in for the checkout has no icon.
    if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico')) {
      complaints.push(message.text());
    }
  });
  await page.goto(world.url() + path);
  return page;
}

/** The path of the order that was made last. */
function orderPath(): string {
  const made = world.sluice.calls.findLast(({ path }) => path === '/v1/payment/intent');
  return `/shop/orders/${made!.body.orderId}`;
}

test('with the keyboard alone: arrows choose what happens, Enter buys, and the checkout page is there', async () => {
  const page = await open('/shop');
  await page.locator('#s-paid').focus();
  await page.keyboard.press('ArrowDown');
  expect(await page.locator('[data-chosen-title]').textContent()).toBe('Declined');
  await page.getByRole('button', { name: 'Buy Iron kettle' }).focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/checkout\?session=/);
  await page.goto(world.url() + orderPath());
  expect(await page.locator('.tools').textContent()).toContain('4000 0000 0000 0002');
});

test('a story grows while it is read: the webhook appears, is announced, and what was unfolded stays so', async () => {
  const page = await open('/shop');
  await page.getByRole('button', { name: 'Buy Iron kettle' }).click();
  await page.waitForURL(/\/checkout/);
  await page.goto(world.url() + orderPath());
  await page.locator('summary').first().click();
  const orderId = orderPath().split('/').at(-1)!;
  const webhook = signedWebhook(SECRET, 'payment.succeeded', { orderId, ...PRICE });
  expect((await fetch(`${world.url()}/shop/webhooks`, webhook)).status).toBe(204);
  await page.getByRole('heading', { name: 'Paid' }).waitFor();
  expect(await page.title()).toMatch(/^Paid: Iron kettle/);
  expect(await page.locator('#news').textContent()).toContain('Webhook payment.succeeded');
  expect(await page.locator('details[open]').count()).toBe(1);
});

test('without JavaScript: the form leads to the checkout, and the story is loaded again by itself', async () => {
  const page = await open('/shop', { javaScriptEnabled: false });
  await page.getByLabel('Slow bank', { exact: true }).check();
  await page.getByRole('button', { name: 'Buy Iron kettle' }).click();
  await page.waitForURL(/\/checkout/);
  await page.goto(world.url() + orderPath());
  const orderId = orderPath().split('/').at(-1)!;
  await fetch(
    `${world.url()}/shop/webhooks`,
    signedWebhook(SECRET, 'payment.succeeded', { orderId, ...PRICE }),
  );
  await page.getByRole('heading', { name: 'Paid' }).waitFor({ timeout: 10_000 });
});

test.each([
  [320, 'light'],
  [390, 'dark'],
  [1280, 'light'],
  [1280, 'dark'],
] as const)(
  'axe-core finds nothing at %i px, %s, and nothing is wider than the window',
  async (width, colorScheme) => {
    const options = { viewport: { width, height: 800 }, colorScheme, bypassCSP: true };
    const page = await open('/shop', options);
    const seen = [await look(page)];
    await page.getByRole('link', { name: 'Razorpay' }).click();
    expect(await page.locator('.tills [aria-current]').textContent()).toBe('Razorpay');
    seen.push(await look(page));
    await page.getByRole('link', { name: 'Sandbox bank', exact: true }).click();
    await page.getByRole('button', { name: 'Buy Iron kettle' }).click();
    await page.waitForURL(/\/checkout/);
    const orderId = orderPath().split('/').at(-1)!;
    for (const secret of [SECRET, SECRET.replace('Bw', 'Cw')]) {
      await fetch(
        `${world.url()}/shop/webhooks`,
        signedWebhook(secret, 'payment.succeeded', { orderId, ...PRICE }),
      );
    }
    await page.goto(world.url() + orderPath());
    for (const summary of await page.locator('summary').all()) await summary.click();
    seen.push(await look(page));
    expect(seen).toEqual([
      { violations: [], tooWideBy: 0 },
      { violations: [], tooWideBy: 0 },
      { violations: [], tooWideBy: 0 },
    ]);
  },
);

/** What axe-core finds on a page, and how many px it is wider than the window. */
async function look(page: Page): Promise<{ violations: string[]; tooWideBy: number }> {
  await page.addScriptTag({ content: axe.source });
  return await page.evaluate(`(async () => {
    const { violations } = await axe.run();
    return {
      violations: violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target }) => target).join(' ')),
      tooWideBy: Math.max(0, document.documentElement.scrollWidth - innerWidth),
    };
  })()`);
}
