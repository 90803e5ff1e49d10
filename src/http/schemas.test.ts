import { expect, test } from 'vitest';
import { openApiDocument } from './openapi.ts';
import { readCreateIntent, readCreateSession, readReplayWebhooks } from './schemas.ts';

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

test('a field that is there and wrong is told what it must be; only one that is not there is required', () => {
  const toldOf = (amount: unknown) => {
    const reading = readIntent({ amount });
    return reading.ok ? null : reading.refusal.errors?.map(({ detail }) => detail);
  };
  for (const wrong of [49.99, '5', null])
    expect(toldOf(wrong)).toEqual(['must be a whole number of minor units']);
  expect(toldOf(undefined)).toEqual(['is required']);
});

test('a replay from the beginning of time is one from 1970: ids have no time before', () => {
  const asked = { from: '0000-01-01T00:00:00Z', to: '1969-12-31T23:59:59Z' };
  expect(readReplayWebhooks(Buffer.from(JSON.stringify(asked)))).toEqual({
    ok: true,
    body: { from: 0, to: 0, after: null },
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

const ORIGINS = ['https://shop.example', 'http://127.0.0.1:9400'];

const readSession = (successUrl: string, plainHttp: boolean) =>
  readCreateSession(
    Buffer.from(
      JSON.stringify({
        paymentIntentId: 'pi_1',
        merchantId: 'm',
        successUrl,
        cancelUrl: 'https://shop.example/no',
      }),
    ),
    plainHttp,
    ORIGINS,
  );

test.each([
  ['https://shop.example', 'https://shop.example/'],
  ['HTTPS://SHOP.Example/ok?a=1#b', 'https://shop.example/ok?a=1#b'],
  ['https://shop.example:443/a/../b', 'https://shop.example/b'],
  ['https://ｓhop.example/', 'https://shop.example/'],
  ['https://shop.example/दुकान', 'https://shop.example/%E0%A4%A6%E0%A5%81%E0%A4%95%E0%A4%BE%E0%A4%A8'],
  ['https://shop.example//evil.example', 'https://shop.example//evil.example'],
  ['https://shop.example/?to=https://a@evil.example', 'https://shop.example/?to=https://a@evil.example'],
])('a redirect to %s is kept as %s', (url, kept) => {
  expect(readSession(url, false)).toMatchObject({ ok: true, body: { successUrl: kept } });
});

test('http is for test mode', () => {
  expect(readSession('http://127.0.0.1:9400/shop', true).ok).toBe(true);
  expect(pointersOf(readSession('http://127.0.0.1:9400/shop', false))).toEqual(['/successUrl']);
});

test.each([
  'javascript:alert(1)',
  'JavaScript://shop.example/%0aalert(1)',
  'data:text/html,x',
  'ftp://shop.example/',
  'blob:https://shop.example/1',
  '//shop.example',
  '/ok',
  'https:shop.example',
  'https:/shop.example',
  'https:///shop.example',
  'https://',
  'https://?shop.example',
  'https://user@shop.example/',
  'https://@shop.example/',
  'https://user:pw@shop.example/',
  'https://shop.example@evil.example',
  'https://shop.example\\@evil.example/',
  'https://evil.example\\.shop.example/',
  'https:\\\\shop.example',
  'https://shop.example/\n',
  'https://shop.example/\r\nset-cookie: x',
  'https://shop.exa\tmple/',
  ' https://shop.example/',
  'https://shop.example/a b',
  'https://shop.example/\u0085',
  'https://shop.example/\u00a0',
  'https://shop.example/\u200b',
  'https://shop.example/\u202efdp',
  'https://shop.example/\u2028',
  'https://shop.example./',
  'https://shop.example:8443/',
  'https://shop.example:99999/',
  'http://shop.example/',
  'https://www.shop.example/',
  'https://shop.example.evil.example/',
  'https://evilshop.example/',
  'https://shöp.example/',
  'https://xn--shp-fna.example/',
  'https://ѕhop.example/',
  'https://127.0.0.1:9400/',
  `https://shop.example/${'a'.repeat(2048)}`,
  `https://shop.example/${'ä'.repeat(1000)}`,
])('a redirect to %j is refused in either mode, by its field', (url) => {
  for (const plainHttp of [true, false])
    expect(pointersOf(readSession(url, plainHttp))).toEqual(['/successUrl']);
});

test('of an origin that is not registered it is told how to register it', () => {
  const reading = readSession('https://other.example/ok', false);
  expect(reading.ok ? [] : reading.refusal.errors?.[0]?.detail).toMatch(
    /^its origin https:\/\/other\.example is not registered .* sluice merchant origins /,
  );
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
