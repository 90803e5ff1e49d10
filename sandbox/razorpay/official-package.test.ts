/**
 * The official package `razorpay`, as a merchant's server would use it, against the bank.
 *
 * The package has no setting for its host: its HTTP client is told afterwards, as its own tests do.
 * @module
 */
import Razorpay from 'razorpay';
import { validatePaymentVerification } from 'razorpay/dist/utils/razorpay-utils.js';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import {
  type Heard,
  KEY_ID,
  KEY_SECRET,
  type Loose,
  Merchant,
  SHOPPER,
  WEBHOOK_SECRET,
} from './testing/merchant.ts';

const ASKING = '4100280000001007';
let merchant: Merchant;
let razorpay: Razorpay;

beforeAll(async () => {
  merchant = await Merchant.start();
  razorpay = at(merchant.url, KEY_SECRET);
});

afterAll(async () => {
  await merchant.stop();
});

/** The package with the bank as its host. */
function at(url: string, secret: string): Razorpay {
  const made = new Razorpay({ key_id: KEY_ID, key_secret: secret });
  const { rq } = made.api as unknown as { rq: { defaults: { baseURL: string } } };
  rq.defaults.baseURL = url;
  return made;
}

it('creates an order and reads it back, by its id and by its receipt', async () => {
  const notes = { gateway_txn_id: 'txn_read' };
  const order = await razorpay.orders.create({ amount: 50_000, currency: 'INR', receipt: 'txn_read', notes });
  expect(order).toMatchObject({ entity: 'order', status: 'created', amount_due: 50_000, notes });
  expect(await razorpay.orders.fetch(order.id)).toEqual(order);
  expect((await razorpay.orders.all({ receipt: 'txn_read' })).items).toEqual([order]);
  expect((await razorpay.orders.all()).items.map(({ id }) => id)).toContain(order.id);
});

it('makes a payment, has it confirmed by a one-time password, and believes the signature', async () => {
  const order = await razorpay.orders.create({ amount: 50_000, currency: 'INR', payment_capture: true });
  const card = { number: ASKING, name: 'A', expiry_month: '12', expiry_year: '40', cvv: '123' };
  const made: Loose = await razorpay.payments.createPaymentJson({
    amount: 50_000,
    currency: 'INR',
    order_id: order.id,
    method: 'card',
    card,
    ...SHOPPER,
  } as Loose);
  const id = made.razorpay_payment_id;
  const confirmed: Loose = await razorpay.payments.otpSubmit(id, { otp: '123456' } as Loose);
  const words = { order_id: order.id, payment_id: id };
  expect(validatePaymentVerification(words, confirmed.razorpay_signature, KEY_SECRET)).toBe(true);
  const another = { ...words, payment_id: 'pay_AAAAAAAAAAAAAA' };
  expect(validatePaymentVerification(another, confirmed.razorpay_signature, KEY_SECRET)).toBe(false);
  const payments = await razorpay.orders.fetchPayments(order.id);
  expect(payments.items).toMatchObject([{ id, status: 'captured', order_id: order.id }]);
  expect(await razorpay.orders.fetch(order.id)).toMatchObject({ status: 'paid', amount_paid: 50_000 });
});

it('fetches and captures an authorised payment', async () => {
  const order = await merchant.order({ payment: { capture: 'manual' } });
  const { body } = await merchant.pay(order, '4111111111111111');
  const payment = await razorpay.payments.fetch(body.razorpay_payment_id);
  expect(payment).toMatchObject({ entity: 'payment', status: 'authorized', captured: false });
  const captured = await razorpay.payments.capture(payment.id, payment.amount, payment.currency);
  expect(captured).toMatchObject({ id: payment.id, status: 'captured', captured: true });
});

it('verifies the webhooks that the bank sent, and no others', async () => {
  const order = await merchant.order();
  await merchant.pay(order, '4111111111111111');
  const isOfOrder = ({ body }: Heard) => body.payload.payment.entity.order_id === order.id;
  await vi.waitFor(() => expect(merchant.heard.filter(isOfOrder)).toHaveLength(3), { timeout: 10_000 });
  for (const { text, signature } of merchant.heard) {
    expect(Razorpay.validateWebhookSignature(text, signature, WEBHOOK_SECRET)).toBe(true);
    const flipped = text.replace('"entity":"event"', '"entity":"evenT"');
    expect(Razorpay.validateWebhookSignature(flipped, signature, WEBHOOK_SECRET)).toBe(false);
    expect(Razorpay.validateWebhookSignature(text, signature, KEY_SECRET)).toBe(false);
  }
});

it('understands the refusals: of a wrong secret, and of an amount', async () => {
  const stranger = at(merchant.url, 'another secret');
  await expect(stranger.orders.fetch('order_AAAAAAAAAAAAAA')).rejects.toMatchObject({ statusCode: 401 });
  await expect(razorpay.orders.create({ amount: 99, currency: 'INR' })).rejects.toMatchObject({
    statusCode: 400,
    error: { code: 'BAD_REQUEST_ERROR', field: 'amount' },
  });
});

it('reads settlements and their report', async () => {
  const { items } = await razorpay.settlements.all();
  expect(items).toMatchObject([{ entity: 'settlement', status: 'processed' }]);
  expect(await razorpay.settlements.fetch(items[0]!.id)).toEqual(items[0]);
  const india = new Date(Date.now() + 5.5 * 3_600_000);
  const [year, month] = [india.getUTCFullYear(), india.getUTCMonth() + 1];
  const report: Loose = await razorpay.settlements.reports({ year, month });
  const credited = report.items.reduce((sum: number, { credit }: Loose) => sum + credit, 0);
  expect(credited).toBe((items[0] as Loose).amount);
  const ofDay = (more: object): Promise<Loose> =>
    razorpay.settlements.reports({ year, month, day: india.getUTCDate(), ...more } as Loose);
  expect((await ofDay({ count: 1000 })).items).toEqual(report.items);
  const pages = [];
  for (let skip = 0; skip < report.items.length; skip++) pages.push(await ofDay({ count: 1, skip }));
  expect(pages.flatMap((page) => page.items)).toEqual(report.items);
  expect((await ofDay({ count: 1, skip: report.items.length })).items).toEqual([]);
});
