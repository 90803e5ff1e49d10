/**
 * Signatures against the vectors of processors.md 3g, byte for byte.
 * @module
 */
import { expect, it } from 'vitest';
import { hmacHex, signatureHeader } from './signature.ts';

it.each([
  ['', 'f7f9bd47fb987337b5796fdc1fdb9ba221d0d5396814bfcaf9521f43fd8927fd'],
  ['{"obj1":"hello","obj2":"world"}', 'bebb1a643997f419b315ddba19e6f5411e1ce7f810ba6d3617ce72823092f363'],
  ['\u{1F600}', '837da296d05c4fe31f61d5d7ead035099d9585a5bcde87de952012a78f0b0c43'],
])('the HMAC of %s under test_secret is the published one', (text, expected) => {
  expect(hmacHex('test_secret', text)).toBe(expected);
});

const BODY = JSON.stringify({ id: 'evt_test_webhook', object: 'event' }, null, 2);
const SIGNATURE = 'v1=af4ead0627a34a8cca29808e8de9ada8e41a92e6237c63cef6eacf51d36cca34';

it('the header has the time and the signature of time and body', () => {
  expect(signatureHeader(['whsec_test_secret'], 1614265330, BODY)).toBe(`t=1614265330,${SIGNATURE}`);
});

it('while a secret is rolled there is one signature by each', () => {
  const header = signatureHeader(['whsec_new', 'whsec_test_secret'], 1614265330, BODY);
  expect(header).toMatch(new RegExp(`^t=1614265330,v1=[0-9a-f]{64},${SIGNATURE}$`));
});
