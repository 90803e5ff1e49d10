/**
 * References: the names under which Sluice charges the attempts of a payment at the bank.
 *
 * They are its transaction ids, which differ from the intent's id in the prefix and in the last hex digit, the number of the attempt.
 * A merchant has no use for that. The shop's counter has: it arms faults before there is an attempt, and looks into the bank's book.
 * @module
 */

/** As many cards as one intent takes. */
const ATTEMPTS_MAX = 5;

/** What the ids of an intent and of its transactions share. */
export function stemOf(id: string): string {
  return id.slice(id.indexOf('_') + 1, -1);
}

/** The reference of an attempt. */
export function referenceOf(paymentIntentId: string, attempt: number): string {
  return `txn_${stemOf(paymentIntentId)}${attempt}`;
}

/** The references of all attempts there can be. */
export function referencesOf(paymentIntentId: string): string[] {
  return Array.from({ length: ATTEMPTS_MAX }, (_, index) => referenceOf(paymentIntentId, index + 1));
}
