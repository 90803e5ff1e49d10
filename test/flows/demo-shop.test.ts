/**
 * The demo shop in the profile that `npm start` brings: a thing is bought over HTTP as a browser without JavaScript would, and the
 * order is paid by a webhook that the shop verified.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { CARDS, cardFields, chargesOf } from '../support/shop.ts';

const ROOT = join(import.meta.dirname, '../..');
const READY_MS = 90_000;

let dataDir: string;
let parent: ChildProcess;
let sandboxUrl: string;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-demo-shop-'));
  const inherited = Object.entries(process.env).filter(
    ([key]) => !/^(SLUICE_|SANDBOX_|VITEST|NODE_)/.test(key),
  );
  parent = spawn(process.execPath, ['src/cli/sluice.ts', 'start'], {
    cwd: ROOT,
    env: {
      ...Object.fromEntries(inherited),
      SLUICE_DATA_DIR: dataDir,
      SLUICE_API_PORT: String(await freePort()),
      SLUICE_CHECKOUT_PORT: String(await freePort()),
      SLUICE_OPS_PORT: String(await freePort()),
      SLUICE_SANDBOX_PORT: String(await freePort()),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  parent.stdout!.on('data', (chunk) => {
    said += chunk;
  });
  await eventually(() => assert.match(said, /Sluice is ready/), { withinMs: READY_MS });
  ({ sandboxUrl } = JSON.parse(readFileSync(join(dataDir, 'demo.json'), 'utf8')));
}, READY_MS + 10_000);

afterAll(async () => {
  if (parent?.exitCode === null) {
    parent.kill('SIGTERM');
    await once(parent, 'exit');
  }
  rmSync(dataDir, { recursive: true, force: true });
});

async function page(url: string): Promise<string> {
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  return await answer.text();
}

/** Posts a form of a page, as a browser that stands on it. Resolves to where it is sent. */
async function submit(url: string, fields: Record<string, string>): Promise<string> {
  const headers = { origin: new URL(url).origin, 'sec-fetch-site': 'same-origin' };
  const answer = await fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers,
    body: new URLSearchParams(fields),
  });
  assert.equal(answer.status, 303);
  return new URL(answer.headers.get('location')!, url).href;
}

/** Buys at the shop and pays with a card at the checkout it leads to. Resolves to the address of the order. */
async function buy(scenario: string, card: string, product = 'kettle'): Promise<string> {
  const orderId = /name="orderId" value="(order_\w+)"/.exec(await page(`${sandboxUrl}/shop`))![1]!;
  const checkout = await submit(`${sandboxUrl}/shop/orders`, { orderId, product, scenario });
  const sessionId = new URL(checkout).searchParams.get('session')!;
  expect(await page(checkout)).toContain(orderId);
  const result = await submit(new URL('/internal/payment/process', checkout).href, {
    sessionId,
    ...cardFields(card),
  });
  expect(new URL(result).pathname).toBe('/checkout/result');
  return `${sandboxUrl}/shop/orders/${orderId}`;
}

/** The story, once this is in it. */
function storyWith(order: string, words: RegExp): Promise<string> {
  return eventually(
    async () => {
      const story = await page(`${order}/story`);
      assert.match(story, words);
      return story;
    },
    { withinMs: 20_000 },
  );
}

test('a kettle is bought: one charge in the bank’s book, a verified webhook, and the order is paid', async () => {
  const order = await buy('paid', CARDS.success);
  const story = await storyWith(order, /Webhook payment\.succeeded/);
  expect(story).toMatch(/<h2 id="standing-title">Paid</);
  expect(story).toContain('signature verified');
  expect(/timeline is missing: [^<]*/.exec(story)).toBeNull();
  const paymentIntentId = /pi_[0-9a-f]{32}/.exec(story)![0];
  const charges = await chargesOf({ bankUrl: sandboxUrl }, paymentIntentId);
  expect(charges).toMatchObject([{ amount: 14_800, currency: 'JPY' }]);
});

test.each([
  ['razorpay', CARDS.success, 'RAZORPAY', /payment\.captured\. Sluice answered 200/],
  ['payu', CARDS.success, 'PAYU', /status=success unmappedstatus=captured\. Sluice answered 200/],
  ['stripe', '4242424242424242', 'STRIPE', /payment_intent\.succeeded\. Sluice answered 200/],
])(
  'through %s a bowl is paid: its own event is in the story, verified, and one charge in its book',
  async (till, card, processor, event) => {
    const order = await buy(`${till}-paid`, card, 'bowl');
    await storyWith(order, /Webhook payment\.succeeded/);
    const story = await storyWith(order, event);
    expect(story).toMatch(/<h2 id="standing-title">Paid</);
    expect(story).toContain('signature verified');
    const paymentIntentId = /pi_[0-9a-f]{32}/.exec(story)![0];
    const charges = await chargesOf({ bankUrl: sandboxUrl }, paymentIntentId);
    expect(charges).toMatchObject([{ processor, amount: 129_900, currency: 'INR' }]);
  },
);

test('a declined card leaves the order unpaid, and another one pays it', async () => {
  const order = await buy('declined', CARDS.declined);
  const refused = await storyWith(order, /<h2 id="standing-title">Card not charged</);
  expect(refused).toContain('card_declined');
  const checkout = await submit(`${order}/checkout`, {});
  const sessionId = new URL(checkout).searchParams.get('session')!;
  const process = new URL('/internal/payment/process', checkout).href;
  await submit(process, { sessionId, ...cardFields(CARDS.success) });
  await storyWith(order, /<h2 id="standing-title">Paid</);
});

test('a webhook that the shop answers with 503 comes again with the same id, and then the order is paid', async () => {
  const order = await buy('shop-down', CARDS.success);
  const story = await storyWith(order, /Noted on disk, then answered 204/);
  expect(story).toContain('Answered 503, as asked for');
  expect(new Set(story.match(/webhook-id: evt_\w+/g)).size).toBe(1);
}, 60_000);
