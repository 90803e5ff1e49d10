import { expect, test } from 'vitest';
import { openApiDocument } from './openapi.ts';
import { readCreateIntent, readCreateSession } from './schemas.ts';

const INTENT = {
  merchantId: 'merchant_amazon',
  amount: 5000,
  currency: 'INR',
  orderId: 'order_789',
  customerId: 'user_456',
  metadata: { items: ['iPhone 15', 'AirPods'] },
};

const readIntent = (more: Record<string, unknown>) =>
  readCreateIntent(Buffer.from(JSON.stringify({ ...INTENT, ...more })));

function pointersOf(reading: ReturnType<typeof readCreateIntent> | ReturnType<typeof readCreateSession>) {
  return reading.ok ? [] : reading.refusal.errors?.map(({ pointer }) => pointer);
}

test('the body of the requirements is read as it stands', () => {
  expect(readIntent({})).toEqual({ ok: true, body: INTENT });
  expect(readIntent({ customerId: null, metadata: null }).ok).toBe(true);
  expect(readIntent({ customerId: undefined, metadata: undefined }).ok).toBe(true);
  expect(readCreateIntent(Buffer.from(JSON.stringify(INTENT).replace('5000', '5e3')))).toMatchObject({
    ok: true,
    body: { amount: 5000 },
  });
});

test('all that is wrong is told at once, each with its pointer', () => {
  const reading = readIntent({ merchantId: '', amount: 1.5, currency: 'QQQ', orderId: 7, 'a/b~': 1 });
  expect(pointersOf(reading)?.sort()).toEqual(['/amount', '/a~1b~0', '/currency', '/merchantId', '/orderId']);
  expect(pointersOf(readCreateIntent(Buffer.from('{}')))).toEqual([
    '/merchantId',
    '/amount',
    '/currency',
    '/orderId',
  ]);
});

test.each([
  ['amount', 0],
  ['amount', -5],
  ['amount', 1e12],
  ['amount', '5000'],
  ['amount', null],
  ['currency', 'inr'],
  ['currency', 'toString'],
  ['orderId', 'x'.repeat(101)],
  ['orderId', 'a\u0000b'],
  ['customerId', '\ud800'],
  ['customerId', ''],
  ['metadata', []],
  ['metadata', 'text'],
  ['metadata', { a: 'x\u0000' }],
  ['metadata', { 'k\udc00': 1 }],
  ['metadata', { a: 'x'.repeat(8192) }],
  ['metadata', { 1: { 2: { 3: { 4: { 5: { 6: { 7: { 8: { 9: 1 } } } } } } } } }],
])('%s %j is refused', (field, value) => {
  expect(pointersOf(readIntent({ [field]: value }))).toEqual([`/${field}`]);
});

test('metadata of eight levels is taken; one of a number beyond doubles is not', () => {
  expect(readIntent({ metadata: { 1: { 2: { 3: { 4: { 5: { 6: { 7: { 8: 1 } } } } } } } } }).ok).toBe(true);
  const huge = JSON.stringify(INTENT).replace('"iPhone 15"', '1e999');
  expect(pointersOf(readCreateIntent(Buffer.from(huge)))).toEqual(['/metadata']);
});

test('currencies of three decimals are charged in tens, and that is told beside other faults', () => {
  expect(readIntent({ currency: 'KWD', amount: 1230 }).ok).toBe(true);
  expect(pointersOf(readIntent({ currency: 'KWD', amount: 1234, orderId: '' }))?.sort()).toEqual([
    '/amount',
    '/orderId',
  ]);
});

test('what is not JSON, not UTF-8 or not an object', () => {
  for (const bytes of [Buffer.from(''), Buffer.from('{'), Buffer.from([0x22, 0xff, 0x22])]) {
    expect(readCreateIntent(bytes)).toMatchObject({ ok: false, refusal: { code: 'malformed_json' } });
  }
  expect(pointersOf(readCreateIntent(Buffer.from('[]')))).toEqual(['']);
  expect(pointersOf(readCreateIntent(Buffer.from('null')))).toEqual(['']);
});

test.each([
  ['https://shop.example/ok?a=1#b', true, true],
  ['http://127.0.0.1:9400/shop', true, false],
  ['https:shop.example', false, false],
  ['//shop.example', false, false],
  ['javascript:alert(1)', false, false],
  ['https://user@shop.example/', false, false],
  ['https://shop.example\\@evil.example/', false, false],
  ['https://shop.example/\n', false, false],
  ['https://', false, false],
  [`https://shop.example/${'a'.repeat(2048)}`, false, false],
])('redirect to %s: test mode %s, live mode %s', (url, inTest, inLive) => {
  const body = Buffer.from(
    JSON.stringify({
      paymentIntentId: 'pi_1',
      merchantId: 'm',
      successUrl: url,
      cancelUrl: 'https://a.example',
    }),
  );
  expect(pointersOf(readCreateSession(body, true))).toEqual(inTest ? [] : ['/successUrl']);
  expect(pointersOf(readCreateSession(body, false))).toEqual(inLive ? [] : ['/successUrl']);
});

test('the OpenAPI document is whole: every reference is in it', () => {
  const document = openApiDocument();
  const text = JSON.stringify(document);
  const components = document.components as Record<string, Record<string, unknown>>;
  const references = [...text.matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)];
  expect(references.length).toBeGreaterThan(20);
  for (const [, kind, name] of references) expect(components[kind!]).toHaveProperty(name!);
  expect(text).not.toContain('$defs');
  expect(components.schemas!.CreateIntent).toMatchObject({
    additionalProperties: false,
    required: ['merchantId', 'amount', 'currency', 'orderId'],
  });
});
