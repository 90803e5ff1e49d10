/**
 * How a payment is decided: by its card, its order's capture policy, and whether the order has its money already. Pure.
 *
 * @module
 */
import type { Charge } from '../book.ts';
import type { Choice, Decision, OrderedCard } from '../dialect.ts';
import { factsOf, type PaymentFacts, statusOf } from './payments.ts';
import type { Reason } from './reasons.ts';
import { behaviourOf } from './test-cards.ts';

/** After how long the bank's late answer comes, and after how long what came too late is given back. */
export const LATE_MS = 2000;
/** After how long a payment that is only slow has its money. */
export const SLOW_MS = 1000;
/** How many one-time passwords may be wrong. */
export const OTP_TRIES_MAX = 3;

const MINUTE_MS = 60_000;
const ASKED: Decision = { status: 'requires_action', callback: false };
const SILENT: Decision = { status: 'processing', callback: false };

/**
 * Decides a new payment.
 * @param taken whether another payment of its order has the money, or holds it
 */
export function decide(
  method: OrderedCard | { readonly type: 'upi' },
  facts: PaymentFacts,
  taken: boolean,
  now: number,
): Decision {
  const { answer } = method.type === 'card' ? behaviourOf(method.number) : { answer: 'plain' as const };
  if (taken) return { ...fail('order_already_paid', facts), answer };
  if (method.type === 'card' && now >= Date.UTC(method.expiryYear, method.expiryMonth))
    return { ...fail('card_expired', facts), answer };
  if (facts.asks !== 'nothing') return ASKED;
  return { ...outcomeOf(facts), answer };
}

/** Decides a payment that waited for the shopper. */
export function decideAsked(charge: Charge, choice: Choice, taken: boolean): Decision {
  const facts = factsOf(charge);
  switch (choice) {
    case 'expire':
      return fail('payment_timed_out', facts);
    case 'insufficient_funds':
      return fail('insufficient_funds', facts);
    case 'decline':
      return fail(facts.reason, facts);
    case 'wrong_otp': {
      const wrongOtps = facts.wrongOtps + 1;
      if (wrongOtps >= OTP_TRIES_MAX) return fail('otp_attempts_exceeded', facts);
      return { ...ASKED, facts: { ...facts, wrongOtps } };
    }
    case 'approve':
      return taken ? fail('order_already_paid', facts) : outcomeOf(facts);
  }
}

/** Decides what time has changed: a slow payment, a late authorisation, one that nobody captured. */
export function decideLater(charge: Charge, taken: boolean, now: number): Decision {
  const facts = factsOf(charge);
  const { webhooks } = facts;
  switch (statusOf(charge)) {
    case 'authorized':
      return { status: 'declined', word: 'refunded', callback: false };
    case 'failed':
      return taken || facts.outcome === 'too_late' ? authorise(webhooks, LATE_MS) : lateMoneyOf(charge, now);
    default:
      return taken ? fail('order_already_paid', facts) : moneyOf(facts);
  }
}

function outcomeOf(facts: PaymentFacts): Decision {
  switch (facts.outcome) {
    case 'money':
      return moneyOf(facts);
    case 'failure':
      return fail(facts.reason, facts);
    case 'silence':
      return SILENT;
    case 'money_later':
      return { ...SILENT, changesMs: SLOW_MS };
    case 'late':
    case 'too_late':
      return { ...fail('payment_timed_out', facts), changesMs: LATE_MS };
  }
}

/** Captured by the order's policy, or only authorised until somebody captures it. */
function moneyOf({ automaticMinutes, manualMinutes, webhooks }: PaymentFacts): Decision {
  if (automaticMinutes === null) return authorise(webhooks, manualMinutes * MINUTE_MS);
  return { status: 'succeeded', callback: webhooks };
}

/** Captured while the order's automatic period lasts, else only authorised while its manual one does. */
function lateMoneyOf(charge: Charge, now: number): Decision {
  const { automaticMinutes, manualMinutes, webhooks } = factsOf(charge);
  const sinceMs = now - charge.createdAt;
  if (automaticMinutes !== null && sinceMs <= automaticMinutes * MINUTE_MS)
    return { status: 'succeeded', callback: webhooks };
  return authorise(webhooks, Math.max(0, manualMinutes * MINUTE_MS - sinceMs));
}

/** @param forMs how long it waits to be captured */
function authorise(webhooks: boolean, forMs: number): Decision {
  return { status: 'processing', word: 'authorized', callback: webhooks, changesMs: forMs };
}

function fail(reason: Reason, { webhooks }: PaymentFacts): Decision {
  return { status: 'declined', declineCode: reason, callback: webhooks };
}
