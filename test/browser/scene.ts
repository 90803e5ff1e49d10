/**
 * A scene for browser tests: a gateway with its bank, a browser, and a shop's site to come from and go back to.
 *
 * Shoppers share the three and are there at once, each with a context and an order of its own.
 *
 * Screenshots go to the folder named by SCREENSHOTS, when it is set.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import { createShop } from '../support/shop.ts';
import { type Gateway, startWorld, type World, type WorldOptions } from '../support/world.ts';
import { startBrowser, type Visit, visit, WIDTHS } from './browser.ts';

export interface Order {
  /** Of the checkout page. */
  url: string;
  paymentIntentId: string;
  sessionId: string;
  amount: number;
}

/** Whose order it is. */
export type Seller = Pick<World, 'merchantId' | 'secretKey'>;

export interface Scene {
  world: World;
  gateway: Gateway;
  browser: Browser;
  /** Origin of the shop's site: `/paid` and `/cart`. */
  shopUrl: string;
  /** A new order, of the world's merchant or another; of an amount of its own, where faults are armed by it. */
  order(amount?: number, merchant?: Seller): Promise<Order>;
  /** Tells the bank how to behave: `/_bank/faults`, `/_bank/delay`. */
  tellBank(path: string, body: object): Promise<void>;
  /** One visit, from its page to its end: nothing went wrong in the browser. */
  during(options: BrowserContextOptions, act: (visit: Visit) => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** A site of somebody else, on a free port of loopback: a shop, a bank. */
export interface Site {
  /** Origin. */
  url: string;
  close(): void;
}

export async function startSite(answer: RequestListener): Promise<Site> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => void server.close() };
}

/** The shop's site: `/paid` and `/cart`. */
export function startShopSite(): Promise<Site> {
  return startSite((request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(
      `<!doctype html><html lang="en"><title>Shop</title><h1>Shop ${request.url === '/paid' ? 'paid' : 'cart'}</h1>`,
    );
  });
}

/** One visit, from its page to its end: nothing went wrong in the browser. */
export async function visitOnce(
  browser: Browser,
  options: BrowserContextOptions,
  act: (visit: Visit) => Promise<void>,
): Promise<void> {
  const one = await visit(browser, options);
  try {
    await act(one);
    expect(one.faults).toEqual([]);
  } finally {
    await one.context.close();
  }
}

/**
 * What is found at these addresses answers that there is nothing to see, so a page that goes there by itself stays and can be looked
 * at. Resolves once it went; `unroute` lets it go.
 */
export function standStill(page: Page, addresses: string): Promise<void> {
  return new Promise((resolve) => {
    void page.route(addresses, async (route) => {
      await route.fulfill({ status: 204 });
      resolve();
    });
  });
}

const AMOUNT_USUAL = 12_345_600;

export async function startScene(setting: WorldOptions): Promise<Scene> {
  const site = await startShopSite();
  const shopUrl = site.url;
  const [world, browser] = await Promise.all([
    startWorld({ ...setting, redirectOrigins: [shopUrl] }),
    startBrowser(),
  ]);
  const gateway = await world.startGateway();
  return {
    world,
    gateway,
    browser,
    shopUrl,
    async order(amount = AMOUNT_USUAL, { merchantId, secretKey }: Seller = world) {
      const shop = createShop(world, gateway, secretKey, merchantId);
      const paymentIntentId = await shop.intent(amount);
      const urls = { successUrl: `${shopUrl}/paid`, cancelUrl: `${shopUrl}/cart` };
      const body = { paymentIntentId, merchantId, ...urls };
      const answer = await shop.post('/v1/payment/session', body);
      assert.equal(answer.status, 201);
      const { sessionId } = answer.body;
      const url = `${gateway.checkoutUrl}/checkout?session=${sessionId}`;
      return { url, paymentIntentId, sessionId, amount };
    },
    async tellBank(path, body) {
      const answer = await fetch(`${world.bankUrl}${path}`, { method: 'POST', body: JSON.stringify(body) });
      assert.ok(answer.ok, await answer.text());
    },
    during: (options, act) => visitOnce(browser, options, act),
    async stop() {
      await browser.close();
      site.close();
      await world.stop();
    },
  };
}

/** Types a card into the form. */
export async function type(page: Page, cardNumber: string, more: Record<string, string> = {}): Promise<void> {
  const fields = {
    cardNumber,
    expiryMonth: '12',
    expiryYear: '2030',
    cvv: '123',
    cardholderName: 'Asha Rao',
    ...more,
  };
  for (const [name, value] of Object.entries(fields)) await page.fill(`[name=${name}]`, value);
}

export const pay = (page: Page): Promise<void> => page.click('button[type=submit]');
export const heading = (page: Page): Promise<string | null> => page.locator('h1').textContent();

export async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

/** Each width, with script and without. */
export const WAYS = Object.entries(WIDTHS).flatMap(([width, viewport]) =>
  [true, false].map((javaScriptEnabled) => ({
    width,
    script: javaScriptEnabled,
    options: { viewport, javaScriptEnabled },
  })),
);

/**
 * Each width and each script once: for what they do not change between them, so that a browser has half to do. All of them when
 * screenshots are taken.
 */
export const WAYS_APART =
  process.env.SCREENSHOTS === undefined
    ? WAYS.filter(({ width, script }) => (width === 'phone') === script)
    : WAYS;
