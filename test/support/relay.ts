/**
 * Relay: payments whose every step goes to whatever gateway a test names, so that no step can rely on what another left in a process.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from './eventually.ts';
import { type Answer, CARDS, createShop } from './shop.ts';
import type { World } from './world.ts';

/** Where the next step goes. */
export interface Stops {
  api(): string;
  checkout(): string;
}

export interface Relay {
  /** A card by form, until the API says SUCCESS. */
  byCard(card?: string): Promise<string>;
  /** UPI as JSON: the link is shown by the API, and the result page learns that it was approved. */
  byUpi(): Promise<string>;
  /** The bank asks on a page of its own and sends the shopper back. */
  by3dSecure(): Promise<string>;
  /** A one-time password typed at the checkout: a wrong one, then the right one. */
  byPassword(): Promise<string>;
}

/** Card of Razorpay's that asks for a one-time password at the shop. */
const ASKS_PASSWORD = '4100288400000008';
const SHOP_OF_PASSWORDS = 'merchant_passwords';

/** Plays the world's merchant, one of Razorpay's, and their shoppers. */
export async function createRelay(world: World, stops: Stops): Promise<Relay> {
  const key = await world.addMerchant(SHOP_OF_PASSWORDS, { processor: 'RAZORPAY' });
  const places = {
    get apiUrl() {
      return stops.api();
    },
    get checkoutUrl() {
      return stops.checkout();
    },
  };
  const shop = createShop(world, places);
  const passwordShop = createShop(world, places, key, SHOP_OF_PASSWORDS);

  /** A page of the checkout by its path, as a browser that follows nothing. */
  async function visit(path: string, init: RequestInit = {}): Promise<{ response: Response; text: string }> {
    const { pathname, search } = new URL(path, 'http://checkout');
    const response = await fetch(stops.checkout() + pathname + search, { redirect: 'manual', ...init });
    return { response, text: await response.text() };
  }

  async function placed(shop: ReturnType<typeof createShop>, card: string) {
    const { sessionId } = await shop.session(await shop.intent());
    assert.equal((await visit(`/checkout?session=${sessionId}`)).response.status, 200);
    const posted = await shop.payByForm(sessionId, card);
    assert.equal(posted.status, 303);
    const result = posted.headers.get('location')!;
    const transactionId = new URL(result, 'http://checkout').searchParams.get('transaction')!;
    return { transactionId, sessionId, result };
  }

  async function shownPaid(result: string): Promise<void> {
    await eventually(async () => assert.match((await visit(result)).text, /data-result="paid"/));
  }

  async function asking(shop: ReturnType<typeof createShop>, transactionId: string): Promise<Answer['body']> {
    return await eventually(async () => {
      const { body } = await shop.transaction(transactionId);
      assert.notEqual(body.nextAction, null);
      return body;
    });
  }

  async function choose(url: string): Promise<string> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await fetch(url, { method: 'POST', redirect: 'manual', headers, body: 'choice=approve' });
    return answer.headers.get('location') ?? '';
  }

  return {
    async byCard(card = CARDS.success) {
      const { transactionId, result } = await placed(shop, card);
      assert.equal((await visit(result)).response.status, 200);
      await shop.becomes(transactionId, 'SUCCESS');
      await shownPaid(result);
      return transactionId;
    },
    async byUpi() {
      const { sessionId } = await shop.session(await shop.intent());
      const started = await shop.payByUpi(sessionId);
      assert.equal(started.status, 202);
      const { transactionId } = started.body;
      const { nextAction, processorTxnId } = await asking(shop, transactionId);
      assert.match(nextAction.link, /^upi:\/\/pay\?/);
      await choose(`${world.bankUrl}/upi/${processorTxnId}`);
      await shownPaid(`/checkout/result?transaction=${transactionId}`);
      await shop.becomes(transactionId, 'SUCCESS');
      return transactionId;
    },
    async by3dSecure() {
      const { transactionId, result } = await placed(shop, CARDS.threeDSecure);
      const { nextAction } = await asking(shop, transactionId);
      assert.equal((await visit(result)).response.status, 200);
      const back = await choose(nextAction.url);
      assert.equal((await visit(back)).response.status, 303);
      await shownPaid(`/checkout/result?transaction=${transactionId}`);
      await shop.becomes(transactionId, 'SUCCESS');
      return transactionId;
    },
    async byPassword() {
      const { transactionId, sessionId, result } = await placed(passwordShop, ASKS_PASSWORD);
      await eventually(async () => assert.match((await visit(result)).text, /id="otp"/));
      const { nextAction } = await asking(passwordShop, transactionId);
      assert.match(nextAction.resultUrl, /\/checkout\/result\?/);
      const type = async (otp: string): Promise<string> => {
        const { response } = await visit('/checkout/otp', {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({ transaction: transactionId, session: sessionId, otp }).toString(),
        });
        assert.equal(response.status, 303);
        return response.headers.get('location')!;
      };
      assert.match((await visit(await type('0000000000'))).text, /did not accept this password/);
      await shownPaid(await type('123456'));
      await passwordShop.becomes(transactionId, 'SUCCESS');
      return transactionId;
    },
  };
}

/** A merchant's receiver of webhooks. */
export interface Receiver {
  url: string;
  /** Transaction and type of each event that arrived, in that order. */
  heard: string[];
  close(): void;
}

export async function startReceiver(): Promise<Receiver> {
  const heard: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const { type, data } = JSON.parse(Buffer.concat(chunks).toString());
      heard.push(`${data.transactionId} ${type}`);
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    heard,
    close: () => server.close(),
  };
}
