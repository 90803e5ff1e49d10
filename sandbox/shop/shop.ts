/**
 * The demo shop: the routes under `/shop`, for shoppers, for the person behind the counter, and for Sluice's webhooks.
 *
 * An example to merchants in what it refuses, too: forms of other sites, a Host that is not this machine, webhooks without a right
 * signature. No card ever comes here.
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from '../body.ts';
import type { BankSide } from './bank-side.ts';
import { findProduct } from './catalogue.ts';
import { frontPage } from './front-page.ts';
import { fragment, layOut, type Page, type PageAnswer } from './layout.ts';
import { Merchant, type Sent } from './merchant.ts';
import { messagePage } from './message-page.ts';
import type { Order } from './order.ts';
import type { Orders } from './orders.ts';
import { findScenario, scenariosOf } from './scenarios.ts';
import type { ShopFile } from './shop-file.ts';
import type { Sources } from './story.ts';
import { storyPage, storyPart } from './story-page.ts';
import { type TillName, tillOf, tillOfWebhookPath } from './tills.ts';
import { FAILING_MS, WebhookReceiver } from './webhook-receiver.ts';

export interface ShopParts {
  readonly orders: Orders;
  readonly file: ShopFile;
  readonly bank: BankSide;
  readonly clock: () => number;
}

/** What the button of an order does; resolves to what stood in its way, or null. */
type Lever = (order: Order) => Promise<string | null>;

const FORM_BYTES_MAX = 4096;
const WEBHOOK_BYTES_MAX = 64 * 1024;
const ORDER_ID = /^order_[0-9a-f]{16}$/;
const LOOPBACK_HOST = /^(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?$/i;
const ORDERS_SHOWN = 6;
const ARRIVALS_SHOWN = 5;
const REFUSED_SHOWN = 10;

export class Shop {
  readonly #orders: Orders;
  readonly #file: ShopFile;
  readonly #bank: BankSide;
  readonly #clock: () => number;
  readonly #merchant: Merchant;
  readonly #receiver: WebhookReceiver;
  readonly #levers: Readonly<Record<string, Lever>> = {
    callback: async ({ paymentIntentId }) => {
      const posted = paymentIntentId === null ? 0 : await this.#bank.replayCallbacks(paymentIntentId);
      return posted > 0
        ? null
        : 'The bank has no charge of this order, so it has nothing to call back about.';
    },
    replay: (order) => this.#merchant.replayWebhook(order),
    fail: async (order) => {
      const at = this.#clock();
      await this.#orders.note(order, { kind: 'failing', at, untilAt: at + FAILING_MS });
      return null;
    },
  };

  constructor(parts: ShopParts) {
    this.#orders = parts.orders;
    this.#file = parts.file;
    this.#bank = parts.bank;
    this.#clock = parts.clock;
    this.#merchant = new Merchant(parts);
    this.#receiver = new WebhookReceiver(parts);
  }

  /** Answers a request whose path is `/shop` or below. */
  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
  ): Promise<void> {
    const hooked = tillOfWebhookPath(path);
    if (hooked !== undefined && request.method === 'POST') {
      return await this.#answerWebhook(request, response, hooked);
    }
    // A name that somebody pointed at this machine is not this shop: with it another site could read along.
    if (!LOOPBACK_HOST.test(request.headers.host ?? '')) {
      return await this.#show(
        response,
        messagePage(421, 'Not here', 'This shop answers to 127.0.0.1 and localhost.'),
      );
    }
    const setUp = await this.#file.account('plain');
    if (!setUp.ok)
      return await this.#show(
        response,
        messagePage(503, 'The shop is closed', setUp.problem, { text: 'To the bank', url: '/' }),
      );
    if (request.method === 'POST' && isFromElsewhere(request)) {
      return await this.#show(response, messagePage(403, 'Refused', 'This form was sent from another site.'));
    }
    const [, , orders, orderId = '', action] = path.split('/');
    if (path === '/shop' && request.method === 'GET') return await this.#showFront(response, query);
    if (path === '/shop/orders' && request.method === 'POST') return await this.#buy(request, response);
    const order = orders === 'orders' ? this.#orders.find(orderId) : undefined;
    if (order !== undefined && path.split('/').length <= 5) {
      if (request.method === 'GET' && action === undefined)
        return await this.#showOrder(response, order, query);
      if (request.method === 'GET' && action === 'story') {
        return send(response, fragment(storyPart(await this.#sourcesOf(order))));
      }
      if (request.method === 'POST' && action === 'checkout') return await this.#payAgain(response, order);
      const lever = Object.hasOwn(this.#levers, action ?? '') ? this.#levers[action ?? ''] : undefined;
      if (request.method === 'POST' && lever !== undefined) return await this.#pull(response, order, lever);
    }
    return await this.#show(
      response,
      messagePage(404, 'Not found', 'There is no such page, or the order is forgotten.'),
    );
  }

  async #answerWebhook(request: IncomingMessage, response: ServerResponse, till: TillName): Promise<void> {
    const body = await readBody(request, WEBHOOK_BYTES_MAX);
    if (body === null) {
      response.shouldKeepAlive = false;
      response.writeHead(413).end();
      return;
    }
    const { status, code } = await this.#receiver.receive(till, request.headers, body);
    if (code === null) response.writeHead(status).end();
    else response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ code }));
  }

  async #showFront(response: ServerResponse, query: URLSearchParams): Promise<void> {
    const asked = findScenario(query.get('scenario') ?? '');
    const till = tillOf(asked?.till ?? query.get('till'));
    const setUp = await this.#file.account(till.name);
    if (!setUp.ok) return await this.#show(response, messagePage(503, 'This till is closed', setUp.problem));
    const page = frontPage({
      nextOrderId: `order_${randomBytes(8).toString('hex')}`,
      till,
      chosen: asked ?? scenariosOf(till.name)[0]!,
      orders: this.#orders.newest(ORDERS_SHOWN),
      counts: this.#receiver.counts,
      arrivals: this.#receiver.arrivals(ARRIVALS_SHOWN),
    });
    await this.#show(response, page);
  }

  /** The page that was sent gave the order its id: the same form sent twice is one order. */
  async #buy(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request, FORM_BYTES_MAX);
    if (body === null) response.shouldKeepAlive = false;
    const form = new URLSearchParams(body?.toString('utf8') ?? '');
    const orderId = form.get('orderId') ?? '';
    const product = findProduct(form.get('product') ?? '');
    const scenario = findScenario(form.get('scenario') ?? '');
    const takes = tillOf(scenario?.till).currencies;
    if (
      !ORDER_ID.test(orderId) ||
      product === undefined ||
      scenario === undefined ||
      !takes.includes(product.currency)
    ) {
      return await this.#show(
        response,
        messagePage(400, 'Not understood', 'This form is not the shop’s own.'),
      );
    }
    if (this.#orders.find(orderId) !== undefined) return redirect(response, `/shop/orders/${orderId}`);
    await this.#goOn(response, orderId, await this.#merchant.buy(orderId, product, scenario));
  }

  async #payAgain(response: ServerResponse, order: Order): Promise<void> {
    const sent = await this.#merchant.checkOut(order, findScenario(order.scenarioId));
    await this.#goOn(response, order.orderId, sent);
  }

  /** To the checkout, by 303; or to the story, which says why not. */
  async #goOn(response: ServerResponse, orderId: string, sent: Sent): Promise<void> {
    const order = this.#orders.find(orderId);
    if (!sent.ok) {
      if (order === undefined) return redirect(response, '/shop');
      return await this.#show(response, storyPage(await this.#sourcesOf(order), sent.problem));
    }
    if (new URL(sent.redirectUrl).origin === (await this.#checkoutOrigin())) {
      return redirect(response, sent.redirectUrl);
    }
    // The page's policy does not know that address, and a browser would stop the redirect without a word. A link is free.
    const words = 'Your card is taken by Sluice, not by this shop.';
    const next = { text: 'Go on to the checkout', url: sent.redirectUrl };
    await this.#show(response, messagePage(200, 'On to the checkout', words, next));
  }

  /** The way back from the checkout is noted once and then taken out of the address, so that a reload is none. */
  async #showOrder(response: ServerResponse, order: Order, query: URLSearchParams): Promise<void> {
    const to = query.has('cancelled') ? 'cancel' : query.has('returned') ? 'success' : null;
    if (to === null) return await this.#show(response, storyPage(await this.#sourcesOf(order), null));
    const before = order.last('returned');
    const sentAt = order.last('session')?.at ?? 0;
    if (before === undefined || before.at < sentAt || before.to !== to) {
      await this.#orders.note(order, { kind: 'returned', at: this.#clock(), to });
    }
    redirect(response, `/shop/orders/${order.orderId}`);
  }

  async #pull(response: ServerResponse, order: Order, lever: Lever): Promise<void> {
    const problem = await lever(order);
    if (problem === null) return redirect(response, `/shop/orders/${order.orderId}`);
    await this.#show(response, storyPage(await this.#sourcesOf(order), problem));
  }

  async #sourcesOf(order: Order): Promise<Sources> {
    const { paymentIntentId } = order;
    const [view, charges] = await Promise.all([
      this.#merchant.look(order),
      paymentIntentId === null ? [] : this.#bank.chargesOf(paymentIntentId),
    ]);
    const refused = this.#receiver
      .arrivals(REFUSED_SHOWN, order.orderId)
      .filter(({ status }) => status === 400);
    return { order, view, charges, refused };
  }

  async #show(response: ServerResponse, page: Page): Promise<void> {
    send(response, layOut(page, await this.#checkoutOrigin()));
  }

  async #checkoutOrigin(): Promise<string | null> {
    const read = await this.#file.account('plain');
    return read.ok ? new URL(read.account.checkoutUrl).origin : null;
  }
}

/** A browser says where a form came from; what says nothing is no browser, and has no shopper to be misled. */
function isFromElsewhere(request: IncomingMessage): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin, host } = request.headers;
  return origin !== undefined && origin !== `http://${host}`;
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { Location: location, 'Cache-Control': 'no-store' }).end();
}

function send(response: ServerResponse, { status, headers, body }: PageAnswer): void {
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) }).end(body);
}
