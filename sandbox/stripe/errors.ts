/**
 * Errors as Stripe says them: a type, a code where there is one, a sentence, and what it is about.
 * @module
 */

export type ErrorType = 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error';

/** What is wrong, and the HTTP status that says so. */
export interface StripeError {
  readonly status: number;
  readonly type: ErrorType;
  readonly message: string;
  readonly code?: string;
  readonly declineCode?: string;
  readonly adviceCode?: string;
  /** The parameter to mend, in brackets as it was sent. */
  readonly param?: string;
  /** The id of the charge that failed. */
  readonly charge?: string;
}

/** Whether a client that understands `stripe-should-retry` is to send the request again. Undefined: as its status says. */
export function shouldRetry({ status, code }: StripeError): boolean | undefined {
  if (code === 'lock_timeout' || code === 'rate_limit' || code === 'idempotency_key_in_use') return true;
  return status === 400 || status === 402 || status === 404 ? false : undefined;
}

/**
 * The body of the answer.
 * @param paymentIntent the intent as it stands now, where the error is about one
 */
export function errorBody(
  error: StripeError,
  requestId: string,
  paymentIntent?: object,
): { readonly error: object } {
  const { type, message, code, declineCode, adviceCode, param, charge } = error;
  return {
    error: {
      ...(adviceCode === undefined ? {} : { advice_code: adviceCode }),
      ...(charge === undefined ? {} : { charge }),
      ...(code === undefined ? {} : { code, doc_url: docUrlOf(code) }),
      ...(declineCode === undefined ? {} : { decline_code: declineCode }),
      message,
      ...(param === undefined ? {} : { param }),
      ...(paymentIntent === undefined ? {} : { payment_intent: paymentIntent }),
      request_log_url: `https://dashboard.stripe.com/test/logs/${requestId}`,
      type,
    },
  };
}

/** Where a code is explained. */
export function docUrlOf(code: string): string {
  return `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}`;
}

/** A request that cannot be meant: 400 unless told. */
export function invalidRequest(
  message: string,
  more: { readonly status?: number; readonly code?: string; readonly param?: string } = {},
): StripeError {
  return { status: 400, type: 'invalid_request_error', message, ...more };
}

/** 404 for an object that this account does not have. */
export function missing(object: string, id: string, param: string): StripeError {
  return invalidRequest(`No such ${object}: '${id}'`, { status: 404, code: 'resource_missing', param });
}

/** 404 for a path that is none. */
export function unknownRoute(method: string, path: string): StripeError {
  return invalidRequest(
    `Unrecognized request URL (${method}: ${path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.`,
    { status: 404 },
  );
}

/** 401; the key that was sent is not said again. */
export function unauthorized(sent: boolean): StripeError {
  const message = sent
    ? 'Invalid API Key provided.'
    : 'You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. ‘Authorization: Bearer YOUR_SECRET_KEY’).';
  return invalidRequest(message, { status: 401 });
}

/** 500, of an execution that broke off: what it has done is done. */
export const internalError: StripeError = {
  status: 500,
  type: 'api_error',
  message: 'An unknown error occurred while processing the request.',
};

/** 503, before anything was done. */
export const unavailable: StripeError = {
  status: 503,
  type: 'api_error',
  message: 'The API is temporarily unavailable. Please try again later.',
};

/** 409: the same key is being worked on. */
export function keyInUse(key: string): StripeError {
  return {
    status: 409,
    type: 'idempotency_error',
    code: 'idempotency_key_in_use',
    message: `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`,
  };
}

/** 400: the key is known with other parameters, or at another path. */
export function keyReused(key: string): StripeError {
  return {
    status: 400,
    type: 'idempotency_error',
    message: `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
  };
}
