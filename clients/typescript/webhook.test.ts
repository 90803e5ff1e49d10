/**
 * What the client believes of a webhook and what not: the published vector, an independent library, every flipped bit.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type { PaymentEventType } from '../../src/domain/transaction.ts';
import { type PaymentEvent, verifyWebhook, type WebhookRequest } from './webhook.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const BODY = JSON.stringify({
  type: 'payment.succeeded',
  timestamp: '2026-01-21T10:05:32.120Z',
  data: { paymentIntentId: 'pi_1', orderId: 'order_₹', amount: 5000, sequence: 1 },
});
const AT_SECONDS = Math.floor(Date.now() / 1000);

/** A request as the independent library signs it, now. */
function signedRequest(secret = SECRET, body = BODY, atSeconds = AT_SECONDS): WebhookRequest {
  const id = 'evt_0199a3f8d719e4b2c1d0a3f8d719e4b2';
  return {
    secret,
    body,
    now: AT_SECONDS * 1000,
    headers: {
      'webhook-id': id,
      'webhook-timestamp': String(atSeconds),
      'webhook-signature': new Webhook(secret).sign(id, new Date(atSeconds * 1000), body),
    },
  };
}

function withHeader(request: WebhookRequest, name: string, value: string | undefined): WebhookRequest {
  return { ...request, headers: { ...(request.headers as Record<string, string>), [name]: value } };
}

describe('the vector of Standard Webhooks', () => {
  const RIGHT = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
  const BOGUS = 'v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=';
  const verdict = (signature: string) =>
    verifyWebhook({
      secret: SECRET,
      now: 1614265330_000,
      body: '{"test": 2432232314}',
      headers: {
        'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'webhook-timestamp': '1614265330',
        'webhook-signature': signature,
      },
    });

  test.each([
    ['alone', RIGHT],
    ['after one that is wrong', `${BOGUS} ${RIGHT}`],
    ['after one of a version we do not know', `v1a,AAAA ${RIGHT}`],
  ])('its signature is believed %s; its body is no event', (_where, signature) => {
    expect(verdict(signature)).toEqual({ ok: false, code: 'body_invalid' });
  });

  test.each([BOGUS, `v2,${RIGHT.slice(3)}`, RIGHT.slice(3), `${RIGHT}x`, 'v1,'])(
    '%s is a mismatch',
    (signature) => {
      expect(verdict(signature)).toEqual({ ok: false, code: 'signature_mismatch' });
    },
  );
});

describe('standardwebhooks', () => {
  test('what it signs is believed, as text and as bytes, with any case of headers and with Headers', () => {
    const request = signedRequest();
    const right = { ok: true, event: { ...JSON.parse(BODY), id: (request.headers as never)['webhook-id'] } };
    expect(verifyWebhook(request)).toEqual(right);
    expect(verifyWebhook({ ...request, body: Buffer.from(BODY) })).toEqual(right);
    const upper = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name.toUpperCase(), value]),
    );
    expect(verifyWebhook({ ...request, headers: upper })).toEqual(right);
    const headers = new Headers(request.headers as Record<string, string>);
    expect(verifyWebhook({ ...request, headers })).toEqual(right);
  });

  test('both agree on random secrets and bodies, and both refuse another secret', () => {
    for (let round = 0; round < 50; round++) {
      const secret = `whsec_${randomBytes(24 + (round % 41)).toString('base64')}`;
      const request = signedRequest(secret, BODY.replace('pi_1', randomBytes(20).toString('base64')));
      const headers = request.headers as Record<string, string>;
      expect(verifyWebhook(request).ok).toBe(true);
      expect(() => new Webhook(secret).verify(request.body as string, headers)).not.toThrow();
      expect(verifyWebhook({ ...request, secret: SECRET })).toEqual({
        ok: false,
        code: 'signature_mismatch',
      });
      expect(() => new Webhook(SECRET).verify(request.body as string, headers)).toThrow();
    }
  });
});

test('with two secrets either is enough, whichever the gateway signed with', () => {
  const other = `whsec_${randomBytes(32).toString('base64')}`;
  for (const secret of [
    [SECRET, other],
    [other, SECRET],
  ]) {
    expect(verifyWebhook({ ...signedRequest(SECRET), secret }).ok).toBe(true);
    expect(verifyWebhook({ ...signedRequest(other), secret }).ok).toBe(true);
  }
});

test('one flipped bit anywhere in body, id, timestamp or signature is refused', () => {
  const request = signedRequest();
  const headers = request.headers as Record<string, string>;
  const body = Buffer.from(BODY);
  for (let bit = 0; bit < body.length * 8; bit++) {
    expect(verifyWebhook({ ...request, body: flipped(body, bit) }).ok, `body, bit ${bit}`).toBe(false);
  }
  for (const [name, value] of Object.entries(headers)) {
    for (let bit = 0; bit < value.length * 8; bit++) {
      const changed = flipped(Buffer.from(value, 'latin1'), bit).toString('latin1');
      expect(verifyWebhook(withHeader(request, name, changed)).ok, `${name}, bit ${bit}`).toBe(false);
    }
  }
});

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

test.each([
  ['webhook-id', undefined, 'id_missing'],
  ['webhook-id', 'evt_1.2', 'id_invalid'],
  ['webhook-timestamp', undefined, 'timestamp_missing'],
  ['webhook-timestamp', '12e3', 'timestamp_invalid'],
  ['webhook-timestamp', `${AT_SECONDS}.0`, 'timestamp_invalid'],
  ['webhook-signature', undefined, 'signature_missing'],
])('%s %s: %s', (name, value, code) => {
  expect(verifyWebhook(withHeader(signedRequest(), name, value))).toEqual({ ok: false, code });
});

test.each([
  [-300, true],
  [-301, 'timestamp_too_old'],
  [300, true],
  [301, 'timestamp_too_new'],
])('signed %i seconds from now: %s', (seconds, expected) => {
  const verdict = verifyWebhook(signedRequest(SECRET, BODY, AT_SECONDS + seconds));
  expect(verdict.ok ? true : verdict.code).toBe(expected);
});

test.each(['', 'null', '[]', '{"type":"a"}', '{"type":"a","timestamp":"b","data":null}'])(
  'rightly signed, but no event: %s',
  (body) => {
    expect(verifyWebhook(signedRequest(SECRET, body))).toEqual({ ok: false, code: 'body_invalid' });
  },
);

test('mistakes of the program are thrown: a secret of no such form, none, a body that was parsed, a time that is no number', () => {
  const request = signedRequest();
  for (const secret of ['', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_', 'whsec_%%%%', []]) {
    expect(() => verifyWebhook({ ...request, secret })).toThrow(TypeError);
  }
  expect(() => verifyWebhook({ ...request, body: JSON.parse(BODY) })).toThrow('before any JSON parser');
  // As from Number() of a setting that is not set: with it no replay would be too old.
  for (const wrong of [{ toleranceSeconds: Number.NaN }, { now: Number.NaN }])
    expect(() => verifyWebhook({ ...request, ...wrong })).toThrow('must be numbers');
});

test('the client knows every type of event the gateway sends of a payment', () => {
  expectTypeOf<PaymentEventType>().toExtend<PaymentEvent['type']>();
});
