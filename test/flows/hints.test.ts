/**
 * A processor whose callbacks are hints: what one says is asked about at once, and only the answer moves a payment. PayU is pretended
 * here, so that a test decides what it says to whom.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { CARDS, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const ACCOUNT = { account: 'payukey', secretKey: 'payusalt', webhookSecret: 'payusalt' };
const CAPTURED = { status: 'success', unmappedstatus: 'captured', error_code: 'E000' };
const PENDING = { status: 'pending', unmappedstatus: 'in progress', error_code: 'E000' };
const DECLINED = { status: 'failure', unmappedstatus: 'failed', error_code: 'E312' };

let world: World;
let gateway: Gateway;
let shop: Shop;
let server: Server;
/** What was charged, by reference. */
const charged = new Map<string, URLSearchParams>();
/** What `verify_payment` says of every charge, and how often it was asked about each. */
let verified: typeof CAPTURED = PENDING;
const asked = new Map<string, number>();
/** While it is there nothing is answered before it is resolved. */
let held: Promise<void> | null = null;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = '';
  for await (const chunk of request) text += chunk;
  const form = new URLSearchParams(text);
  const reply = request.url === '/_payment' ? take(form) : await say(form.get('var1')!);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(reply));
}

/** The bank works on it. */
function take(form: URLSearchParams): object {
  const txnid = form.get('txnid')!;
  charged.set(txnid, form);
  return { metaData: { txnId: txnid, txnStatus: 'pending', unmappedStatus: 'pending' }, result: {} };
}

async function say(txnid: string): Promise<object> {
  asked.set(txnid, (asked.get(txnid) ?? 0) + 1);
  await held;
  const form = charged.get(txnid)!;
  const udf1 = form.get('udf1');
  const transaction = {
    mihpayid: idOf(txnid),
    txnid,
    udf1,
    amt: form.get('amount'),
    mode: 'CC',
    ...verified,
  };
  return { status: 1, msg: '1 out of 1', transaction_details: { [txnid]: transaction } };
}

const idOf = (txnid: string): string => `403${txnid.length}${[...charged.keys()].indexOf(txnid)}`;

/** A callback of PayU's about a charge, rightly signed, whatever PayU says when it is asked. */
async function callBack(txnid: string, status: 'success' | 'failure'): Promise<void> {
  const form = charged.get(txnid)!;
  const names = ['udf5', 'udf4', 'udf3', 'udf2', 'udf1', 'email', 'firstname', 'productinfo', 'amount'];
  const values = [...names, 'txnid', 'key'].map((name) => [name, form.get(name) ?? ''] as const);
  const signed = [ACCOUNT.secretKey, status, '', '', '', '', '', ...values.map(([, value]) => value)];
  const hash = createHash('sha512').update(signed.join('|')).digest('hex');
  const said = { mihpayid: idOf(txnid), status, unmappedstatus: 'captured', hash };
  const body = new URLSearchParams({ ...Object.fromEntries(values), ...said });
  const response = await fetch(`${gateway.apiUrl}/webhooks/payu`, { method: 'POST', body });
  expect(response.status).toBe(200);
}

/** Buys, and resolves with the payment and its reference at PayU. */
async function buy(): Promise<{ transactionId: string; txnid: string }> {
  const before = new Set(charged.keys());
  const { transactionId } = await shop.buy(CARDS.success);
  const txnid = await vi.waitFor(
    () => {
      const made = [...charged.keys()].find((one) => !before.has(one));
      expect(made).toBeDefined();
      return made!;
    },
    { timeout: 10_000 },
  );
  return { transactionId, txnid };
}

const isAsked = (txnid: string, times: number): Promise<void> =>
  vi.waitFor(() => expect(asked.get(txnid) ?? 0).toBe(times), { timeout: 10_000 });
const statusOf = async (transactionId: string): Promise<string> =>
  (await shop.transaction(transactionId)).body.status;

beforeAll(async () => {
  server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  world = await startWorld();
  gateway = await world.startGateway({ SLUICE_PAYU_BASE_URL: url, SLUICE_PAYU_INFO_URL: url });
  const secretKey = await world.addMerchant('merchant_payu', { processor: 'PAYU', account: ACCOUNT });
  shop = createShop(world, gateway, secretKey, 'merchant_payu');
});
afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await world?.stop();
});

test('a signed success is not believed before PayU says so itself; then the next hint is enough', async () => {
  verified = PENDING;
  const { transactionId, txnid } = await buy();
  await callBack(txnid, 'success');
  await isAsked(txnid, 1);
  expect(await statusOf(transactionId)).toBe('PROCESSING');
  verified = CAPTURED;
  await callBack(txnid, 'success');
  await shop.becomes(transactionId, 'SUCCESS');
  expect(asked.get(txnid)).toBe(2);
});

test('a signed failure closes nothing that PayU says was paid', async () => {
  verified = CAPTURED;
  const { transactionId, txnid } = await buy();
  await callBack(txnid, 'failure');
  await shop.becomes(transactionId, 'SUCCESS');
});

test('a payment that failed is paid late, at a hint', async () => {
  verified = DECLINED;
  const { transactionId, txnid } = await buy();
  await callBack(txnid, 'failure');
  await shop.becomes(transactionId, 'FAILED');
  verified = CAPTURED;
  await callBack(txnid, 'success');
  await shop.becomes(transactionId, 'SUCCESS');
});

test('a storm of hints while PayU hangs asks once, and once more when it answers', async () => {
  verified = PENDING;
  const { transactionId, txnid } = await buy();
  const release = Promise.withResolvers<void>();
  held = release.promise;
  await callBack(txnid, 'success');
  await isAsked(txnid, 1);
  await Promise.all(Array.from({ length: 50 }, () => callBack(txnid, 'success')));
  const askedBefore = asked.get(txnid)!;
  verified = CAPTURED;
  held = null;
  release.resolve();
  await shop.becomes(transactionId, 'SUCCESS');
  // Recovery has its own turn after five seconds.
  expect(askedBefore).toBeLessThanOrEqual(2);
  expect(asked.get(txnid)).toBeLessThanOrEqual(3);
  const metrics = await gateway.metrics();
  expect(metrics).toMatch(
    /^sluice_callback_hints_total\{processor="PAYU",outcome="merged",thread="api"\} 49$/m,
  );
});
