/**
 * The bank's pages in a browser: a shopper who approves is led to another origin under the page's own policy, without JavaScript
 * too, and no page has a violation that axe-core finds, on phone and desktop, light and dark.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cardNumber } from '../../sandbox/card-numbers.ts';
import { Dialects } from '../../sandbox/dialects.ts';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { type ShopWorld, startShopWorld } from '../../sandbox/shop/testing/shop-world.ts';
import { ASKED, openBabel } from '../../sandbox/testing/babel.ts';
import { expectAccessible, expectNoSideways, startBrowser, visit, WIDTHS } from './browser.ts';

const THREE_D_SECURE = '40000081';
const THREE_D_SECURE_DECLINED = '40000082';

let browser: Browser;
/** Stands for where the shopper comes from: a page of another origin. */
let gateway: Server;
/** What was posted there, newest last. */
const posted: string[] = [];
let world: ShopWorld;
/** A bank whose dialect leads back by a form and asks for a one-time password. */
let babel: Sandbox;
let babelDir: string;
let charges = 0;

beforeAll(async () => {
  browser = await startBrowser();
  gateway = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      if (request.method === 'POST') posted.push(body);
      response.setHeader('content-type', 'text/html').end('<title>back</title>');
    });
  });
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  world = await startShopWorld(returnOrigin());
  babelDir = await mkdtemp(join(tmpdir(), 'sandbox-babel-'));
  babel = await startBabel();
});

afterAll(async () => {
  await browser?.close();
  gateway.closeAllConnections();
  gateway.close();
  await world?.stop();
  await babel?.stop();
  await rm(babelDir, { recursive: true, force: true });
});

function startBabel(): Promise<Sandbox> {
  const callbackUrl = new URL(returnOrigin());
  const settings = {
    host: '127.0.0.1',
    port: 0,
    dataDir: babelDir,
    accounts: [
      { dialect: 'stripe' as const, account: 'acct_1', secretKey: 'sk', webhookSecret: 'whsec', callbackUrl },
    ],
    delayMs: 0,
    // Later than this test: nothing but shoppers comes to the gateway.
    callbackDelayMs: 600_000,
    challengeMs: 300_000,
    durable: false,
    shopFile: undefined,
  };
  const onFailure = (error: Error) => {
    throw error;
  };
  return startSandbox(settings, () => undefined, onFailure, new Dialects([openBabel().babel]));
}

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

/** A charge in the other dialect that asks the shopper. Resolves to the address of its page. */
async function askInBabel(): Promise<string> {
  const url = `http://127.0.0.1:${babel.port}`;
  const order = { reference: `babel_${++charges}`, amount: ASKED, returnUrl: `${returnOrigin()}/return` };
  const response = await fetch(`${url}/babel`, { method: 'POST', body: JSON.stringify(order) });
  const { id } = (await response.json()) as { id: string };
  return `${url}/3ds/${id}`;
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

test.each([true, false])(
  'a form leads back too, by itself or by its button (JavaScript: %s), and a wrong password fails',
  async (javaScriptEnabled) => {
    posted.length = 0;
    const { context, page, faults } = await visit(browser, { javaScriptEnabled });
    await page.goto(await askInBabel());
    if (javaScriptEnabled) {
      await expectAccessible(page);
      await expectNoSideways(page);
    }
    await page.getByLabel('One-time password').fill('12');
    await page.getByRole('button', { name: 'Approve' }).click();
    if (!javaScriptEnabled) await page.getByRole('button', { name: 'Continue' }).click();
    await page.waitForURL(`${returnOrigin()}/return`);
    expect(posted).toEqual([expect.stringMatching(/^id=babel_\w+&status=declined$/)]);
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
