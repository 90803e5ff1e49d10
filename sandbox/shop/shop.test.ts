/**
 * The demo shop over real HTTP: what a shopper, Sluice and a stranger get from it.
 *
 * The bank is the real one in its process' own parts; the gateway is scripted; signatures are made by the package standardwebhooks.
 *
 * @module
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { documentedCards as payuCards } from '../payu/cards.ts';
import { documentedCards } from '../plain/cards.ts';
import { testCards as razorpayCards } from '../razorpay/test-cards.ts';
import { basic, cardOf, SHOPPER } from '../razorpay/testing/merchant.ts';
import { stripeDialect } from '../stripe/dialect.ts';
import { findScenario, scenarios } from './scenarios.ts';
import {
  EVENT_ID,
  type FakeSluice,
  INTENT_ID,
  signedWebhook,
  TRANSACTION_ID,
} from './testing/fake-sluice.ts';
import {
  RAZORPAY_ACCOUNT,
  RAZORPAY_KEY,
  RAZORPAY_SECRET,
  SECRET,
  SECRET_KEY,
  type ShopWorld,
  startShopWorld,
} from './testing/shop-world.ts';

const CHECKOUT = 'http://127.0.0.1:1';
const OTHER_SECRET = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
const PRICE = { amount: 129_900, currency: 'INR' };

let world: ShopWorld;
let sluice: FakeSluice;
let url: string;

beforeEach(async () => {
  world = await startShopWorld(CHECKOUT);
  ({ sluice } = world);
  url = world.url();
});

afterEach(() => world.stop());

async function page(path: string): Promise<string> {
  return await (await fetch(url + path)).text();
}

function postForm(
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url + path, {
    method: 'POST',
    redirect: 'manual',
    headers,
    body: new URLSearchParams(fields),
  });
}

/** Buys a rice bowl as a browser does, from the form of the front page. Resolves to the order's id. */
async function buy(scenario = 'paid'): Promise<string> {
  const orderId = /name="orderId" value="(order_\w+)"/.exec(await page('/shop'))![1]!;
  const answer = await postForm('/shop/orders', { orderId, product: 'bowl', scenario });
  expect([answer.status, answer.headers.get('location')]).toEqual([
    303,
    `${CHECKOUT}/checkout?session=sess_1`,
  ]);
  return orderId;
}

/** What Sluice would ask of the bank. */
function chargeAtBank(reference: string, number = '4111111111111111'): Promise<Response> {
  const card = { number, expiry_month: 12, expiry_year: 2040, cvv: '123', name: 'A Shopper' };
  return fetch(`${url}/v1/charges`, {
    method: 'POST',
    headers: { authorization: 'Bearer bank_sk_test' },
    body: JSON.stringify({ reference, ...PRICE, card, return_url: `${CHECKOUT}/return` }),
  });
}

async function hook(init: RequestInit, till = ''): Promise<number> {
  return (await fetch(`${url}/shop/webhooks${till}`, init)).status;
}

/** How the head of the story names the order's state. */
async function standing(orderId: string): Promise<string> {
  return /<h2 id="standing-title">([^<]*)/.exec(await page(`/shop/orders/${orderId}/story`))![1]!;
}

describe('buying', () => {
  it('makes intent and session by the API with the order as idempotency key, and sends the shopper to the checkout', async () => {
    const orderId = await buy();
    const [intent, session] = sluice.calls;
    expect(intent).toMatchObject({ method: 'POST', path: '/v1/payment/intent', idempotencyKey: orderId });
    expect(intent!.authorization).toBe(`Bearer ${SECRET_KEY}`);
    expect(intent!.body).toMatchObject({ merchantId: 'merchant_demo', orderId, ...PRICE });
    expect(session!.body).toMatchObject({
      paymentIntentId: INTENT_ID,
      successUrl: `${url}/shop/orders/${orderId}?returned=1`,
      cancelUrl: `${url}/shop/orders/${orderId}?cancelled=1`,
    });
    expect(await standing(orderId)).toBe('Waiting for the shopper');
  });

  it('makes one order of a form that is sent twice', async () => {
    const orderId = await buy();
    const again = await postForm('/shop/orders', { orderId, product: 'bowl', scenario: 'paid' });
    expect(again.headers.get('location')).toBe(`/shop/orders/${orderId}`);
    expect(sluice.calls.filter(({ path }) => path === '/v1/payment/intent')).toHaveLength(1);
  });

  it('arms the scenario’s fault at the bank for the first attempt of this payment only', async () => {
    await buy('hung-up');
    expect((await chargeAtBank(`txn_${'1'.repeat(32)}`)).status).toBe(200);
    await expect(chargeAtBank(TRANSACTION_ID)).rejects.toThrow();
    expect(await (await fetch(`${url}/_bank/faults`)).json()).toMatchObject({
      struck: { 'charge dropBefore': 1 },
    });
  });

  it('tells in the story why Sluice refused, and lets the order be paid later', async () => {
    sluice.refuseWith = 409;
    const orderId = `order_${'a'.repeat(16)}`;
    const refused = await postForm('/shop/orders', { orderId, product: 'bowl', scenario: 'paid' });
    expect(refused.status).toBe(409);
    expect(await refused.text()).toContain('Sluice refused (intent_closed)');
    sluice.refuseWith = null;
    const paying = await postForm(`/shop/orders/${orderId}/checkout`, {});
    expect(paying.headers.get('location')).toBe(`${CHECKOUT}/checkout?session=sess_1`);
  });
});

describe('a bank that asks the shopper', () => {
  it('is in the story from the question to the decision, and pays nothing by itself', async () => {
    const orderId = await buy('3d-secure');
    const asked = await chargeAtBank(TRANSACTION_ID, findScenario('3d-secure')!.card!);
    const { next_action: action } = (await asked.json()) as { next_action: { url: string } };
    const before = await page(`/shop/orders/${orderId}/story`);
    expect(before).toContain('Bank’s book: asks the shopper');
    expect(before).not.toContain('Bank’s book: charged');
    await fetch(action.url, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ choice: 'approve' }),
    });
    const after = await page(`/shop/orders/${orderId}/story`);
    expect(after.indexOf('Bank’s book: asks the shopper')).toBeGreaterThan(0);
    expect(after.indexOf('Bank’s book: charged')).toBeGreaterThan(after.indexOf('asks the shopper'));
    expect(await standing(orderId)).toBe('Waiting for the shopper');
  });

  it('may be an app: a scenario of UPI shows no card', async () => {
    const orderId = await buy('upi');
    const story = await page(`/shop/orders/${orderId}`);
    expect(story).toContain('Choose UPI at the checkout');
    expect(story).not.toContain('class="copy"');
  });
});

describe('an order is paid', () => {
  it('never by the shopper’s coming back', async () => {
    const orderId = await buy();
    const back = await fetch(`${url}/shop/orders/${orderId}?returned=1`);
    expect(back.url).toBe(`${url}/shop/orders/${orderId}`);
    expect(await back.text()).toContain('Shopper came back');
    expect(await standing(orderId)).toBe('Waiting for the shopper');
  });

  it('by a webhook that standardwebhooks signed, once however often it comes', async () => {
    const orderId = await buy();
    const webhook = signedWebhook(SECRET, 'payment.succeeded', { orderId, ...PRICE });
    expect([await hook(webhook), await hook(webhook)]).toEqual([204, 204]);
    expect(await standing(orderId)).toBe('Paid');
    const story = await page(`/shop/orders/${orderId}`);
    expect(story.match(/>signature verified</g)).toHaveLength(2);
    expect(story.match(/>duplicate</g)).toHaveLength(1);
  });

  it('by what Sluice answers when it is asked, if order, amount and currency fit', async () => {
    const orderId = await buy();
    sluice.transaction = { status: 'SUCCESS', orderId, ...PRICE, amount: 1, failureCode: null };
    expect(await standing(orderId)).not.toBe('Paid');
    sluice.transaction = { status: 'SUCCESS', orderId, ...PRICE, failureCode: null };
    await expect.poll(() => standing(orderId)).toBe('Paid');
  });

  it('not refused by an old word: a card that failed before the shopper went to pay again is no news', async () => {
    const orderId = await buy();
    const data = { orderId, ...PRICE, failureCode: 'card_declined' };
    await hook(signedWebhook(SECRET, 'payment.attempt_failed', data));
    expect(await standing(orderId)).toBe('Card not charged');
    await postForm(`/shop/orders/${orderId}/checkout`, {});
    sluice.transaction = { status: 'FAILED', ...data };
    expect(await standing(orderId)).toBe('Waiting for the shopper');
  });

  it.each([
    [
      'another secret',
      (orderId: string) => signedWebhook(OTHER_SECRET, 'payment.succeeded', { orderId, ...PRICE }),
    ],
    [
      'a changed body',
      (orderId: string) => {
        const webhook = signedWebhook(SECRET, 'payment.failed', { orderId, ...PRICE });
        return { ...webhook, body: String(webhook.body).replace('payment.failed', 'payment.succeeded') };
      },
    ],
    [
      'no signature',
      (orderId: string) => ({
        method: 'POST',
        body: JSON.stringify({ type: 'payment.succeeded', data: { orderId } }),
      }),
    ],
  ])('not by a webhook with %s: 400, and the story says so', async (_, make) => {
    const orderId = await buy();
    expect(await hook(make(orderId))).toBe(400);
    expect(await standing(orderId)).toBe('Waiting for the shopper');
    expect(await page(`/shop/orders/${orderId}`)).toContain('signature not verified');
  });

  it('not by a true webhook of another amount, and not by one that is older than what is known', async () => {
    const orderId = await buy();
    const cheap = signedWebhook(SECRET, 'payment.succeeded', { orderId, ...PRICE, amount: 1 }, 'evt_1');
    expect(await hook(cheap)).toBe(204);
    expect(await standing(orderId)).toBe('Waiting for the shopper');
    await hook(signedWebhook(SECRET, 'payment.succeeded', { orderId, ...PRICE, sequence: 2 }, 'evt_3'));
    await hook(signedWebhook(SECRET, 'payment.attempt_failed', { orderId, ...PRICE, sequence: 1 }, 'evt_2'));
    expect(await standing(orderId)).toBe('Paid');
    expect(await page(`/shop/orders/${orderId}`)).toContain('out of order');
  });
});

describe('a till', () => {
  /** An order of Razorpay and a payment of it, as Sluice would ask for them. */
  async function payAtRazorpay(reference: string, number: string): Promise<void> {
    const { keyId, secretKey } = RAZORPAY_ACCOUNT;
    const headers = { authorization: basic(keyId, secretKey), 'content-type': 'application/json' };
    const ask = async (path: string, body: object): Promise<{ id: string }> => {
      const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
      expect(answer.status).toBe(200);
      return (await answer.json()) as { id: string };
    };
    const payment = { capture: 'automatic', capture_options: { automatic_expiry_period: 12 } };
    const { id } = await ask('/v1/orders', { ...PRICE, receipt: reference, payment });
    const card = cardOf(number);
    await ask('/v1/payments/create/json', { ...PRICE, order_id: id, method: 'card', card, ...SHOPPER });
  }

  it('sells with its own merchant, its own scenarios, and only what its processor takes', async () => {
    const front = await page('/shop?till=razorpay');
    expect(front).toContain('<a href="/shop?till=razorpay" aria-current="page">Razorpay</a>');
    expect(front).toContain('id="s-razorpay-password"');
    expect(front).not.toContain('id="s-paid"');
    expect(await page('/shop')).not.toContain('id="s-razorpay-password"');
    await buy('razorpay-paid');
    expect(sluice.calls[0]!.authorization).toBe(`Bearer ${RAZORPAY_KEY}`);
    expect(sluice.calls[0]!.body).toMatchObject({ merchantId: 'merchant_demo_razorpay' });
    const orderId = `order_${'c'.repeat(16)}`;
    const yen = await postForm('/shop/orders', { orderId, product: 'kettle', scenario: 'payu-paid' });
    expect(yen.status).toBe(400);
  });

  it('hears of its orders at an endpoint of its own, under a secret of its own, and of no other till’s', async () => {
    const orderId = await buy('razorpay-paid');
    const data = { orderId, ...PRICE };
    expect(await hook(signedWebhook(SECRET, 'payment.succeeded', data), '/razorpay')).toBe(400);
    expect(await hook(signedWebhook(RAZORPAY_SECRET, 'payment.succeeded', data))).toBe(400);
    expect(await hook(signedWebhook(SECRET, 'payment.succeeded', data))).toBe(204);
    expect(await standing(orderId)).toBe('Waiting for the shopper');
    expect(await hook(signedWebhook(RAZORPAY_SECRET, 'payment.succeeded', data), '/razorpay')).toBe(204);
    expect(await standing(orderId)).toBe('Paid');
    expect((await postForm(`/shop/orders/${orderId}/replay`, {})).status).toBe(303);
    expect(sluice.calls.some(({ path }) => path === '/v1/webhook-endpoints/we_2/replay')).toBe(true);
  });

  it('tells in the words of its processor what the bank booked and posted', async () => {
    const orderId = await buy('razorpay-paid');
    await payAtRazorpay(TRANSACTION_ID, findScenario('razorpay-paid')!.card!);
    expect((await postForm(`/shop/orders/${orderId}/callback`, {})).status).toBe(303);
    const story = await page(`/shop/orders/${orderId}/story`);
    expect(story).toContain('Razorpay’s book: charged');
    expect(story.match(/Razorpay’s callback to Sluice/g)).toHaveLength(3);
    expect(story).toMatch(/payment\.authorized.*payment\.captured.*order\.paid/s);
  });

  it('of which the file has no merchant says so, and the others sell on', async () => {
    const closed = await fetch(`${url}/shop?till=stripe`);
    expect([closed.status, await closed.text()]).toEqual([
      503,
      expect.stringContaining('no merchant for Stripe'),
    ]);
    expect(
      await hook(signedWebhook(SECRET, 'payment.succeeded', { orderId: 'o', ...PRICE }), '/stripe'),
    ).toBe(503);
    await buy();
  });

  it('is the plain one for orders of before there were others', async () => {
    const orderId = await buy();
    const lines = await readFile(world.ordersFile, 'utf8');
    await writeFile(world.ordersFile, lines.replace('"till":"plain",', ''));
    expect(lines).toContain('"till":"plain",');
    await world.restart();
    url = world.url();
    expect(await hook(signedWebhook(SECRET, 'payment.succeeded', { orderId, ...PRICE }))).toBe(204);
    expect(await standing(orderId)).toBe('Paid');
  });
});

describe('scenarios', () => {
  /** Every card that the bank documents, by the till it belongs to. */
  const DOCUMENTED: Readonly<Record<string, readonly string[]>> = {
    plain: documentedCards.map(({ example }) => example),
    razorpay: razorpayCards.map(({ example }) => example),
    payu: payuCards.map(({ example }) => example),
    stripe: stripeDialect().testCards.map(({ example }) => example),
  };

  // The documented test of a refused connection never reaches the bank.
  const charged = scenarios.filter(({ id, card }) => card !== null && id !== 'refused');

  it.each(charged)('$id pays with a card that the bank documents', ({ till, card }) => {
    expect(DOCUMENTED[till]).toContain(card);
  });

  it('have ids of their own', () => {
    expect(new Set(scenarios.map(({ id }) => id)).size).toBe(scenarios.length);
  });
});

describe('webhooks', () => {
  it('are on disk before they are acknowledged, and the order is paid after a restart', async () => {
    const orderId = await buy();
    await hook(signedWebhook(SECRET, 'payment.succeeded', { orderId, ...PRICE }));
    expect(await readFile(world.ordersFile, 'utf8')).toContain(EVENT_ID);
    await world.restart();
    url = world.url();
    expect(await standing(orderId)).toBe('Paid');
  });

  it('of orders the shop does not know are acknowledged and counted, and not written', async () => {
    const stranger = signedWebhook(SECRET, 'payment.succeeded', { orderId: 'order_of_a_load_run', ...PRICE });
    expect(await hook(stranger)).toBe(204);
    expect(await page('/shop')).toContain('<dt>of other orders</dt><dd>1</dd>');
    expect(await readFile(world.ordersFile, 'utf8')).toBe('');
  });

  it('are verified with the secret as the file has it now', async () => {
    const orderId = await buy();
    await world.writeShopFile({ webhookSecret: OTHER_SECRET });
    expect(await hook(signedWebhook(OTHER_SECRET, 'payment.succeeded', { orderId, ...PRICE }))).toBe(204);
    expect(await hook(signedWebhook(SECRET, 'payment.succeeded', { orderId, ...PRICE }))).toBe(400);
  });

  it('get 503 while the shop plays dead, and count when they come again', async () => {
    const orderId = await buy('shop-down');
    const webhook = signedWebhook(SECRET, 'payment.succeeded', { orderId, ...PRICE });
    expect(await hook(webhook)).toBe(503);
    expect(await standing(orderId)).toBe('Waiting for the shopper');
    expect(await hook(webhook)).toBe(204);
    expect(await standing(orderId)).toBe('Paid');
    await postForm(`/shop/orders/${orderId}/fail`, {});
    expect(await hook(webhook)).toBe(503);
  });

  it('are asked for again by event id, at the endpoint that is the shop’s', async () => {
    const orderId = await buy();
    const none = await postForm(`/shop/orders/${orderId}/replay`, {});
    expect([none.status, (await none.text()).includes('No webhook of this order')]).toEqual([409, true]);
    await hook(signedWebhook(SECRET, 'payment.succeeded', { orderId, ...PRICE }));
    expect((await postForm(`/shop/orders/${orderId}/replay`, {})).status).toBe(303);
    const replay = sluice.calls.find(({ path }) => path === '/v1/webhook-endpoints/we_1/replay');
    expect(replay!.body).toEqual({ eventId: EVENT_ID });
  });
});

describe('strangers', () => {
  it.each([
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site' }],
    [{ origin: 'https://elsewhere.example' }],
    [{ origin: 'null' }],
  ])('cannot post the shop’s forms (%o)', async (headers) => {
    const orderId = `order_${'b'.repeat(16)}`;
    const answer = await postForm('/shop/orders', { orderId, product: 'bowl', scenario: 'paid' }, headers);
    expect(answer.status).toBe(403);
    expect(sluice.calls).toEqual([]);
  });

  it('find no secret and no card in any page, and nothing unescaped', async () => {
    const orderId = await buy();
    sluice.transaction = {
      status: 'PROCESSING',
      orderId,
      ...PRICE,
      failureCode: '<script>alert(1)</script>',
    };
    const story = await page(`/shop/orders/${orderId}`);
    expect(story).toContain('A card was &lt;given&gt;.');
    expect(story.match(/<script/g)).toHaveLength(1);
    for (const text of [story, await page('/shop'), await readFile(world.ordersFile, 'utf8')]) {
      expect(text).not.toContain(SECRET_KEY);
      expect(text).not.toContain(SECRET);
    }
  });

  it('get a policy under which only the page’s own style and script run', async () => {
    const policy = (await fetch(`${url}/shop`)).headers.get('content-security-policy')!;
    expect(policy).toMatch(/default-src 'none'; style-src 'sha256-[^' ]+'; script-src 'sha256-[^' ]+';/);
    expect(policy).toContain(`form-action 'self' ${CHECKOUT};`);
    expect(await page('/shop')).not.toMatch(/ style=| onclick=/);
  });

  it('get 404 for what is not there', async () => {
    for (const path of ['/shop/orders/order_none', '/shop/x', '/shop/orders/__proto__/fail']) {
      expect((await fetch(url + path)).status).toBe(404);
    }
  });
});

describe('a shop that is not set up', () => {
  it.each([
    ['no file', null, 'is not there yet'],
    ['half a file', '{"merchantId":', 'is not a JSON object'],
    ['a field missing', '{"merchantId":"merchant_demo"}', 'has no secretKey'],
  ])('with %s says what is missing, and the bank works on', async (_, text, word) => {
    await rm(world.shopFile);
    if (text !== null) await writeFile(world.shopFile, text);
    const answer = await fetch(`${url}/shop`);
    expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining(word)]);
    expect(await hook(signedWebhook(SECRET, 'payment.succeeded', { orderId: 'o', ...PRICE }))).toBe(503);
    expect((await fetch(`${url}/_bank/health`)).status).toBe(200);
    expect(await page('/')).toContain('href="/shop"');
  });
});
