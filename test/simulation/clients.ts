/**
 * Clients: merchants that want an intent and ask until they have one, shoppers who pay stubbornly, and readers who look
 * at a payment again and again. They know what they were told and nothing else.
 *
 * @module
 */

import { hash } from 'node:crypto';
import type { PayRequest } from '../../src/checkout/pay.ts';
import { type IntentId, makeId, parseIntentId, shardOfMerchant, showIntentId } from '../../src/domain/ids.ts';
import { OUTCOMES, type OutcomeCode } from '../../src/domain/outcomes.ts';
import { intentStatus, type Payment } from '../../src/domain/payment-intent.ts';
import { isFinal } from '../../src/domain/transaction.ts';
import type { Reader } from './checker.ts';
import { POISON } from './database.ts';
import type { Gateway } from './gateway.ts';
import type { World } from './world.ts';

const CREATE_ENDPOINT = 'POST /v1/payment/intent';
const PAY_ENDPOINT = 'POST /v1/payment/process';
const CREATE_TRIES = 6;
/** Cards a shopper has, and times one is tried when the gateway says it cannot now. */
const CARDS_MAX = 5;
const PAY_TRIES = 4;
const LOOKS_MAX = 8;
const IMPATIENT_CLICKS = 10;
/** After these there is nothing left to click for. */
const OVER: ReadonlySet<OutcomeCode> = new Set<OutcomeCode>(['intent_already_paid', 'intent_closed']);
/** The published test card: what becomes of a charge is the bank's to draw, not the card's. */
const TEST_CARD = '4111111111111111';
const EXPIRY_YEAR = 2030;

/** One order from its intent to its end, as far as clients follow it. */
export async function order(world: World, number: number): Promise<void> {
  world.clients++;
  const { random } = world;
  const merchantId = `merchant_${Math.floor(random() * world.layout.merchants)}`;
  const intentId = await createIntent(world, merchantId, number);
  if (intentId !== null) {
    const reading = random() < 0.5 ? follow(world, intentId) : null;
    const impatient = random() < world.layout.impatience ? clickOn(world, merchantId, intentId) : null;
    if (random() >= 0.05) await pay(world, merchantId, intentId);
    await impatient;
    await reading;
  }
  world.clients--;
}

/** Asks until the intent is there; null when the merchant gives up. */
async function createIntent(world: World, merchantId: string, number: number): Promise<IntentId | null> {
  const { random, checker, trace, layout } = world;
  // Several orders share a key now and then: the same body is a retry, another body a mistake.
  const keyed = random() < 0.4;
  const twin = keyed && random() < 0.1 ? Math.ceil(random() * number) : number;
  const bodyOf = twin !== number && random() < 0.5 ? number : twin;
  const orderId = `${world.happens(world.faults.poisonedRows) ? POISON : 'order'}_${bodyOf}`;
  const key = keyed ? `key_${twin}` : null;
  const amount = 100 + (bodyOf % 900);
  const bodyHash = hash('sha256', `${orderId} ${amount}`, 'hex');
  const shard = shardOfMerchant(merchantId);
  for (let tries = 1; tries <= CREATE_TRIES; tries++) {
    const called = await someGateway(world).createIntent((now) => {
      const paymentIntentId = makeId(now, shard, world.randomBytes(8));
      const intent = {
        paymentIntentId,
        merchantId,
        customerId: null,
        orderId,
        amount,
        currency: 'INR',
        status: 'PENDING' as const,
        metadata: null,
        createdAt: now,
        updatedAt: now,
      };
      return {
        intent,
        answer: JSON.stringify({ paymentIntentId: showIntentId(paymentIntentId) }),
        key: key === null ? null : { merchantId, endpoint: CREATE_ENDPOINT, key, bodyHash },
        now,
      };
    });
    if (called.kind === 'answered' && called.answer.ok) {
      const { paymentIntentId } = JSON.parse(called.answer.body) as { paymentIntentId: string };
      const intentId = parseIntentId(paymentIntentId)!;
      trace.note('intent answered', intentId, called.answer.replayed ? 'replayed' : '');
      const order = { orderId, amount, currency: 'INR' };
      checker.intentAcknowledged(
        intentId,
        order,
        key === null ? null : `${merchantId} ${CREATE_ENDPOINT} ${key}`,
      );
      return intentId;
    }
    if (called.kind === 'answered' && !called.answer.ok && !isEngine(called.answer.code)) return null;
    await world.sleep(
      Math.min(100 * 4 ** tries, 20_000) * (0.5 + random()) * (layout.gateways === 1 ? 2 : 1),
    );
  }
  return null;
}

/** Tries card after card until the payment is paid, closed or out of cards. */
async function pay(world: World, merchantId: string, intentId: IntentId): Promise<void> {
  const { random } = world;
  if (world.layout.day && random() < 0.1) await world.sleep(24 * 60 * 60 * 1000 - 2000 + random() * 4000);
  else await world.sleep(random() * 500);
  for (let card = 1; card <= CARDS_MAX; card++) {
    const clicks = random() < world.layout.impatience ? 2 : 1;
    const sameCard = random() < 0.5;
    const key = random() < 0.2 ? `pay_${intentId}_${card}` : null;
    const paid = Array.from({ length: clicks }, (_, click) =>
      payOnce(world, merchantId, intentId, sameCard ? card : card * 10 + click, key),
    );
    await Promise.all(paid);
    if ((await settled(world, intentId)) !== 'free') return;
  }
}

/** Another window of the same shopper: clicks again and again without looking. */
async function clickOn(world: World, merchantId: string, intentId: IntentId): Promise<void> {
  for (let click = 1; click <= IMPATIENT_CLICKS; click++) {
    await world.sleep(world.random() * 400);
    const refused = await payOnce(world, merchantId, intentId, 100 + click, null);
    if (refused !== null && OVER.has(refused)) return;
  }
}

/** One click: sent again while nobody answers or the gateway says that it cannot now. Resolves with why it was refused. */
async function payOnce(
  world: World,
  merchantId: string,
  intentId: IntentId,
  card: number,
  key: string | null,
): Promise<OutcomeCode | null> {
  const { checker, trace, random } = world;
  const byUpi = random() < 0.15;
  const request = (): PayRequest => ({
    intentId,
    merchantId,
    method: byUpi ? { kind: 'upi' } : cardOf(card),
    claimedAmount: null,
    claimedCurrency: null,
    browser: { address: null, userAgent: null },
    successUrl: null,
    cancelUrl: null,
    sessionExpiresAt: null,
    idempotency: key === null ? null : { endpoint: PAY_ENDPOINT, key },
  });
  for (let tries = 1; tries <= PAY_TRIES; tries++) {
    const called = await someGateway(world).pay(request);
    if (called.kind === 'answered') {
      const { answer } = called;
      if (answer.ok) {
        trace.note('pay answered', answer.transactionId, answer.replayed === null ? '' : 'replayed');
        checker.attemptAcknowledged(answer.transactionId, key === null ? null : `${merchantId} ${key}`);
        return null;
      }
      trace.note('pay refused', intentId, answer.refusal.code);
      if (!isEngine(answer.refusal.code)) return answer.refusal.code;
    }
    await world.sleep(200 * 3 ** tries * (0.5 + random()));
  }
  return null;
}

function cardOf(card: number): PayRequest['method'] {
  return {
    kind: 'card',
    card: {
      pan: Buffer.from(TEST_CARD),
      cvv: Buffer.from('123'),
      expiryMonth: 12,
      expiryYear: EXPIRY_YEAR,
      cardholderName: Buffer.from(`Card ${card}`),
    },
  };
}

/** Looks until the latest attempt is over; `free` when another card may be tried. */
async function settled(world: World, intentId: IntentId): Promise<'free' | 'over' | 'unknown'> {
  let waitMs = 50 + world.random() * 200;
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    await world.sleep(waitMs);
    waitMs = Math.min(waitMs * 3, 60_000);
    const payment = await look(world, someGateway(world), intentId);
    if (payment === null) continue;
    if (payment.intent.status !== 'PENDING') return 'over';
    if (intentStatus(payment) === 'PENDING') return 'free';
  }
  return 'unknown';
}

/** A merchant that looks at one payment, each time after the time before, until it is over. */
async function follow(world: World, intentId: IntentId): Promise<void> {
  const reader: Reader = { intent: null, attempts: new Map() };
  let waitMs = world.random() * 200;
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    await world.sleep(waitMs);
    waitMs = Math.min(20 + waitMs * 3, 120_000);
    const payment = await look(world, someGateway(world), intentId);
    if (payment === null) continue;
    world.checker.read(reader, intentId, payment);
    // Once more after the end: a late success may follow.
    if (payment.attempts.length > 0 && payment.attempts.every(({ status }) => isFinal(status))) looks += 3;
  }
}

/** The payment as a gateway shows it; null when it could not be read. */
async function look(world: World, gateway: Gateway, intentId: IntentId): Promise<Payment | null> {
  const called = await gateway.find(intentId);
  if (called.kind === 'unknown') return null;
  const { answer } = called;
  if (answer.type === 'payment-found') return answer.payment;
  if (answer.type === 'refused' && answer.refusal.code === 'payment_not_found' && gateway.trueMap) {
    world.checker.read({ intent: null, attempts: new Map() }, intentId, null);
  }
  return null;
}

function someGateway(world: World): Gateway {
  return world.gateways[Math.floor(world.random() * world.gateways.length)]!;
}

function isEngine(code: OutcomeCode): boolean {
  return OUTCOMES[code][0] >= 500 || code === 'idempotency_key_in_flight';
}
