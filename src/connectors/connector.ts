/**
 * Door of the processors: charge, ask, read a callback. A processor is a room of its own beside this file.
 *
 * Rule of all rooms: only an explicit success or failure is final. A timeout after the first byte, a broken
 * answer, an unknown word is `unknown` and is asked about later; `not_sent` needs proof that no byte left.
 *
 * @module
 */

import type { ProcessorCallback } from '../domain/callback.ts';
import type { TransactionId } from '../domain/ids.ts';
import type { ProcessorName, ProcessorWord } from '../domain/processor-word.ts';

/** The card of one charge, as bytes; wiped by its owner once `charge` has resolved. */
export interface ChargeCard {
  /** ASCII digits. */
  pan: Uint8Array;
  cvv: Uint8Array;
  expiryMonth: number;
  expiryYear: number;
  /** UTF-8. */
  cardholderName: Uint8Array;
}

/** Credentials of the merchant at the processor. */
export interface ChargeAccount {
  account: string;
  secretKey: string;
}

/** What is charged. */
export type ChargeMethod = { kind: 'card'; card: ChargeCard } | { kind: 'upi' };

export interface ChargeRequest {
  /** Reference and idempotency key at the processor. */
  transactionId: TransactionId;
  amount: number;
  currency: string;
  orderId: string;
  leg: number;
  account: ChargeAccount;
  /** Where the bank's page sends the shopper back to. */
  returnUrl: string;
  /** Asked once, when a connected socket is ours and nothing has been written: false when the time to send has passed. */
  mayLeave(): boolean;
}

/** Sends one charge, once. Resolves with the processor's word; never rejects and never repeats. */
export type Charge = (request: ChargeRequest, method: ChargeMethod) => Promise<ProcessorWord>;

/** Asks what became of a reference. */
export type Query = (request: {
  transactionId: TransactionId;
  leg: number;
  account: ChargeAccount;
  /** Milliseconds since 1970. */
  now: number;
}) => Promise<QueryAnswer>;

/** `found` is a word to act on; `not_found` is evidence that grows with time; `no_answer` says nothing. */
export type QueryAnswer =
  | { kind: 'found'; word: ProcessorWord }
  | { kind: 'not_found' }
  | { kind: 'no_answer'; detail: string };

/**
 * Verifies the signature over the raw body in constant time, before anything is parsed, with any of the
 * secrets (an empty secret is never right); then reads it.
 */
export type ReadCallback = (
  request: { header(name: string): string; body: Uint8Array },
  secrets: readonly string[],
  now: number,
) =>
  | { ok: true; callback: ProcessorCallback }
  | { ok: false; code: 'signature_invalid' | 'timestamp_invalid' | 'body_invalid'; detail: string };

/**
 * When this processor's "not found" is proof that a reference never arrived: so many answers in a row, each to a question asked at
 * least `proofMs` after the sender had to stop, `gapMs` apart. `never`: it forgets or lags, and a person must decide.
 */
export type NotFoundRule = { queries: number; proofMs: number; gapMs: number } | 'never';

/** What every thread may know of a processor. The charge, which needs a card, is in `charges.ts`. */
export interface Connector {
  name: ProcessorName;
  query: Query;
  readCallback: ReadCallback;
  notFound: NotFoundRule;
  /** It takes UPI by intent link and QR code. */
  upi: boolean;
}
