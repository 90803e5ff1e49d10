/**
 * Two gateways behind the balancer we deliver a configuration for: each is restarted again and again while shoppers pay, and no client
 * sees an error.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openCase } from '../campaigns/judgement.ts';
import { type Balancer, startBalancer } from '../support/balancer.ts';
import { pause } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { canRun } from '../support/required-servers.ts';
import { CARDS, cardFields } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const SHOPPERS = 8;
const RESTARTS = 2;
/** Between two payments of a shopper: the load is steady, and the machine has room for a gateway's start. */
const BREATH_MS = 40;

const haproxyIsHere = canRun('haproxy', 'the rolling restart behind it is');

let world: World;
let gateways: [Gateway, Gateway];
let balancer: Balancer;

beforeAll(async () => {
  if (!haproxyIsHere) return;
  const ports = { api: await freePort(), checkout: await freePort() };
  world = await startWorld({ callbackPort: ports.api });
  const env = {
    SLUICE_DRAIN_DELAY_SECONDS: '2',
    SLUICE_PUBLIC_CHECKOUT_URL: `http://127.0.0.1:${ports.checkout}`,
    SLUICE_RATE_LIMITS: 'merchant=100000,session=1000',
  };
  gateways = [await world.startOne(env), await world.startOne(env)];
  balancer = await startBalancer(ports, gateways);
  await balancer.become('UP', [...serversOf(0), ...serversOf(1)]);
});
afterAll(async () => {
  await balancer?.stop();
  await world?.stop();
});

function serversOf(index: number): string[] {
  return [`api/api-${index + 1}`, `checkout/checkout-${index + 1}`];
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** One request; rejects when the connection ends without an answer. An agent keeps its connection, without one each has its own. */
async function call(
  agent: Agent | false,
  url: string,
  { type, body, headers = {} }: { type?: string; body?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const method = body === undefined ? 'GET' : 'POST';
  const sent = request(url, {
    agent,
    method,
    headers: { ...headers, ...(type !== undefined && { 'content-type': type }) },
  });
  const answered = new Promise<Answer>((resolve, reject) => {
    sent.once('error', reject);
    sent.once('response', (response) => {
      text(response).then(
        (whole) => resolve({ status: response.statusCode!, headers: response.headers, text: whole }),
        reject,
      );
    });
  });
  sent.end(body);
  return await answered;
}

/** A shopper and a merchant who pay from intent to final word, and what went wrong. */
async function shopper(
  agent: Agent | false,
  over: () => boolean,
  log: ReturnType<typeof openCase>['log'],
): Promise<{ paid: number; errors: string[] }> {
  const { merchantId } = world;
  const headers = { authorization: `Bearer ${world.secretKey}` };
  const json = 'application/json';
  const errors: string[] = [];
  let paid = 0;

  async function step(what: string, status: number, answer: Promise<Answer>): Promise<Answer> {
    const got = await answer;
    assert.equal(got.status, status, `${what}: ${got.status} ${got.text.slice(0, 200)}`);
    return got;
  }

  async function pay(): Promise<void> {
    const order = { orderId: `order_${randomUUID()}`, amount: 5000, currency: 'INR' };
    const n = await log.begin({ do: 'intent', ...order });
    const intent = await step(
      'intent',
      201,
      call(agent, `${balancer.apiUrl}/v1/payment/intent`, {
        type: json,
        body: JSON.stringify({ merchantId, ...order }),
        headers,
      }),
    );
    const { paymentIntentId } = JSON.parse(intent.text);
    log.end(n, { outcome: 'ok', paymentIntentId });
    const urls = { successUrl: 'https://shop.example/success', cancelUrl: 'https://shop.example/cancel' };
    const session = await step(
      'session',
      201,
      call(agent, `${balancer.apiUrl}/v1/payment/session`, {
        type: json,
        body: JSON.stringify({ merchantId, paymentIntentId, ...urls }),
        headers,
      }),
    );
    const { sessionId, redirectUrl } = JSON.parse(session.text);
    await step('page', 200, call(agent, redirectUrl));
    const m = await log.begin({ do: 'pay', paymentIntentId });
    const posted = await step(
      'card',
      303,
      call(agent, `${balancer.checkoutUrl}/internal/payment/process`, {
        type: 'application/x-www-form-urlencoded',
        body: new URLSearchParams({ sessionId, ...cardFields(CARDS.success) }).toString(),
      }),
    );
    const result = new URL(posted.headers.location!, balancer.checkoutUrl);
    const transactionId = result.searchParams.get('transaction')!;
    log.end(m, { outcome: 'ok', transactionId });
    await step('result', 200, call(agent, result.href));
    for (;;) {
      const r = await log.begin({ do: 'read', transactionId });
      const url = `${balancer.apiUrl}/v1/payment/transaction/${transactionId}`;
      const { status } = JSON.parse((await step('read', 200, call(agent, url, { headers }))).text);
      log.end(r, { outcome: 'ok', status });
      if (status === 'SUCCESS') return;
      await pause(BREATH_MS);
    }
  }

  while (!over()) {
    try {
      await pay();
      paid++;
    } catch (error) {
      errors.push(String(error));
    }
    await pause(BREATH_MS);
  }
  if (agent !== false) agent.destroy();
  return { paid, errors };
}

test.skipIf(!haproxyIsHere)(
  'each gateway restarts twice under a steady load: no client sees an error, and the books agree',
  async () => {
    const { log, judge } = openCase(world);
    let over = false;
    const shoppers = Array.from({ length: SHOPPERS }, (_, i) =>
      shopper(i % 2 === 0 ? new Agent({ keepAlive: true, maxSockets: 2 }) : false, () => over, log),
    );
    const ends: Array<number | string> = [];
    const stopMs: number[] = [];
    try {
      for (let i = 0; i < 2 * RESTARTS; i++) {
        const which = i % 2;
        const from = performance.now();
        ends.push(await gateways[which]!.stop());
        stopMs.push(performance.now() - from);
        await balancer.become('DOWN', serversOf(which));
        gateways[which] = await gateways[which]!.again();
        // As whoever rolls: the next one only when the balancer knows that this one is back.
        await balancer.become('UP', serversOf(which));
      }
    } finally {
      over = true;
    }
    const told = await Promise.all(shoppers);
    expect(told.flatMap(({ errors }) => errors)).toEqual([]);
    expect(Math.min(...told.map(({ paid }) => paid))).toBeGreaterThan(2 * RESTARTS);
    expect(ends).toEqual(ends.map(() => 0));
    expect(Math.max(...stopMs)).toBeLessThan(15_000);
    expect((await judge()).violations).toEqual([]);
  },
  // Four starts, each of up to a minute where the machine does other things too.
  300_000,
);
