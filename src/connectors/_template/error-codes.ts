/**
 * Error codes of the processor, each with what it allows.
 *
 * Fill in: every code its documents list, and none that they do not. Ask of each: can this reference still be charged? If it may: it is
 * ambiguous. If it cannot: is another try of the shopper's in order (closed), is the trouble the processor's own (elsewhere), or neither
 * (final)? A code that is not listed is ambiguous, unless the documents make every failure definite.
 *
 * @module
 */

/** What may follow; the words are those of the contract suite. */
export type Meaning = 'closed' | 'elsewhere' | 'final' | 'ambiguous';

export const DECLINES: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['insufficient_funds', 'closed'],
  ['acquirer_unavailable', 'elsewhere'],
  ['account_closed', 'final'],
  ['bank_timeout', 'ambiguous'],
]);

/** Refusals by which the processor says that it has not even begun: nothing is booked for this request. */
export const REFUSALS: ReadonlySet<string> = new Set(['unauthorized', 'invalid_request']);
