/**
 * How plain decides: by the card. Pure.
 * @module
 */
import type { Charge } from '../book.ts';
import type { Choice, Decision, Order } from '../dialect.ts';
import { behaviourOf } from './cards.ts';

/**
 * Decides an order at the moment `now` (ms). UPI and some cards ask the shopper first. A card past its last month is declined
 * as `expired_card`, one that would have to ask but cannot lead the shopper back as `authentication_unavailable`. How the
 * answer leaves is the card's own, whatever is decided.
 */
export function decide({ method, returnUrl }: Order, now: number): Decision {
  if (method.type === 'upi') return ASKED;
  const behaviour = behaviourOf(method.number);
  const { answer } = behaviour;
  if (now >= Date.UTC(method.expiryYear, method.expiryMonth)) return { ...decline('expired_card'), answer };
  if (behaviour.asks) return returnUrl === undefined ? decline('authentication_unavailable') : ASKED;
  return behaviour;
}

/** Decides a charge that waited for the shopper. What an approval leads to is the card's own. */
export function decideAsked({ method, bin }: Pick<Charge, 'method' | 'bin'>, choice: Choice): Decision {
  if (choice === 'insufficient_funds') return decline('insufficient_funds');
  if (choice === 'expire') return decline(method === 'upi' ? 'upi_expired' : 'authentication_expired');
  if (choice !== 'approve') return decline(method === 'upi' ? 'payment_declined' : 'authentication_failed');
  return method === 'upi' ? PAID : behaviourOf(bin);
}

const ASKED: Decision = { status: 'requires_action', callback: false, settles: false };
const PAID: Decision = { status: 'succeeded', callback: true, settles: false };

function decline(declineCode: string): Decision {
  return { status: 'declined', declineCode, callback: true, settles: false };
}
