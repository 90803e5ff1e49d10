/**
 * Letters: callbacks as they leave the bank, true ones and those of the faults.
 *
 * @module
 */
import { createHmac } from 'node:crypto';
import { showCharge } from './bank.ts';
import { type Charge, eventIdOf } from './book.ts';
import type { FaultKind } from './faults.ts';

/** What is posted, what is signed in its name, and with which secret. */
export interface Letter {
  readonly body: string;
  readonly signed: string;
  readonly secret: string;
}

/** The true word on a charge. */
export function trueLetter(charge: Charge, secret: string): Letter {
  return letterOf(charge, eventIdOf(charge), secret);
}

/** A true word, but an old one: the charge when it was still being processed. */
export function olderLetter(charge: Charge, secret: string): Letter {
  const before: Charge = { ...charge, status: 'processing' };
  return letterOf(before, eventIdOf(before), secret);
}

/**
 * What must not be believed, or undefined when the fault forges nothing. Each forgery says the opposite of what is so and
 * has an event id of its own, so that one that is believed leaves a payment whose status its charge contradicts.
 */
export function forgedLetter(fault: FaultKind, charge: Charge, secret: string): Letter | undefined {
  const eventId = `${eventIdOf(charge)}_${fault}`;
  const lie: Charge = { ...charge, status: charge.status === 'succeeded' ? 'declined' : 'succeeded' };
  switch (fault) {
    // By somebody with another secret.
    case 'forge':
      return letterOf(lie, eventId, `${secret}-forged`);
    // Changed on the way: the signature is that of the true body.
    case 'forgeSignature':
      return { ...letterOf(lie, eventId, secret), signed: trueLetter(charge, secret).body };
    // By another merchant of the bank, for whom the account's secret was taken.
    case 'forgeAccount':
      return letterOf({ ...lie, account: `${charge.account}_other` }, eventId, secret);
    // By the bank itself, wrongly.
    case 'forgeAmount':
      return letterOf({ ...lie, amount: charge.amount + 1 }, eventId, secret);
    default:
      return undefined;
  }
}

/** The signature of a callback: hex HMAC-SHA256 of `timestamp + "." + body` (timestamp in Unix seconds). */
export function sign(webhookSecret: string, timestamp: string, body: string): string {
  return createHmac('sha256', webhookSecret).update(`${timestamp}.${body}`).digest('hex');
}

function letterOf(charge: Charge, eventId: string, secret: string): Letter {
  const body = JSON.stringify({
    event_id: eventId,
    type: `charge.${charge.status}`,
    created: charge.decidedAt,
    // No callback is about a charge that asks the shopper, so none leads to a page of the bank.
    data: showCharge(charge, ''),
  });
  return { body, signed: body, secret };
}
