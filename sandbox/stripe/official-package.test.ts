/**
 * The official `stripe` package drives the bank: it cannot tell it from the real one.
 * @module
 */
import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SECRET_KEY, StripeBank, WEBHOOK_SECRET } from './testing/stripe-bank.ts';

let bank: StripeBank;
let stripe: Stripe;

beforeAll(async () => {
  bank = await StripeBank.start({ availableAfterMs: 0, payoutEveryMs: 1000 });
  const { hostname, port } = new URL(bank.url);
  stripe = new Stripe(SECRET_KEY, { host: hostname, port, protocol: 'http', maxNetworkRetries: 0 });
});

afterAll(() => bank.stop());

const NO_REDIRECTS = { enabled: true, allow_redirects: 'never' } as const;
const RETURN_URL = 'https://shop.example/back?order=7';

function pay(card: string, more: Partial<Stripe.PaymentIntentCreateParams> = {}) {
  return stripe.paymentIntents.create({
    amount: 1050,
    currency: 'inr',
    confirm: true,
    automatic_payment_methods: NO_REDIRECTS,
    payment_method: card,
    ...more,
  });
}

describe('the official package', () => {
  it('creates and confirms with a card number, and retrieves the intent and its charge', async () => {
    const intent = await stripe.paymentIntents.create({
      amount: 1050,
      currency: 'inr',
      confirm: true,
      automatic_payment_methods: NO_REDIRECTS,
      payment_method_data: {
        type: 'card',
        card: { number: '4242424242424242', exp_month: 12, exp_year: 2040, cvc: '123' },
        billing_details: { name: 'A Shopper', address: { country: 'IN' } },
      } as Stripe.PaymentIntentCreateParams.PaymentMethodData,
      metadata: { gateway_txn_id: 'txn_1' },
    });
    expect(intent).toMatchObject({
      status: 'succeeded',
      amount: 1050,
      amount_received: 1050,
      currency: 'inr',
    });
    expect(intent.lastResponse.requestId).toMatch(/^req_/);
    expect(await stripe.paymentIntents.retrieve(intent.id)).toMatchObject({
      id: intent.id,
      metadata: { gateway_txn_id: 'txn_1' },
    });
    const charge = await stripe.charges.retrieve(intent.latest_charge as string);
    expect(charge).toMatchObject({
      payment_intent: intent.id,
      paid: true,
      metadata: { gateway_txn_id: 'txn_1' },
      billing_details: { name: 'A Shopper', address: { country: 'IN' } },
      payment_method_details: { card: { brand: 'visa', last4: '4242' } },
    });
  });

  it('raises StripeCardError for a declined card, with the intent back at the start', async () => {
    const error = await pay('pm_card_visa_chargeDeclinedInsufficientFunds').catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(Stripe.errors.StripeCardError);
    const declined = error as Stripe.errors.StripeCardError;
    expect(declined).toMatchObject({
      statusCode: 402,
      code: 'card_declined',
      decline_code: 'insufficient_funds',
      charge: expect.stringMatching(/^ch_/),
      payment_intent: {
        status: 'requires_payment_method',
        last_payment_error: { code: 'card_declined', decline_code: 'insufficient_funds' },
      },
    });
    expect((await stripe.charges.retrieve(declined.charge!)).outcome).toMatchObject({
      network_status: 'declined_by_network',
      type: 'issuer_declined',
    });
  });

  it('raises StripeInvalidRequestError for a wrong parameter and StripeAuthenticationError for a wrong key', async () => {
    await expect(pay('pm_card_visa', { amount: 1 })).rejects.toMatchObject({
      type: 'StripeInvalidRequestError',
      code: 'amount_too_small',
      param: 'amount',
    });
    const { hostname, port } = new URL(bank.url);
    const stranger = new Stripe('sk_test_other', { host: hostname, port, protocol: 'http' });
    await expect(stranger.paymentIntents.retrieve('pi_1')).rejects.toBeInstanceOf(
      Stripe.errors.StripeAuthenticationError,
    );
  });

  it('is led through 3-D Secure and back', async () => {
    const intent = await pay('pm_card_authenticationRequired', { return_url: RETURN_URL });
    expect(intent).toMatchObject({
      status: 'requires_action',
      latest_charge: null,
      next_action: { type: 'redirect_to_url', redirect_to_url: { return_url: RETURN_URL } },
    });
    const back = await bank.choose(intent.next_action!.redirect_to_url!.url!, 'approve');
    expect(Object.fromEntries(back!.searchParams)).toEqual({
      order: '7',
      payment_intent: intent.id,
      payment_intent_client_secret: intent.client_secret,
      redirect_status: 'succeeded',
    });
    expect(await stripe.paymentIntents.retrieve(intent.id)).toMatchObject({
      status: 'succeeded',
      next_action: null,
    });
  });

  it('lists with auto-pagination, newest first', async () => {
    const made: string[] = [];
    for (let index = 0; index < 5; index++)
      made.push((await pay('pm_card_visa', { amount: 2000 + index })).id);
    const listed: string[] = [];
    for await (const intent of stripe.paymentIntents.list({ limit: 2, created: { gte: 1 } })) {
      listed.push(intent.id);
    }
    expect(listed.slice(0, 5)).toEqual(made.toReversed());
    expect(new Set(listed).size).toBe(listed.length);
    expect((await stripe.paymentIntents.list({ created: { lt: 1 } })).data).toEqual([]);
  });

  it('cancels, captures, and is refused where that is over', async () => {
    const held = await pay('pm_card_visa', { capture_method: 'manual' });
    expect(held).toMatchObject({ status: 'requires_capture', amount_capturable: 1050, amount_received: 0 });
    expect(await stripe.paymentIntents.capture(held.id, { amount_to_capture: 1000 })).toMatchObject({
      status: 'succeeded',
      amount_received: 1000,
    });
    await expect(stripe.paymentIntents.cancel(held.id)).rejects.toMatchObject({
      type: 'StripeInvalidRequestError',
      code: 'payment_intent_unexpected_state',
      payment_intent: { status: 'succeeded' },
    });
    const open = await stripe.paymentIntents.create({ amount: 500, currency: 'inr' });
    expect(open.status).toBe('requires_payment_method');
    expect(await stripe.paymentIntents.cancel(open.id, { cancellation_reason: 'abandoned' })).toMatchObject({
      status: 'canceled',
      cancellation_reason: 'abandoned',
    });
  });

  it('is answered the same under the same key, and refused other parameters', async () => {
    const options = { idempotencyKey: 'txn_same' };
    const params = {
      amount: 700,
      currency: 'inr',
      confirm: true,
      payment_method: 'pm_card_visa',
      automatic_payment_methods: NO_REDIRECTS,
    };
    const once = await stripe.paymentIntents.create(params, options);
    const twice = await stripe.paymentIntents.create(params, options);
    expect(twice.id).toBe(once.id);
    expect(twice.lastResponse.headers['idempotent-replayed']).toBe('true');
    await expect(stripe.paymentIntents.create({ ...params, amount: 701 }, options)).rejects.toBeInstanceOf(
      Stripe.errors.StripeIdempotencyError,
    );
  });

  it('reads balance transactions, payouts and a report in major units', async () => {
    const startedAt = Math.floor(Date.now() / 1000);
    const intent = await pay('pm_card_visa', { amount: 10_000, metadata: { gateway_txn_id: 'txn_report' } });
    const source = intent.latest_charge as string;
    const { data } = await stripe.balanceTransactions.list({ source });
    expect(data).toMatchObject([{ amount: 10_000, fee: 236, net: 9764, type: 'charge', currency: 'inr' }]);
    const charge = await stripe.charges.retrieve(source);
    expect(charge.balance_transaction).toBe(data[0]!.id);
    const expanded = await stripe.balanceTransactions.list({
      source,
      expand: ['data.source.payment_intent'],
    });
    expect(expanded.data[0]!.source).toMatchObject({ id: source, payment_intent: { id: intent.id } });
    const ofDay = [];
    const created = { gte: startedAt, lt: startedAt + 86_400 };
    for await (const one of stripe.balanceTransactions.list({ created, limit: 1, expand: ['data.source'] })) {
      if (one.type !== 'payout') ofDay.push(one);
    }
    expect(new Set(ofDay.map(({ id }) => id)).size).toBe(ofDay.length);
    const ofIntent = { payment_intent: intent.id, metadata: { gateway_txn_id: 'txn_report' } };
    expect(ofDay.filter((one) => (one.source as Stripe.Charge).id === source)).toMatchObject([
      { source: ofIntent },
    ]);
    const whole = await stripe.paymentIntents.retrieve(intent.id, {
      expand: ['latest_charge.balance_transaction'],
    });
    expect(whole.latest_charge).toMatchObject({ balance_transaction: { id: data[0]!.id, net: 9764 } });
    await expect(stripe.paymentIntents.retrieve(intent.id, { expand: ['metadata'] })).rejects.toThrow(
      'This property cannot be expanded (metadata).',
    );
    // The payout is made within a second: the account is paid every second.
    const payout = await vi.waitFor(
      async () => {
        for await (const one of stripe.payouts.list()) {
          const parts = await stripe.balanceTransactions.list({ payout: one.id });
          if (parts.data.some((part) => part.source === source)) return one;
        }
        throw new Error('not paid out yet');
      },
      { timeout: 10_000, interval: 100 },
    );
    expect(payout).toMatchObject({ status: 'paid', automatic: true });
    const ordered = await stripe.reporting.reportRuns.create({
      report_type: 'payout_reconciliation.itemized.5',
      parameters: {
        interval_start: startedAt,
        interval_end: startedAt + 3600,
        columns: [
          'payment_intent_id',
          'gross',
          'fee',
          'net',
          'automatic_payout_id',
          'payment_metadata[gateway_txn_id]',
        ],
      },
    });
    expect(ordered.status).toBe('pending');
    const run = await stripe.reporting.reportRuns.retrieve(ordered.id);
    expect(run.status).toBe('succeeded');
    const csv = await bank.get(run.result!.url!);
    expect(csv.text).toMatch(
      /^payment_intent_id,gross,fee,net,automatic_payout_id,payment_metadata\[gateway_txn_id\]\n/,
    );
    expect(csv.text).toContain(`${intent.id},100.00,2.36,97.64,${payout.id},txn_report\n`);
  });

  it('verifies webhooks the bank sends, and refuses a flipped bit and an old one', async () => {
    const intent = await pay('pm_card_visa', { amount: 3333 });
    await vi.waitFor(() => expect(bank.typesAbout(intent.id)).toContain('payment_intent.succeeded'), {
      timeout: 10_000,
    });
    const heard = bank.heard.filter(({ event }) => event.data.object.id === intent.id);
    for (const { body, signature } of heard) {
      const event = stripe.webhooks.constructEvent(body, signature, WEBHOOK_SECRET);
      expect(event.api_version).toBe('2026-07-29.dahlia');
      const refused = (changed: Buffer, header: string) =>
        expect(() => stripe.webhooks.constructEvent(changed, header, WEBHOOK_SECRET)).toThrow(
          Stripe.errors.StripeSignatureVerificationError,
        );
      for (let index = 0; index < body.length; index++) {
        const flipped = Buffer.from(body);
        flipped[index]! ^= 1;
        refused(flipped, signature);
      }
      const signed = Buffer.from(body);
      refused(
        signed,
        signature.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
      );
      refused(
        signed,
        signature.replace(/^t=(\d+)/, (_, t) => `t=${Number(t) + 1}`),
      );
      const later = Date.now() + 302_000;
      expect(() =>
        stripe.webhooks.constructEvent(body, signature, WEBHOOK_SECRET, 300, undefined, later),
      ).toThrow(/tolerance/);
    }
    const listed = await stripe.events.list({ type: 'payment_intent.succeeded', limit: 100 });
    expect(listed.data.map(({ id }) => id)).toContain(
      heard.find(({ event }) => event.type === 'payment_intent.succeeded')!.event.id,
    );
  });
});
