import { describe, expect, test } from 'vitest';
import { readCardForm } from '../src/checkout/card-form.ts';
import { luhnValid } from '../src/domain/card.ts';
import { seededRandom } from '../test/support/random.ts';
import { CARDS_IN_DECK, makeCardNumbers } from './cards.ts';
import { evenMix, hotMix, type Mix, zipfMix } from './mix.ts';
import { HOT_SHARE } from './scenarios/hot-merchant.ts';
import { createWire, transactionOf } from './wire.ts';

describe('cards', () => {
  const deck = makeCardNumbers(CARDS_IN_DECK, seededRandom(1));

  test('are 100,000 distinct numbers with a right check digit, none of which the bank treats apart', () => {
    expect(new Set(deck).size).toBe(100_000);
    const wrong = deck.filter((digits) => !luhnValid(new TextEncoder().encode(digits)));
    expect(wrong).toEqual([]);
    expect(deck.filter((digits) => digits.length !== 16 || digits.startsWith('400000'))).toEqual([]);
    expect(new Set(deck.map((digits) => digits.slice(0, 6))).size).toBe(8);
  });

  test('come again with their seed, and only with it', () => {
    expect(makeCardNumbers(50, seededRandom(1))).toEqual(deck.slice(0, 50));
    const other = new Set(makeCardNumbers(1000, seededRandom(2)));
    expect(deck.filter((digits) => other.has(digits))).toEqual([]);
  });
});

describe('mixes', () => {
  const SALES = 100_000;
  const sharesOf = (mix: Mix, merchants: number): number[] => {
    const counts = Array<number>(merchants).fill(0);
    for (let sale = 0; sale < SALES; sale++) counts[mix()]! += 1;
    return counts.map((count) => count / SALES);
  };

  test('even: all merchants have the same share', () => {
    expect(new Set(sharesOf(evenMix(1000), 1000))).toEqual(new Set([1 / 1000]));
  });

  test('hot: the first has more than nine in ten, the others share the rest', () => {
    const [first, ...others] = sharesOf(hotMix(1000, HOT_SHARE, seededRandom(3)), 1000);
    expect(first).toBeGreaterThan(0.9);
    expect(Math.max(...others)).toBeLessThan(0.001);
    expect(others.filter((share) => share > 0).length).toBeGreaterThan(900);
    expect(sharesOf(hotMix(1, HOT_SHARE, seededRandom(3)), 1)).toEqual([1]);
  });

  test('zipf over 1,000: the first has 13.4 %, the first ten 39 %, the last one in a thousand of the first', () => {
    const shares = sharesOf(zipfMix(1000, seededRandom(4)), 1000);
    expect(shares[0]).toBeCloseTo(0.134, 2);
    expect(shares.slice(0, 10).reduce((sum, share) => sum + share)).toBeCloseTo(0.391, 2);
    expect(shares[1]! / shares[0]!).toBeCloseTo(1 / 2, 1);
    expect(shares.slice(500).reduce((sum, share) => sum + share)).toBeCloseTo(0.0926, 2);
  });
});

describe('requests', () => {
  const [cardNumber] = makeCardNumbers(1, seededRandom(1));
  const options = {
    apiUrl: 'http://api.test:8080',
    checkoutUrl: 'https://pay.test',
    merchants: [
      { merchantId: 'load_0001', secretKey: 'sk_1' },
      { merchantId: 'load_0002', secretKey: 'sk_2' },
    ],
    cardNumbers: [cardNumber!],
    keys: true,
  };
  const wire = createWire(options);
  const order = { orderId: 'load-x-7', amount: 1007 };
  const intentId = `pi_${'0'.repeat(32)}`;

  const parse = (text: string) => {
    const [head, body] = text.split('\r\n\r\n') as [string, string];
    const [line, ...fields] = head.split('\r\n');
    const headers = new Map(
      fields.map((field) => {
        const at = field.indexOf(': ');
        return [field.slice(0, at).toLowerCase(), field.slice(at + 2)] as const;
      }),
    );
    return { line, headers, body };
  };

  test('of the API carry the merchant’s key, an Idempotency-Key of their own order, and their length', () => {
    for (const text of [wire.createIntent(1, order), wire.createSession(1, order, intentId)]) {
      const { headers, body } = parse(text);
      expect(headers.get('authorization')).toBe('Bearer sk_2');
      expect(headers.get('idempotency-key')).toBe('load-x-7');
      expect(headers.get('content-length')).toBe(String(Buffer.byteLength(body)));
      expect(JSON.parse(body)).toMatchObject({ merchantId: 'load_0002' });
    }
    expect(JSON.parse(parse(wire.createIntent(0, order)).body)).toMatchObject({
      amount: 1007,
      currency: 'INR',
      orderId: 'load-x-7',
    });
  });

  test('for clients that write their own head are the same', () => {
    for (const [loose, text] of [
      [wire.looseIntent(1, order), wire.createIntent(1, order)],
      [wire.looseSession(1, order, intentId), wire.createSession(1, order, intentId)],
      [wire.looseTransaction(1, 'txn_1'), wire.getTransaction(1, 'txn_1')],
    ] as const) {
      const { line, headers, body } = parse(text);
      expect([loose.path, loose.body]).toEqual([line!.split(' ')[1], body]);
      for (const [name, value] of Object.entries(loose.headers)) expect(headers.get(name)).toBe(value);
    }
  });

  test('carry no Idempotency-Key where none was asked for', () => {
    const keyless = createWire({ ...options, keys: false });
    for (const text of [keyless.createIntent(0, order), keyless.createSession(0, order, intentId)])
      expect(parse(text).headers.has('idempotency-key')).toBe(false);
    expect(keyless.looseIntent(0, order).headers).not.toHaveProperty('idempotency-key');
  });

  test('of the shopper are a form as a browser posts it, and checkout reads the card from it', () => {
    const { line, headers, body } = parse(wire.pay('sess_1', 12));
    expect(line).toBe('POST /internal/payment/process HTTP/1.1');
    expect(Object.fromEntries(headers)).toMatchObject({
      host: 'pay.test',
      origin: 'https://pay.test',
      referer: 'https://pay.test/checkout?session=sess_1',
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(Buffer.byteLength(body)),
      'sec-fetch-site': 'same-origin',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    });
    expect(headers.get('user-agent')).toContain('Mozilla/5.0');
    expect(headers.get('accept')).toContain('text/html');
    const reading = readCardForm(Buffer.from(body), {
      syntax: 'form',
      required: ['sessionId'],
      optional: ['amount', 'currency'],
    });
    expect(reading).toMatchObject({ ok: true, form: { words: { sessionId: 'sess_1' }, amount: null } });
    if (!reading.ok || reading.form.method.kind !== 'card') throw new Error('no card was read');
    const { card } = reading.form.method;
    expect(Buffer.from(card.pan).toString()).toBe(cardNumber);
    expect(Buffer.from(card.cardholderName).toString()).toBe('Load Test');
  });

  test('learn the transaction from where the 303 leads', () => {
    const id = `txn_${'a'.repeat(32)}`;
    expect(transactionOf(`/checkout/result?transaction=${id}&session=sess_1`)).toBe(id);
    expect(transactionOf(`https://pay.test/checkout/result?session=s&transaction=${id}`)).toBe(id);
    expect(transactionOf('/checkout?session=sess_1')).toBe('');
  });
});
