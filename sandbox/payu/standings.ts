/**
 * How a payment stands in PayU's words: `status`, `unmappedstatus`, the error and the marks of the stage it came to.
 *
 * A decline code of the book is PayU's error code. The core's words say the rest, and the dialect's `word` is PayU's
 * `unmappedstatus` where it is not the usual one of the status.
 * @module
 */
import type { Charge } from '../book.ts';
import type { Decision } from '../dialect.ts';

export interface Standing {
  readonly status: 'success' | 'failure' | 'pending';
  readonly unmappedstatus: string;
  /** `E000` for none; empty while it is pending. */
  readonly error: string;
  readonly errorMessage: string;
  /** `field7`: how far it came. */
  readonly stage: string;
  /** `field9`: why, in words. */
  readonly reason: string;
}

type FailureWord = 'failed' | 'userCancelled' | 'bounced' | 'dropped' | 'autoRefund';

/** How long after it was dropped a payment may still change, ms. Real ones take minutes to days. */
export const LATE_MS = 3000;

export const CAPTURED: Decision = { status: 'succeeded', callback: true };
export const PENDING: Decision = { status: 'processing', callback: false };
/** Pending, then captured when its callback is due. */
export const SETTLING: Decision = { status: 'processing', callback: true, settles: true };

/** A failure, which PayU calls back about. @param error PayU's code */
export function failure(error: string, word: FailureWord = 'failed'): Decision {
  return {
    status: 'declined',
    declineCode: error,
    callback: true,
    ...(word === 'failed' ? {} : { word }),
  };
}

/** A decision that is not the last: another one follows after so many ms. */
export function after(changesMs: number, decision: Decision): Decision {
  return { ...decision, changesMs };
}

/** Error codes this bank says: the message and the stage mark. Source: 2b of the reference; the sentences are this bank's own. */
const ERRORS: Readonly<Record<string, readonly [message: string, stage: string]>> = {
  E209: ['No response from bank', 'TXNNEGATIVE'],
  E300: ['Authentication failed', 'AUCNEGATIVE'],
  E303: ['Authentication cancelled', 'AUCNEGATIVE'],
  E307: ['Declined for risk', 'AUTHNEGATIVE'],
  E311: ['Card expired', 'AUTHNEGATIVE'],
  E312: ['Declined by the issuing bank', 'AUTHNEGATIVE'],
  E500: ['Technical failure at bank', 'TXNNEGATIVE'],
  E706: ['Insufficient funds', 'AUTHNEGATIVE'],
  E1206: ['Transaction interrupted', 'TXNNEGATIVE'],
};
/** Of a failure that has no code: only a forgery has none. */
const NO_CODE = 'E312';

/** How the charge stands. */
export function standingOf({ status, word, declineCode }: Charge): Standing {
  if (status === 'succeeded') {
    return {
      status: 'success',
      unmappedstatus: word ?? 'captured',
      error: 'E000',
      errorMessage: 'No Error',
      stage: 'AUTHPOSITIVE',
      reason: 'Transaction is Successful',
    };
  }
  if (status === 'declined') {
    const error = declineCode ?? NO_CODE;
    const [errorMessage = error, stage = 'TXNNEGATIVE'] = ERRORS[error] ?? [];
    return {
      status: 'failure',
      unmappedstatus: word ?? 'failed',
      error,
      errorMessage,
      stage,
      reason: errorMessage,
    };
  }
  const unmappedstatus = word ?? (status === 'processing' ? 'pending' : 'initiated');
  return { status: 'pending', unmappedstatus, error: '', errorMessage: '', stage: '', reason: 'Pending' };
}
