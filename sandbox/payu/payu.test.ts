/**
 * PayU's rules: hashes byte for byte, what requests must be, how payments stand, what is settled.
 * @module
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Charge } from '../book.ts';
import { cardNumber, isLuhnValid } from '../card-numbers.ts';
import type { Account, Choice } from '../dialect.ts';
import { asBooked } from '../settled.ts';
import { behaviourOf, behaviourOfBin, documentedCards } from './cards.ts';
import { payu } from './dialect.ts';
import type { PayuFacts } from './facts.ts';
import { commandHash, type Fields, requestHash, responseHash } from './hashes.ts';
import { isDay, istDay, istTime } from './ist.ts';
import { readOrder } from './orders.ts';
import { parametersOf, signedParametersOf } from './parameters.ts';
import { decide, decideAsked, decideLater } from './rules.ts';
import { readRupees, showRupees } from './rupees.ts';
import { settlementRowOf, sharesOf } from './settlements.ts';
import { standingOf } from './standings.ts';
import { transactionOf } from './transactions.ts';

const SALT = 'vhgvs75';
const account: Account = {
  dialect: 'payu',
  account: 'bjg$121',
  secretKey: SALT,
  webhookSecret: SALT,
  callbackUrl: new URL('http://127.0.0.1:9/'),
};
const signed = {
  key: 'bjg$121',
  txnid: '3123',
  amount: '1000',
  productinfo: 'mobile',
  firstname: 'Jacob',
  email: 'test@payu.in',
};
const udf = { udf1: 'u1', udf2: 'u2', udf3: 'u3', udf4: 'u4', udf5: 'u5' };
const request: Fields = {
  ...signed,
  phone: '9000090000',
  surl: 'https://shop.example/surl',
  furl: 'https://shop.example/furl',
  txn_s2s_flow: '4',
  pg: 'CC',
  bankcode: 'CC',
  ccnum: '4111111111111111',
  ccname: 'A B',
  ccvv: '123',
  ccexpmon: '05',
  ccexpyr: '2040',
  authentication_flow: 'REDIRECT',
  s2s_client_ip: '203.0.113.7',
  s2s_device_info: 'Mozilla/5.0',
};
const now = Date.UTC(2030, 0, 15, 12);

function read(fields: Fields): ReturnType<typeof readOrder> {
  return readOrder({ ...fields, hash: requestHash(fields, SALT) }, account);
}

function chargeOf(more: Partial<Charge>, moreFacts: Partial<PayuFacts> = {}): Charge {
  const facts: PayuFacts = {
    txnid: '3123',
    productinfo: 'mobile',
    firstname: 'Jacob',
    lastname: '',
    email: 'test@payu.in',
    phone: '9000090000',
    udf: ['u1', 'u2', 'u3', 'u4', 'u5', '', '', '', '', ''],
    surl: 'https://shop.example/surl',
    furl: 'https://shop.example/furl',
    pg: 'CC',
    bankcode: 'CC',
    additionalCharges: '',
    vpa: '',
    ...moreFacts,
  };
  return {
    dialect: 'payu',
    id: '40399371512345678',
    key: '3123',
    reference: 'u1',
    account: 'bjg$121',
    amount: 100_000,
    currency: 'INR',
    method: 'credit',
    bin: '51234567',
    last4: '2346',
    cardPrint: '',
    returnUrl: undefined,
    createdAt: now,
    expiresAt: undefined,
    status: 'succeeded',
    word: undefined,
    declineCode: undefined,
    decidedAt: now,
    revision: 1,
    settles: false,
    open: false,
    changesAt: undefined,
    callback: 'none',
    written: null,
    ...more,
    facts,
  };
}

describe('hashes, byte for byte', () => {
  const sha512 = (text: string): string => createHash('sha512').update(text).digest('hex');

  it.each([
    [
      'a request, udf empty',
      requestHash(signed, SALT),
      '19d0822939b32b371847521c89aba3521de3a9bfeabeee5dab2d6f41962ff9fcdcee87067bb3a3de870acce488f9ff88a3511bb78c6143344a277b1b91ad38b8',
    ],
    [
      'a success',
      responseHash({ ...signed, status: 'success' }, SALT),
      '687c82156a84271a7a6c63d0e8774d5ac567d9b894a334a47d72e47b72392a5167a1b2add5b253490b70731d9eb3e3a3b7225e0c5f26829befafbbee71977c4c',
    ],
    [
      'a success with additional charges',
      responseHash({ ...signed, status: 'success', additional_charges: '11.50' }, SALT),
      'dd0c93bc085d946bfa2588a89ee1f848e9d14ca55a37b12cc1fc4af4681c50f111534b9879912476877518cef4e022207317bd564d5fc92bbede843f8b944978',
    ],
    [
      'a request with udf1 to udf5',
      requestHash({ ...signed, ...udf }, SALT),
      '138061d0e25be70c11989a0cb749ed732f287a9a15c176ea37336a851ec08ca8d90e8589f3d2fe3ad9b0616683a65d1ee31861dbaa52e1d5b9913f52917996f6',
    ],
    [
      'a failure with udf1 to udf5',
      responseHash({ ...signed, ...udf, status: 'failure' }, SALT),
      'a78dd2daf71044099a4107af37e2e6ccfbf858a8f963681ce38f447d79d2b48d1fa855f8e259518728f11377a290a18b70ea62bd94a76543dda2ca13ccb74dab',
    ],
    [
      'verify_payment',
      commandHash({ key: 'bjg$121', command: 'verify_payment', var1: '3123' }, SALT),
      'fd13e1a56cc6f5742edb8a78561ef4c2bc6aeb98b4591526772a81824657a87248a97bdd5517afa24a5be7f05b016e7e5867a1524c084e82de5c1594dd9c1bad',
    ],
    [
      'get_settlement_details',
      commandHash({ key: 'bjg$121', command: 'get_settlement_details', var1: '2026-01-21' }, SALT),
      '1efece381a87d5f53e5fb6e7d153b07903195e4023d26a6c6057d94549c2515bf47c275a14341274a9a38c7e14ce3ffe698b937670fcd23974303adeea78e5b4',
    ],
  ])('%s', (_, made, published) => {
    expect(made).toBe(published);
  });

  const head = 'bjg$121|3123|1000|mobile|Jacob|test@payu.in';
  it.each([
    ['udf6 to udf10', { udf6: 'u6', udf10: 'u10' }, `${head}||||||u6||||u10|${SALT}`],
    ['a split request', { splitRequest: '{"a":1}' }, `${head}|||||||||||${SALT}|{"a":1}`],
    ['si_details', { si_details: '{}' }, `${head}|||||||||||{}|${SALT}`],
    ['beneficiarydetail', { beneficiarydetail: 'b' }, `${head}|||||||||||b|${SALT}`],
    ['additional charges', { additional_charges: '11.50' }, `${head}|||||||||||${SALT}|11.50`],
    ['additionalCharges', { additionalCharges: '11.50' }, `${head}|||||||||||${SALT}|11.50`],
  ])('a request with %s', (_, more, canonical) => {
    expect(requestHash({ ...signed, ...more }, SALT)).toBe(sha512(canonical));
  });

  it('an answer with udf10 has it in the place of its pipe', () => {
    const canonical = `${SALT}|success|u10||||||||||test@payu.in|Jacob|mobile|1000|3123|bjg$121`;
    expect(responseHash({ ...signed, udf10: 'u10', status: 'success' }, SALT)).toBe(sha512(canonical));
  });
});

describe('a payment request', () => {
  it('becomes an order in paise, named by udf1, else by txnid', () => {
    expect(read(request)).toMatchObject({
      ok: true,
      order: {
        reference: '3123',
        key: '3123',
        amount: 100_000,
        currency: 'INR',
        method: {
          type: 'card',
          number: '4111111111111111',
          expiryMonth: 5,
          expiryYear: 2040,
          funding: 'credit',
        },
        returnUrl: 'https://shop.example/surl',
      },
    });
    expect(read({ ...request, ...udf, pg: 'DC' })).toMatchObject({
      order: { reference: 'u1', key: '3123', method: { funding: 'debit' } },
    });
  });

  it('keeps no card data in its facts', () => {
    const order = read(request);
    if (!order.ok) throw new Error(order.message);
    const facts = JSON.stringify(order.order.facts);
    for (const secret of ['4111111111111111', '"123"', '2040']) expect(facts).not.toContain(secret);
  });

  it.each([
    ['no hash', { hash: undefined }],
    ['an empty hash', { hash: '' }],
    ['a hash in capitals', { hash: requestHash(request, SALT).toUpperCase() }],
    ['the hash of another amount', { hash: requestHash({ ...request, amount: '1000.00' }, SALT) }],
    ['the hash of another salt', { hash: requestHash(request, 'vhgvs76') }],
    ['a udf the hash does not cover', { hash: requestHash(request, SALT), udf7: 'u7' }],
  ])('with %s is refused as E700', (_, more) => {
    expect(readOrder({ ...request, ...more }, account)).toMatchObject({ ok: false, error: 'E700' });
  });

  it.each([
    'txnid',
    'productinfo',
    'firstname',
    'email',
    'phone',
    'surl',
    'furl',
    's2s_client_ip',
    's2s_device_info',
  ])('without %s is refused', (name) => {
    const refused = { ok: false, error: 'EX158', message: `Mandatory parameter ${name} is missing` };
    expect(read({ ...request, [name]: undefined })).toEqual(refused);
    expect(read({ ...request, [name]: '' })).toEqual(refused);
  });

  it.each([
    ['txnid', 25],
    ['productinfo', 100],
    ['firstname', 60],
    ['udf1', 255],
    ['udf10', 255],
  ])('has a %s of at most %i characters', (name, lengthMax) => {
    expect(read({ ...request, [name]: 'x'.repeat(lengthMax) }).ok).toBe(true);
    expect(read({ ...request, [name]: 'x'.repeat(lengthMax + 1) })).toMatchObject({ error: 'EX158' });
  });

  it('has an email of at most 50 characters', () => {
    expect(read({ ...request, email: `${'x'.repeat(44)}@a.com` }).ok).toBe(true);
    expect(read({ ...request, email: `${'x'.repeat(45)}@a.com` })).toMatchObject({ error: 'EX158' });
  });

  it.each([
    ['a txnid with a pipe', { txnid: '31|23' }, 'EX158'],
    ['an amount of three decimals', { amount: '10.000' }, 'EX158'],
    ['an amount with a comma', { amount: '1,000' }, 'EX158'],
    ['an amount below zero', { amount: '-1' }, 'EX158'],
    ['an amount of nothing', { amount: '0.00' }, 'EX158'],
    ['an amount in words', { amount: 'ten' }, 'EX158'],
    ['no amount', { amount: undefined }, 'EX158'],
    ['an email without an at-sign', { email: 'payu.in' }, 'EX158'],
    ['a phone of letters', { phone: 'call me' }, 'EX158'],
    ['a surl without a host', { surl: '/surl' }, 'EX158'],
    ['a furl of a script', { furl: 'javascript:x' }, 'EX158'],
    ['additional charges in words', { additional_charges: 'ten' }, 'EX158'],
    ['another S2S flow', { txn_s2s_flow: '2' }, 'EX158'],
    ['no S2S flow', { txn_s2s_flow: undefined }, 'EX158'],
    ['another authentication flow', { authentication_flow: 'OTP' }, 'EX158'],
    ['3DS data that is no JSON', { threeDS2RequestData: 'x' }, 'EX158'],
    ['3DS data without a browser', { threeDS2RequestData: '{}' }, 'EX158'],
    ['an unknown pg', { pg: 'NB' }, 'EX158'],
    ['no bankcode', { bankcode: undefined }, 'EX158'],
    ['UPI with the bankcode of a card', { pg: 'UPI', bankcode: 'CC' }, 'EX158'],
    ['a QR with the bankcode of an intent', { pg: 'DBQR', bankcode: 'INTENT' }, 'EX158'],
    ['a collect request without a VPA', { pg: 'UPI', bankcode: 'UPI' }, 'EX158'],
    ['a wrong check digit', { ccnum: '4111111111111112' }, 'E305'],
    ['a card number of twelve digits', { ccnum: '411111111111' }, 'E305'],
    ['a card number with spaces', { ccnum: '4111 1111 1111 1111' }, 'E305'],
    ['a bankcode of another scheme', { bankcode: 'MAST' }, 'E902'],
    ['no name on the card', { ccname: ' ' }, 'EX158'],
    ['a CVV of two digits', { ccvv: '12' }, 'E313'],
    ['a CVV of four digits on a Visa', { ccvv: '1234' }, 'E313'],
    ['a CVV of three digits on an Amex', { ccnum: '370295061673669', ccvv: '123' }, 'E313'],
    ['month 13', { ccexpmon: '13' }, 'E323'],
    ['a month of one digit', { ccexpmon: '5' }, 'E323'],
    ['a year of two digits', { ccexpyr: '40' }, 'E323'],
  ])('with %s is refused', (_, more, error) => {
    expect(read({ ...request, ...more })).toMatchObject({ ok: false, error });
  });

  it.each([
    ['a scheme that fits', { bankcode: 'VISA' }],
    ['one decimal', { amount: '10.5' }],
    ['3DS data', { threeDS2RequestData: '{"browserInfo":{"userAgent":"x"}}' }],
    ['an Amex', { ccnum: '370295061673669', ccvv: '1234' }],
    [
      'a UPI intent, which has no card and no flow',
      { pg: 'UPI', bankcode: 'INTENT', authentication_flow: undefined },
    ],
    ['a UPI QR', { pg: 'DBQR', bankcode: 'UPIDBQR' }],
    ['a collect request', { pg: 'UPI', bankcode: 'UPI', vpa: 'anything@payu' }],
  ])('with %s is taken', (_, more) => {
    expect(read({ ...request, ...more })).toMatchObject({ ok: true });
  });
});

describe('decisions', () => {
  function decideCard(number: string, more: Fields = {}): ReturnType<typeof decide> {
    const order = read({ ...request, ccnum: number, ...more });
    if (!order.ok) throw new Error(order.message);
    return decide(order.order, now);
  }

  it.each([
    ['4111111111111111', { status: 'succeeded', callback: true }],
    ['5123456789012346', { status: 'requires_action', word: 'in progress', callback: false }],
    ['4000000000000002', { status: 'declined', declineCode: 'E312', callback: true }],
    ['4000000000000119', { status: 'declined', declineCode: 'E706', callback: true }],
    [cardNumber('40000081', 7), { status: 'requires_action', callback: false }],
    [cardNumber('40000085', 7), { status: 'declined', declineCode: 'E311' }],
    [
      cardNumber('40000086', 7),
      { status: 'declined', word: 'dropped', declineCode: 'E209', changesMs: 3000 },
    ],
    [
      cardNumber('40000087', 7),
      { status: 'declined', word: 'dropped', declineCode: 'E209', changesMs: 3000 },
    ],
    [cardNumber('40000079', 7), { status: 'declined', declineCode: 'E803' }],
    [cardNumber('40000088', 7), { status: 'declined', declineCode: 'E307' }],
    [
      cardNumber('40000089', 7),
      { status: 'succeeded', facts: { additionalCharges: '10.00', txnid: '3123' } },
    ],
    [cardNumber('40000090', 7), { status: 'declined', word: 'dropped', declineCode: 'E500' }],
    [cardNumber('40000091', 7), { status: 'processing', callback: false }],
    [cardNumber('40000092', 7), { status: 'processing', callback: true, settles: true }],
    [cardNumber('40000093', 7), { status: 'succeeded', callback: false }],
    [cardNumber('40000094', 7), { status: 'succeeded', answer: 'lost', callback: false }],
    [cardNumber('40000098', 7), { answer: 'html502' }],
  ])('%s', (number, decision) => {
    expect(decideCard(number)).toMatchObject(decision);
  });

  it('fails a card after its last month, not within it', () => {
    const expiring = { ccexpmon: '01', ccexpyr: '2030' };
    expect(decideCard('4111111111111111', expiring)).toMatchObject({ status: 'succeeded' });
    expect(decideCard('4111111111111111', { ccexpmon: '12', ccexpyr: '2029' })).toMatchObject({
      status: 'declined',
      declineCode: 'E311',
    });
  });

  it('asks in the app, but for a collect request to PayU’s own handle', () => {
    const upi = { pg: 'UPI', bankcode: 'UPI' };
    expect(decideCard('', { ...upi, vpa: 'anything@payu' })).toMatchObject({
      status: 'processing',
      settles: true,
    });
    expect(decideCard('', { ...upi, vpa: 'a1@okbank' })).toMatchObject({ status: 'requires_action' });
    expect(decideCard('', { pg: 'UPI', bankcode: 'INTENT' })).toMatchObject({ word: 'initiated' });
  });

  it.each<[string, Choice, object]>([
    ['40000081', 'approve', { status: 'succeeded' }],
    ['40000082', 'approve', { declineCode: 'E706' }],
    ['40000083', 'approve', { status: 'processing', settles: true }],
    ['40000084', 'approve', { declineCode: 'E300' }],
    ['40000081', 'decline', { declineCode: 'E303', word: 'userCancelled' }],
    ['40000081', 'wrong_otp', { declineCode: 'E300' }],
    ['40000081', 'expire', { declineCode: 'E1206', word: 'bounced' }],
  ])('%s, when the shopper chooses to %s', (bin, choice, decision) => {
    expect(decideAsked({ method: 'credit', bin }, choice)).toMatchObject(decision);
  });

  it.each<[Choice, object]>([
    ['approve', { status: 'succeeded' }],
    ['decline', { word: 'userCancelled' }],
    ['insufficient_funds', { declineCode: 'E706' }],
    ['expire', { word: 'dropped', declineCode: 'E1206' }],
  ])('UPI, when the shopper chooses to %s', (choice, decision) => {
    expect(decideAsked({ method: 'upi', bin: '' }, choice)).toMatchObject(decision);
  });

  it('lets a dropped payment succeed late, or be refunded', () => {
    expect(decideLater({ bin: '40000086' })).toEqual({ status: 'succeeded', callback: true });
    expect(decideLater({ bin: '40000087' })).toMatchObject({ status: 'declined', word: 'autoRefund' });
    expect(() => decideLater({ bin: '41111111' })).toThrow();
  });
});

describe('what is said of a payment', () => {
  it.each([
    ['captured', {}, 'success', 'captured', 'E000', 'AUTHPOSITIVE'],
    ['pending', { status: 'processing' }, 'pending', 'pending', '', ''],
    ['on the page', { status: 'requires_action', word: 'in progress' }, 'pending', 'in progress', '', ''],
    ['in the app', { status: 'requires_action', word: 'initiated' }, 'pending', 'initiated', '', ''],
    ['refused', { status: 'declined', declineCode: 'E312' }, 'failure', 'failed', 'E312', 'AUTHNEGATIVE'],
    [
      'out of money',
      { status: 'declined', declineCode: 'E706' },
      'failure',
      'failed',
      'E706',
      'AUTHNEGATIVE',
    ],
    [
      'not authenticated',
      { status: 'declined', declineCode: 'E300' },
      'failure',
      'failed',
      'E300',
      'AUCNEGATIVE',
    ],
    [
      'cancelled',
      { status: 'declined', declineCode: 'E303', word: 'userCancelled' },
      'failure',
      'userCancelled',
      'E303',
      'AUCNEGATIVE',
    ],
    [
      'bounced',
      { status: 'declined', declineCode: 'E1206', word: 'bounced' },
      'failure',
      'bounced',
      'E1206',
      'TXNNEGATIVE',
    ],
    [
      'dropped',
      { status: 'declined', declineCode: 'E209', word: 'dropped' },
      'failure',
      'dropped',
      'E209',
      'TXNNEGATIVE',
    ],
    [
      'refunded',
      { status: 'declined', declineCode: 'E209', word: 'autoRefund' },
      'failure',
      'autoRefund',
      'E209',
      'TXNNEGATIVE',
    ],
  ] as const)('%s', (_, more, status, unmappedstatus, error, field7) => {
    const charge = chargeOf(more);
    expect(parametersOf(charge, account)).toMatchObject({ status, unmappedstatus, error, field7 });
    expect(transactionOf(charge, account)).toMatchObject({ status, unmappedstatus, error_code: error });
  });

  it('is every parameter of the reference, as text, under the published hash', () => {
    const said = signedParametersOf(chargeOf({}), account);
    expect(Object.keys(said)).toEqual(
      `mihpayid mode status unmappedstatus key txnid amount discount net_amount_debit addedon productinfo firstname lastname
      email phone udf1 udf2 udf3 udf4 udf5 udf6 udf7 udf8 udf9 udf10 field0 field1 field2 field3 field4 field5 field6 field7
      field8 field9 payment_source PG_TYPE bank_ref_num bankcode error error_Message cardnum hash`.split(
        /\s+/,
      ),
    );
    expect(said).toMatchObject({
      mihpayid: '40399371512345678',
      mode: 'CC',
      key: 'bjg$121',
      amount: '1000.00',
      net_amount_debit: '1000.00',
      addedon: '2030-01-15 17:30:00',
      udf5: 'u5',
      cardnum: '512345XXXXXX2346',
      error_Message: 'No Error',
    });
    const canonical = `${SALT}|success||||||u5|u4|u3|u2|u1|test@payu.in|Jacob|mobile|1000.00|3123|bjg$121`;
    expect(said.hash).toBe(createHash('sha512').update(canonical).digest('hex'));
  });

  it('has additional charges, which stand in front of its hash and are paid on top', () => {
    const said = signedParametersOf(chargeOf({}, { additionalCharges: '11.50' }), account);
    expect(said).toMatchObject({
      amount: '1000.00',
      additional_charges: '11.50',
      net_amount_debit: '1011.50',
    });
    const canonical = `11.50|${SALT}|success||||||u5|u4|u3|u2|u1|test@payu.in|Jacob|mobile|1000.00|3123|bjg$121`;
    expect(said.hash).toBe(createHash('sha512').update(canonical).digest('hex'));
  });

  it('is every field of verify_payment', () => {
    const shown = transactionOf(chargeOf({}), account);
    expect(Object.keys(shown)).toEqual(
      `mihpayid request_id bank_ref_num amt transaction_amount txnid additional_charges productinfo firstname bankcode udf1 udf2
      udf3 udf4 udf5 field2 field9 error_code addedon payment_source card_type error_Message net_amount_debit disc mode PG_TYPE
      card_no status unmappedstatus Merchant_UTR Settled_At`.split(/\s+/),
    );
    expect(shown).toMatchObject({ amt: '1000.00', transaction_amount: '1000.00', card_type: 'MAST' });
    expect(transactionOf(chargeOf({ status: 'processing' }), account)).toMatchObject({
      bank_ref_num: null,
      net_amount_debit: '0.00',
      Merchant_UTR: null,
      Settled_At: '0000-00-00 00:00:00',
    });
  });

  it('goes to furl only when it failed', () => {
    const way = (more: Partial<Charge>) => payu.leadBack(chargeOf(more), account, '');
    expect(way({})).toMatchObject({ via: 'form', url: 'https://shop.example/surl' });
    expect(way({ status: 'processing' })).toMatchObject({ url: 'https://shop.example/surl' });
    expect(way({ status: 'declined', declineCode: 'E312' })).toMatchObject({
      url: 'https://shop.example/furl',
    });
    const { hash, ...fields } = way({}).fields;
    expect(hash).toBe(responseHash(fields, SALT));
  });

  it('lies about another payment under a hash that is wrong, when it is forged', () => {
    const { fields, url } = payu.leadBackForged(chargeOf({}), account, '');
    expect(url).toBe('https://shop.example/furl');
    expect(fields).toMatchObject({ status: 'failure', txnid: '3122', udf1: 'u2' });
    expect(fields.mihpayid).not.toBe('40399371512345678');
    expect(fields.hash).not.toBe(responseHash(fields, SALT));
  });
});

describe('settlements', () => {
  it('pay the amount without fee and tax: the reference’s sample', () => {
    expect(settlementRowOf(asBooked(chargeOf({ amount: 1_197_988 })), account, '1')).toMatchObject({
      payuid: '40399371512345678',
      txnid: '3123',
      requestaction: 'capture',
      amount: '11979.88',
      mer_service_fee: '239.60',
      mer_service_tax: '43.13',
      mer_net_amount: '11697.15',
      igst: '43.13',
      mer_utr: expect.stringMatching(/^PAYUN20300115\d{4}$/),
    });
  });

  it('lose no paisa, whatever the amount', () => {
    for (const amount of [1, 24, 25, 49, 50, 99, 101, 12_345, 99_999, 999_999_999_999]) {
      const { fee, tax, net } = sharesOf(amount);
      expect([fee, tax, net].every((part) => Number.isSafeInteger(part) && part >= 0)).toBe(true);
      expect(fee + tax + net).toBe(amount);
    }
  });

  it('have three columns more in version 2', () => {
    expect(Object.keys(settlementRowOf(asBooked(chargeOf({})), account, '2')).slice(-3)).toEqual([
      'offerServiceFee',
      'offerServiceTax',
      'pricingDays',
    ]);
    expect(settlementRowOf(asBooked(chargeOf({})), account, '1')).not.toHaveProperty('pricingDays');
  });
});

describe('rupees and days', () => {
  it.each([
    ['10', 1000],
    ['10.5', 1050],
    ['10.05', 1005],
    ['0.01', 1],
    ['9999999999.99', 999_999_999_999],
    ['', null],
    ['.5', null],
    ['10.', null],
    ['10.555', null],
    ['1e3', null],
    [' 10', null],
    ['99999999999', null],
  ])('reads "%s"', (text, paise) => {
    expect(readRupees(text)).toBe(paise);
  });

  it('writes two decimals always', () => {
    expect([0, 5, 100, 123_456].map(showRupees)).toEqual(['0.00', '0.05', '1.00', '1234.56']);
  });

  it('lives in India', () => {
    expect(istTime(Date.UTC(2026, 0, 20, 18, 30, 1))).toBe('2026-01-21 00:00:01');
    expect(istDay(Date.UTC(2026, 0, 20, 18, 29))).toBe('2026-01-20');
    expect(['2026-01-21', '2026-02-30', '21-01-2026', '2026-1-21', ''].map(isDay)).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('test cards', () => {
  it('are documented, each Luhn-valid and found by its own number', () => {
    const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8');
    for (const behaviour of documentedCards) {
      expect(isLuhnValid(behaviour.example)).toBe(true);
      expect(behaviourOf(behaviour.example)).toBe(behaviour);
      expect(readme).toContain(behaviour.example);
    }
  });

  it('that ask become what their first digits say, for the book keeps no more', () => {
    for (const { asks, decision, example, later } of documentedCards) {
      const byDigits = behaviourOfBin(example.slice(0, 8));
      if (asks) expect(byDigits.decision).toEqual(decision);
      if (later !== undefined) expect(byDigits.later).toEqual(later);
    }
  });

  it('have ids that are digits only, each another', () => {
    const ids = Array.from({ length: 200 }, () => payu.newId());
    expect(ids.filter((id) => !/^[1-9][0-9]{16}$/.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(200);
  });
});

it('says a failure by a forgery that has no code of its own', () => {
  expect(standingOf(chargeOf({ status: 'declined' }))).toMatchObject({ status: 'failure', error: 'E312' });
});
