/**
 * PayU's callbacks: every way a body may be written, and what a forger may try.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { makeId, transactionIdOf } from '../../domain/ids.ts';
import { readPayuCallback } from './callback.ts';
import { txnidOf } from './txnid.ts';

const NOW = Date.UTC(2026, 0, 21);
const SALT = 'vhgvs75';
const TRANSACTION_ID = transactionIdOf(makeId(NOW, 7, new Uint8Array(8)), 1);
const OTHER_ID = transactionIdOf(makeId(NOW, 7, new Uint8Array(8).fill(9)), 1);

type Form = Record<string, string>;

const FORM: Form = {
  mihpayid: '403993715521937565',
  mode: 'CC',
  status: 'success',
  unmappedstatus: 'captured',
  key: 'bjg$121',
  txnid: txnidOf(TRANSACTION_ID),
  amount: '40.00',
  productinfo: 'A & B, "100 %"',
  firstname: 'Zoë O’Brien',
  email: 'test+1@payu.in',
  udf1: `txn_${TRANSACTION_ID}`,
  error: 'E000',
  field9: 'Transaction is Successful',
};
const SIGNED = ['status', '', '', '', '', '', 'udf5', 'udf4', 'udf3', 'udf2', 'udf1', 'email', 'firstname'];

/** `salt|status||||||udf5|…|key`, of the form as it is. */
function hashOf(form: Form, salt = SALT, charges?: string): string {
  const names = [...SIGNED, 'productinfo', 'amount', 'txnid', 'key'];
  const text = [salt, ...names.map((name) => form[name] ?? '')].join('|');
  return createHash('sha512')
    .update(charges === undefined ? text : `${charges}|${text}`)
    .digest('hex');
}

const sign = (form: Form): Form => ({ ...form, hash: hashOf(form) });
const urlencoded = (form: Form): string => new URLSearchParams(form).toString();
const multipart = (form: Form): string =>
  `${Object.entries(form)
    .map(([name, value]) => `--b0und\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
    .join('')}--b0und--\r\n`;
const json = (form: Form): string => JSON.stringify(form);

const read = (body: string | Uint8Array, secrets: readonly string[] = [SALT]) =>
  readPayuCallback({ header: () => '', body: Buffer.from(body) }, secrets, NOW);

const WAYS = { urlencoded, multipart, json, log: (form: Form) => JSON.stringify({ event_payload: form }) };

describe.each(Object.entries(WAYS))('%s', (_, write) => {
  test('a true one is a hint that names what is signed, and PayU’s id not', () => {
    expect(read(write(sign(FORM)))).toEqual({
      ok: true,
      callback: {
        processor: 'PAYU',
        callbackId: sign(FORM).hash,
        transactionId: TRANSACTION_ID,
        hint: true,
        receivedAt: NOW,
        word: {
          source: 'callback',
          said: 'accepted',
          leg: null,
          processor: 'PAYU',
          processorAccount: 'bjg$121',
          processorTxnId: null,
          amount: 4000,
          currency: 'INR',
          failureCode: null,
          referenceClosed: false,
          elsewhere: false,
          nextAction: null,
          paymentMethodType: null,
          at: NOW,
          detail: 'PayU has a success to tell',
        },
      },
    });
  });

  test.each(['success', 'failure', 'pending', 'refunded'])(
    '%s: one flipped bit is refused, or changes nothing that is read',
    (status) => {
      const body = Buffer.from(write(sign({ ...FORM, status })));
      const plain = read(body);
      if (!plain.ok) throw new Error('a true one was refused');
      for (let bit = 0; bit < body.length * 8; bit++) {
        const flipped = Buffer.from(body);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        const result = read(flipped);
        if (result.ok) expect(result.callback).toEqual(plain.callback);
      }
    },
  );

  test.each(['additional_charges', 'additionalCharges'])('%s go before the salt', (name) => {
    const charged = { ...FORM, [name]: '11.50' };
    expect(read(write({ ...charged, hash: hashOf(charged, SALT, '11.50') }))).toMatchObject({ ok: true });
    expect(read(write({ ...charged, hash: hashOf(charged, SALT, '11.5') }))).toMatchObject({ ok: false });
  });
});

test('a pending is a hint that says nothing: whose turn it is is not told, and no step is taken away from the shopper', () => {
  expect(read(urlencoded(sign({ ...FORM, status: 'pending' })))).toMatchObject({
    ok: true,
    callback: { transactionId: TRANSACTION_ID, hint: true, word: null },
  });
});

test('all ways of writing one event are the same event, whatever is put in its fields that are not signed', () => {
  const idOf = (form: Form, write: (form: Form) => string = urlencoded): string => {
    const result = read(write(sign(form)));
    return result.ok ? result.callback.callbackId : 'refused';
  };
  expect(new Set(Object.values(WAYS).map((write) => idOf(FORM, write))).size).toBe(1);
  for (const unsigned of ['mihpayid', 'unmappedstatus', 'error', 'mode', 'new'])
    expect(idOf({ ...FORM, [unsigned]: '1' }), unsigned).toBe(idOf(FORM));
  const others: Form[] = [{ txnid: txnidOf(OTHER_ID) }, { status: 'failure' }, { amount: '41.00' }];
  const ids = new Set([idOf(FORM), ...others.map((over) => idOf({ ...FORM, ...over }))]);
  expect([ids.size, ids.has('refused')]).toEqual([4, false]);
});

test('fields that were moved across a border have the same hash, and are refused', () => {
  // A shopper who may name a cheap order has a genuine callback of it; it is shown again with the name as amount and reference.
  const cheap = {
    ...FORM,
    udf1: '',
    amount: '1.00',
    txnid: '7',
    productinfo: `x|9999.00|${txnidOf(OTHER_ID)}`,
  };
  const moved = { ...cheap, productinfo: 'x', amount: '9999.00', txnid: `${txnidOf(OTHER_ID)}|1.00|7` };
  expect(hashOf(moved)).toBe(hashOf(cheap));
  for (const form of [cheap, moved]) expect(read(urlencoded(sign(form)))).toMatchObject({ ok: false });

  // The same with the salt’s place: what looks like additional charges is none.
  const charges = { ...FORM, additional_charges: `1|${SALT}` };
  const hash = hashOf(FORM, SALT, `1|${SALT}`);
  expect(read(urlencoded({ ...charges, hash }))).toMatchObject({ ok: false });
});

test('amounts are texts as they came: another way to write the same sum is another message', () => {
  const signed = sign(FORM);
  for (const amount of ['40', '40.0', '40.000', '040.00', ' 40.00']) {
    expect(read(urlencoded({ ...signed, amount }))).toMatchObject({ ok: false });
  }
});

test('a field that is there twice is not chosen from', () => {
  const body = urlencoded(sign(FORM));
  for (const more of ['&amount=40.00', '&status=failure', '&mihpayid=1', `&hash=${'0'.repeat(128)}`]) {
    expect(read(body + more)).toMatchObject({ ok: false });
  }
});

test('a body of more parts than PayU sends is not begun with, right as its hash may be', () => {
  const crowded = (count: number) => json({ ...sign(FORM), note: ','.repeat(count) });
  expect(read(crowded(900))).toMatchObject({ ok: true });
  expect(read(crowded(1001))).toMatchObject({ ok: false, code: 'signature_invalid' });
  expect(read(`${urlencoded(sign(FORM))}${'&'.repeat(1001)}`)).toMatchObject({ ok: false });
  expect(read(json({ ...sign(FORM), note: '[{'.repeat(501) }))).toMatchObject({ ok: false });
});

test('references that contradict each other, or are not ours, are of no transaction', () => {
  const contradictions: Form[] = [
    { udf1: `txn_${OTHER_ID}` },
    { udf1: 'somebody' },
    { txnid: 'somebody' },
    { txnid: '' },
  ];
  for (const over of contradictions) {
    expect(read(urlencoded(sign({ ...FORM, ...over })))).toMatchObject({
      ok: true,
      callback: { transactionId: null },
    });
  }
  expect(read(urlencoded(sign({ ...FORM, udf1: '' })))).toMatchObject({
    callback: { transactionId: TRANSACTION_ID },
  });
});

test('a status or an amount nobody knows says nothing of the charge', () => {
  const odd: Form[] = [{ status: 'refunded' }, { amount: 'forty' }, { amount: '-40.00' }, { key: '' }];
  for (const over of odd) {
    const result = read(urlencoded(sign({ ...FORM, ...over })));
    expect(result).toMatchObject({ ok: true, callback: { word: null, hint: true } });
  }
});

test('what is no form of PayU’s is refused without a sign of why', () => {
  const signed = sign(FORM);
  for (const body of [
    '',
    'null',
    '{',
    '{}',
    '[]',
    '--',
    '--b\r\n',
    '--b\r\n\r\n--b--',
    multipart(signed).slice(0, -6),
    json({ ...signed, hash: signed.hash!.toUpperCase() }),
    urlencoded({ ...signed, hash: '' }),
    urlencoded({ ...signed, hash: signed.hash!.slice(1) }),
    `${urlencoded(signed)}${'&x=1&y=2'.repeat(200)}`,
  ]) {
    expect(read(body)).toMatchObject({ ok: false, code: 'signature_invalid' });
  }
});

test('after the salt was changed the old one is believed still, an empty or a wrong one never', () => {
  const body = urlencoded(sign(FORM));
  expect(read(body, ['new salt', SALT])).toMatchObject({ ok: true });
  expect(read(body, ['new salt'])).toMatchObject({ ok: false });
  expect(read(urlencoded({ ...FORM, hash: hashOf(FORM, '') }), ['', SALT])).toMatchObject({ ok: false });
});
