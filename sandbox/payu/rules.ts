/**
 * How PayU decides: by the card, or by what the shopper did. Pure.
 * @module
 */
import type { Charge } from '../book.ts';
import type { Choice, Decision, Order } from '../dialect.ts';
import { behaviourOf, behaviourOfBin } from './cards.ts';
import { CAPTURED, failure, SETTLING } from './standings.ts';

/** The one-time password of PayU's test environment. */
export const RIGHT_OTP = '123456';

const ON_THE_PAGE: Decision = { status: 'requires_action', word: 'in progress', callback: false };
const IN_THE_APP: Decision = { status: 'requires_action', word: 'initiated', callback: false };

/**
 * Decides an order at the moment `now` (ms). UPI asks the shopper, but for a collect request to `…@payu`, which is paid as PayU's
 * test environment pays it. A card past its last month fails as E311.
 */
export function decide({ method, facts }: Order, now: number): Decision {
  if (method.type === 'upi') return method.vpa?.endsWith('@payu') === true ? SETTLING : IN_THE_APP;
  const { asks, decision, additionalCharges } = behaviourOf(method.number);
  const { answer = 'plain' } = decision;
  if (now >= Date.UTC(method.expiryYear, method.expiryMonth)) return { ...failure('E311'), answer };
  const decided = asks ? { ...ON_THE_PAGE, answer } : decision;
  return additionalCharges === undefined ? decided : { ...decided, facts: { ...facts, additionalCharges } };
}

/** Decides a payment that waited for the shopper. What an approval leads to is the card's own. */
export function decideAsked({ method, bin }: Pick<Charge, 'method' | 'bin'>, choice: Choice): Decision {
  switch (choice) {
    case 'approve':
      return method === 'upi' ? CAPTURED : behaviourOfBin(bin).decision;
    case 'insufficient_funds':
      return failure('E706');
    case 'wrong_otp':
      return failure('E300');
    case 'decline':
      return failure('E303', 'userCancelled');
    case 'expire':
      return failure('E1206', method === 'upi' ? 'dropped' : 'bounced');
  }
}

/** Decides a payment that was dropped when its bank has found its tongue. */
export function decideLater({ bin }: Pick<Charge, 'bin'>): Decision {
  const { later } = behaviourOfBin(bin);
  if (later === undefined) throw new Error(`a card of ${bin} does not change by itself`);
  return later;
}
