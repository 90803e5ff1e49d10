/**
 * The PayU room: the contract of all connectors, and what only this one does.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeId, type TransactionId, timeOfId, transactionIdOf } from '../../domain/ids.ts';
import type { ProcessorWord } from '../../domain/processor-word.ts';
import {
  httpAnswer,
  type ScriptedRequest,
  type ScriptedServer,
  startScriptedServer,
} from '../../outbound/testing/scripted-server.ts';
import type { ChargeMethod, ChargeRequest, ChargeRoom, Connector, QueryRequest } from '../connector.ts';
import {
  connectorContract,
  type DeclineMeaning,
  type Dialect,
  type HttpText,
  type Told,
} from '../contract-suite.ts';
import { createPayuCharge } from './charge.ts';
import { type PayuConfig, PLACEHOLDERS, readPayuAccount } from './config.ts';
import { ERROR_CODES } from './error-codes.ts';
import { createPayu } from './index.ts';
import { txnidOf } from './txnid.ts';

const CONFIG = {
  connectTimeoutMs: 2000,
  connectionsMax: 64,
  notFoundProofMs: 120_000,
  ambiguousFailureMs: 900_000,
  timeoutMs: 1000,
  placeholders: PLACEHOLDERS,
} as const;
const MIHPAYID = '403993715521937565';

const fixture = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures', `${name}.json`), 'utf8'));
const json = (body: object, status = 200): HttpText => ({ status, body: JSON.stringify(body) });
const rupees = (paise: number): string => (paise / 100).toFixed(2);

/** What is not an id of ours goes as it is: PayU takes any 25 characters. */
const txnid = (transactionId: string): string =>
  /^[0-9a-f]{32}$/.test(transactionId) ? txnidOf(transactionId) : transactionId;

/** The rows of the reference, and what each allows once PayU has verified the failure. */
const ROWS: readonly [means: DeclineMeaning, codes: string][] = [
  // Authentication failed or cancelled.
  ['closed', 'E300 E302 E303 E306 E316 E317 E1000 E1602'],
  // Declined by issuer or card: but for risk, lost, fraud, restricted the shopper may try again.
  ['closed', 'E311 E312 E313 E323 E329 E337 E348'],
  ['final', 'E307 E310 E324 E325'],
  // Insufficient funds.
  ['closed', 'E706 E713 E718 E719'],
  // Bad input or configuration.
  ['closed', 'E305 E1620'],
  ['elsewhere', 'E200 E700 E720 E803 E902 E903'],
  ['ambiguous', 'E504'],
  // Cancelled, dropped, expired.
  ['ambiguous', 'E503 E502 E1206 E231 E507 E408 E901 E708'],
  // Technical, outcome unclear.
  ['ambiguous', 'E209 E210 E211 E212 E214 E218 E219 E309 E334 E500 E501 E308 E801 E802 E4177 E4292'],
];
const DECLINES = ROWS.flatMap(([means, codes]) => codes.split(' ').map((code) => ({ code, means })));

const STATUS: Readonly<Record<Told['status'], [string, string]>> = {
  charged: ['success', 'captured'],
  declined: ['failure', 'failed'],
  accepted: ['pending', 'in progress'],
  action_required: ['pending', 'pending'],
  'a status nobody knows': ['moonstruck', 'by moonlight'],
};
const MODES: Readonly<Record<Told['paidBy'], string>> = {
  credit: 'CC',
  debit: 'DC',
  upi: 'UPI',
  'nobody knows': 'CASH',
};

/** What browser, webhook and answer say in the end. */
function parameters(told: Told): Record<string, string> {
  const [status, unmappedstatus] = STATUS[told.status];
  return {
    mihpayid: MIHPAYID,
    mode: MODES[told.paidBy],
    status,
    unmappedstatus,
    key: told.account,
    txnid: txnid(told.transactionId),
    amount: rupees(told.amount),
    addedon: '2026-11-24 05:30:00',
    productinfo: 'order_1',
    firstname: PLACEHOLDERS.firstname,
    email: PLACEHOLDERS.email,
    udf1: `txn_${told.transactionId}`,
    error: told.status === 'declined' ? told.declineCode : 'E000',
  };
}

function verified(told: Told): HttpText {
  const { amount, error, key: _, ...rest } = parameters(told);
  const transaction: Record<string, string | undefined> = {
    ...rest,
    amt: amount,
    transaction_amount: amount,
    additional_charges: '0.00',
    error_code: error,
  };
  const details = { [transaction.txnid!]: transaction };
  return json({
    status: 1,
    msg: '1 out of 1 Transactions Fetched Successfully',
    transaction_details: details,
  });
}

function notFound(transactionId: string): HttpText {
  const details = { [txnid(transactionId)]: { mihpayid: 'Not Found', status: 'Not Found' } };
  return json({
    status: 0,
    msg: '0 out of 1 Transactions Fetched Successfully',
    transaction_details: details,
  });
}

function acsTemplate(action: string | undefined): string {
  const escaped = action?.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  const attribute = escaped === undefined ? '' : ` action="${escaped}"`;
  return Buffer.from(
    `<html><body onload="document.forms[0].submit()"><form method="post"${attribute}><input type="hidden" name="PaReq" value="a&amp;b"></form></body></html>`,
  ).toString('base64');
}

function answered(told: Told): HttpText {
  if (told.status !== 'action_required') return json({ metaData: {}, result: parameters(told) });
  const metaData = { txnId: txnid(told.transactionId), txnStatus: 'Enrolled', unmappedStatus: 'pending' };
  const { action } = told;
  switch (action.kind) {
    case 'redirect':
      return json({ metaData, result: { acsTemplate: acsTemplate(action.url) } });
    case 'upi': {
      // What PayU sends is behind `upi://pay?`; what has another beginning is what it would have to send for a link to have it.
      const { link } = action;
      const words = link?.startsWith('upi://pay?') ? link.slice('upi://pay?'.length) : link;
      const result = { paymentId: MIHPAYID, amount: rupees(told.amount), intentURIData: words ?? null };
      return json({ metaData: { ...metaData, txnStatus: 'pending' }, result });
    }
    case 'nobody knows':
      return json({ metaData, result: { dance: 'https://bank.example/dance' } });
  }
}

const isVerify = ({ head }: ScriptedRequest): boolean => head.startsWith('POST /merchant/postservice.php');
const bodyOf = ({ body }: ScriptedRequest): URLSearchParams => new URLSearchParams(body.toString());

/** What PayU has booked since a connector was opened: what was answered last, else a charge that was paid. */
let booked: Told | null = null;

function bookedAs(payment: URLSearchParams): Told {
  return {
    transactionId: payment.get('udf1')!.slice(4),
    account: payment.get('key')!,
    amount: Math.round(Number(payment.get('amount')) * 100),
    currency: 'INR',
    status: 'charged',
    declineCode: '',
    action: { kind: 'nobody knows' },
    paidBy: 'credit',
  };
}

function signed(form: Record<string, string>, salt: string): Record<string, string> {
  const names = ['udf5', 'udf4', 'udf3', 'udf2', 'udf1', 'email', 'firstname', 'productinfo'];
  const tail = [...names, 'amount', 'txnid', 'key'].map((name) => form[name] ?? '');
  const text = [salt, form.status, '', '', '', '', '', ...tail].join('|');
  return { ...form, hash: createHash('sha512').update(text).digest('hex') };
}

const dialect: Dialect = {
  processor: 'PAYU',
  lacks: [
    'account',
    'currency',
    'action_facts',
    'query_action',
    'final_callbacks',
    'callback_time',
    'body_signed',
  ],
  page: 'form',
  open(baseUrl, timings) {
    booked = null;
    const config = { ...CONFIG, baseUrl, infoUrl: baseUrl, ...timings };
    const { charge, close } = createPayuCharge(config, { now: Date.now });
    return { ...createPayu(config), charge, close };
  },
  reference: txnidOf,
  declines: DECLINES,
  unlistedDecline: 'ambiguous',
  refusals: Object.fromEntries(
    ['EX158', 'E200', 'E700'].map((error) => [
      error,
      json({ result: null, status: 'failed', error, message: 'no' }),
    ]),
  ),
  beside(request, before) {
    if (!isVerify(request)) return null;
    const asked = bodyOf(request).get('var1');
    const sent = before.filter((one) => !isVerify(one)).map(bodyOf);
    const payment = sent.findLast((one) => one.get('txnid') === asked);
    return payment === undefined ? null : verified(booked ?? bookedAs(payment));
  },
  chargeAnswer(told) {
    booked = told;
    return answered(told);
  },
  queryAnswer: verified,
  queryNotFound: notFound,
  callback(told, secret) {
    const form = signed(parameters(told), secret);
    return { headers: {}, body: Buffer.from(new URLSearchParams(form).toString()) };
  },
  reportPage({ body }, ids) {
    const form = new URLSearchParams(body.toString());
    const [page, size] = [Number(form.get('var2')), Number(form.get('var3'))];
    const rows = ids
      .slice((page - 1) * size, page * size)
      .map((id, at) => [String(at + 1), { requestid: id }]);
    return json({
      status: 1,
      msg: `${ids.length} transactions settled on ${form.get('var1')}`,
      Txn_details: rows.length === 0 ? [] : Object.fromEntries(rows),
    });
  },
  signedHeaders: [],
  callbackSeconds: null,
};

describe('contract of PAYU', () => connectorContract(dialect));

test('every documented code is in the table once, and no other', () => {
  expect([...ERROR_CODES.keys()].sort()).toEqual(DECLINES.map(({ code }) => code).sort());
});

const TRANSACTION_ID: TransactionId = transactionIdOf(makeId(Date.UTC(2026, 0, 21), 7, new Uint8Array(8)), 1);
const TXNID = txnidOf(TRANSACTION_ID);
/** Hours after its intent was made. */
const STARTED_AT = timeOfId(TRANSACTION_ID) + 5 * 3_600_000;
const ACCOUNT = { account: 'bjg$121', secretKey: 'vhgvs75' };
const REQUEST: ChargeRequest = {
  transactionId: TRANSACTION_ID,
  amount: 5000,
  currency: 'INR',
  orderId: 'order 1 | 50 % <off>',
  leg: 1,
  account: ACCOUNT,
  returnUrl: 'https://pay.example/checkout/return?transaction=txn_1',
  browser: { address: '198.51.100.7', userAgent: 'Mozilla/5.0 (test)' },
  mayLeave: () => true,
};
const CARD: ChargeMethod = {
  kind: 'card',
  card: {
    pan: Buffer.from('4111111111111111'),
    cvv: Buffer.from('012'),
    expiryMonth: 5,
    expiryYear: 2030,
    cardholderName: Buffer.from('Zoë O’Brien & Co|%'),
  },
};
const UPI: ChargeMethod = { kind: 'upi' };

let server: ScriptedServer;
let room: ChargeRoom;
let payu: Connector;
/** What PayU answers to a charge, and what to `verify_payment`. */
let payment: HttpText;
let verification: HttpText;

beforeEach(async () => {
  server = await startScriptedServer();
  const config: PayuConfig = { ...CONFIG, baseUrl: server.origin, infoUrl: server.origin };
  room = createPayuCharge(config, { now: Date.now });
  payu = createPayu(config);
  verification = shown({});
  server.answer((socket, request) => {
    const { status, body } = isVerify(request) ? verification : payment;
    socket.write(httpAnswer(status, body));
  });
});
afterEach(async () => {
  await room.close();
  await server.close();
});

/** `verify_payment` as PayU documents it, with these facts in it. */
function shown(over: object): HttpText {
  const transaction = { ...fixture('verify-found'), txnid: TXNID, udf1: `txn_${TRANSACTION_ID}`, ...over };
  const transaction_details = { [TXNID]: transaction };
  return json({ status: 1, msg: '1 out of 1 Transactions Fetched Successfully', transaction_details });
}

/** An answer to a charge that claims an end. */
function claimed(over: object): HttpText {
  const result = { mihpayid: MIHPAYID, txnid: TXNID, amount: '50.00', key: ACCOUNT.account };
  return json({
    metaData: { statusCode: 'E000', txnId: TXNID },
    result: { ...result, status: 'success', unmappedstatus: 'captured', error: 'E000', ...over },
  });
}

const ask = (over: Partial<QueryRequest> = {}) =>
  payu.query({
    transactionId: TRANSACTION_ID,
    leg: 1,
    account: ACCOUNT,
    startedAt: STARTED_AT,
    processorTxnId: null,
    returned: {},
    now: STARTED_AT + 1000,
    ...over,
  });

describe('a charge at PayU', () => {
  const charge = (method: ChargeMethod = CARD, over: Partial<ChargeRequest> = {}): Promise<ProcessorWord> =>
    room.charge({ ...REQUEST, ...over }, method);
  const answers = (text: HttpText, method?: ChargeMethod): Promise<ProcessorWord> => {
    payment = text;
    return charge(method);
  };
  const sent = (): Record<string, string> => Object.fromEntries(bodyOf(server.requests[0]!));
  const hashed = {
    key: 'bjg$121',
    txnid: TXNID,
    amount: '50.00',
    productinfo: 'order 1 - 50 - -off-',
    firstname: 'Shopper',
    email: 'shopper@example.com',
    udf1: `txn_${TRANSACTION_ID}`,
    udf2: '',
    udf3: '',
    udf4: '',
    udf5: '',
  };
  const common = {
    ...hashed,
    hash: createHash('sha512')
      .update([...Object.values(hashed), '', '', '', '', '', ACCOUNT.secretKey].join('|'))
      .digest('hex'),
    lastname: 'Sluice',
    phone: '9999999999',
    surl: REQUEST.returnUrl,
    furl: REQUEST.returnUrl,
    txn_s2s_flow: '4',
    s2s_client_ip: '198.51.100.7',
    s2s_device_info: 'Mozilla/5.0 (test)',
  };

  test('a card is sent as PayU documents it, its hash over the very texts', async () => {
    await answers(claimed({}));
    expect(server.requests[0]!.head).toMatch(/^POST \/_payment HTTP\/1\.1/);
    expect(server.requests[0]!.head).toMatch(/content-type: application\/x-www-form-urlencoded/i);
    expect(sent()).toEqual({
      ...common,
      pg: 'CC',
      bankcode: 'CC',
      ccnum: '4111111111111111',
      ccname: 'Zoë O’Brien & Co|%',
      ccvv: '012',
      ccexpmon: '05',
      ccexpyr: '2030',
      authentication_flow: 'REDIRECT',
      threeDS2RequestData: expect.stringMatching(
        /^\{"browserInfo":\{"userAgent":.*"ip":"198\.51\.100\.7"\}\}$/,
      ),
    });
  });

  test('UPI is an intent, and no card', async () => {
    await answers(json({}), UPI);
    expect(sent()).toEqual({ ...common, pg: 'UPI', bankcode: 'INTENT' });
  });

  test('productinfo is at most a hundred characters, whatever the order is called', async () => {
    payment = json({});
    await charge(CARD, { orderId: 'ö|'.repeat(200) });
    expect(sent().productinfo).toBe('-'.repeat(100));
  });

  test('in another currency nothing is sent, and another processor may be asked', async () => {
    expect(await charge(CARD, { currency: 'USD' })).toMatchObject({
      said: 'declined',
      failureCode: 'processor_refused',
      referenceClosed: true,
      elsewhere: true,
    });
    expect(server.requests).toEqual([]);
  });

  test('a success is charged by the word of verify_payment, which is asked at the address of commands', async () => {
    expect(await answers(claimed({}))).toMatchObject({
      source: 'answer',
      said: 'charged',
      processorTxnId: MIHPAYID,
      amount: 5000,
      currency: 'INR',
      paymentMethodType: 'CREDIT_CARD',
    });
    const [, asked] = server.requests;
    expect(asked!.head).toMatch(/^POST \/merchant\/postservice\.php\?form=2 HTTP/);
    expect(Object.fromEntries(bodyOf(asked!))).toEqual({
      key: 'bjg$121',
      command: 'verify_payment',
      var1: TXNID,
      hash: createHash('sha512').update(`bjg$121|verify_payment|${TXNID}|vhgvs75`).digest('hex'),
    });
  });

  test('a success that verify_payment does not confirm is none', async () => {
    const accepted = { said: 'accepted', processorTxnId: null, referenceClosed: false };
    for (const text of [json({}, 500), json({ status: 0, msg: 'Invalid Hash.' }), notFound(TRANSACTION_ID)]) {
      verification = text;
      expect(await answers(claimed({}))).toMatchObject(accepted);
    }
    verification = shown({ status: 'failure', unmappedstatus: 'failed', error_code: 'E312' });
    expect(await answers(claimed({}))).toMatchObject({ said: 'declined', failureCode: 'E312' });
    for (const over of [{ amt: '1.00' }, { transaction_amount: '1.00', amt: '1.00' }, { udf1: 'txn_x' }]) {
      verification = shown(over);
      expect(await answers(claimed({}))).toMatchObject({ said: 'unknown', processorTxnId: null });
    }
  });

  test('a failure closes nothing before verify_payment has said so, and is none when it says success', async () => {
    const failed = claimed({ status: 'failure', unmappedstatus: 'failed', error: 'E312' });
    verification = notFound(TRANSACTION_ID);
    expect(await answers(failed)).toMatchObject({ said: 'accepted', referenceClosed: false });
    verification = shown({});
    expect(await answers(failed)).toMatchObject({ said: 'charged' });
  });

  test('our reference used before is no refusal: an earlier charge has it', async () => {
    expect(await answers(json({ result: null, status: 'failed', error: 'E504' }))).toMatchObject({
      said: 'unknown',
      elsewhere: false,
    });
  });

  test('any other refusal of a request leaves open what became of it', async () => {
    for (const error of ['E305', 'E500', 'EX999', 'E803']) {
      expect(await answers(json({ result: null, status: 'failed', error }))).toMatchObject({
        said: 'unknown',
        referenceClosed: false,
      });
    }
  });

  test('an error beside a payment is that payment’s, and no refusal', async () => {
    const failed = JSON.parse(claimed({ status: 'failure', error: 'E700' }).body).result;
    verification = shown({});
    expect(await answers(json({ ...failed, error: 'E700' }))).toMatchObject({ said: 'charged' });
    expect(await answers(json({ error: 'E700', result: failed }))).toMatchObject({ said: 'charged' });
  });

  test('the bank’s page is its form, of this reference only', async () => {
    const enrolled = fixture('enrolled');
    const page = (txnId: string): HttpText =>
      json({
        ...enrolled,
        metaData: { ...(enrolled.metaData as object), txnId },
        result: { acsTemplate: acsTemplate('https://acs.example/3ds') },
      });
    expect(await answers(page(TXNID))).toMatchObject({
      said: 'action_required',
      nextAction: { kind: 'form', url: 'https://acs.example/3ds', fields: { PaReq: 'a&b' }, expiresAt: null },
    });
    expect(await answers(page('another'))).toMatchObject({ said: 'unknown', nextAction: null });
    expect(server.requests.filter(isVerify)).toEqual([]);
  });

  test('UPI’s words are a link for this amount only, whatever is said beside', async () => {
    const intent = fixture('upi-intent');
    const told = (over: object): HttpText =>
      json({
        ...intent,
        metaData: { ...(intent.metaData as object), txnId: TXNID },
        result: { ...(intent.result as object), ...over },
      });
    const { intentURIData: words } = intent.result as Record<string, string>;
    expect(await answers(told({}), UPI)).toMatchObject({
      said: 'action_required',
      paymentMethodType: 'UPI',
      nextAction: { kind: 'upi', link: `upi://pay?${words}`, simulatorUrl: null },
    });
    expect(await answers(told({ amount: '1.00' }), UPI)).toMatchObject({ said: 'unknown' });
    for (const intentURIData of [words!.replace('50.00', '1.00'), `${words}&am=1.00`, null, 7]) {
      expect(await answers(told({ intentURIData }), UPI)).toMatchObject({
        said: 'accepted',
        nextAction: null,
      });
    }
    expect(await answers(told({ intentURIData: undefined }), UPI)).toMatchObject({ said: 'accepted' });
  });
});

describe('what verify_payment says', () => {
  const answered = async (over: object): Promise<ProcessorWord> => {
    verification = shown(over);
    const answer = await ask();
    if (answer.kind !== 'found') throw new Error(JSON.stringify(answer));
    return answer.word;
  };

  test.each([
    ['success', 'captured', 'charged'],
    // Authorised money is not ours.
    ['success', 'auth', 'accepted'],
    ['success', 'pending', 'unknown'],
    ['success', '', 'unknown'],
    ['pending', 'captured', 'unknown'],
    // Whose turn it is, is not told: the shopper's page stays.
    ['pending', 'pending', 'unknown'],
    ['pending', 'initiated', 'unknown'],
    ['pending', 'in progress', 'unknown'],
    ['failure', 'captured', 'accepted'],
    ['failure', 'bounced', 'accepted'],
    ['failure', 'dropped', 'accepted'],
    ['failure', 'autoRefund', 'accepted'],
    ['failure', 'failed', 'declined'],
    ['failure', 'userCancelled', 'declined'],
    ['Success', 'captured', 'unknown'],
  ])('%s and %s: %s', async (status, unmappedstatus, said) => {
    const error_code = status === 'failure' ? 'E312' : 'E000';
    expect(await answered({ status, unmappedstatus, error_code })).toMatchObject({
      said,
      processorTxnId: MIHPAYID,
      referenceClosed: said === 'declined',
    });
  });

  test('a failure without a code, or with one that is no failure’s, is asked about, then a decline and no more', async () => {
    for (const error_code of ['', 'E000', null, 'Transaction failed', '4111111111111111']) {
      verification = shown({ status: 'failure', unmappedstatus: 'failed', error_code });
      expect(await ask({ now: STARTED_AT + 900_000 })).toMatchObject({ word: { said: 'accepted' } });
      expect(await ask({ now: STARTED_AT + 900_001 })).toMatchObject({
        word: {
          said: 'declined',
          failureCode: 'declined',
          referenceClosed: false,
        },
      });
    }
  });

  test('an id that comes as a number keeps all its digits', async () => {
    const { body, ...answer } = shown({});
    verification = { ...answer, body: body.replace(`"${MIHPAYID}"`, MIHPAYID) };
    expect(MIHPAYID).toBe('403993715521937565');
    expect(await ask()).toMatchObject({ kind: 'found', word: { processorTxnId: MIHPAYID } });
  });

  test('the amount is the one without additional charges, unless the two contradict each other', async () => {
    expect(await answered({ amt: '61.50', additional_charges: '11.50' })).toMatchObject({ amount: 5000 });
    expect(await answered({ amt: '61.50', additional_charges: '1.50' })).toMatchObject({ amount: 6150 });
    expect(await answered({ transaction_amount: undefined })).toMatchObject({ amount: 5000 });
  });

  test('“Not Found” is that of this reference and of an answer that fetched none; everything else says nothing', async () => {
    verification = notFound(TRANSACTION_ID);
    expect(await ask()).toEqual({ kind: 'not_found' });
    const missing = { mihpayid: 'Not Found', status: 'Not Found' };
    for (const body of [
      { status: 0, msg: 'Invalid Hash.' },
      { status: 0, msg: 'Key required', transaction_details: [] },
      { status: 1, transaction_details: { [TXNID]: missing } },
      { status: 0, transaction_details: { other: missing } },
      { status: 0, transaction_details: { [TXNID]: { ...missing, mihpayid: MIHPAYID } } },
      { status: 0, transaction_details: { [TXNID]: 'Not Found' } },
      { status: 0, transaction_details: JSON.parse(shown({}).body).transaction_details },
      { ...JSON.parse(shown({ udf1: 'txn_another' }).body) },
      { ...JSON.parse(shown({ txnid: 'another' }).body) },
    ]) {
      verification = json(body);
      expect(await ask()).toMatchObject({ kind: 'no_answer' });
    }
  });

  test('three “Not Found” over a minute are proof, of a proof that lasts as long', () => {
    expect(payu.notFound).toEqual({ queries: 3, proofMs: 120_000, gapMs: 30_000 });
  });
});

describe('an account of PayU’s', () => {
  const config = { account: 'bjg$121', secretKey: 'vhgvs75', webhookSecret: 'vhgvs75' };

  test('is a merchant key and a salt, which signs callbacks too', () => {
    expect(readPayuAccount({ account: 'bjg$121', secretKey: 'vhgvs75' })).toEqual({ ok: true, config });
    expect(readPayuAccount({ ...config })).toEqual({ ok: true, config });
  });

  test.each([
    [{ account: undefined }, 'account'],
    [{ secretKey: undefined, webhookSecret: undefined }, 'secretKey'],
    [{ secretKey: '', webhookSecret: '' }, 'secretKey'],
    [{ account: 'a|b' }, 'account'],
    [{ secretKey: 'a|b', webhookSecret: 'a|b' }, 'secretKey'],
    [{ webhookSecret: 'another' }, 'webhookSecret'],
    [{ webhookSecret: '' }, 'webhookSecret'],
  ])('with %j is refused, and no secret is repeated', (over, name) => {
    const read = readPayuAccount({ ...config, ...over });
    expect(read).toEqual({ ok: false, detail: expect.stringContaining(name) });
    expect(JSON.stringify(read)).not.toMatch(/vhgvs75|another"/);
  });
});
