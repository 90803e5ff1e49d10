/**
 * Problems: what Razorpay says to a request it does not take, in its error object.
 *
 * @module
 */

import { type Answer, jsonOf } from '../answers.ts';

/** The object under `error`. Razorpay's own words where there are none are `NA`. */
export interface RazorpayError {
  readonly code: 'BAD_REQUEST_ERROR' | 'GATEWAY_ERROR' | 'SERVER_ERROR';
  readonly description: string;
  readonly field?: string;
  readonly source: string;
  readonly step: string;
  readonly reason: string;
  readonly metadata: { readonly payment_id?: string; readonly order_id?: string };
}

/** A refusal: the HTTP status and what stands under `error`. */
export interface Problem {
  readonly status: number;
  readonly error: RazorpayError;
}

/** Wrong or missing keys. */
export const wrongKeys: Problem = {
  status: 401,
  error: {
    code: 'BAD_REQUEST_ERROR',
    description: 'Authentication failed',
    source: 'NA',
    step: 'NA',
    reason: 'NA',
    metadata: {},
  },
};

/** What the gateway before the API says of an address it does not know: no error object. */
export const NO_ROUTE = { message: 'no Route matched with those values' } as const;

/** An id that is nobody's, or another account's. */
export const unknownId = badRequest('The id provided does not exist');

/** The request is not understood: a field is missing or unfit. */
export function badInput(field: string, description: string, reason?: string): Problem {
  const problem = badRequest(description, reason);
  return { ...problem, error: { ...problem.error, field } };
}

/** The bank's own trouble. */
export const serverTrouble: Problem = {
  status: 500,
  error: {
    code: 'SERVER_ERROR',
    description:
      'We are facing some trouble completing your request at the moment. Please try again shortly.',
    source: 'internal',
    step: 'payment_initiation',
    reason: 'server_error',
    metadata: {},
  },
};

/** The answer that says so. */
export function refusal({ status, error }: Problem): Answer {
  return jsonOf(status, { error });
}

/** A refusal of what was asked, for a reason of its own. */
export function badRequest(description: string, reason = 'input_validation_failed'): Problem {
  return {
    status: 400,
    error: {
      code: 'BAD_REQUEST_ERROR',
      description,
      source: 'business',
      step: 'payment_initiation',
      reason,
      metadata: {},
    },
  };
}
