/**
 * The Stripe of the bank over real HTTP, as a gateway sees it.
 * @module
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { MAGIC_CARDS } from './cards.ts';
import { hmacHex } from './signature.ts';
import { ACCOUNT, type Reply, SECRET_KEY, StripeBank, WEBHOOK_SECRET } from './testing/stripe-bank.ts';

const RETURN_URL = 'https://shop.example/back?order=7';
const CARD = 'payment_method_data[card]';
let bank: StripeBank;

/** A bank for each test. */
function eachItsBank(): void {
  beforeEach(async () => {
    bank = await StripeBank.start();
  });
  afterEach(() => bank.stop());
}

/** One bank for tests that only look at what they have done themselves. */
function oneBank(): void {
  beforeAll(async () => {
    bank = await StripeBank.start();
  });
  afterAll(() => bank.stop());
}

type Params = Record<string, string | number | boolean>;

/** The parameters of a creation that confirms with a card. */
function withCard(number: string, more: Params = {}): Params {
  return {
    amount: 1050,
    currency: 'inr',
    confirm: true,
    'payment_method_types[]': 'card',
    'payment_method_data[type]': 'card',
    [`${CARD}[number]`]: number,
    [`${CARD}[exp_month]`]: 12,
    [`${CARD}[exp_year]`]: 2040,
    [`${CARD}[cvc]`]: '123',
    'metadata[gateway_txn_id]': 'txn_1',
    ...more,
  };
}

const UPI: Params = {
  amount: 1050,
  currency: 'inr',
  confirm: true,
  'payment_method_types[]': 'upi',
  'payment_method_data[type]': 'upi',
  'metadata[gateway_txn_id]': 'txn_1',
};

function create(params: Params, key?: string): Promise<Reply> {
  return bank.post('/v1/payment_intents', params, key === undefined ? {} : { 'Idempotency-Key': key });
}

function pay(number = '4242424242424242', more: Params = {}, key?: string): Promise<Reply> {
  return create(withCard(number, more), key);
}

function retrieve(id: string): Promise<Reply> {
  return bank.get(`/v1/payment_intents/${id}`);
}

async function statusOf(id: string): Promise<string> {
  return (await retrieve(id)).json.status;
}

/** How often money was taken. */
async function charged(): Promise<number> {
  return (await bank.book()).filter(({ effect }) => effect === 'charged').length;
}

function hears(types: readonly string[], intent: string): Promise<void> {
  return vi.waitFor(
    async () => {
      expect(bank.typesAbout(intent)).toEqual(types);
      expect(await bank.owesNothing()).toBe(true);
    },
    { timeout: 10_000, interval: 10 },
  );
}

function pageOf({ json }: Reply): string {
  return json.next_action!.redirect_to_url.url;
}

describe('who calls', () => {
  eachItsBank();

  it('is known by Bearer or by Basic, and refused with 401, 403 and 404 otherwise', async () => {
    const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    const list = (headers: Record<string, string>) => bank.request('/v1/payment_intents', { headers });
    expect((await list({})).status).toBe(200);
    expect((await list(basic(`${SECRET_KEY}:`))).status).toBe(200);
    for (const headers of [basic(`${SECRET_KEY}:x`), basic('sk_test_x:'), { Authorization: 'Bearer x' }]) {
      const refused = await list(headers);
      expect([refused.status, refused.json.error.type]).toEqual([401, 'invalid_request_error']);
      expect(refused.headers.get('Request-Id')).toMatch(/^req_/);
    }
    expect((await list({ 'Stripe-Account': ACCOUNT })).status).toBe(200);
    expect((await list({ 'Stripe-Account': 'acct_other' })).status).toBe(403);
    expect((await bank.get('/v1/payment_intents/pi_unknown')).json.error.code).toBe('resource_missing');
    expect((await bank.request('/v1/payment_intents', { method: 'DELETE' })).status).toBe(404);
    const json = { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } };
    expect((await bank.request('/v1/payment_intents', json)).status).toBe(400);
  });

  it('of another dialect is answered in that one, at its own paths', async () => {
    const plain = await bank.request('/v1/charges', {
      method: 'POST',
      headers: { Authorization: 'Bearer bank_sk_plain' },
      body: JSON.stringify({
        reference: 'plain_1',
        amount: 1050,
        currency: 'INR',
        card: { number: '4111111111111111', expiry_month: 12, expiry_year: 2040, cvv: '123', name: 'A' },
      }),
    });
    expect([plain.status, plain.json.status]).toEqual([200, 'succeeded']);
    const plainId = plain.json.id;
    expect((await bank.get(`/v1/charges/${plainId}`)).status).toBe(404);
    expect(
      (await bank.request('/v1/payment_intents', { headers: { Authorization: 'Bearer bank_sk_plain' } }))
        .status,
    ).toBe(401);
    await pay();
    expect(
      (await bank.book()).map(({ processor, reference }) => [processor ?? 'SANDBOX', reference]),
    ).toEqual([
      ['SANDBOX', 'plain_1'],
      ['STRIPE', 'txn_1'],
    ]);
  });
});

describe('magic cards', () => {
  oneBank();

  const plainly = MAGIC_CARDS.filter(({ authentication }) => authentication !== 'required');

  it.each(plainly)('$number: $outcome', async ({ number, token, outcome }) => {
    const before = await charged();
    const paid = [await pay(number)];
    if (token !== undefined) {
      const named = { 'payment_method_types[]': 'card', payment_method: token };
      paid.push(await create({ amount: 1050, currency: 'inr', confirm: true, ...named }));
    }
    for (const { status, json, text } of paid) {
      expect(text).not.toContain(number);
      if (outcome === 'succeeded') {
        expect([status, json.status, json.amount_received]).toEqual([200, 'succeeded', 1050]);
        continue;
      }
      const own = ['expired_card', 'incorrect_cvc', 'processing_error'].includes(outcome);
      expect([status, json.error.type]).toEqual([402, 'card_error']);
      expect(json.error).toMatchObject({
        code: own ? outcome : 'card_declined',
        decline_code: outcome,
        payment_intent: { status: 'requires_payment_method', latest_charge: json.error.charge },
      });
      const charge = await bank.get(`/v1/charges/${json.error.charge}`);
      expect(charge.json).toMatchObject({ status: 'failed', paid: false, balance_transaction: null });
      expect(charge.json.outcome).toMatchObject(
        outcome === 'fraudulent'
          ? { network_status: 'not_sent_to_network', type: 'blocked' }
          : { network_status: 'declined_by_network', type: 'issuer_declined' },
      );
    }
    expect(await charged()).toBe(before + (outcome === 'succeeded' ? paid.length : 0));
  });

  const asking = MAGIC_CARDS.filter(({ authentication }) => authentication === 'required');

  it.each(asking)('$number: 3-D Secure, then $outcome', async ({ number, outcome }) => {
    const asked = await pay(number, { return_url: RETURN_URL });
    expect(asked.json).toMatchObject({
      status: 'requires_action',
      latest_charge: null,
      next_action: { type: 'redirect_to_url', redirect_to_url: { return_url: RETURN_URL } },
    });
    const back = await bank.choose(pageOf(asked), 'approve');
    const well = outcome === 'succeeded';
    expect(Object.fromEntries(back!.searchParams)).toEqual({
      order: '7',
      payment_intent: asked.json.id,
      payment_intent_client_secret: asked.json.client_secret,
      redirect_status: well ? 'succeeded' : 'failed',
    });
    expect((await retrieve(asked.json.id)).json).toMatchObject(
      well
        ? { status: 'succeeded', latest_charge: expect.stringMatching(/^ch_/) }
        : {
            status: 'requires_payment_method',
            last_payment_error: { type: 'card_error', decline_code: outcome },
          },
    );
  });

  it('a number that fails its check digit is incorrect, and makes no intent', async () => {
    const lines = (await bank.book()).length;
    const refused = await pay('4242424242424241', {}, 'key_1');
    expect([refused.status, refused.json.error.code]).toEqual([402, 'incorrect_number']);
    expect(refused.json.error.payment_intent).toBeUndefined();
    expect(await bank.book()).toHaveLength(lines);
    expect((await pay('4242424242424242', {}, 'key_1')).json.status).toBe('succeeded');
  });
});

describe('3-D Secure', () => {
  eachItsBank();

  it('that fails leaves the intent without a method or a charge', async () => {
    const asked = await pay('4000002760003184', { return_url: RETURN_URL });
    await hears(['payment_intent.created', 'payment_intent.requires_action'], asked.json.id);
    const back = await bank.choose(pageOf(asked), 'decline');
    expect(back!.searchParams.get('redirect_status')).toBe('failed');
    expect((await retrieve(asked.json.id)).json).toMatchObject({
      status: 'requires_payment_method',
      latest_charge: null,
      next_action: null,
      last_payment_error: {
        type: 'invalid_request_error',
        code: 'payment_intent_authentication_failure',
      },
    });
    await hears(
      ['payment_intent.created', 'payment_intent.requires_action', 'payment_intent.payment_failed'],
      asked.json.id,
    );
  });

  it('is asked of an optional card only where the request asks', async () => {
    const optional = '4000000000003055';
    const any = { 'payment_method_options[card][request_three_d_secure]': 'any', return_url: RETURN_URL };
    expect((await pay(optional)).json.status).toBe('succeeded');
    expect((await pay(optional, any)).json.status).toBe('requires_action');
    expect((await pay('4242424242424242', any)).json.status).toBe('succeeded');
  });

  it('without a way back is for the client’s own code', async () => {
    expect((await pay('4000002760003184')).json.next_action).toMatchObject({ type: 'use_stripe_sdk' });
  });

  it('is refused where nobody is there to be asked', async () => {
    const offSession = await pay('4000002760003184', { off_session: true });
    expect([offSession.status, offSession.json.error.code]).toEqual([402, 'authentication_required']);
    const unwanted = await pay('4000002760003184', { error_on_requires_action: true });
    expect([unwanted.status, unwanted.json.error.code]).toEqual([402, 'authentication_required']);
    expect(unwanted.json.error.payment_intent).toMatchObject({ latest_charge: null });
  });

  it('that nobody answers in time has failed', async () => {
    await bank.operate('delay', { challengeMs: 50 });
    const asked = await pay('4000002760003184', { return_url: RETURN_URL });
    await vi.waitFor(async () => expect(await statusOf(asked.json.id)).toBe('requires_payment_method'), {
      timeout: 10_000,
    });
  });
});

describe('UPI', () => {
  oneBank();

  it('shows a page and a QR code, and is a payment of the balance when it is paid', async () => {
    const asked = await create(UPI);
    const shown = asked.json.next_action!.upi_handle_redirect_or_display_qr_code;
    expect(asked.json.next_action).toMatchObject({ type: 'upi_handle_redirect_or_display_qr_code' });
    const svg = await bank.get(new URL(shown.qr_code.image_url_svg).pathname);
    expect(svg.text).toContain(shown.hosted_instructions_url);
    expect((await bank.get(new URL(shown.qr_code.image_url_png).pathname)).headers.get('Content-Type')).toBe(
      'image/png',
    );
    expect(await (await fetch(shown.hosted_instructions_url)).text()).toContain('Pay by UPI');
    await bank.choose(shown.hosted_instructions_url, 'approve');
    expect(await statusOf(asked.json.id)).toBe('succeeded');
    const { data } = (await bank.get('/v1/balance_transactions')).json;
    expect(data).toMatchObject([{ type: 'payment', amount: 1050, fee: 25, net: 1025 }]);
  });

  it.each([
    ['decline', 'payment_method_customer_decline', undefined],
    ['insufficient_funds', 'payment_method_provider_decline', 'insufficient_funds'],
  ])('chosen %s fails with %s', async (choice, code, declineCode) => {
    const asked = await create(UPI);
    const page = asked.json.next_action!.upi_handle_redirect_or_display_qr_code.hosted_instructions_url;
    await bank.choose(page, choice);
    const { json } = await retrieve(asked.json.id);
    expect(json).toMatchObject({ status: 'requires_payment_method', last_payment_error: { code } });
    expect((json.last_payment_error as { decline_code?: string }).decline_code).toBe(declineCode);
  });
});

describe('an intent', () => {
  eachItsBank();

  it('is made first, confirmed later, and tried again after a decline', async () => {
    const made = await create({ amount: 1050, currency: 'inr', 'payment_method_types[]': 'card' });
    const confirm = (token: string) =>
      bank.post(`/v1/payment_intents/${made.json.id}/confirm`, { payment_method: token });
    expect(made.json.status).toBe('requires_payment_method');
    const bare = await bank.post(`/v1/payment_intents/${made.json.id}/confirm`, {});
    expect([bare.status, bare.json.error.code]).toEqual([400, 'payment_intent_unexpected_state']);
    const declined = await confirm('pm_card_visa_chargeDeclined');
    expect(declined.json.error.payment_intent).toMatchObject({ id: made.json.id });
    const paid = await confirm('pm_card_visa');
    expect(paid.json).toMatchObject({ id: made.json.id, status: 'succeeded', last_payment_error: null });
    expect(paid.json.latest_charge).not.toBe(declined.json.error.charge);
    const again = await confirm('pm_card_visa');
    expect([again.status, again.json.error.code]).toEqual([400, 'payment_intent_unexpected_state']);
    expect(await charged()).toBe(1);
    expect((await bank.book()).at(-1)).toMatchObject({ reference: made.json.id });
  });

  it('with a method that is not tried waits to be confirmed', async () => {
    const attached = { payment_method: 'pm_card_visa', 'payment_method_types[]': 'card' };
    const made = await create({ amount: 1050, currency: 'inr', ...attached });
    expect(made.json.status).toBe('requires_confirmation');
    const paid = await bank.post(`/v1/payment_intents/${made.json.id}/confirm`, {});
    expect(paid.json.status).toBe('succeeded');
  });

  it('that is held is captured once, in part, or let go', async () => {
    const held = await pay('4242424242424242', { capture_method: 'manual' });
    expect(held.json).toMatchObject({
      status: 'requires_capture',
      amount_capturable: 1050,
      amount_received: 0,
    });
    expect(await charged()).toBe(0);
    await hears(
      ['payment_intent.created', 'charge.succeeded', 'payment_intent.amount_capturable_updated'],
      held.json.id,
    );
    const path = `/v1/payment_intents/${held.json.id}/capture`;
    expect((await bank.post(path, { amount_to_capture: 1051 })).json.error.code).toBe('amount_too_large');
    const captured = await bank.post(path, { amount_to_capture: 1000, 'metadata[order]': '7' });
    expect(captured.json).toMatchObject({
      status: 'succeeded',
      amount_received: 1000,
      metadata: { gateway_txn_id: 'txn_1', order: '7' },
    });
    expect((await bank.post(path, {})).json.error.code).toBe('payment_intent_unexpected_state');
    const charge = await bank.get(`/v1/charges/${held.json.latest_charge}`);
    expect(charge.json).toMatchObject({ amount: 1050, amount_captured: 1000, captured: true });
    await hears(
      [
        'payment_intent.created',
        'charge.succeeded',
        'payment_intent.amount_capturable_updated',
        'payment_intent.succeeded',
        'charge.updated',
      ],
      held.json.id,
    );
    const other = await pay('4242424242424242', { capture_method: 'manual' });
    const canceled = await bank.post(`/v1/payment_intents/${other.json.id}/cancel`, {});
    expect(canceled.json).toMatchObject({ status: 'canceled', amount_capturable: 0 });
  });

  it('is cancelled after a decline, with the decline still told, and takes nothing any more', async () => {
    const { json } = await pay('4000000000000002');
    const id = json.error.payment_intent!.id;
    const canceled = await bank.post(`/v1/payment_intents/${id}/cancel`, {
      cancellation_reason: 'requested_by_customer',
    });
    expect(canceled.json).toMatchObject({
      status: 'canceled',
      cancellation_reason: 'requested_by_customer',
      last_payment_error: { decline_code: 'generic_decline' },
    });
    const late = await bank.post(`/v1/payment_intents/${id}/confirm`, { payment_method: 'pm_card_visa' });
    expect(late.json.error.code).toBe('payment_intent_unexpected_state');
    expect((await bank.post(`/v1/payment_intents/${id}/cancel`, {})).status).toBe(400);
    expect(await charged()).toBe(0);
  });

  it('cancelled in a race with the shopper’s approval is either paid or cancelled, and both are told the same', async () => {
    for (let round = 0; round < 10; round++) {
      const asked = await pay('4000002760003184', { return_url: RETURN_URL });
      const path = `/v1/payment_intents/${asked.json.id}/cancel`;
      const cancel = () => bank.post(path, {});
      const first = round % 2 === 0 ? undefined : cancel();
      const [back, canceled] = await Promise.all([bank.choose(pageOf(asked), 'approve'), first ?? cancel()]);
      const status = await statusOf(asked.json.id);
      expect(back!.searchParams.get('redirect_status')).toBe(status === 'succeeded' ? 'succeeded' : 'failed');
      if (status === 'succeeded') {
        expect(canceled.json.error).toMatchObject({
          code: 'payment_intent_unexpected_state',
          payment_intent: { status: 'succeeded' },
        });
      } else expect(canceled.json.status).toBe('canceled');
    }
  });

  it('that a request works on tells another to come again', async () => {
    await bank.operate('faults', { step: 'charge', fault: 'delay', ms: 60_000, reference: 'txn_slow' });
    const made = await create({
      amount: 1050,
      currency: 'inr',
      'payment_method_types[]': 'card',
      'metadata[gateway_txn_id]': 'txn_slow',
    });
    const leaving = new AbortController();
    const slow = bank.request(`/v1/payment_intents/${made.json.id}/confirm`, {
      method: 'POST',
      body: new URLSearchParams({ payment_method: 'pm_card_visa' }),
      signal: leaving.signal,
    });
    await vi.waitFor(async () => expect(await statusOf(made.json.id)).toBe('succeeded'), { timeout: 10_000 });
    const busy = await bank.post(`/v1/payment_intents/${made.json.id}/cancel`, {});
    expect([busy.status, busy.json.error.code]).toEqual([429, 'lock_timeout']);
    expect(busy.headers.get('Stripe-Should-Retry')).toBe('true');
    leaving.abort();
    await expect(slow).rejects.toThrow();
  });
});

describe('idempotency keys', () => {
  eachItsBank();

  it('answer the same again, word for word, also of a decline, and charge once', async () => {
    for (const number of ['4242424242424242', '4000000000000002']) {
      const first = await pay(number, {}, `key_${number}`);
      const second = await pay(number, {}, `key_${number}`);
      expect([second.status, second.text]).toEqual([first.status, first.text]);
      expect(first.headers.get('Idempotent-Replayed')).toBeNull();
      expect(second.headers.get('Idempotent-Replayed')).toBe('true');
      expect(second.headers.get('Original-Request')).toBe(first.headers.get('Request-Id'));
      expect(second.headers.get('Request-Id')).not.toBe(first.headers.get('Request-Id'));
    }
    expect(await charged()).toBe(1);
    expect((await bank.get('/v1/payment_intents')).json.data).toHaveLength(2);
  });

  it('answer the old status though the intent has moved on', async () => {
    const asked = await pay('4000002760003184', { return_url: RETURN_URL }, 'key_1');
    await bank.choose(pageOf(asked), 'approve');
    const again = await pay('4000002760003184', { return_url: RETURN_URL }, 'key_1');
    expect(again.json.status).toBe('requires_action');
    expect(await statusOf(asked.json.id)).toBe('succeeded');
  });

  it('are refused other parameters or another path, in whatever order the same ones may come', async () => {
    const params = withCard('4242424242424242');
    await create(params, 'key_1');
    const reversed = Object.fromEntries(Object.entries(params).reverse());
    expect((await create(reversed, 'key_1')).headers.get('Idempotent-Replayed')).toBe('true');
    for (const other of [
      await create({ ...params, amount: 1051 }, 'key_1'),
      await pay('5555555555554444', {}, 'key_1'),
      await bank.post('/v1/payment_intents/pi_1/cancel', {}, { 'Idempotency-Key': 'key_1' }),
    ]) {
      expect([other.status, other.json.error.type]).toEqual([400, 'idempotency_error']);
    }
    expect(await charged()).toBe(1);
  });

  it('are free again after a refusal of parameters, and after 503', async () => {
    expect((await pay('4242424242424242', { amount: 1 }, 'key_1')).status).toBe(400);
    await bank.operate('faults', { step: 'charge', fault: 'error503' });
    const unavailable = await pay('4242424242424242', {}, 'key_1');
    expect([unavailable.status, unavailable.json.error.type]).toEqual([503, 'api_error']);
    expect((await bank.get('/v1/payment_intents')).json.data).toEqual([]);
    expect((await pay('4242424242424242', {}, 'key_1')).json.status).toBe('succeeded');
  });

  it('in use are refused with 409 until the first request is over', async () => {
    await bank.operate('faults', { step: 'charge', fault: 'delay', ms: 60_000 });
    const leaving = new AbortController();
    const params = new URLSearchParams(
      Object.entries(withCard('4242424242424242')).map(([k, v]) => [k, String(v)] as [string, string]),
    );
    const init = { method: 'POST', body: params, headers: { 'Idempotency-Key': 'key_1' } };
    const first = bank.request('/v1/payment_intents', { ...init, signal: leaving.signal });
    await vi.waitFor(async () => expect(await charged()).toBe(1), { timeout: 10_000 });
    const busy = await bank.request('/v1/payment_intents', init);
    expect([busy.status, busy.json.error.code]).toEqual([409, 'idempotency_key_in_use']);
    expect(busy.headers.get('Stripe-Should-Retry')).toBe('true');
    leaving.abort();
    await expect(first).rejects.toThrow();
    const after = await vi.waitFor(
      async () => {
        const replay = await bank.request('/v1/payment_intents', init);
        expect(replay.status).toBe(200);
        return replay;
      },
      { timeout: 10_000 },
    );
    expect(after.json.status).toBe('succeeded');
    expect(await charged()).toBe(1);
  });

  it('keep a 500 whose charge is booked, over a kill -9', async () => {
    await bank.moveApart();
    await bank.operate('faults', { step: 'charge', fault: 'error500' });
    const broken = await pay('4242424242424242', {}, 'key_1');
    expect([broken.status, broken.json.error.type]).toEqual([500, 'api_error']);
    await bank.killAndRestart();
    const again = await pay('4242424242424242', {}, 'key_1');
    expect([again.status, again.text]).toEqual([500, broken.text]);
    expect(again.headers.get('Idempotent-Replayed')).toBe('true');
    const { data } = (await bank.get('/v1/payment_intents')).json;
    expect(data).toMatchObject([{ status: 'succeeded', metadata: { gateway_txn_id: 'txn_1' } }]);
    expect(await charged()).toBe(1);
  });

  it('belong to cancellations too', async () => {
    const held = await pay('4242424242424242', { capture_method: 'manual' });
    const cancel = () =>
      bank.post(`/v1/payment_intents/${held.json.id}/cancel`, {}, { 'Idempotency-Key': 'cancel_1' });
    const first = await cancel();
    expect(first.json.status).toBe('canceled');
    expect([(await cancel()).text, (await cancel()).headers.get('Idempotent-Replayed')]).toEqual([
      first.text,
      'true',
    ]);
  });
});

describe('faults', () => {
  eachItsBank();

  it.each([
    ['drop', 1, 200],
    ['dropBefore', 0, 200],
    ['html502', 0, 200],
    ['html504', 1, 200],
    ['reset', 1, 200],
    ['error500', 1, 500],
    ['error503', 0, 200],
  ])('%s leaves %i charges, and the same key is answered %i', async (fault, charges, status) => {
    await bank.operate('faults', { step: 'charge', fault, reference: 'txn_1' });
    const broken = await pay('4242424242424242', {}, 'key_1').catch(() => null);
    if (broken?.status === 200) throw new Error('the fault did nothing');
    expect(await charged()).toBe(charges);
    expect((await bank.get('/v1/payment_intents')).json.data).toHaveLength(charges);
    expect((await pay('4242424242424242', {}, 'key_1')).status).toBe(status);
    expect(await charged()).toBe(1);
  });

  it('a charge under another transaction’s name is answered once, and not kept', async () => {
    await bank.operate('faults', { step: 'charge', fault: 'otherReference' });
    const other = await pay('4242424242424242', {}, 'key_1');
    expect(other.json.metadata).toEqual({ gateway_txn_id: 'txn_2' });
    expect((await pay('4242424242424242', {}, 'key_1')).json.metadata).toEqual({ gateway_txn_id: 'txn_1' });
  });

  it('what is booked late is one charge, whether the key came again before or not', async () => {
    await bank.operate('faults', { step: 'charge', fault: 'bookLate', ms: 300 });
    await expect(pay('4242424242424242', {}, 'key_1')).rejects.toThrow();
    expect((await bank.get('/v1/payment_intents')).json.data).toEqual([]);
    const replay = await pay('4242424242424242', {}, 'key_1');
    expect(replay.json.status).toBe('succeeded');
    await bank.operate('faults', { step: 'charge', fault: 'bookLate', ms: 100 });
    await expect(pay('4242424242424242', { 'metadata[gateway_txn_id]': 'txn_2' }, 'key_2')).rejects.toThrow();
    await vi.waitFor(async () => expect(await charged()).toBe(2), { timeout: 10_000 });
    const late = await pay('4242424242424242', { 'metadata[gateway_txn_id]': 'txn_2' }, 'key_2');
    expect(late.json).toMatchObject({ status: 'succeeded', metadata: { gateway_txn_id: 'txn_2' } });
    await vi.waitFor(() => expect(bank.typesAbout(late.json.id)).toContain('payment_intent.succeeded'), {
      timeout: 10_000,
    });
    expect(await charged()).toBe(2);
  });

  it('what is confirmed late is answered to the key that comes again, as it stands', async () => {
    const made = await create({ amount: 1050, currency: 'inr', 'payment_method_types[]': 'card' });
    await bank.operate('faults', { step: 'charge', fault: 'bookLate', ms: 100 });
    const confirm = () =>
      bank.post(
        `/v1/payment_intents/${made.json.id}/confirm`,
        { payment_method: 'pm_card_visa' },
        { 'Idempotency-Key': 'key_1' },
      );
    await expect(confirm()).rejects.toThrow();
    await vi.waitFor(async () => expect(await charged()).toBe(1), { timeout: 10_000 });
    expect([(await confirm()).json.status, (await confirm()).json.status]).toEqual([
      'succeeded',
      'succeeded',
    ]);
    expect(await charged()).toBe(1);
  });

  it('what is confirmed late of an intent that was cancelled meanwhile takes no money', async () => {
    const made = await create({ amount: 1050, currency: 'inr', 'payment_method_types[]': 'card' });
    await bank.operate('faults', { step: 'charge', fault: 'bookLate', ms: 300 });
    const confirm = bank.post(`/v1/payment_intents/${made.json.id}/confirm`, {
      payment_method: 'pm_card_visa',
    });
    await expect(confirm).rejects.toThrow();
    expect((await bank.post(`/v1/payment_intents/${made.json.id}/cancel`, {})).json.status).toBe('canceled');
    await vi.waitFor(async () => expect(await bank.book()).toHaveLength(1), { timeout: 10_000 });
    expect(await charged()).toBe(0);
    expect(await statusOf(made.json.id)).toBe('canceled');
  });

  it('of questions strike the one and the list', async () => {
    const { json } = await pay();
    const order = (fault: string) => bank.operate('faults', { step: 'query', fault, reference: 'txn_1' });
    for (const path of [
      `/v1/payment_intents/${json.id}`,
      '/v1/payment_intents',
      `/v1/charges/${json.latest_charge}`,
    ]) {
      await order('error500');
      expect((await bank.get(path)).status).toBe(500);
      await order('notFound');
      const absent = await bank.get(path);
      if (path === '/v1/payment_intents') expect(absent.json.data).toEqual([]);
      else expect(absent.json.error.code).toBe('resource_missing');
      await order('otherReference');
      expect((await bank.get(path)).text).toContain('txn_2');
      expect((await bank.get(path)).text).toContain('txn_1');
    }
  });

  it('of the shopper’s way back: none, a lie, and a decision that comes later', async () => {
    const ask = async (fault: string, ms = 0) => {
      const asked = await pay('4000002760003184', { return_url: RETURN_URL });
      await bank.operate('faults', { step: 'challenge', fault, ms });
      return { id: asked.json.id, back: await bank.choose(pageOf(asked), 'approve') };
    };
    const none = await ask('noReturn');
    expect([none.back, await statusOf(none.id)]).toEqual([null, 'succeeded']);
    const lie = await ask('forgeReturn');
    expect(lie.back!.searchParams.get('redirect_status')).toBe('failed');
    expect(lie.back!.searchParams.get('payment_intent')).not.toBe(lie.id);
    expect(await statusOf(lie.id)).toBe('succeeded');
    const late = await ask('decideLate', 500);
    expect(late.back!.searchParams.get('redirect_status')).toBe('succeeded');
    expect(await statusOf(late.id)).toBe('requires_action');
    await vi.waitFor(async () => expect(await statusOf(late.id)).toBe('succeeded'), { timeout: 10_000 });
  });

  it('of callbacks: repeated with the same ids, and an older word after the newer', async () => {
    await bank.operate('faults', { step: 'callback', fault: 'duplicate' });
    const twice = await pay('4242424242424242', { capture_method: 'automatic' });
    await vi.waitFor(() => expect(bank.typesAbout(twice.json.id)).toHaveLength(9), { timeout: 10_000 });
    expect(new Set(bank.heard.map(({ event }) => event.id)).size).toBe(3);
    await bank.operate('faults', { step: 'callback', fault: 'reorder' });
    const older = await pay('4242424242424242', { capture_method: 'automatic' });
    await vi.waitFor(() => expect(bank.typesAbout(older.json.id)).toHaveLength(5), { timeout: 10_000 });
    expect(bank.typesAbout(older.json.id).at(-1)).toBe('payment_intent.processing');
    expect(bank.heard.at(-1)!.event.data.object).toMatchObject({ status: 'processing', amount_received: 0 });
  });

  it('of callbacks: what is forged is not signed by the account, or says what is not so', async () => {
    const genuine = (body: string, signature: string) => {
      const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
      return hmacHex(WEBHOOK_SECRET, `${t}.${body}`) === v1;
    };
    for (const [fault, signed] of [
      ['forge', false],
      ['forgeSignature', false],
      ['forgeAccount', true],
      ['forgeAmount', true],
    ] as const) {
      bank.heard.length = 0;
      await bank.operate('faults', { step: 'callback', fault });
      const { json } = await pay('4242424242424242', { 'metadata[gateway_txn_id]': `txn_${fault}` });
      await vi.waitFor(() => expect(bank.typesAbout(json.id)).toContain('charge.updated'), {
        timeout: 10_000,
      });
      const forged = bank.heard.filter(({ event }) => event.id.endsWith(fault));
      expect(forged.map(({ event }) => event.type)).toEqual([
        'payment_intent.created',
        'charge.failed',
        'payment_intent.payment_failed',
      ]);
      for (const { body, signature } of forged) expect(genuine(body, signature)).toBe(signed);
      const said = forged.at(-1)!.event;
      expect(said.data.object.amount).toBe(fault === 'forgeAmount' ? 1051 : 1050);
      expect(said.account).toBe(fault === 'forgeAccount' ? `${ACCOUNT}_other` : undefined);
      expect(said.data.object.id === json.id).toBe(fault !== 'forgeAccount');
      const others = bank.heard.filter((one) => !forged.includes(one));
      for (const { body, signature } of others) expect(genuine(body, signature)).toBe(true);
    }
  });
});

describe('webhooks', () => {
  eachItsBank();

  it('tell a success by the request it came of, with the metadata on the charge', async () => {
    const paid = await pay('4242424242424242', {}, 'key_1');
    await hears(
      ['payment_intent.created', 'charge.succeeded', 'payment_intent.succeeded', 'charge.updated'],
      paid.json.id,
    );
    const [created, charge, succeeded, updated] = bank.heard.map(({ event }) => event);
    const request = { id: paid.headers.get('Request-Id'), idempotency_key: 'key_1' };
    expect(succeeded).toMatchObject({
      object: 'event',
      livemode: false,
      api_version: '2026-07-29.dahlia',
      request,
      data: { object: { id: paid.json.id, status: 'succeeded', amount_received: 1050, currency: 'inr' } },
    });
    expect(created!.data.object).toMatchObject({ status: 'requires_payment_method', latest_charge: null });
    expect(charge!.data.object).toMatchObject({
      metadata: { gateway_txn_id: 'txn_1' },
      balance_transaction: null,
    });
    expect(updated!.data.object.balance_transaction).toMatch(/^txn_/);
    expect(new Set(bank.heard.map(({ event }) => event.id)).size).toBe(4);
  });

  it('of a synchronous capture have the balance transaction at once', async () => {
    const paid = await pay('4242424242424242', { capture_method: 'automatic' });
    await hears(['payment_intent.created', 'charge.succeeded', 'payment_intent.succeeded'], paid.json.id);
    expect(bank.heard[1]!.event.data.object.balance_transaction).toMatch(/^txn_/);
  });

  it('tell a decline, a cancellation, and what was processed first', async () => {
    const declined = await pay('4000000000009995');
    const id = declined.json.error.payment_intent!.id;
    const failed = ['payment_intent.created', 'charge.failed', 'payment_intent.payment_failed'];
    await hears(failed, id);
    expect(bank.heard.at(-1)!.event.data.object).toMatchObject({
      last_payment_error: { code: 'card_declined', decline_code: 'insufficient_funds' },
    });
    await bank.post(`/v1/payment_intents/${id}/cancel`, {});
    await hears([...failed, 'payment_intent.canceled'], id);
    const processed = await pay('4000009200000001');
    expect(processed.json.status).toBe('processing');
    await hears(
      [
        'payment_intent.created',
        'payment_intent.processing',
        'charge.succeeded',
        'payment_intent.succeeded',
        'charge.updated',
      ],
      processed.json.id,
    );
    expect(await statusOf(processed.json.id)).toBe('succeeded');
  });

  it('of a decision that overtakes another tell both, in their order', async () => {
    await bank.operate('delay', { callbackMs: 500 });
    const { json } = await pay('4000000000000002');
    const id = json.error.payment_intent!.id;
    await bank.post(`/v1/payment_intents/${id}/cancel`, {});
    await hears(
      ['payment_intent.created', 'charge.failed', 'payment_intent.payment_failed', 'payment_intent.canceled'],
      id,
    );
    const asked = await pay('4000002760003184', { return_url: RETURN_URL });
    await bank.choose(pageOf(asked), 'approve');
    await hears(
      [
        'payment_intent.created',
        'payment_intent.requires_action',
        'charge.succeeded',
        'payment_intent.succeeded',
        'charge.updated',
      ],
      asked.json.id,
    );
  });

  it('are the events of the list, with the same ids, also after a restart', async () => {
    await bank.moveApart();
    const paid = await pay();
    await hears(
      ['payment_intent.created', 'charge.succeeded', 'payment_intent.succeeded', 'charge.updated'],
      paid.json.id,
    );
    await bank.killAndRestart();
    const listed = (await bank.get('/v1/events?limit=100')).json.data;
    // Which were heard may not have been noted in time: then they come again, with the same ids.
    const heard = [...new Set(bank.heard.map(({ event }) => event.id))];
    expect(listed.map(({ id }) => id)).toEqual(heard.toReversed());
    const one = await bank.get(`/v1/events/${listed[1]!.id}`);
    expect(one.json.type).toBe('payment_intent.succeeded');
    const typed = await bank.get('/v1/events?types[]=charge.updated&types[]=charge.succeeded');
    expect(typed.json.data.map(({ type }) => type)).toEqual(['charge.updated', 'charge.succeeded']);
  });
});

describe('terms of the account', () => {
  eachItsBank();

  it('sign with both secrets while one is rolled, and let no card number through', async () => {
    await bank.stop();
    bank = await StripeBank.start({ rawCardData: false, previousWebhookSecret: 'whsec_old' });
    const refused = await pay();
    expect([refused.status, refused.json.error.message]).toEqual([
      400,
      expect.stringContaining('generally unsafe'),
    ]);
    const token = { payment_method: 'pm_card_visa', 'payment_method_types[]': 'card', confirm: true };
    const paid = await create({ amount: 1050, currency: 'inr', ...token });
    await vi.waitFor(() => expect(bank.typesAbout(paid.json.id)).toHaveLength(4), { timeout: 10_000 });
    for (const { body, signature } of bank.heard) {
      const t = /^t=(\d+)/.exec(signature)![1];
      const [now, old] = [WEBHOOK_SECRET, 'whsec_old'].map((secret) => hmacHex(secret, `${t}.${body}`));
      expect(signature).toBe(`t=${t},v1=${now},v1=${old}`);
    }
    bank.heard.length = 0;
    await bank.operate('faults', { step: 'callback', fault: 'forge' });
    await create({ amount: 1050, currency: 'inr', ...token });
    await vi.waitFor(() => expect(bank.heard).toHaveLength(7), { timeout: 10_000 });
    const forged = bank.heard.filter(({ event }) => event.id.endsWith('_forge'));
    expect(forged).toHaveLength(3);
    for (const { body, signature } of forged) {
      const t = /^t=(\d+)/.exec(signature)![1];
      for (const secret of [WEBHOOK_SECRET, 'whsec_old']) {
        expect(signature).not.toContain(hmacHex(secret, `${t}.${body}`));
      }
    }
  });
});

describe('a restart', () => {
  eachItsBank();

  it('changes nothing of an intent that is asked, held, cancelled or not tried', async () => {
    await bank.moveApart();
    const made = { amount: 1050, currency: 'inr', 'payment_method_types[]': 'card' };
    const ids = [
      (await pay('4000002760003184', { return_url: RETURN_URL })).json.id,
      (await pay('4242424242424242', { capture_method: 'manual' })).json.id,
      (await create(made)).json.id,
      (await create(made)).json.id,
    ];
    await bank.post(`/v1/payment_intents/${ids[3]}/cancel`, {});
    const shown = async () => {
      const all = await Promise.all(ids.map((id) => retrieve(id)));
      return all.map(({ text }) => text.replaceAll(bank.url, ''));
    };
    const before = await shown();
    await bank.killAndRestart();
    expect(await shown()).toEqual(before);
    const captured = await bank.post(`/v1/payment_intents/${ids[1]}/capture`, {});
    expect(captured.json.status).toBe('succeeded');
    await bank.choose(pageOf(await retrieve(ids[0]!)), 'approve');
    expect(await statusOf(ids[0]!)).toBe('succeeded');
  });
});

describe('lists', () => {
  eachItsBank();

  it('are cut newest first, forwards and backwards, and refuse a cursor that is none', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 4; index++) ids.unshift((await pay()).json.id);
    const list = async (query: string) => (await bank.get(`/v1/payment_intents?${query}`)).json;
    const idsOf = (json: { data: readonly Record<string, unknown>[] }) => json.data.map(({ id }) => id);
    const first = await list('limit=3');
    expect([idsOf(first), first.has_more]).toEqual([ids.slice(0, 3), true]);
    const second = await list(`limit=3&starting_after=${ids[2]}`);
    expect([idsOf(second), second.has_more]).toEqual([ids.slice(3), false]);
    expect(idsOf(await list(`limit=2&ending_before=${ids[3]}`))).toEqual(ids.slice(1, 3));
    expect((await list('starting_after=pi_none')).error.code).toBe('resource_missing');
    expect((await list('limit=101')).error.param).toBe('limit');
    expect((await list('created[after]=1')).error).toMatchObject({
      code: 'parameter_unknown',
      param: 'created[after]',
    });
    const now = Math.floor(Date.now() / 1000);
    expect(idsOf(await list(`created[gte]=${now - 60}&created[lte]=${now + 60}`))).toEqual(ids);
    expect(idsOf(await list(`created[gte]=${now + 60}`))).toEqual([]);
  });
});
