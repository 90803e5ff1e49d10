/**
 * How Stripe decides: by the card, by what the request allows, by what the shopper does. Pure.
 *
 * A decline stays open, for an intent whose attempt failed can still be cancelled; nothing else is decided about it.
 * @module
 */
import type { Charge } from '../book.ts';
import type { Choice, Decision, Order } from '../dialect.ts';
import { stripeCardOf } from './cards.ts';
import { type AttemptFacts, factsOf } from './intents.ts';

/** How long a card's authorisation is held for a capture. Source: processors.md 3b. */
export const HELD_FOR_MS = 7 * 86_400_000;

/** Decides an attempt. */
export function decide(order: Order): Decision {
  const { method } = order;
  const answer = method.type === 'card' ? stripeCardOf(method.number).answer : 'plain';
  return { ...decideAttempt(factsOf(order)), answer };
}

/** Decides an attempt that waited for the shopper. */
export function decideAsked(charge: Charge, choice: Choice): Decision {
  const facts = laterFacts(charge);
  const decision = choice === 'approve' ? outcomeOf(facts) : declined(declineOf(charge, choice));
  return { facts, ...decision };
}

/** What is held too long is let go. */
export function decideLater(charge: Charge): Decision {
  return cancellation(charge, 'automatic');
}

/** Cancels an attempt; why it failed before, if it did, is not forgotten. */
export function cancellation(charge: Charge, reason: string | null): Decision {
  return {
    status: 'declined',
    word: 'canceled',
    ...(charge.declineCode === undefined ? {} : { declineCode: charge.declineCode }),
    callback: true,
    facts: { ...laterFacts(charge), cancellationReason: reason },
  };
}

/** An attempt of an intent that takes none any more: what comes too late takes no money. */
export const TOO_LATE: Decision = { status: 'declined', word: 'canceled', callback: false };

/** Captures what is held, in minor units. */
export function capture(
  charge: Charge,
  amount: number,
  metadata: Readonly<Record<string, string>>,
): Decision {
  const facts = laterFacts(charge);
  const intent = { ...facts.intent, metadata: { ...facts.intent.metadata, ...metadata } };
  return { status: 'succeeded', callback: true, facts: { ...facts, intent, captured: amount } };
}

/** The facts for another decision. */
function laterFacts(charge: Charge): AttemptFacts {
  return { ...factsOf(charge), untold: charge.callback === 'due' };
}

function declineOf({ method }: Charge, choice: Choice): string {
  if (choice === 'insufficient_funds') return choice;
  if (method === 'upi') return choice === 'expire' ? 'upi_expired' : 'payment_declined';
  return choice === 'expire' ? 'authentication_expired' : 'authentication_failed';
}

function decideAttempt(facts: AttemptFacts): Decision {
  if (!facts.authenticates) return outcomeOf(facts);
  if (facts.offSession) return declined('authentication_required');
  if (facts.errorOnRequiresAction) return declined('authentication_not_handled');
  return { status: 'requires_action', callback: facts.callsBack };
}

function outcomeOf(facts: AttemptFacts): Decision {
  const { outcome, settles, callsBack: callback, intent } = facts;
  if (outcome === 'processing') return { status: 'processing', settles, callback };
  if (outcome !== 'succeeded') return declined(outcome);
  if (intent.captureMethod !== 'manual') return { status: 'succeeded', callback };
  return {
    status: 'processing',
    word: 'requires_capture',
    callback,
    changesMs: HELD_FOR_MS,
    facts: { ...facts, authorized: true },
  };
}

function declined(declineCode: string): Decision {
  return { status: 'declined', declineCode, callback: true, open: true };
}
