/**
 * The published vectors of both signatures, byte for byte.
 * @module
 */
import { expect, it } from 'vitest';
import { signReturn, signWebhook } from './signatures.ts';

it('signs a webhook as the official packages test it', () => {
  expect(signWebhook('123456', '{"a":1,"b":2,"c":{"d":3}}')).toBe(
    '2fe04e22977002e6c7cb553adab8b460cb9e2a4970d5953cb27a8472752e3bbc',
  );
});

it.each([
  [
    'EnLs21M47BllR3X8PSFtjtbd',
    'order_IEIaMR65cu6nz3',
    'pay_IH4NVgf4Dreq1l',
    '0d4e745a1838664ad6c9c9902212a32d627d68e917290b0ad5f08ff4561bc50f',
  ],
  [
    'key_secret',
    'fake_order_id',
    'fake_payment_id',
    'b2335e3b0801106b84a7faff035df56ecffde06918c9ddd1f0fafbb37a51cc89',
  ],
])('signs a return under %s as the official packages test it', (secret, orderId, paymentId, signature) => {
  expect(signReturn(secret, orderId, paymentId)).toBe(signature);
});
