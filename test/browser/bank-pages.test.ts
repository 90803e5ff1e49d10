/**
 * The bank's pages in a browser: a shopper who approves is led to another origin under the page's own policy, without JavaScript
 * too, and no page has a violation that axe-core finds, on phone and desktop, light and dark.
 *
 * @module
 */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cardNumber } from '../../sandbox/cards.ts';
import { type ShopWorld, startShopWorld } from '../../sandbox/shop/testing/shop-world.ts';
import { expectAccessible, expectNoSideways, startBrowser, visit, WIDTHS } from './browser.ts';

const THREE_D_SECURE = '40000081';
const THREE_D_SECURE_DECLINED = '40000082';

let browser: Browser;
/** Stands for where the shopper comes from: a page of another origin. */
let gateway: Server;
let world: ShopWorld;
let charges = 0;

beforeAll(async () => {
  browser = await startBrowser();
  gateway = createServer((_, response) =>
    response.setHeader('content-type', 'text/html').end('<title>back</title>'),
  );
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  world = await startShopWorld(returnOrigin());
});

afterAll(async () => {
  await browser?.close();
  gateway.closeAllConnections();
  gateway.close();
  await world?.stop();
});

function returnOrigin(): string {
  return `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
}

/** A charge that asks the shopper. Resolves to the address of its page. */
async function ask(method: object): Promise<string> {
  const order = { reference: `txn_${++charges}`, amount: 485_000, currency: 'INR' };
  const response = await fetch(`${world.url()}/v1/charges`, {
    method: 'POST',
    headers: { authorization: 'Bearer bank_sk_test' },
    body: JSON.stringify({ ...order, return_url: `${returnOrigin()}/return`, ...method }),
  });
  const { next_action: action } = (await response.json()) as { next_action: Record<string, string> };
  return action.url ?? action.simulator_url!;
}

function askByCard(bin: string): Promise<string> {
  const card = { number: cardNumber(bin, 1), expiry_month: 12, expiry_year: 2040, cvv: '123', name: 'A' };
  return ask({ card });
}

test.each([true, false])(
  'the decision leads back to where the shopper came from (JavaScript: %s)',
  async (javaScriptEnabled) => {
    const { context, page, faults } = await visit(browser, { javaScriptEnabled });
    await page.goto(await askByCard(THREE_D_SECURE));
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.waitForURL(/status=succeeded$/);
    expect(page.url()).toMatch(`${returnOrigin()}/return?charge=ch_`);
    expect(faults).toEqual([]);
    await context.close();
  },
);

test.each(
  Object.entries(WIDTHS).flatMap(([name, viewport]) =>
    (['light', 'dark'] as const).map((colorScheme) => ({ name, viewport, colorScheme })),
  ),
)('every page is accessible and fits: $name, $colorScheme', async ({ viewport, colorScheme }) => {
  const { context, page, faults } = await visit(browser, { viewport, colorScheme });
  const looksRight = async (heading: string) => {
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(heading);
    await expectAccessible(page);
    await expectNoSideways(page);
  };
  await page.goto(world.url());
  await looksRight('Test cards');
  const declined = await askByCard(THREE_D_SECURE_DECLINED);
  await page.goto(declined);
  await looksRight('Confirm your payment');
  await page.getByRole('button', { name: 'Walk away' }).click();
  await looksRight('You walked away');
  await page.getByRole('link', { name: 'Back to the bank’s page' }).click();
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.waitForURL(/status=declined$/);
  await page.goto(declined);
  await looksRight('Payment not made');
  await page.goto(await ask({ upi: { flow: 'intent' } }));
  await looksRight('Pay by UPI');
  await page.getByRole('button', { name: 'Pay', exact: true }).click();
  await looksRight('Payment approved');
  await page.goto(`${world.url()}/3ds/nobody`);
  await looksRight('No such payment');
  expect(faults).toEqual([]);
  await context.close();
});
