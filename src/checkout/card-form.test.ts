import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CardDetails } from '../domain/card.ts';
import { readFormFields, readJsonFields, SyntaxFault } from './card-bytes.ts';
import { type CardForm, type CardFormRules, readCardForm } from './card-form.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000_000);
console.log(`card-form.test.ts SEED=${SEED}`);
const RUNS = { seed: SEED, numRuns: 500 };

const JSON_RULES: CardFormRules = {
  syntax: 'json',
  required: ['sessionId'],
  optional: ['amount', 'currency'],
};
const FORM_RULES: CardFormRules = { ...JSON_RULES, syntax: 'form' };
const TYPED = {
  sessionId: 'sess_1',
  cardNumber: '4111 1111-1111 1111',
  expiryMonth: '12',
  expiryYear: '2028',
  cvv: '123',
  cardholderName: 'Zoë Doe',
};

const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const cardOf = ({ method }: CardForm): CardDetails => {
  if (method.kind !== 'card') throw new Error('no card');
  return method.card;
};
const readJson = (value: unknown) =>
  readCardForm(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), JSON_RULES);

test('both syntaxes give the same card as bytes, and leave a body of zeros', () => {
  const json = Buffer.from(JSON.stringify({ ...TYPED, amount: 5000, currency: 'INR' }));
  const form = Buffer.from(new URLSearchParams({ ...TYPED, amount: '5000', currency: 'INR' }).toString());
  for (const [body, rules] of [
    [json, JSON_RULES],
    [form, FORM_RULES],
  ] as const) {
    const reading = readCardForm(body, rules);
    if (!reading.ok) throw new Error(JSON.stringify(reading.refusal));
    const { words, amount } = reading.form;
    const card = cardOf(reading.form);
    expect(latin(card.pan)).toBe('4111111111111111');
    expect(latin(card.cvv)).toBe('123');
    expect(latin(card.cardholderName)).toBe('Zoë Doe');
    expect([card.expiryMonth, card.expiryYear]).toEqual([12, 2028]);
    expect([words, amount]).toEqual([{ sessionId: 'sess_1', currency: 'INR' }, 5000]);
    expect(body.every((byte) => byte === 0)).toBe(true);
  }
});

test('the body is zeros after a refusal too', () => {
  for (const text of ['{"cardNumber":"4111111111111111"', '{"cardNumber":"4111111111111111"}', '[]', '']) {
    const body = Buffer.from(text);
    expect(readCardForm(body, JSON_RULES).ok).toBe(false);
    expect(body.every((byte) => byte === 0)).toBe(true);
  }
});

test('method: a card without the word, upi without a card, and neither is named', () => {
  const rules: CardFormRules = { ...JSON_RULES, optional: ['method', 'amount', 'currency'] };
  const read = (value: object) => readCardForm(Buffer.from(JSON.stringify(value)), rules);
  const methodOf = (value: object) => {
    const reading = read(value);
    return reading.ok ? reading.form.method.kind : reading.refusal.errors;
  };
  expect(methodOf(TYPED)).toBe('card');
  expect(methodOf({ ...TYPED, method: 'card' })).toBe('card');
  expect(methodOf({ sessionId: 'sess_1', method: 'upi' })).toBe('upi');
  const oneOf = [{ pointer: '/method', detail: 'must be card or upi' }];
  for (const method of ['UPI', 'netbanking', 7]) {
    expect(methodOf({ sessionId: 'sess_1', method })).toEqual(oneOf);
  }
  expect(methodOf({ sessionId: 'sess_1', method: 'upi', cvv: '123' })).toEqual([
    { pointer: '/cvv', detail: 'must not come with method upi' },
  ]);
  expect(methodOf({ method: 'upi' })).toEqual([{ pointer: '/sessionId', detail: 'is required' }]);
  // An endpoint that does not take the word takes cards only.
  const cardsOnly = readJson({ sessionId: 'sess_1', method: 'upi' });
  expect(cardsOnly.ok ? null : cardsOnly.refusal.errors).toContainEqual({
    pointer: '/method',
    detail: 'is not a field of this request',
  });
});

test('expiry: numbers, one digit, two-digit years; what is none is left for the card check', () => {
  const expiryOf = (expiryMonth: unknown, expiryYear: unknown) => {
    const reading = readJson({ ...TYPED, expiryMonth, expiryYear });
    if (!reading.ok) return reading.refusal.errors;
    const card = cardOf(reading.form);
    return [card.expiryMonth, card.expiryYear];
  };
  expect(expiryOf(1, 2030)).toEqual([1, 2030]);
  expect(expiryOf(' 1', '30')).toEqual([1, 2030]);
  expect(expiryOf('x', '')).toEqual([Number.NaN, Number.NaN]);
  expect(expiryOf('09', ' 28 ')).toEqual([9, 2028]);
  for (const year of ['8', '028', '02028', 8, 128, '2 8', '-28', '2028.']) {
    expect(expiryOf('12', year)).toEqual([12, Number.NaN]);
  }
  expect(expiryOf('12', '0028')).toEqual([12, 28]);
  for (const month of ['012', '', '1.', 112]) expect(expiryOf(month, '2028')).toEqual([Number.NaN, 2028]);
  expect(expiryOf(true, {})).toEqual([
    { pointer: '/expiryMonth', detail: 'must be text' },
    { pointer: '/expiryYear', detail: 'must be text' },
  ]);
});

test.each([
  [
    'missing fields are named together',
    {},
    ['/sessionId', '/cardNumber', '/expiryMonth', '/expiryYear', '/cvv', '/cardholderName'],
  ],
  [
    'an unknown field is refused by name, whatever is nested in it',
    { ...TYPED, extra: [{ a: [1, 'x', null] }] },
    ['/extra'],
  ],
  ['a name that could be a card number is not repeated', { ...TYPED, '4111111111111111': 1 }, ['/?']],
  ['a card number as a number is refused', { ...TYPED, cardNumber: 4111111111111111 }, ['/cardNumber']],
  ['a claimed amount must be whole', { ...TYPED, amount: 1.5 }, ['/amount']],
  ['null is missing', { ...TYPED, cvv: null }, ['/cvv']],
  ['an empty session', { ...TYPED, sessionId: '' }, ['/sessionId']],
])('%s', (_, value, pointers) => {
  const reading = readJson(value);
  if (reading.ok) throw new Error('it was taken');
  expect(reading.refusal.code).toBe('invalid_request');
  expect(reading.refusal.errors?.map(({ pointer }) => pointer)).toEqual(pointers);
});

test('a field that comes twice is refused, under an escaped name as well', () => {
  const text = JSON.stringify(TYPED).replace('{', '{"\\u0063vv":"999",');
  const reading = readJson(text);
  expect(reading.ok ? null : reading.refusal.errors).toEqual([{ pointer: '/cvv', detail: 'comes twice' }]);
  const form = readCardForm(Buffer.from(`cvv=1&${new URLSearchParams(TYPED)}`), FORM_RULES);
  expect(form.ok ? null : form.refusal.errors).toEqual([{ pointer: '/cvv', detail: 'comes twice' }]);
});

test.each([
  '{"a":1} x',
  '{"a":01}',
  '{"a":1.}',
  '{"a":.5}',
  '{"a":+1}',
  '{"a":1e}',
  '{"a":tru}',
  '{"a" 1}',
  '{"a":1,}',
  '{,}',
  '{"a":"\\x"}',
  '{"a":"\\u12g4"}',
  '{"a":"\\ud800"}',
  '{"a":"\\ud800\\u0041"}',
  '{"a":"\\udc00"}',
  '{"a":"\n"}',
  '{"a":"',
  '{"a":[1,]}',
  '{"a":[1}',
  '\ufeff{}',
  '"a"',
  '{"a":"\\',
  `{"a":${'['.repeat(40)}${']'.repeat(40)}}`,
])('%j is not JSON of ours', (text) => {
  expect(() => readJsonFields(Buffer.from(text))).toThrow(SyntaxFault);
});

test('bytes that are not UTF-8 are refused', () => {
  expect(() => readJsonFields(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toThrow(SyntaxFault);
  expect(() => readFormFields(Buffer.from('a=%ff'))).toThrow(SyntaxFault);
  expect(() => readFormFields(Buffer.from('a=%4'))).toThrow(SyntaxFault);
  expect(() => readFormFields(Buffer.from('a=%zz'))).toThrow(SyntaxFault);
});

/** What the fields of an object are, as far as the scanner tells. */
function expected(value: Record<string, unknown>): unknown[] {
  return Object.entries(value).map(([name, one]) => {
    if (typeof one === 'string') return [name, 'text', one];
    if (typeof one === 'number') return [name, 'number', JSON.stringify(one)];
    return [name, one === null ? 'null' : 'other', ''];
  });
}

const wellFormed = fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed());
const anyJson = fc.dictionary(
  wellFormed,
  fc.oneof(wellFormed, fc.jsonValue({ maxDepth: 4, stringUnit: 'grapheme' })),
  { maxKeys: 20 },
);

test('it reads every object as JSON.parse does, indented, escaped or neither', () => {
  fc.assert(
    fc.property(anyJson, fc.constantFrom(0, 1, '\t'), fc.boolean(), (value, indent, escaped) => {
      let text = JSON.stringify(value, null, indent);
      if (escaped) {
        text = text.replaceAll(
          /[\u0080-\uffff]/g,
          (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
        );
      }
      const fields = readJsonFields(Buffer.from(text));
      const read = fields.map((field) => [latin(field.name), field.kind, latin(field.bytes)]);
      expect(read).toEqual(expected(JSON.parse(text)));
    }),
    RUNS,
  );
});

test('a text changed at one place is read or refused as JSON.parse would', () => {
  const depthOf = (text: string): number => (text.match(/[[{]/g) ?? []).length;
  fc.assert(
    fc.property(anyJson, fc.nat(), fc.constantFrom(...'{}[]",:\\u0e-+. 1a\n'), (value, at, character) => {
      const text = JSON.stringify(value);
      const place = at % (text.length + 1);
      const changed = `${text.slice(0, place)}${character}${text.slice(place + (at % 2))}`;
      fc.pre(depthOf(changed) < 30 && changed.isWellFormed());
      let parsed: unknown;
      try {
        parsed = JSON.parse(changed);
      } catch {
        parsed = undefined;
      }
      const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
      // JSON.parse takes half a surrogate pair as an escape; card text with one is refused.
      fc.pre(!isObject || !/\\ud[89a-f]/i.test(changed));
      if (!isObject) expect(() => readJsonFields(Buffer.from(changed))).toThrow(SyntaxFault);
      else expect(() => readJsonFields(Buffer.from(changed))).not.toThrow();
    }),
    RUNS,
  );
});

test('it reads every form as URLSearchParams does', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(wellFormed, wellFormed), { maxLength: 20 }), (pairs) => {
      const text = new URLSearchParams(pairs).toString();
      const read = readFormFields(Buffer.from(text)).map(({ name, bytes }) => [latin(name), latin(bytes)]);
      expect(read).toEqual([...new URLSearchParams(text)]);
    }),
    RUNS,
  );
  const odd = '&&a&b=&=c&a==+&';
  const read = readFormFields(Buffer.from(odd)).map(({ name, bytes }) => [latin(name), latin(bytes)]);
  expect(read).toEqual([...new URLSearchParams(odd)]);
});
