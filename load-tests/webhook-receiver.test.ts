import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startWebhookReceiver, type WebhookReceiver } from './webhook-receiver.ts';

const KEY = Buffer.alloc(32, 7);
const BODY = JSON.stringify({ type: 'payment.succeeded', data: { orderId: 'load-1-5' } });

let receiver: WebhookReceiver;
let heard: string[];

beforeEach(async () => {
  receiver = await startWebhookReceiver();
  receiver.setSecret(3, `whsec_${KEY.toString('base64')}`);
  heard = [];
  receiver.onEvent((orderId) => heard.push(orderId));
});
afterEach(async () => await receiver.close());

function post(merchant: number, body: string, signed = body): Promise<Response> {
  const signature = createHmac('sha256', KEY).update(`evt_1.1700000000.${signed}`).digest('base64');
  return fetch(receiver.urlOf(merchant), {
    method: 'POST',
    headers: {
      'webhook-id': 'evt_1',
      'webhook-timestamp': '1700000000',
      'webhook-signature': `v1,${signature}`,
    },
    body,
  });
}

test('an event that is rightly signed is heard by its order, again and again on one connection', async () => {
  for (let n = 0; n < 3; n++) expect((await post(3, BODY)).status).toBe(204);
  expect(heard).toEqual(['load-1-5', 'load-1-5', 'load-1-5']);
  expect(receiver.refused()).toBe(0);
});

test('a wrong signature and an endpoint of no merchant are refused and counted', async () => {
  expect((await post(3, BODY, `${BODY} `)).status).toBe(400);
  expect((await post(4, BODY)).status).toBe(400);
  expect(heard).toEqual([]);
  expect(receiver.refused()).toBe(2);
});
