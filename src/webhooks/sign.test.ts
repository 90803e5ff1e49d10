/**
 * Signatures as the Standard Webhooks specification has them, read by its own package.
 *
 * @module
 */

import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { signatureHeaders } from './sign.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OTHER = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';

test('the vector of the specification, byte for byte', () => {
  const body = Buffer.from('{"test": 2432232314}');
  expect(signatureHeaders('msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330_999, body, [SECRET])).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('during a rotation the package accepts either secret, and no third', () => {
  const body = Buffer.from('{"type":"payment.succeeded","data":{"orderId":"ordre é"}}');
  const headers = { ...signatureHeaders('evt_1', Date.now(), body, [OTHER, SECRET]) };
  for (const secret of [SECRET, OTHER])
    expect(new Webhook(secret).verify(body, headers)).toMatchObject({ type: 'payment.succeeded' });
  expect(() => new Webhook('whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA').verify(body, headers)).toThrow();
  expect(() => new Webhook(SECRET).verify(Buffer.from('{}'), headers)).toThrow();
});

test('what is no secret and an id with a dot are refused', () => {
  expect(() => signatureHeaders('evt_1', 0, Buffer.of(), ['sk_live_1'])).toThrow('not a webhook secret');
  expect(() => signatureHeaders('evt_1', 0, Buffer.of(), ['whsec_'])).toThrow('not a webhook secret');
  expect(() => signatureHeaders('evt.1', 0, Buffer.of(), [SECRET])).toThrow('no dot');
});
