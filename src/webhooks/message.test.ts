/**
 * The body of an event: complete, the same each time, and small.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { BODY_BYTES_MAX, messageOf, testMessage } from './message.ts';
import { anEvent } from './testing/events.ts';

test('an event as the merchant sees it', () => {
  const event = anEvent({
    eventId: '0199a3f8d719e4b2c1d0a3f8d719e4b2',
    createdAt: Date.UTC(2026, 0, 21, 10),
  });
  const { id, body } = messageOf(event);
  expect(id).toBe('evt_0199a3f8d719e4b2c1d0a3f8d719e4b2');
  expect(body.toString()).toBe(
    `{"type":"payment.succeeded","timestamp":"2026-01-21T10:00:00.000Z","data":{"transactionId":"txn_${event.transactionId}","paymentIntentId":"pi_${event.paymentIntentId}","orderId":"order_789","customerId":"user_456","merchantId":"merchant_amazon","status":"SUCCESS","amount":5000,"currency":"INR","failureCode":null,"sequence":1}}`,
  );
  expect(messageOf({ ...event }).body).toEqual(body);
});

test('an intent that expired has no transaction', () => {
  const { body } = messageOf(anEvent({ transactionId: null, customerId: null, status: 'FAILED' }));
  expect(JSON.parse(body.toString()).data).toMatchObject({ transactionId: null, customerId: null });
});

test('the longest order and customer the API takes stay under the bound', () => {
  const { body } = messageOf(anEvent({ orderId: '\u0001'.repeat(255), customerId: '𝔘'.repeat(255) }));
  expect(body.length).toBeLessThan(BODY_BYTES_MAX / 4);
});

test('a test message is of no payment', () => {
  const { id, body } = testMessage('ab'.repeat(16), 'mer_1', 'cd'.repeat(16), 0);
  expect(id).toBe(`evt_${'ab'.repeat(16)}`);
  expect(JSON.parse(body.toString())).toMatchObject({
    type: 'webhook.test',
    data: { merchantId: 'mer_1', endpointId: `we_${'cd'.repeat(16)}` },
  });
});
