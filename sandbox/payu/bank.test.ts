/**
 * The bank as PayU over real HTTP: what a merchant's gateway, the shopper's browser and an operator can rely on.
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cardNumber } from '../card-numbers.ts';
import { type Endpoint, openEndpoint } from '../testing/endpoint.ts';
import { type RunningBank, runHere } from '../testing/running-bank.ts';
import { commandHash, type Fields, requestHash, responseHash } from './hashes.ts';
import { istDay } from './ist.ts';

const KEY = 'gtKFFx';
const SALT = 'salt32';
const WAIT = { timeout: 10_000 };
const SURL = 'http://127.0.0.1:9/surl';
const FURL = 'http://127.0.0.1:9/furl';
const ASKING = '5123456789012346';

interface Heard {
  readonly type: string;
  readonly body: string;
}

/** The fields of the bank's JSON answers that the tests look at. */
interface Answered {
  readonly status: unknown;
  readonly error?: string;
  readonly msg?: string;
  readonly metaData: {
    readonly referenceId: string;
    readonly txnStatus: string;
    readonly statusCode: string | null;
    readonly submitOtp: { readonly attemptsLeft: string; readonly status: string };
    readonly resendOtp: { readonly attemptsLeft: string };
  };
  readonly result: Record<string, string>;
  readonly transaction_details: Record<string, Record<string, unknown>>;
  readonly Txn_details: Record<string, Record<string, unknown>>;
}

let dataDir: string;
let merchant: Endpoint;
let bank: RunningBank;
/** Callbacks, in the order in which they came. */
const heard: Heard[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sandbox-payu-'));
  merchant = await openEndpoint((body, headers) => {
    heard.push({ type: headers['content-type'] ?? '', body });
    return 200;
  });
  await openBank();
});

afterEach(async () => {
  await bank.end();
  merchant.close();
  await rm(dataDir, { recursive: true });
  heard.length = 0;
});

async function openBank(callbackFormat?: string): Promise<void> {
  const callbackUrl = `${merchant.url}/payu`;
  const account = {
    dialect: 'payu',
    account: KEY,
    secretKey: SALT,
    webhookSecret: SALT,
    callbackUrl,
    callbackFormat,
  };
  const other = { ...account, account: 'other1', secretKey: 'salt33', webhookSecret: 'salt33' };
  bank = await runHere({
    SANDBOX_PORT: '0',
    SANDBOX_DATA_DIR: dataDir,
    SANDBOX_ACCOUNTS: JSON.stringify([account, other]),
    SANDBOX_CALLBACK_DELAY_MS: '0',
    SANDBOX_FSYNC: 'off',
  });
}

async function restart(): Promise<void> {
  await bank.end();
  await openBank();
}

function postForm(path: string, fields: Fields): Promise<Response> {
  const sent = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return fetch(path.startsWith('http') ? path : bank.url + path, {
    method: 'POST',
    body: new URLSearchParams(sent),
  });
}

function requestOf(txnid: string, more: Fields = {}): Fields {
  const fields = {
    key: KEY,
    txnid,
    amount: '1000.00',
    productinfo: 'Shoes & socks',
    firstname: 'Zoë',
    email: 'zoe@shop.example',
    phone: '9000090000',
    surl: SURL,
    furl: FURL,
    udf1: `txn_${txnid}`,
    txn_s2s_flow: '4',
    pg: 'CC',
    bankcode: 'CC',
    ccnum: '4111111111111111',
    ccname: 'Zoë Z',
    ccvv: '123',
    ccexpmon: '05',
    ccexpyr: '2040',
    authentication_flow: 'REDIRECT',
    s2s_client_ip: '203.0.113.7',
    s2s_device_info: 'Mozilla/5.0',
    ...more,
  };
  return { ...fields, hash: requestHash(fields, SALT) };
}

async function pay(txnid: string, more: Fields = {}): Promise<Answered> {
  const response = await postForm('/_payment', requestOf(txnid, more));
  expect(response.status).toBe(200);
  return (await response.json()) as Answered;
}

const UPI = { pg: 'UPI', bankcode: 'INTENT' };

async function command(name: string, var1: string, more: Fields = {}): Promise<Answered> {
  const fields = { key: KEY, command: name, var1, ...more };
  const hash = commandHash(fields, SALT);
  const response = await postForm('/merchant/postservice.php?form=2', { hash, ...fields });
  expect(response.status).toBe(200);
  return (await response.json()) as Answered;
}

async function verify(txnid: string): Promise<Record<string, unknown>> {
  return (await command('verify_payment', txnid)).transaction_details[txnid]!;
}

async function order(fault: object): Promise<void> {
  const response = await fetch(`${bank.url}/_bank/faults`, { method: 'POST', body: JSON.stringify(fault) });
  expect(response.status).toBe(201);
}

async function effects(reference: string): Promise<string[]> {
  const text = await (await fetch(`${bank.url}/_bank/charges?reference=${reference}`)).text();
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as { effect: string }).effect);
}

/** The parameters of a callback, and whether its reverse hash is that of the account. */
function parse({ body }: Heard): { said: Record<string, string>; genuine: boolean } {
  const said = Object.fromEntries(new URLSearchParams(body));
  return { said, genuine: said.hash === responseHash(said, SALT) };
}

/** The form of a page that submits itself: where it leads and what it brings. */
function formOf(page: string): { action: string; fields: Record<string, string> } {
  const decode = (text: string): string =>
    text
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&');
  const inputs = page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g);
  return {
    action: decode(/<form method="post" action="([^"]*)"/.exec(page)![1]!),
    fields: Object.fromEntries([...inputs].map(([, name, value]) => [decode(name!), decode(value!)])),
  };
}

function pageOf(answered: Answered): string {
  return formOf(Buffer.from(answered.result.acsTemplate!, 'base64').toString('utf8')).action;
}

describe('a payment', () => {
  it('of a card that asks nothing is answered with its final parameters, and called back with the same', async () => {
    const { metaData, result } = await pay('t1', { udf6: 'six' });
    expect(metaData).toMatchObject({ txnStatus: 'success', statusCode: 'E000' });
    expect(result).toMatchObject({
      status: 'success',
      unmappedstatus: 'captured',
      txnid: 't1',
      amount: '1000.00',
      productinfo: 'Shoes & socks',
      firstname: 'Zoë',
      udf1: 'txn_t1',
      udf6: 'six',
      error: 'E000',
      cardnum: '411111XXXXXX1111',
    });
    expect(result.mihpayid).toMatch(/^[0-9]+$/);
    expect(result.hash).toBe(responseHash(result, SALT));
    await vi.waitFor(() => expect(heard).toHaveLength(1), WAIT);
    expect(heard[0]!.type).toBe('application/x-www-form-urlencoded');
    expect(parse(heard[0]!)).toEqual({ said: result, genuine: true });
    expect(await effects('txn_t1')).toEqual(['charged']);
  });

  it('is refused with HTTP 200, and not booked', async () => {
    const refused = await pay('t1', { amount: '10.001' });
    expect(refused).toEqual({ result: null, status: 'failed', error: 'EX158', message: 'Invalid amount' });
    const forged = await postForm('/_payment', { ...requestOf('t1'), amount: '1.00' });
    expect(await forged.json()).toMatchObject({ result: null, status: 'failed', error: 'E700' });
    const unknown = await postForm('/_payment', { ...requestOf('t1'), key: 'nobody' });
    expect(await unknown.json()).toMatchObject({ error: 'EX158', message: 'Invalid merchant key' });
    expect(await effects('txn_t1')).toEqual([]);
  });

  it('is refused when its txnid is known, whatever became of that', async () => {
    await pay('t1');
    await pay('t2', { ccnum: '4000000000000002' });
    for (const [txnid, more] of [
      ['t1', {}],
      ['t1', { amount: '5.00' }],
      ['t2', {}],
    ] as const) {
      expect(await pay(txnid, more)).toMatchObject({ error: 'E504', status: 'failed' });
    }
    expect(await effects('txn_t1')).toEqual(['charged']);
    expect(await effects('txn_t2')).toEqual(['none']);
  });

  it('must be a form of bearable size', async () => {
    const json = await fetch(`${bank.url}/_payment`, { method: 'POST', body: '{}' });
    expect(json.status).toBe(415);
    expect((await fetch(`${bank.url}/_payment`)).status).toBe(405);
    const large = await postForm('/_payment', { ...requestOf('t1'), ccname: 'x'.repeat(70_000) });
    expect(large.status).toBe(413);
  });

  it.each([
    ['4000000000000002', 'failure', 'failed', 'E312'],
    ['4000000000000119', 'failure', 'failed', 'E706'],
    [cardNumber('40000085', 0), 'failure', 'failed', 'E311'],
    [cardNumber('40000088', 0), 'failure', 'failed', 'E307'],
    [cardNumber('40000090', 0), 'failure', 'dropped', 'E500'],
  ])('of %s fails, and is called back', async (ccnum, status, unmappedstatus, error) => {
    const { result } = await pay('t1', { ccnum });
    expect(result).toMatchObject({ status, unmappedstatus, error });
    expect(await verify('t1')).toMatchObject({ status, unmappedstatus, error_code: error });
    await vi.waitFor(
      () => expect(heard.map(parse)).toMatchObject([{ said: { unmappedstatus }, genuine: true }]),
      WAIT,
    );
  });

  it('that is pending calls back only when it is captured', async () => {
    expect((await pay('t1', { ccnum: cardNumber('40000091', 0) })).result).toMatchObject({
      status: 'pending',
    });
    expect((await pay('t2', { ccnum: cardNumber('40000092', 0) })).result).toMatchObject({
      status: 'pending',
    });
    await vi.waitFor(() => expect(heard).toHaveLength(1), WAIT);
    expect(parse(heard[0]!).said).toMatchObject({ txnid: 't2', unmappedstatus: 'captured' });
    expect(await verify('t1')).toMatchObject({ status: 'pending', unmappedstatus: 'pending' });
    expect(await verify('t2')).toMatchObject({ status: 'success', unmappedstatus: 'captured' });
  });

  it.each([
    ['40000086', 'success', 'captured', 'charged'],
    ['40000087', 'failure', 'autoRefund', 'none'],
  ])('of %s is dropped, and later, over a restart, %s: %s', async (bin, status, unmappedstatus, effect) => {
    expect((await pay('t1', { ccnum: cardNumber(bin, 0) })).result).toMatchObject({
      status: 'failure',
      unmappedstatus: 'dropped',
      error: 'E209',
    });
    await vi.waitFor(() => expect(heard).toHaveLength(1), WAIT);
    await restart();
    await vi.waitFor(
      () => expect(heard.map((one) => parse(one).said.unmappedstatus)).toEqual(['dropped', unmappedstatus]),
      WAIT,
    );
    expect(await verify('t1')).toMatchObject({ status, unmappedstatus });
    expect(await effects('txn_t1')).toEqual(['none', effect]);
  });

  it('has the additional charges of the card, or of the request', async () => {
    const { result } = await pay('t1', { ccnum: cardNumber('40000089', 0) });
    expect(result).toMatchObject({
      amount: '1000.00',
      additional_charges: '10.00',
      net_amount_debit: '1010.00',
    });
    expect((await pay('t2', { additionalCharges: '11.5' })).result).toMatchObject({
      additional_charges: '11.5',
    });
    await vi.waitFor(() => expect(heard.map((one) => parse(one).genuine)).toEqual([true, true]), WAIT);
    const bare: Fields = { ...parse(heard[0]!).said, additional_charges: undefined };
    expect(parse(heard[0]!).said.hash).not.toBe(responseHash(bare, SALT));
  });
});

describe('3-D Secure', () => {
  async function choose(page: string, fields: Fields): Promise<string> {
    return await (await postForm(page, fields)).text();
  }

  it('is answered as Enrolled, and its template leads to the bank’s page', async () => {
    const answered = await pay('t1', { ccnum: ASKING });
    expect(answered).toMatchObject({
      metaData: {
        message: null,
        statusCode: null,
        txnId: 't1',
        txnStatus: 'Enrolled',
        unmappedStatus: 'pending',
        resendOtp: { isSupported: true, attemptsLeft: '3' },
        submitOtp: { attemptsLeft: '3', status: '' },
      },
      result: { otpPostUrl: `${bank.url}/ResponseHandler.php` },
      binData: { pureS2SSupported: true, cardType: 'MAST', category: 'creditcard', isDomestic: true },
    });
    expect(await choose(pageOf(answered), {})).toContain('Confirm your payment');
    expect(await verify('t1')).toMatchObject({ status: 'pending', unmappedstatus: 'in progress' });
    expect(heard).toEqual([]);
  });

  it.each([
    ['approve', '', SURL, 'captured', 'E000'],
    ['approve', '123456', SURL, 'captured', 'E000'],
    ['approve', '654321', FURL, 'failed', 'E300'],
    ['decline', '', FURL, 'userCancelled', 'E303'],
  ])('%s with the password "%s" leads back to %s: %s', async (choice, otp, action, unmappedstatus, error) => {
    const answered = await pay('t1', { ccnum: ASKING });
    const back = formOf(await choose(pageOf(answered), { choice, otp }));
    expect(back.action).toBe(action);
    expect(back.fields).toMatchObject({ txnid: 't1', unmappedstatus, error, productinfo: 'Shoes & socks' });
    expect(back.fields.hash).toBe(responseHash(back.fields, SALT));
    await vi.waitFor(() => expect(heard).toHaveLength(1), WAIT);
    expect(parse(heard[0]!).said).toEqual(back.fields);
  });

  it('that the shopper leaves is bounced when time is up', async () => {
    await fetch(`${bank.url}/_bank/delay`, { method: 'POST', body: JSON.stringify({ challengeMs: 200 }) });
    const answered = await pay('t1', { ccnum: ASKING });
    await choose(pageOf(answered), { choice: 'leave' });
    await vi.waitFor(() => expect(heard).toHaveLength(1), WAIT);
    expect(await verify('t1')).toMatchObject({
      status: 'failure',
      unmappedstatus: 'bounced',
      error_code: 'E1206',
    });
  });

  it('by a one-time password sent through the API has three tries, over a restart', async () => {
    const { metaData, result } = await pay('t1', { ccnum: ASKING });
    const { referenceId } = metaData;
    const submit = async (fields: Fields): Promise<Answered> =>
      (await (await postForm('/ResponseHandler.php', fields)).json()) as Answered;
    expect(result.otpPostUrl).toBe(`${bank.url}/ResponseHandler.php`);
    expect(await submit({ referenceId: 'f'.repeat(32), otp: '123456' })).toMatchObject({ error: 'EX158' });
    expect(await submit({ referenceId, otp: 'x' })).toMatchObject({ error: 'EX158' });
    const first = await submit({ referenceId, otp: '111111' });
    expect(first.metaData).toMatchObject({
      txnStatus: 'Enrolled',
      submitOtp: { attemptsLeft: '2', status: 'failure' },
    });
    expect((await submit({ referenceId, resendOtp: '1' })).metaData.resendOtp.attemptsLeft).toBe('2');
    await restart();
    expect((await submit({ referenceId, otp: '222222' })).metaData.submitOtp.attemptsLeft).toBe('1');
    const last = await submit({ referenceId, otp: '333333' });
    expect(last).toMatchObject({
      metaData: { statusCode: 'E300', txnStatus: 'failure' },
      result: { error: 'E300' },
    });
    expect((await submit({ referenceId, otp: '123456' })).metaData.statusCode).toBe('E300');
    expect(await effects('txn_t1')).toEqual(['none', 'none']);
  });

  it('by the right one-time password is answered with the final parameters', async () => {
    const { metaData } = await pay('t1', { ccnum: ASKING });
    const fields = { referenceId: metaData.referenceId, otp: '123456' };
    const final = (await (await postForm('/ResponseHandler.php', fields)).json()) as Answered;
    expect(final).toMatchObject({ metaData: { statusCode: 'E000' }, result: { unmappedstatus: 'captured' } });
    expect(final.result.hash).toBe(responseHash(final.result, SALT));
    expect(await effects('txn_t1')).toEqual(['none', 'charged']);
  });
});

describe('UPI', () => {
  it.each([
    ['an intent', UPI],
    ['a QR', { pg: 'DBQR', bankcode: 'UPIDBQR' }],
  ])('as %s is answered with the data of a deep link, and decided in the app', async (_, method) => {
    const answered = await pay('t1', method);
    expect(answered).toMatchObject({
      metaData: { txnStatus: 'pending', unmappedStatus: 'pending' },
      result: { merchantName: KEY, merchantVpa: 'gtkffx@payu', amount: '1000.00' },
    });
    const link = new URLSearchParams(answered.result.intentURIData);
    expect(Object.fromEntries(link)).toMatchObject({
      pa: 'gtkffx@payu',
      pn: KEY,
      tr: answered.result.paymentId,
      am: '1000.00',
      cu: 'INR',
    });
    expect(await verify('t1')).toMatchObject({ status: 'pending', unmappedstatus: 'initiated', mode: 'UPI' });
    await postForm(pageOf(answered), { choice: 'approve' });
    await vi.waitFor(
      () => expect(heard.map(parse)).toMatchObject([{ said: { unmappedstatus: 'captured' } }]),
      WAIT,
    );
  });

  it('that nobody answers is dropped', async () => {
    await fetch(`${bank.url}/_bank/delay`, { method: 'POST', body: JSON.stringify({ challengeMs: 100 }) });
    await pay('t1', UPI);
    await vi.waitFor(
      async () => expect(await verify('t1')).toMatchObject({ unmappedstatus: 'dropped' }),
      WAIT,
    );
  });

  it('collected from PayU’s own handle is paid', async () => {
    await pay('t1', { pg: 'UPI', bankcode: 'UPI', vpa: 'anything@payu' });
    await vi.waitFor(() => expect(heard).toHaveLength(1), WAIT);
    expect(await verify('t1')).toMatchObject({ unmappedstatus: 'captured' });
  });
});

describe('commands', () => {
  it('say what is not found in PayU’s own words', async () => {
    expect(await command('verify_payment', 't1')).toEqual({
      status: 0,
      msg: '0 out of 1 Transactions Fetched Successfully',
      transaction_details: { t1: { mihpayid: 'Not Found', status: 'Not Found' } },
    });
  });

  it('find several by txnid, one by mihpayid, and nothing of another merchant', async () => {
    const { result } = await pay('t1');
    const several = await command('verify_payment', 't1|t2');
    expect(several).toMatchObject({ status: 1, msg: '1 out of 2 Transactions Fetched Successfully' });
    expect(several.transaction_details).toMatchObject({
      t1: { mihpayid: result.mihpayid, amt: '1000.00', udf1: 'txn_t1', error_code: 'E000' },
      t2: { status: 'Not Found' },
    });
    expect(await command('check_payment', result.mihpayid!)).toMatchObject({
      status: 1,
      transaction_details: { [result.mihpayid!]: { txnid: 't1', status: 'success' } },
    });
    const fields = { key: 'other1', command: 'check_payment', var1: result.mihpayid };
    const foreign = await postForm('/merchant/postservice.php?form=2', {
      ...fields,
      hash: commandHash(fields, 'salt33'),
    });
    expect(await foreign.json()).toMatchObject({ status: 0 });
  });

  it('are refused with a wrong hash, an unknown key or an unknown name', async () => {
    expect(await command('verify_payment', 't1', { hash: 'x' })).toMatchObject({
      status: 0,
      msg: 'Invalid Hash.',
    });
    expect(await command('verify_payment', 't1', { key: 'nobody' })).toMatchObject({ status: 0 });
    expect(await command('toString', 't1')).toMatchObject({ status: 0, msg: 'Invalid Command' });
    expect(await command('verify_payment', '')).toMatchObject({ status: 0 });
    const php = await postForm('/merchant/postservice.php', {});
    expect(await php.json()).toMatchObject({ status: 0 });
  });

  it('know VPAs and BINs', async () => {
    expect(await command('validateVPA', 'anything@payu')).toMatchObject({ isVPAValid: 1 });
    expect(await command('validateVPA', 'invalid@payu')).toMatchObject({ isVPAValid: 0 });
    expect(await command('check_isDomestic', '512345')).toMatchObject({ isDomestic: 'Y', cardType: 'MAST' });
    expect(await command('check_isDomestic', '5123')).toMatchObject({ status: 0 });
  });

  it('list transactions from day to day', async () => {
    await pay('t1');
    const today = istDay(Date.now());
    const listed = await command('get_Transaction_Details', today, { var2: today });
    expect(listed).toMatchObject({ status: 1, Transaction_details: [{ txnid: 't1' }] });
    expect(await command('get_Transaction_Details', '2020-01-01', { var2: '2020-01-02' })).toMatchObject({
      Transaction_details: [],
    });
    expect(await command('get_Transaction_Details', today, { var2: 'today' })).toMatchObject({ status: 0 });
  });

  it('settle what was captured, by day or UTR, page by page', async () => {
    await pay('t1', { amount: '11979.88' });
    await pay('t2', UPI);
    await pay('t3', { ccnum: '4000000000000002' });
    await pay('t4', { amount: '0.49' });
    const today = istDay(Date.now());
    const settled = await command('get_settlement_details', today);
    expect(settled).toMatchObject({ status: 1, msg: `2 transactions settled on ${today}` });
    expect(settled.Txn_details).toMatchObject({
      1: { txnid: 't1', mer_service_fee: '239.60', mer_service_tax: '43.13', mer_net_amount: '11697.15' },
      2: { txnid: 't4', mer_service_fee: '0.01', mer_service_tax: '0.00', mer_net_amount: '0.48' },
    });
    const utr = String(settled.Txn_details[1]!.mer_utr);
    expect(await verify('t1')).toMatchObject({ Merchant_UTR: utr });
    expect((await command('get_settlement_details', utr)).Txn_details).toEqual(settled.Txn_details);
    const second = await command('get_settlement_details', today, { var2: '2', var3: '1', var5: '2' });
    expect(second.Txn_details).toMatchObject({ 1: { txnid: 't4', offerServiceFee: '0.00' } });
    expect(await command('get_settlement_details', today, { var2: '2' })).toMatchObject({
      status: 1,
      Txn_details: [],
    });
    expect((await command('get_settlement_details', '2020-01-01')).Txn_details).toEqual([]);
    expect(await command('get_settlement_details', '21-01-2026')).toMatchObject({
      status: 0,
      msg: expect.stringContaining('Please check date format'),
    });
  });

  it('show the same after a restart', async () => {
    await pay('t1');
    await pay('t2', { ccnum: ASKING });
    await pay('t3', { ccnum: cardNumber('40000090', 0) });
    const today = istDay(Date.now());
    const before = await command('verify_payment', 't1|t2|t3|t4');
    const settled = await command('get_settlement_details', today);
    await restart();
    expect(await command('verify_payment', 't1|t2|t3|t4')).toEqual(before);
    expect(await command('get_settlement_details', today)).toEqual(settled);
    expect(await pay('t1')).toMatchObject({ error: 'E504' });
  });
});

describe('faults', () => {
  it.each([
    ['drop', ['charged']],
    ['dropBefore', []],
  ])('%s: no answer, and the book has %j', async (fault, booked) => {
    await order({ step: 'charge', fault, reference: 'txn_t1' });
    await expect(postForm('/_payment', requestOf('t1'))).rejects.toThrow();
    expect(await effects('txn_t1')).toEqual(booked);
    expect(await verify('t1')).toMatchObject({ status: booked.length === 0 ? 'Not Found' : 'success' });
  });

  it.each([
    ['error500', 500],
    ['error503', 503],
  ])('%s is said in PayU’s shape', async (fault, status) => {
    await order({ step: 'charge', fault });
    const response = await postForm('/_payment', requestOf('t1'));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ result: null, status: 'failed', error: 'E500' });
  });

  it('verify_payment lags: Not Found for a while after the charge', async () => {
    await pay('t1');
    await order({ step: 'query', fault: 'notFound', reference: 'txn_t1', count: 2 });
    expect(await verify('t1')).toEqual({ mihpayid: 'Not Found', status: 'Not Found' });
    expect(await verify('t1')).toEqual({ mihpayid: 'Not Found', status: 'Not Found' });
    expect(await verify('t1')).toMatchObject({ status: 'success' });
  });

  it('otherReference has another txnid and udf1, in an answer and in a question', async () => {
    await order({ step: 'charge', fault: 'otherReference' });
    const { result } = await pay('t1');
    expect(result).toMatchObject({ txnid: 't2', udf1: 'txn_t2' });
    await order({ step: 'query', fault: 'otherReference' });
    expect(await command('verify_payment', 't1')).toMatchObject({
      msg: '1 out of 1 Transactions Fetched Successfully',
      transaction_details: { t2: { txnid: 't2', udf1: 'txn_t2' } },
    });
  });

  it.each([
    ['forge', { status: 'failure', amount: '1000.00', key: KEY }, false],
    ['forgeSignature', { status: 'failure', amount: '1000.00', key: KEY }, false],
    ['forgeAmount', { status: 'failure', amount: '1000.01', key: KEY }, true],
    ['forgeAccount', { status: 'failure', amount: '1000.00', key: `${KEY}_other` }, true],
    ['reorder', { status: 'pending', amount: '1000.00', key: KEY }, true],
  ])('%s brings a callback that must not be believed beside the true one', async (fault, lie, genuine) => {
    await order({ step: 'callback', fault });
    await pay('t1');
    await vi.waitFor(() => expect(heard).toHaveLength(2), WAIT);
    const all = heard.map(parse);
    expect(all.find(({ said }) => said.status !== 'success')).toMatchObject({ said: lie, genuine });
    const truth = all.find(({ said }) => said.status === 'success')!;
    expect(truth.genuine).toBe(true);
    if (fault === 'forgeSignature') expect(all[0]!.said.hash).toBe(truth.said.hash);
  });

  it('duplicate sends the same three times', async () => {
    await order({ step: 'callback', fault: 'duplicate' });
    await pay('t1');
    await vi.waitFor(() => expect(heard).toHaveLength(3), WAIT);
    expect(new Set(heard.map(({ body }) => body)).size).toBe(1);
  });

  it('forgeReturn leads back with lies', async () => {
    const answered = await pay('t1', { ccnum: ASKING });
    await order({ step: 'challenge', fault: 'forgeReturn' });
    const { action, fields } = formOf(await (await postForm(pageOf(answered), { choice: 'approve' })).text());
    expect(action).toBe(FURL);
    expect(fields).toMatchObject({ status: 'failure', txnid: 't2' });
    expect(fields.hash).not.toBe(responseHash(fields, SALT));
    expect(await verify('t1')).toMatchObject({ status: 'success' });
  });
});

describe('callbacks of an account that wants another shape', () => {
  it('are JSON', async () => {
    await bank.end();
    await openBank('json');
    const { result } = await pay('t1');
    await vi.waitFor(() => expect(heard).toHaveLength(1), WAIT);
    expect(heard[0]!.type).toBe('application/json');
    expect(JSON.parse(heard[0]!.body)).toEqual(result);
  });

  it('are multipart', async () => {
    await bank.end();
    await openBank('multipart');
    const { result } = await pay('t1');
    await vi.waitFor(() => expect(heard).toHaveLength(1), WAIT);
    const { type, body } = heard[0]!;
    const form = await new Response(body, { headers: { 'Content-Type': type } }).formData();
    expect(Object.fromEntries(form)).toEqual(result);
  });
});
