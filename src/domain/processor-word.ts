/**
 * Processor word: what was said of a charge, in our words, whoever said it: a processor in its answer, a callback or a reply to a query,
 * the sender, recovery, an operator, a processor's settlement report.
 *
 * @module
 */

/** `SANDBOX_B` is a second bank in a box, so that a fallback has somewhere to go. */
export type ProcessorName = 'RAZORPAY' | 'PAYU' | 'STRIPE' | 'SANDBOX' | 'SANDBOX_B';
/** How the shopper paid (requirements 5.1): for a card null until its processor has said which kind it is. */
export type PaymentMethodType = 'CREDIT_CARD' | 'DEBIT_CARD' | 'UPI';

/** A processor and the account there. */
export interface ProcessorPlace {
  processor: ProcessorName;
  processorAccount: string;
}

/** What the shopper must do before the processor goes on. */
export type NextAction =
  /** Go to a page of the bank (3-D Secure) and come back to our return address. */
  | { kind: 'redirect'; url: string; expiresAt: number | null }
  /** Post these fields to a page of the bank (3-D Secure) and come back to our return address. */
  | { kind: 'form'; url: string; fields: Readonly<Record<string, string>>; expiresAt: number | null }
  /** Type the one-time password the bank has sent, here; the processor is told it at these addresses of its own. */
  | { kind: 'otp'; submitUrl: string; resendUrl: string | null; expiresAt: number | null }
  /** Open a UPI app by its link, or scan the link as a QR code. `simulatorUrl`: a stand-in for the app, of test banks only. */
  | { kind: 'upi'; link: string; expiresAt: number | null; simulatorUrl: string | null };

/**
 * Who brought a word: the answer to the charge, a callback, a query of recovery, a query because the shopper came back from the
 * bank's page, recovery's own proof, an operator, reconciliation out of a settlement report. The last is the only one that takes a
 * success back, and its `detail` names the report and the row: the same row is heard once.
 */
export type WordSource = 'answer' | 'callback' | 'query' | 'return' | 'recovery' | 'operator' | 'settlement';

/**
 * What was said of a charge:
 * - `charged`, `declined`: final words of the processor
 * - `accepted`: it has the charge and works on it
 * - `action_required`: the shopper must act (3-D Secure)
 * - `not_sent`: the sender's proof that no byte of the charge left
 * - `unknown`: sent, and no word came back
 * - `never_arrived`: recovery's proof that the processor does not know the reference long after it could be sent
 * - `not_found`, `no_answer`: what a single query came back with; noted as evidence, moves nothing
 */
export type Said =
  | 'charged'
  | 'declined'
  | 'accepted'
  | 'action_required'
  | 'not_sent'
  | 'unknown'
  | 'never_arrived'
  | 'not_found'
  | 'no_answer';

export interface ProcessorWord {
  source: WordSource;
  said: Said;
  /** Null when the source does not know of legs (a callback). */
  leg: number | null;
  processor: ProcessorName;
  /** Null when the source does not name it. */
  processorAccount: string | null;
  processorTxnId: string | null;
  /** Null when the source does not name it; else it must be the attempt's. */
  amount: number | null;
  currency: string | null;
  failureCode: string | null;
  /** Declined with a code the connector lists as "this reference can never be charged". */
  referenceClosed: boolean;
  /** Declined with a code the connector lists as final here and not the issuer's: another processor may be asked. */
  elsewhere: boolean;
  /** With `action_required`. */
  nextAction: NextAction | null;
  /** Null when the source does not name it. */
  paymentMethodType: PaymentMethodType | null;
  at: number;
  detail: string;
}

/** A leg at its processor. */
export type LegPlace = ProcessorPlace & { leg: number };

/** A word that no processor said: what one of ours concludes of a leg. It names no more than the leg, and what is said beside. */
export function ownWord(
  { processor, processorAccount, leg }: LegPlace,
  said: Pick<ProcessorWord, 'source' | 'said' | 'at' | 'detail'> &
    Partial<Pick<ProcessorWord, 'failureCode' | 'referenceClosed' | 'elsewhere'>>,
): ProcessorWord {
  return {
    source: said.source,
    said: said.said,
    leg,
    processor,
    processorAccount,
    processorTxnId: null,
    amount: null,
    currency: null,
    failureCode: said.failureCode ?? null,
    referenceClosed: said.referenceClosed ?? false,
    elsewhere: said.elsewhere ?? false,
    nextAction: null,
    paymentMethodType: null,
    at: said.at,
    detail: said.detail.slice(0, DETAIL_LENGTH_MAX),
  };
}

const DETAIL_LENGTH_MAX = 200;

/**
 * A word that the sender itself has about a charge. `declined` is a refusal before anything was begun: nobody else sends this
 * reference, so it can never be charged, and what one processor finds wrong another may not.
 */
export function senderWord(
  place: LegPlace,
  said: 'not_sent' | 'unknown' | 'declined',
  more: Pick<ProcessorWord, 'failureCode' | 'detail' | 'at'>,
): ProcessorWord {
  const refused = said === 'declined';
  return ownWord(place, { ...more, source: 'answer', said, referenceClosed: refused, elsewhere: refused });
}
