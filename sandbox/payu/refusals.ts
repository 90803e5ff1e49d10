/**
 * Refusals: what PayU answers to a request it does not take up. Nothing is booked by one.
 * @module
 */
import { type Answer, jsonOf } from '../answers.ts';

/** Why a payment request is not taken up. */
export interface PayuRefusal {
  readonly ok: false;
  /** `E700` a wrong hash, `E504` a known txnid, `E305`, `E313`, `E323` and `E902` the card, `EX158` anything else. */
  readonly error: string;
  readonly message: string;
}

export function refuse(error: string, message: string): PayuRefusal {
  return { ok: false, error, message };
}

/** A refused payment request. PayU says so with HTTP 200 (assumed: the reference calls it unverified). */
export function refusalOf({ error, message }: Omit<PayuRefusal, 'ok'>, status = 200): Answer {
  return jsonOf(status, { result: null, status: 'failed', error, message });
}

/** A refused command. */
export function commandRefusalOf(msg: string, status = 200): Answer {
  return jsonOf(status, { status: 0, msg });
}
