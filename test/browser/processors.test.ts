/**
 * Payments at Razorpay, PayU and Stripe in a real browser, as the bank in a box speaks them: every way a shopper can go there, to the
 * right page at its end, with the API, the bank's book and `sluice verify` telling the same story.
 *
 * @module
 */

import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verify } from '../../src/verification/verify.ts';
import { queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { bookOf, CARDS, chargesOf, createShop, type Shop } from '../support/shop.ts';
import { expectAccessible, expectNoSideways, type Visit } from './browser.ts';
import {
  heading,
  type Order,
  pay,
  type Scene,
  type Seller,
  shot,
  standStill,
  startScene,
  type,
  WAYS,
  WAYS_APART,
} from './scene.ts';

type Name = 'RAZORPAY' | 'PAYU' | 'STRIPE';

/** What a shopper meets at each; cards of `sandbox/<dialect>/README.md`. */
interface Dialect {
  processor: Name;
  /** Asks on the bank's page, then pays when approved. */
  asks: string;
  /** Asks on the bank's page, then has no money although approved. */
  asksNoFunds: string;
  noFunds: string;
  /** The bank's page is reached by a form, not by an address. */
  byForm: boolean;
  /** UPI is approved by way of a page of the processor's, not by a link and its code here. */
  upiPage: boolean;
}

const DIALECTS: readonly Dialect[] = [
  {
    processor: 'RAZORPAY',
    asks: '4100288100000001',
    asksNoFunds: '4100288200000000',
    noFunds: '4000000000000119',
    byForm: false,
    upiPage: false,
  },
  {
    processor: 'PAYU',
    asks: '4000008100000004',
    asksNoFunds: '4000008200000003',
    noFunds: '4000000000000119',
    byForm: true,
    upiPage: false,
  },
  {
    processor: 'STRIPE',
    asks: '4000002760003184',
    asksNoFunds: '4000008260003178',
    noFunds: '4000000000009995',
    byForm: false,
    upiPage: true,
  },
];

/** Razorpay's card that asks for a one-time password at the shop. */
const ASKS_PASSWORD = '4100288400000008';
const WRONG_PASSWORD = '0000000000';

let scene: Scene;
const sellers = new Map<Name, Seller>();

beforeAll(async () => {
  scene = await startScene({ callbackDelayMs: 400 });
  for (const { processor } of DIALECTS) {
    const merchantId = `merchant_${processor.toLowerCase()}`;
    sellers.set(processor, {
      merchantId,
      secretKey: await scene.world.addMerchant(merchantId, { processor }),
    });
  }
});

afterAll(() => scene?.stop());

const during = (options: BrowserContextOptions, act: (visit: Visit) => Promise<void>) =>
  scene.during(options, act);
const bankPages = () => `${scene.world.bankUrl}/**`;
const atBank = (page: Page) => page.waitForURL(`${scene.world.bankUrl}/3ds/**`);
const backHere = (page: Page) => page.waitForURL(`${scene.gateway.checkoutUrl}/checkout/result?**`);
/** A page of a payment that is made goes on to the shop. */
const paid = (page: Page) =>
  page
    .locator('[data-result=paid]')
    .or(page.locator('h1', { hasText: 'Shop paid' }))
    .first()
    .waitFor();
const failed = (page: Page) => page.waitForSelector('[data-result=failed]');
const choose = (page: Page, choice: 'approve' | 'decline' | 'leave') =>
  page.click(`[name=choice][value=${choice}]`);
const main = (page: Page) => page.textContent('main');
/** The page's own script has begun. */
const scripted = (page: Page) =>
  page.waitForFunction(`document.querySelector('meta[http-equiv=refresh]') === null`);

function shopOf(processor: Name): Shop {
  const { secretKey, merchantId } = sellers.get(processor)!;
  return createShop(scene.world, scene.gateway, secretKey, merchantId);
}

/** An order at whose checkout page the shopper is. */
async function placed(page: Page, processor: Name): Promise<Order> {
  const order = await scene.order(undefined, sellers.get(processor)!);
  await page.goto(order.url);
  return order;
}

/** Sends the card. */
async function payWith(page: Page, processor: Name, card: string): Promise<Order> {
  const order = await placed(page, processor);
  await type(page, card);
  await pay(page);
  return order;
}

async function sendPassword(page: Page, password: string): Promise<void> {
  await page.fill('#otp', password);
  await page.click('.otp [type=submit]:not(.quiet)');
}

/** At the bank's page, by the page's own hand-over. */
async function goToBank(page: Page, { processor, asks, byForm }: Dialect, script: boolean, card = asks) {
  const order = await payWith(page, processor, card);
  // A form goes by itself only by script.
  if (byForm && !script) await page.click('text=Go to the bank’s page');
  await atBank(page);
  return order;
}

/** What the bank leads back by is a form; where scripts are off, the shopper presses its button. */
async function comeBack(page: Page, { processor }: Dialect, script: boolean): Promise<void> {
  if (processor !== 'STRIPE' && !script) await page.click('text=Continue');
  await backHere(page);
}

async function attemptsOf(processor: Name, { paymentIntentId }: Order) {
  const { body } = await shopOf(processor).get(`/v1/payment/intent/${paymentIntentId}`);
  return body.transactions as { transactionId: string; status: string }[];
}

/** The API and the bank's book: attempts that ended so, and money for the last that was paid, once and the right amount. */
async function tellsSameStory(
  processor: Name,
  order: Order,
  ...ends: ('SUCCESS' | 'FAILED')[]
): Promise<void> {
  const attempts = await attemptsOf(processor, order);
  expect(attempts.map(({ status }) => status)).toEqual(ends);
  for (const { transactionId } of attempts) {
    const { body } = await shopOf(processor).transaction(transactionId);
    expect(body).toMatchObject({ processor, amount: order.amount, nextAction: null });
  }
  const paidBy = attempts.filter(({ status }) => status === 'SUCCESS');
  const charges = await chargesOf(scene.world, order.paymentIntentId);
  expect(charges).toMatchObject(
    paidBy.map(({ transactionId }) => ({ reference: transactionId, amount: order.amount, processor })),
  );
  expect(charges).toHaveLength(paidBy.length);
}

/** What operators can read of the newest attempt, line by line. */
async function evidenceOf(processor: Name, order: Order): Promise<string[]> {
  const id = (await newestOf(processor, order)).replace('txn_', '');
  const evidence = 'select evidence from transactions where transaction_id = $1';
  const [row] = await queryShards<{ evidence: { detail: string }[] }>(scene.world, evidence, [id]);
  return row!.evidence.map(({ detail }) => detail);
}

async function newestOf(processor: Name, order: Order): Promise<string> {
  return (await attemptsOf(processor, order)).at(-1)!.transactionId;
}

describe.concurrent('shoppers', { timeout: 90_000 }, () => {
  describe.each(DIALECTS)('at $processor', (dialect) => {
    const { processor, noFunds, asksNoFunds, byForm, upiPage } = dialect;
    /** Where PayU's form is not in play, scripts and widths change nothing that its own tests do not see. */
    const fewWays = byForm ? WAYS_APART : WAYS_APART.slice(0, 1);
    const nameOf = (width: string, script: boolean) =>
      `${processor.toLowerCase()}-${width}-${script ? 'script' : 'plain'}`;

    test.each(byForm ? WAYS : WAYS_APART)(
      'who approves at the bank has paid, on a $width, script $script',
      ({ width, script, options }) =>
        during(options, async ({ page }) => {
          const name = nameOf(width, script);
          const went = standStill(page, bankPages());
          const order = await payWith(page, processor, dialect.asks);
          await page.waitForSelector('[data-result=action]');
          if (script || !byForm) await went;
          expect(await heading(page)).toBe('Your bank asks you to confirm');
          expect(await page.textContent('.facts')).toContain('₹1,23,456.00');
          await expectNoSideways(page);
          if (script) await expectAccessible(page);
          await shot(page, `${name}-hand-over`);
          await page.unroute(bankPages());
          // Its button was pressed by the page itself.
          if (script && byForm) await page.reload();
          await page.click('text=Go to the bank’s page');
          await atBank(page);
          expect(await main(page)).toContain('1,23,456.00');
          await expectNoSideways(page);
          if (script) await expectAccessible(page);
          await shot(page, `${name}-bank`);
          await choose(page, 'approve');
          await comeBack(page, dialect, script);
          await paid(page);
          await tellsSameStory(processor, order, 'SUCCESS');
        }),
    );

    test.each(fewWays)(
      'who declines at the bank has not paid, and pays with another card, on a $width, script $script',
      ({ width, script, options }) =>
        during(options, async ({ page }) => {
          const order = await goToBank(page, dialect, script);
          await choose(page, 'decline');
          await comeBack(page, dialect, script);
          await failed(page);
          expect(await main(page)).toContain('not confirmed with your bank');
          if (script) await expectAccessible(page);
          await shot(page, `${nameOf(width, script)}-declined`);
          await page.click('text=Try another card');
          await type(page, CARDS.success);
          await pay(page);
          await paid(page);
          await tellsSameStory(processor, order, 'FAILED', 'SUCCESS');
        }),
    );

    test('a card that needs no confirmation: declined, short of money, and then paid', () =>
      during({}, async ({ page }) => {
        const order = await payWith(page, processor, CARDS.declined);
        await failed(page);
        expect(await main(page)).toContain('Your bank declined the card');
        await page.click('text=Try another card');
        await type(page, noFunds);
        await pay(page);
        await page.locator('main', { hasText: 'The card does not have enough funds' }).waitFor();
        await page.click('text=Try another card');
        await type(page, CARDS.success);
        await pay(page);
        await paid(page);
        await tellsSameStory(processor, order, 'FAILED', 'FAILED', 'SUCCESS');
      }));

    test('approved, and then declined for want of money: the page says so', () =>
      during({}, async ({ page }) => {
        const order = await goToBank(page, dialect, true, asksNoFunds);
        await choose(page, 'approve');
        await failed(page);
        expect(await main(page)).toContain('The card does not have enough funds');
        await tellsSameStory(processor, order, 'FAILED');
      }));

    test.each(fewWays)(
      'who walks away from the bank is not sent back there, and finds the way again, on a $width, script $script',
      ({ width, script, options }) =>
        during(options, async ({ page }) => {
          const order = await goToBank(page, dialect, script);
          await choose(page, 'leave');
          await page.waitForSelector('text=You walked away');
          await page.click('text=To the shop, undecided');
          await page.waitForSelector('[data-result=action]');
          expect(await heading(page)).toBe('Waiting for your confirmation');
          expect(await page.locator('[data-go-on-ms]').count()).toBe(0);
          if (script) {
            await scripted(page);
            await expectAccessible(page);
          }
          await shot(page, `${nameOf(width, script)}-waits`);
          await page.click('text=Go to the bank’s page');
          await atBank(page);
          await choose(page, 'approve');
          await comeBack(page, dialect, script);
          await paid(page);
          await tellsSameStory(processor, order, 'SUCCESS');
        }),
    );

    describe.each(fewWays)('by UPI, on a $width, script $script', ({ width, script, options }) => {
      const name = nameOf(width, script);

      /** UPI chosen; resolves with the page that stands for the app, beside the one that waits. */
      async function openApp({ context, page }: Visit): Promise<{ order: Order; app: Page }> {
        const order = await placed(page, processor);
        await page.click('button[name=method][value=upi]');
        await page.waitForSelector('[data-result=action]');
        expect(await page.textContent('.facts')).toContain('₹1,23,456.00');
        await expectNoSideways(page);
        if (script) {
          await scripted(page);
          await expectAccessible(page);
        }
        await shot(page, `${name}-upi`);
        if (upiPage) {
          const [app] = await Promise.all([
            context.waitForEvent('page'),
            page.click('text=Open the UPI page'),
          ]);
          return { order, app };
        }
        // The link is for apps; its charge has a page at the bank.
        const [charge] = await bookOf(scene.world, await newestOf(processor, order));
        const app = await context.newPage();
        await app.goto(`${scene.world.bankUrl}/upi/${charge!.id}`);
        return { order, app };
      }

      test('who pays in the app has paid, and the page that waited goes on to the shop', () =>
        during(options, async (visit) => {
          const { order, app } = await openApp(visit);
          expect(await main(app)).toContain('1,23,456.00');
          await choose(app, 'approve');
          await paid(visit.page);
          await tellsSameStory(processor, order, 'SUCCESS');
        }));

      test('who declines in the app has not paid, and pays by card', () =>
        during(options, async (visit) => {
          const { page } = visit;
          const { order, app } = await openApp(visit);
          await choose(app, 'decline');
          await failed(page);
          expect(await main(page)).toContain('The UPI payment was declined');
          await page.click('text=Try another way to pay');
          await type(page, CARDS.success);
          await pay(page);
          await paid(page);
          await tellsSameStory(processor, order, 'FAILED', 'SUCCESS');
        }));
    });
  });

  test('who comes back from Razorpay brings a signature, and that it is right is written down', () =>
    during({}, async ({ page }) => {
      const [razorpay] = DIALECTS as [Dialect];
      const comeBack = async (): Promise<Order> => {
        const order = await scene.order(777_700, sellers.get('RAZORPAY')!);
        // Else the payment may be over before the shopper is back, and nobody is asked.
        await scene.tellBank('/_bank/faults', {
          step: 'callback',
          fault: 'delay',
          ms: 60_000,
          amount: order.amount,
        });
        await page.goto(order.url);
        await type(page, razorpay.asks);
        await pay(page);
        await atBank(page);
        await choose(page, 'approve');
        await paid(page);
        expect((await evidenceOf('RAZORPAY', order)).join('; ')).toContain('the return signature is right');
        return order;
      };
      // With a slow browser recovery may have asked between the approval and the way back: then another one pays.
      const order = await eventually(comeBack, { withinMs: 40_000 });
      await tellsSameStory('RAZORPAY', order, 'SUCCESS');
    }));

  describe.each(WAYS_APART)(
    'a one-time password, on a $width, script $script',
    ({ width, script, options }) => {
      const name = `otp-${width}-${script ? 'script' : 'plain'}`;

      test('wrong, sent again, then right: paid, and no password is shown again', () =>
        during(options, async ({ page }) => {
          const order = await payWith(page, 'RAZORPAY', ASKS_PASSWORD);
          await page.waitForSelector('#otp');
          expect(await heading(page)).toBe('Enter the OTP from your bank');
          expect(await page.textContent('.facts')).toContain('₹1,23,456.00');
          await expectNoSideways(page);
          if (script) await expectAccessible(page);
          await shot(page, `${name}-asks`);
          await sendPassword(page, WRONG_PASSWORD);
          await page.waitForSelector('[aria-invalid=true]');
          expect(await page.textContent('#otp-error')).toContain('did not accept this password');
          expect(await page.inputValue('#otp')).toBe('');
          expect(await page.content()).not.toContain(WRONG_PASSWORD);
          if (script) await expectAccessible(page);
          await shot(page, `${name}-wrong`);
          await page.click('text=Send me a new password');
          await page.waitForSelector('.told');
          expect(await page.textContent('.told')).toContain('sending you a new password');
          await shot(page, `${name}-again`);
          await sendPassword(page, '123456');
          await paid(page);
          await tellsSameStory('RAZORPAY', order, 'SUCCESS');
        }));
    },
  );

  test('a one-time password that is right at once pays', () =>
    during({}, async ({ page }) => {
      const order = await payWith(page, 'RAZORPAY', ASKS_PASSWORD);
      await sendPassword(page, '1234');
      await paid(page);
      await tellsSameStory('RAZORPAY', order, 'SUCCESS');
    }));

  test('three wrong passwords end the payment as not confirmed, and another card pays', () =>
    during({}, async ({ page }) => {
      const order = await payWith(page, 'RAZORPAY', ASKS_PASSWORD);
      for (const _ of [1, 2]) {
        await sendPassword(page, WRONG_PASSWORD);
        await page.waitForSelector('[aria-invalid=true]');
      }
      await sendPassword(page, WRONG_PASSWORD);
      await failed(page);
      expect(await main(page)).toContain('not confirmed with your bank');
      await page.click('text=Try another card');
      await type(page, CARDS.success);
      await pay(page);
      await paid(page);
      await tellsSameStory('RAZORPAY', order, 'FAILED', 'SUCCESS');
    }));
});

test('after all of them the records of gateway and bank agree', async () => {
  const { cluster, banks } = scene.world;
  const { rules } = await verify({
    shardDatabaseUrls: cluster.services.shards,
    books: banks().map(({ url, processors }) => ({ place: url, processors })),
    clientLog: null,
    unknownAfterMs: 600_000,
    now: Date.now(),
  });
  expect(rules.filter(({ count }) => count > 0)).toEqual([]);
});
