/**
 * The Razorpay dialect over real HTTP: what a connector written from the documentation can rely on.
 * @module
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cardNumber } from '../card-numbers.ts';
import { signReturn, signWebhook } from './signatures.ts';
import {
  ACCOUNT,
  basic,
  KEY_ID,
  KEY_SECRET,
  type Loose,
  Merchant,
  SHOPPER,
  WEBHOOK_SECRET,
} from './testing/merchant.ts';

const SUCCESS = '4111111111111111';
const ASKING = '4100280000001007';
const FAILING = '4100280000080001';
const BY_PAGE = cardNumber('41002881', 1);
const REFUSED_AFTER = cardNumber('41002882', 1);
const SLOW_BY_PAGE = cardNumber('41002883', 1);
const BY_OTP = cardNumber('41002884', 1);
const LATE = cardNumber('41002886', 1);
const TOO_LATE = cardNumber('41002887', 1);
const SILENT = cardNumber('41002891', 1);
const SLOW = cardNumber('41002892', 1);
const CALLBACK_URL = 'http://127.0.0.1:9/back';
let merchant: Merchant;

beforeEach(async () => {
  merchant = await Merchant.start();
});

afterEach(async () => {
  await merchant.stop();
});

function statusOf(payment: string): Promise<string> {
  return merchant.call('GET', `/v1/payments/${payment}`).then(({ body }) => body.status);
}

/** Waits until the payment stands so. */
function becomes(payment: string, status: string): Promise<void> {
  return vi.waitFor(async () => expect(await statusOf(payment)).toBe(status), {
    timeout: 10_000,
    interval: 50,
  });
}

/** The hidden fields of the form that leads back to the shop. */
function fieldsOf(page: string): Record<string, string> {
  const fields = [...page.matchAll(/<input[^>]* name="([^"]+)" value="([^"]*)"/g)];
  return Object.fromEntries(
    fields.map(([, name, value]) => [name, value!.replaceAll('&quot;', '"').replaceAll('&#39;', "'")]),
  );
}

describe('keys and addresses', () => {
  it('answers 401 to a key of which one half is wrong', async () => {
    for (const authorization of [basic(KEY_ID, 'x'), basic('rzp_test_x', KEY_SECRET), 'Bearer x', '']) {
      const { status, body } = await merchant.call('GET', '/v1/orders', undefined, authorization);
      expect([status, body.error.code]).toEqual([401, 'BAD_REQUEST_ERROR']);
    }
  });

  it('answers what it does not know as the gateway before the API would', async () => {
    for (const path of ['/v1/orders/a/b/c', '/v1/payments/create/redirect', '/v1/settlements/x/y']) {
      const { status, body } = await merchant.call('POST', path, {});
      expect([status, body]).toEqual([404, { message: 'no Route matched with those values' }]);
    }
  });

  it('answers 400 to an id that is nobody’s', async () => {
    for (const path of ['/v1/orders/order_x', '/v1/orders/order_x/payments', '/v1/payments/pay_x']) {
      const { status, body } = await merchant.call('GET', path);
      expect([status, body.error.description]).toEqual([400, 'The id provided does not exist']);
    }
  });
});

describe('orders', () => {
  it('opens an order with empty notes as a list, and reads it back', async () => {
    const order = await merchant.order({ receipt: 'txn_1' });
    expect(order).toEqual({
      id: expect.stringMatching(/^order_[A-Za-z0-9]{14}$/),
      entity: 'order',
      amount: 50_000,
      amount_paid: 0,
      amount_due: 50_000,
      currency: 'INR',
      receipt: 'txn_1',
      offer_id: null,
      status: 'created',
      attempts: 0,
      notes: [],
      created_at: expect.any(Number),
    });
    expect((await merchant.call('GET', `/v1/orders/${order.id}`)).body).toEqual(order);
    expect((await merchant.order({ notes: { shop: 'a' } })).notes).toEqual({ shop: 'a' });
  });

  it('answers a unique receipt with the order it has, and refuses it for other money', async () => {
    await merchant.moveBankApart();
    const orders = await Promise.all(
      Array.from({ length: 20 }, () => merchant.order({ receipt: 'txn_1', unique_receipt: true })),
    );
    expect(new Set(orders.map(({ id }) => id)).size).toBe(1);
    await merchant.killBank();
    await merchant.startBank();
    expect((await merchant.order({ receipt: 'txn_1', unique_receipt: true })).id).toBe(orders[0].id);
    const other = { amount: 100, currency: 'INR', receipt: 'txn_1', unique_receipt: true };
    expect((await merchant.call('POST', '/v1/orders', other)).body.error.field).toBe('receipt');
  });

  it('opens another order for a receipt that need not be unique', async () => {
    const [one, other] = [await merchant.order({ receipt: 'r' }), await merchant.order({ receipt: 'r' })];
    expect(one.id).not.toBe(other.id);
    const { body } = await merchant.call('GET', '/v1/orders?receipt=r');
    expect(body).toMatchObject({ entity: 'collection', count: 2, items: [other, one] });
  });

  it('lists by count, skip and time, newest first', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 12; index++) ids.unshift((await merchant.order()).id);
    const idsOf = async (query: string) =>
      (await merchant.call('GET', `/v1/orders${query}`)).body.items.map(({ id }: Loose) => id);
    expect(await idsOf('')).toEqual(ids.slice(0, 10));
    expect(await idsOf('?count=2&skip=3')).toEqual(ids.slice(3, 5));
    expect(await idsOf('?to=1')).toEqual([]);
    expect(await idsOf('?from=1&count=100')).toEqual(ids);
    expect((await merchant.call('GET', '/v1/orders?count=101')).body.error.field).toBe('count');
  });
});

describe('payments by card', () => {
  it('captures at once, marks the order paid and signs the answer', async () => {
    const order = await merchant.order({ receipt: 'txn_1' });
    const { status, body } = await merchant.pay(order, SUCCESS, { notes: { gateway_txn_id: 'txn_1' } });
    expect(status).toBe(200);
    const { razorpay_payment_id: id } = body;
    expect(body).toEqual({
      razorpay_payment_id: expect.stringMatching(/^pay_[A-Za-z0-9]{14}$/),
      razorpay_order_id: order.id,
      razorpay_signature: signReturn(KEY_SECRET, order.id, id),
    });
    const [payment] = await merchant.paymentsOf(order);
    expect(payment).toMatchObject({
      id,
      entity: 'payment',
      amount: 50_000,
      currency: 'INR',
      status: 'captured',
      order_id: order.id,
      method: 'card',
      captured: true,
      fee: 1180,
      tax: 180,
      notes: { gateway_txn_id: 'txn_1' },
      error_code: null,
    });
    expect((await merchant.call('GET', `/v1/payments/${id}?expand[]=card`)).body.card).toMatchObject({
      last4: '1111',
      network: 'Visa',
      type: 'credit',
    });
    const after = (await merchant.call('GET', `/v1/orders/${order.id}`)).body;
    expect(after).toMatchObject({ status: 'paid', amount_paid: 50_000, amount_due: 0, attempts: 1 });
    expect(await merchant.book()).toMatchObject([
      { id, reference: 'txn_1', account: ACCOUNT, processor: 'RAZORPAY', effect: 'charged' },
    ]);
  });

  it('refuses a second payment of a paid order', async () => {
    const order = await merchant.order();
    await merchant.pay(order, SUCCESS);
    const { status, body } = await merchant.pay(order, SUCCESS);
    expect([status, body.error.reason]).toEqual([400, 'order_already_paid']);
    expect(await merchant.paymentsOf(order)).toHaveLength(1);
  });

  it('takes one payment of many at once, and of a payment approved after another’s success nothing', async () => {
    const order = await merchant.order();
    const asked = await merchant.pay(order, BY_PAGE);
    const answers = await Promise.all(Array.from({ length: 20 }, () => merchant.pay(order, SUCCESS)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    await merchant.choose(`/3ds/${asked.body.razorpay_payment_id}`, { choice: 'approve' });
    const late = await merchant.call('GET', `/v1/payments/${asked.body.razorpay_payment_id}`);
    expect(late.body).toMatchObject({ status: 'failed', error_reason: 'order_already_paid' });
    expect((await merchant.book()).filter(({ effect }) => effect === 'charged')).toHaveLength(1);
  });

  it('takes a form as it takes JSON', async () => {
    const order = await merchant.order();
    const form = new URLSearchParams({
      amount: '50000',
      currency: 'INR',
      order_id: order.id,
      email: SHOPPER.email,
      contact: SHOPPER.contact,
      method: 'card',
      'card[number]': SUCCESS,
      'card[name]': 'A Shopper',
      'card[expiry_month]': '12',
      'card[expiry_year]': '40',
      'card[cvv]': '123',
      'authentication[authentication_channel]': 'app',
    });
    const { status } = await merchant.call('POST', '/v1/payments/create/json', form);
    expect(status).toBe(200);
    expect((await merchant.paymentsOf(order))[0].status).toBe('captured');
  });

  it('refuses an unknown order, other money and another account’s currency before anything is booked', async () => {
    const order = await merchant.order();
    const reasonOf = async (more: object) => (await merchant.pay(order, SUCCESS, more)).body.error;
    expect(await reasonOf({ order_id: 'order_x' })).toMatchObject({ field: 'order_id' });
    expect(await reasonOf({ amount: 500 })).toMatchObject({ reason: 'order_amount_mismatch' });
    expect(await reasonOf({ currency: 'USD' })).toMatchObject({ field: 'currency' });
    expect(await merchant.book()).toEqual([]);
  });

  it('fails for the card’s reason, and the order takes another card', async () => {
    const order = await merchant.order();
    const { status, body } = await merchant.pay(order, '4000000000000119');
    expect([status, body.error]).toMatchObject([
      400,
      {
        code: 'BAD_REQUEST_ERROR',
        source: 'issuer_bank',
        step: 'payment_authorization',
        reason: 'insufficient_funds',
        metadata: { order_id: order.id, payment_id: expect.stringMatching(/^pay_/) },
      },
    ]);
    expect((await merchant.call('GET', `/v1/orders/${order.id}`)).body.status).toBe('attempted');
    expect((await merchant.pay(order, SUCCESS)).status).toBe(200);
    const payments = await merchant.paymentsOf(order);
    expect(payments.map((payment) => payment.status)).toEqual(['captured', 'failed']);
    expect((await merchant.pay(await merchant.order(), cardNumber('41002890', 1))).body.error.code).toBe(
      'GATEWAY_ERROR',
    );
  });

  it('leaves a silent bank’s payment created, and a slow one’s captured after a while', async () => {
    const silent = await merchant.pay(await merchant.order(), SILENT);
    expect(silent).toMatchObject({ status: 200, body: { razorpay_payment_id: expect.any(String) } });
    expect(silent.body).not.toHaveProperty('next');
    const slow = await merchant.pay(await merchant.order(), SLOW);
    expect(await statusOf(slow.body.razorpay_payment_id)).toBe('created');
    await becomes(slow.body.razorpay_payment_id, 'captured');
    expect(await statusOf(silent.body.razorpay_payment_id)).toBe('created');
    await merchant.hears(3);
  });

  it('declines a card after its last month', async () => {
    const order = await merchant.order();
    const card = { number: SUCCESS, name: 'A', expiry_month: '01', expiry_year: '20', cvv: '123' };
    expect((await merchant.pay(order, SUCCESS, { card })).body.error.reason).toBe('card_expired');
  });
});

describe('capture', () => {
  it('leaves a manual order’s payment authorised until it is captured for its whole amount', async () => {
    const order = await merchant.order({ payment: { capture: 'manual' } });
    const { razorpay_payment_id: id } = (await merchant.pay(order, SUCCESS)).body;
    expect(await statusOf(id)).toBe('authorized');
    expect((await merchant.pay(order, SUCCESS)).body.error.reason).toBe('order_already_paid');
    await merchant.hears(1);
    const capture = (body: object) => merchant.call('POST', `/v1/payments/${id}/capture`, body);
    expect((await capture({ amount: 1, currency: 'INR' })).body.error.field).toBe('amount');
    expect((await capture({ amount: 50_000, currency: 'USD' })).body.error.field).toBe('currency');
    expect((await capture({ amount: 50_000, currency: 'INR' })).body).toMatchObject({
      status: 'captured',
      captured: true,
    });
    expect((await capture({ amount: 50_000, currency: 'INR' })).status).toBe(400);
    await merchant.hears(4);
    expect(merchant.heard.map(({ event }) => event)).toEqual([
      'payment.authorized',
      'payment.authorized',
      'payment.captured',
      'order.paid',
    ]);
    expect((await merchant.book()).filter(({ effect }) => effect === 'charged')).toHaveLength(1);
  });
});

it('captures one of two payments that hold an order’s money, not the other', async () => {
  const order = await merchant.order({ payment: { capture: 'manual' } });
  const late = (await merchant.pay(order, LATE)).body.error.metadata.payment_id;
  const held = (await merchant.pay(order, SUCCESS)).body.razorpay_payment_id;
  await becomes(late, 'authorized');
  const capture = (id: string) => merchant.call('POST', `/v1/payments/${id}/capture`, { amount: 50_000 });
  expect((await capture(held)).body.status).toBe('captured');
  expect((await capture(late)).body.error.reason).toBe('order_already_paid');
  await becomes(late, 'refunded');
});

describe('the bank’s page', () => {
  it('leads from the returned address to the page and posts a signed form back', async () => {
    const order = await merchant.order();
    const { body } = await merchant.pay(order, ASKING, { callback_url: CALLBACK_URL });
    const id = body.razorpay_payment_id;
    expect(body.next).toEqual([
      { action: 'redirect', url: `${merchant.url}/v1/payments/${id}/authorize` },
      { action: 'otp_generate', url: expect.stringContaining(`/v1/payments/${id}/otp_generate?`) },
    ]);
    const page = await fetch(body.next[0].url);
    expect([page.url, page.status]).toEqual([`${merchant.url}/3ds/${id}`, 200]);
    const back = await merchant.choose(page.url, { choice: 'approve' });
    expect(back).toContain(`action="${CALLBACK_URL}"`);
    expect(fieldsOf(back)).toEqual({
      razorpay_payment_id: id,
      razorpay_order_id: order.id,
      razorpay_signature: signReturn(KEY_SECRET, order.id, id),
    });
    expect(await statusOf(id)).toBe('captured');
  });

  it('fails for the card’s reason by the failure button, and posts the error back', async () => {
    const order = await merchant.order();
    const { body } = await merchant.pay(order, FAILING, { callback_url: CALLBACK_URL });
    const id = body.razorpay_payment_id;
    const fields = fieldsOf(await merchant.choose(`/3ds/${id}`, { choice: 'decline' }));
    expect(fields).toMatchObject({
      'error[code]': 'BAD_REQUEST_ERROR',
      'error[source]': 'issuer_bank',
      'error[step]': 'payment_authorization',
      'error[reason]': 'insufficient_fund',
    });
    expect(JSON.parse(fields['error[metadata]']!)).toEqual({ payment_id: id, order_id: order.id });
    expect(fields).not.toHaveProperty('razorpay_signature');
  });

  it('declines after approval, or leaves open, as the card says', async () => {
    const declined = await merchant.pay(await merchant.order(), REFUSED_AFTER);
    await merchant.choose(`/3ds/${declined.body.razorpay_payment_id}`, { choice: 'approve' });
    expect(await statusOf(declined.body.razorpay_payment_id)).toBe('failed');
    const slow = await merchant.pay(await merchant.order(), SLOW_BY_PAGE, { callback_url: CALLBACK_URL });
    const back = await merchant.choose(`/3ds/${slow.body.razorpay_payment_id}`, { choice: 'approve' });
    expect(fieldsOf(back)['error[reason]']).toBe('payment_pending');
    await becomes(slow.body.razorpay_payment_id, 'captured');
  });

  it('fails what nobody confirms in time', async () => {
    await merchant.operate('delay', { challengeMs: 50 });
    const { body } = await merchant.pay(await merchant.order(), BY_PAGE);
    await becomes(body.razorpay_payment_id, 'failed');
    const payment = (await merchant.call('GET', `/v1/payments/${body.razorpay_payment_id}`)).body;
    expect(payment.error_reason).toBe('payment_timed_out');
  });

  it('asks again after a wrong one-time password', async () => {
    const { body } = await merchant.pay(await merchant.order(), BY_PAGE, { callback_url: CALLBACK_URL });
    const page = `/3ds/${body.razorpay_payment_id}`;
    expect(await merchant.choose(page, { choice: 'approve', otp: '12' })).toContain('Confirm your payment');
    expect(await statusOf(body.razorpay_payment_id)).toBe('created');
    await merchant.choose(page, { choice: 'approve', otp: '1234' });
    expect(await statusOf(body.razorpay_payment_id)).toBe('captured');
  });
});

describe('one-time passwords', () => {
  const keyOnly = basic(KEY_ID, '');

  it('are asked for and submitted with the key id alone at the returned addresses', async () => {
    const order = await merchant.order();
    const { body } = await merchant.pay(order, BY_OTP);
    const id = body.razorpay_payment_id;
    expect(body.next.map(({ action }: Loose) => action)).toEqual(['otp_generate']);
    const generated = await merchant.call('POST', body.next[0].url, undefined, '');
    expect(generated.body).toMatchObject({
      razorpay_payment_id: id,
      next: [{ action: 'otp_submit' }, { action: 'otp_resend' }],
      metadata: { network: 'VISA', iin: '410028', last4: BY_OTP.slice(-4) },
    });
    const [submit, resend] = generated.body.next.map(({ url }: Loose) => url);
    expect((await merchant.call('POST', resend, undefined, '')).body.razorpay_payment_id).toBe(id);
    const submitted = await merchant.call('POST', submit, { otp: '123456' }, keyOnly);
    expect(submitted.body).toEqual({
      razorpay_payment_id: id,
      razorpay_order_id: order.id,
      razorpay_signature: signReturn(KEY_SECRET, order.id, id),
    });
    expect(await statusOf(id)).toBe('captured');
    expect((await merchant.call('POST', submit, { otp: '123456' }, keyOnly)).status).toBe(400);
  });

  it('may be wrong twice, not three times', async () => {
    const { body } = await merchant.pay(await merchant.order(), ASKING);
    const id = body.razorpay_payment_id;
    const submit = (otp: string) => merchant.call('POST', `/v1/payments/${id}/otp/submit`, { otp });
    for (const otp of ['0000000000', '123']) {
      const wrong = await submit(otp);
      expect([wrong.status, wrong.body.error.reason]).toEqual([400, 'incorrect_otp']);
      expect(wrong.body.next).toEqual(['otp_submit', 'otp_resend']);
    }
    const last = await submit('1');
    expect(last.body.error.reason).toBe('otp_attempts_exceeded');
    expect(last.body).not.toHaveProperty('next');
    expect(await statusOf(id)).toBe('failed');
    expect((await submit('123456')).status).toBe(400);
    expect(await statusOf(id)).toBe('failed');
  });

  it('expire although one was wrong, and are sent again three times at most', async () => {
    await merchant.operate('delay', { challengeMs: 2000 });
    const { body } = await merchant.pay(await merchant.order(), BY_OTP);
    const id = body.razorpay_payment_id;
    const statuses: number[] = [];
    for (let index = 0; index < 4; index++)
      statuses.push((await merchant.call('POST', `/v1/payments/${id}/otp/resend`)).status);
    expect(statuses).toEqual([200, 200, 200, 400]);
    await merchant.call('POST', `/v1/payments/${id}/otp/submit`, { otp: '1' });
    await becomes(id, 'failed');
  });

  it('fail a failing card for its reason, and are not for cards that know the page only', async () => {
    const failing = await merchant.pay(await merchant.order(), FAILING);
    const path = (id: string) => `/v1/payments/${id}/otp/submit`;
    const { body } = await merchant.call('POST', path(failing.body.razorpay_payment_id), { otp: '1234' });
    expect(body.error.reason).toBe('insufficient_fund');
    const paged = await merchant.pay(await merchant.order(), BY_PAGE);
    expect(paged.body.next.map(({ action }: Loose) => action)).toEqual(['redirect']);
    expect((await merchant.call('POST', path(paged.body.razorpay_payment_id), { otp: '1' })).status).toBe(
      400,
    );
    expect(await statusOf(paged.body.razorpay_payment_id)).toBe('created');
  });
});

describe('UPI', () => {
  async function payByUpi(order: Loose, path: string, upi: object = { flow: 'intent' }) {
    const { id: order_id, amount, currency } = order;
    const { browser, ...shopper } = SHOPPER;
    expect(browser).toBeDefined();
    return await merchant.call('POST', path, { amount, currency, order_id, method: 'upi', upi, ...shopper });
  }

  it('answers the link of an app and the address to poll; the app decides', async () => {
    const order = await merchant.order();
    const { body } = await payByUpi(order, '/v1/payments/create/json');
    const id = body.razorpay_payment_id;
    expect(body.next).toEqual([
      { action: 'intent', url: expect.stringMatching(/^upi:\/\/pay\?pa=.*&am=500\.00&cu=INR/) },
      { action: 'poll', url: `${merchant.url}/v1/payments/${id}` },
    ]);
    expect((await merchant.call('GET', body.next[1].url)).body).toMatchObject({
      status: 'created',
      vpa: null,
    });
    await merchant.choose(`/upi/${id}`, { choice: 'approve' });
    expect((await merchant.call('GET', body.next[1].url)).body).toMatchObject({
      status: 'captured',
      method: 'upi',
      vpa: 'success@razorpay',
      fee: 1180,
      tax: 180,
      upi: { flow: 'intent' },
    });
  });

  it.each([
    ['decline', 'payment_declined'],
    ['insufficient_funds', 'insufficient_funds'],
  ])('fails by %s in the app: %s', async (choice, reason) => {
    const { body } = await payByUpi(await merchant.order(), '/v1/payments/create/upi');
    expect(body.link).toMatch(/^upi:\/\/pay\?/);
    await merchant.choose(`/upi/${body.razorpay_payment_id}`, { choice });
    const payment = (await merchant.call('GET', `/v1/payments/${body.razorpay_payment_id}`)).body;
    expect(payment).toMatchObject({ status: 'failed', error_reason: reason, vpa: 'failure@razorpay' });
  });

  it('collects from nobody, and tells whether a VPA can be', async () => {
    const collect = { flow: 'collect', vpa: 'success@razorpay' };
    const { body } = await payByUpi(await merchant.order(), '/v1/payments/create/json', collect);
    expect(body.error.reason).toBe('upi_collect_not_enabled');
    const validate = (vpa: string) => merchant.call('POST', '/v1/payments/validate/vpa', { vpa });
    expect((await validate('success@razorpay')).body).toMatchObject({
      vpa: 'success@razorpay',
      success: true,
    });
    expect((await validate('nobody')).body.error.reason).toBe('invalid_vpa');
  });
});

describe('webhooks', () => {
  it('tell authorized, captured and paid, each signed, with an id of its own and loose fields', async () => {
    const order = await merchant.order({ receipt: 'txn_1' });
    const { body } = await merchant.pay(order, SUCCESS, { notes: { gateway_txn_id: 'txn_1' } });
    await merchant.hears(3);
    for (const { text, signature } of merchant.heard)
      expect(signature).toBe(signWebhook(WEBHOOK_SECRET, text));
    expect(new Set(merchant.heard.map(({ eventId }) => eventId)).size).toBe(3);
    const [authorized, captured, paid] = merchant.heard.map((heard) => heard.body);
    const id = body.razorpay_payment_id;
    expect(authorized).toMatchObject({
      entity: 'event',
      account_id: ACCOUNT,
      event: 'payment.authorized',
      contains: ['payment'],
      payload: {
        payment: { entity: { id, status: 'authorized', captured: false, fee: null, error_code: '' } },
      },
    });
    expect(captured).toMatchObject({
      event: 'payment.captured',
      payload: { payment: { entity: { id, status: 'captured', order_id: order.id, error_code: null } } },
    });
    expect(paid).toMatchObject({
      event: 'order.paid',
      contains: ['payment', 'order'],
      payload: {
        payment: { entity: { id, notes: { gateway_txn_id: 'txn_1' } } },
        order: { entity: { id: order.id, receipt: 'txn_1', status: 'paid', amount_paid: 50_000 } },
      },
    });
    expect(paid.payload.payment.entity).not.toHaveProperty('error_reason');
  });

  it('tell a failure with its reason and empty notes as a list, again until they are heard, by the same id', async () => {
    await merchant.moveBankApart();
    merchant.answerWith = 500;
    const order = await merchant.order();
    await merchant.pay(order, '4000000000000002');
    await merchant.hears(1);
    await merchant.killBank();
    merchant.answerWith = 200;
    await merchant.startBank();
    await merchant.hears(2);
    const [first, second] = merchant.heard;
    expect(second).toEqual(first);
    expect(first?.body).toMatchObject({
      event: 'payment.failed',
      payload: {
        payment: {
          entity: { status: 'failed', error_reason: 'card_declined', order_id: order.id, notes: [] },
        },
      },
    });
  });

  it('are forged and repeated as the operator orders', async () => {
    await merchant.operate('faults', { step: 'callback', fault: 'forge', reference: 'a' });
    await merchant.pay(await merchant.order({ receipt: 'a' }), SUCCESS);
    await merchant.hears(4);
    expect(merchant.heard[0]?.event).toBe('payment.failed');
    expect(merchant.heard[0]?.signature).not.toBe(signWebhook(WEBHOOK_SECRET, merchant.heard[0]!.text));
    await merchant.operate('faults', { step: 'callback', fault: 'reorder', reference: 'b' });
    await merchant.pay(await merchant.order({ receipt: 'b' }), SUCCESS);
    await merchant.hears(8);
    expect(merchant.heard.slice(4).map(({ event }) => event)).toEqual([
      'payment.authorized',
      'payment.captured',
      'order.paid',
      'payment.authorized',
    ]);
  });
});

describe('late authorisation', () => {
  it('fails for want of an answer, is authorised after all and captured, over a restart', async () => {
    await merchant.moveBankApart();
    const order = await merchant.order();
    const { status, body } = await merchant.pay(order, LATE);
    expect([status, body.error.reason]).toEqual([400, 'payment_timed_out']);
    const id = body.error.metadata.payment_id;
    await merchant.hears(1);
    expect(await statusOf(id)).toBe('failed');
    await merchant.killBank();
    await merchant.startBank();
    await becomes(id, 'captured');
    // Killed before it had noted that the first webhook was taken, the bank sends it again.
    await vi.waitFor(
      () =>
        expect([...new Set(merchant.heard.map(({ event }) => event))]).toEqual([
          'payment.failed',
          'payment.authorized',
          'payment.captured',
          'order.paid',
        ]),
      { timeout: 10_000, interval: 10 },
    );
    expect(await merchant.book()).toMatchObject([{ effect: 'none' }, { effect: 'charged' }]);
  });

  it('comes too late to be captured, and goes back', async () => {
    const { body } = await merchant.pay(await merchant.order(), TOO_LATE);
    const id = body.error.metadata.payment_id;
    await becomes(id, 'authorized');
    await becomes(id, 'refunded');
    const payment = (await merchant.call('GET', `/v1/payments/${id}`)).body;
    expect(payment).toMatchObject({ captured: false, amount_refunded: 50_000, refund_status: 'full' });
    expect((await merchant.book()).some(({ effect }) => effect === 'charged')).toBe(false);
  });

  it('goes back, too, where another payment has the order’s money', async () => {
    const order = await merchant.order();
    const { body } = await merchant.pay(order, LATE);
    expect((await merchant.pay(order, SUCCESS)).status).toBe(200);
    const id = body.error.metadata.payment_id;
    await becomes(id, 'refunded');
    expect((await merchant.book()).filter(({ effect }) => effect === 'charged')).toHaveLength(1);
  });
});

describe('faults', () => {
  it.each([
    ['drop', 1, null],
    ['dropBefore', 0, null],
    ['error500', 1, 500],
    ['error503', 0, 503],
    ['html502', 0, 502],
    ['html504', 1, 504],
    ['reset', 1, null],
  ])('order fault %s: %s opened, answered %s', async (fault, opened, status) => {
    await merchant.operate('faults', { step: 'order', fault, reference: 'txn_1' });
    const order = { amount: 100, currency: 'INR', receipt: 'txn_1', unique_receipt: true };
    const answered = await merchant.call('POST', '/v1/orders', order).catch(() => null);
    expect(answered?.status ?? null).toBe(status);
    expect((await merchant.call('GET', '/v1/orders?receipt=txn_1')).body.count).toBe(opened);
  });

  it.each([
    ['drop', 1, null],
    ['dropBefore', 0, null],
    ['delay', 1, 200],
    ['error500', 1, 500],
    ['error503', 0, 503],
    ['html502', 0, 502],
    ['html504', 1, 504],
    ['reset', 1, null],
    ['otherReference', 1, 200],
    ['callbackFirst', 1, 200],
  ])('charge fault %s: %s payments booked, answered %s', async (fault, booked, status) => {
    const order = await merchant.order({ receipt: 'txn_1' });
    await merchant.operate('faults', { step: 'charge', fault, reference: 'txn_1', ms: 10 });
    const answered = await merchant.pay(order, SUCCESS).catch(() => null);
    expect(answered?.status ?? null).toBe(status);
    if (status === 500) expect(answered?.body.error.code).toBe('SERVER_ERROR');
    if (fault === 'otherReference') expect(answered?.body.razorpay_order_id).not.toBe(order.id);
    if (fault === 'callbackFirst') expect(merchant.heard.length).toBeGreaterThanOrEqual(3);
    expect(await merchant.paymentsOf(order)).toHaveLength(booked);
  });

  it('book late what was lost on the way, unless the order has its money by then', async () => {
    const [order, paid] = [await merchant.order({ receipt: 'a' }), await merchant.order({ receipt: 'b' })];
    for (const reference of ['a', 'b'])
      await merchant.operate('faults', { step: 'charge', fault: 'bookLate', reference, ms: 500 });
    await expect(merchant.pay(order, SUCCESS)).rejects.toThrow();
    await expect(merchant.pay(paid, SUCCESS)).rejects.toThrow();
    expect(await merchant.paymentsOf(order)).toEqual([]);
    expect((await merchant.pay(paid, SUCCESS)).status).toBe(200);
    const statusesOf = async (of: Loose) => (await merchant.paymentsOf(of)).map(({ status }) => status);
    await vi.waitFor(async () => expect(await statusesOf(order)).toEqual(['captured']), {
      timeout: 10_000,
    });
    await vi.waitFor(async () => expect(await statusesOf(paid)).toEqual(['failed', 'captured']), {
      timeout: 10_000,
    });
  });

  it('strike payments and questions as in every dialect', async () => {
    const order = await merchant.order({ receipt: 'txn_1' });
    await merchant.operate('faults', { step: 'charge', fault: 'drop', reference: 'txn_1' });
    await expect(merchant.pay(order, SUCCESS)).rejects.toThrow();
    await merchant.operate('faults', { step: 'query', fault: 'notFound', reference: 'txn_1' });
    expect(await merchant.paymentsOf(order)).toEqual([]);
    await merchant.operate('faults', { step: 'query', fault: 'otherReference', reference: 'txn_1' });
    const [other] = await merchant.paymentsOf(order);
    expect(other.order_id).not.toBe(order.id);
    await merchant.operate('faults', { step: 'query', fault: 'otherReference', reference: 'txn_1' });
    const another = (await merchant.call('GET', `/v1/orders/${order.id}`)).body;
    expect([another.id === order.id, another.receipt]).toEqual([false, 'txn_2']);
    expect((await merchant.paymentsOf(order))[0].status).toBe('captured');
    const other503 = await merchant.order({ receipt: 'txn_3' });
    await merchant.operate('faults', { step: 'charge', fault: 'error503', reference: 'txn_3' });
    const refused = await merchant.pay(other503, SUCCESS);
    expect([refused.status, refused.body.error.code]).toEqual([503, 'SERVER_ERROR']);
  });

  it('strike a one-time password that is submitted: booked and not answered, or answered and booked later', async () => {
    const submit = (id: string) => merchant.call('POST', `/v1/payments/${id}/otp/submit`, { otp: '1234' });
    const lost = await merchant.pay(await merchant.order({ receipt: 'a' }), BY_OTP);
    await merchant.operate('faults', { step: 'challenge', fault: 'drop', reference: 'a' });
    await expect(submit(lost.body.razorpay_payment_id)).rejects.toThrow();
    expect(await statusOf(lost.body.razorpay_payment_id)).toBe('captured');
    const late = await merchant.pay(await merchant.order({ receipt: 'b' }), BY_OTP);
    await merchant.operate('faults', { step: 'challenge', fault: 'decideLate', reference: 'b', ms: 1000 });
    expect((await submit(late.body.razorpay_payment_id)).body).toHaveProperty('razorpay_signature');
    expect(await statusOf(late.body.razorpay_payment_id)).toBe('created');
    await becomes(late.body.razorpay_payment_id, 'captured');
  });

  it('lead back with lies that nobody signed', async () => {
    const order = await merchant.order({ receipt: 'txn_1' });
    await merchant.operate('faults', { step: 'challenge', fault: 'forgeReturn', reference: 'txn_1' });
    const { body } = await merchant.pay(order, FAILING, { callback_url: CALLBACK_URL });
    const page = `/3ds/${body.razorpay_payment_id}`;
    const fields = fieldsOf(await merchant.choose(page, { choice: 'decline' }));
    expect(fields.razorpay_payment_id).not.toBe(body.razorpay_payment_id);
    expect(fields.razorpay_signature).not.toBe(
      signReturn(KEY_SECRET, fields.razorpay_order_id!, fields.razorpay_payment_id!),
    );
  });
});

describe('settlements', () => {
  it('add up: what the report credits is what is paid out, and fees include tax', async () => {
    const amounts = [10_000, 12_345, 99_999];
    for (const amount of amounts)
      await merchant.pay(await merchant.order({ amount, receipt: `txn_${amount}` }), SUCCESS);
    await merchant.pay(await merchant.order(), '4000000000000002');
    const india = new Date(Date.now() + 5.5 * 3_600_000).toISOString();
    const [year, month, day] = [india.slice(0, 4), Number(india.slice(5, 7)), Number(india.slice(8, 10))];
    const report = await merchant.call(
      'GET',
      `/v1/settlements/recon/combined?year=${year}&month=${month}&day=${day}`,
    );
    const rows: Loose[] = report.body.items;
    expect(rows.map(({ amount }) => amount)).toEqual(amounts);
    for (const row of rows) {
      expect(row.credit).toBe(row.amount - row.fee);
      expect(row.tax).toBe(Math.round((row.fee - row.tax) * 0.18));
      expect(row).toMatchObject({
        type: 'payment',
        debit: 0,
        settled: true,
        payment_id: null,
        order_receipt: `txn_${row.amount}`,
        card_network: 'Visa',
        card_type: 'credit',
      });
    }
    const settlements = (await merchant.call('GET', '/v1/settlements')).body.items;
    expect(settlements).toHaveLength(1);
    const [settlement] = settlements;
    expect(settlement).toMatchObject({
      entity: 'settlement',
      status: 'processed',
      amount: rows.reduce((sum, { credit }) => sum + credit, 0),
      fees: rows.reduce((sum, { fee }) => sum + fee, 0),
      tax: rows.reduce((sum, { tax }) => sum + tax, 0),
      utr: rows[0].settlement_utr,
    });
    expect((await merchant.call('GET', `/v1/settlements/${settlement.id}`)).body).toEqual(settlement);
    const paged = `/v1/settlements/recon/combined?year=${year}&month=${month}&count=1&skip=1`;
    expect((await merchant.call('GET', paged)).body.items).toEqual([rows[1]]);
  });

  it('are not reported of a month that is none', async () => {
    const { body } = await merchant.call('GET', '/v1/settlements/recon/combined?year=2026&month=13');
    expect(body.error).toMatchObject({ field: 'month', reason: 'input_validation_failed' });
  });
});
