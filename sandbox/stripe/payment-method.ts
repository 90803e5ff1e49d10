/**
 * What a payment is made with: card data as they were sent, a test token, or UPI.
 *
 * Card data that cannot be right are refused with 402 `card_error` before anything is executed, as Stripe does when it makes
 * the payment method.
 * @module
 */
import { isLuhnValid } from '../card-numbers.ts';
import { numberOfToken } from './cards.ts';
import { invalidRequest, missing, type StripeError } from './errors.ts';
import { type FormMap, textAt, valueAt } from './form.ts';
import { flag, nested, oneOf, type Rule, type Rules, text } from './params.ts';

export type MethodType = 'card' | 'upi';

/** A card as it is charged; its security code is looked at and forgotten. */
export interface StripeCardData {
  readonly type: 'card';
  readonly number: string;
  readonly expMonth: number;
  readonly expYear: number;
}

export type BillingDetails = {
  readonly address: Readonly<Record<string, string | null>>;
  readonly email: string | null;
  readonly name: string | null;
  readonly phone: string | null;
};

export interface OrderedMethod {
  readonly data: StripeCardData | { readonly type: 'upi' };
  readonly billing: BillingDetails;
  /** The test token it was named by. */
  readonly token: string | undefined;
}

export type ReadMethod =
  | { readonly ok: true; readonly method: OrderedMethod | undefined }
  | { readonly ok: false; readonly error: StripeError };

/** Test tokens expire as far away as those of Stripe's own do: at the end of a coming year. */
const TOKEN_YEARS_LEFT = 5;
const ADDRESS_FIELDS = ['city', 'country', 'line1', 'line2', 'postal_code', 'state'] as const;

const addressRule: Rule = nested(Object.fromEntries(ADDRESS_FIELDS.map((name) => [name, text()])));
/** Whatever it is, the card says what is wrong with it. */
const looked: Rule = () => undefined;

/** The parameters of `payment_method_data`. */
export const paymentMethodData: Rule = nested(
  {
    type: oneOf('card', 'upi'),
    allow_redisplay: oneOf('always', 'limited', 'unspecified'),
    billing_details: nested({ address: addressRule, email: text(512), name: text(), phone: text(20) }),
    card: nested({ number: looked, exp_month: looked, exp_year: looked, cvc: looked }, [
      'number',
      'exp_month',
      'exp_year',
    ]),
    upi: nested({
      mandate_options: nested({ amount: text(), amount_type: text(), description: text(), end_date: text() }),
    }),
  },
  ['type'],
);

/** The parameters of `payment_method_options`. */
export const paymentMethodOptions: Rule = nested({
  card: nested({
    request_three_d_secure: oneOf('automatic', 'any', 'challenge'),
    moto: flag,
  } satisfies Rules),
  upi: nested({}),
});

/**
 * Reads `payment_method` or `payment_method_data`; neither is undefined.
 * @param rawCards whether the account may send card numbers
 * @param now ms, for what has expired
 */
export function readMethod(params: FormMap, rawCards: boolean, now: number): ReadMethod {
  const token = textAt(params, 'payment_method');
  const data = valueAt(params, 'payment_method_data');
  if (token !== undefined && data !== undefined) {
    return refuse(
      invalidRequest('You may only specify one of these parameters: payment_method, payment_method_data.', {
        code: 'parameters_exclusive',
        param: 'payment_method',
      }),
    );
  }
  if (token !== undefined) return readToken(token, now);
  if (!(data instanceof Map)) return { ok: true, method: undefined };
  const type = textAt(data, 'type');
  const other = type === 'card' ? 'upi' : 'card';
  if (data.has(other)) {
    const param = `payment_method_data[${other}]`;
    return refuse(
      invalidRequest(`You cannot provide ${param} when payment_method_data[type] is ${type}.`, { param }),
    );
  }
  const billing = readBilling(data);
  if (type === 'upi') return { ok: true, method: { data: { type: 'upi' }, billing, token: undefined } };
  const card = valueAt(data, 'card');
  if (!(card instanceof Map)) {
    const param = 'payment_method_data[card]';
    return refuse(invalidRequest(`Missing required param: ${param}.`, { code: 'parameter_missing', param }));
  }
  if (!rawCards) return refuse(GENERALLY_UNSAFE);
  const read = readCard(card, now);
  return 'error' in read
    ? refuse(read.error)
    : { ok: true, method: { data: read.card, billing, token: undefined } };
}

const GENERALLY_UNSAFE = invalidRequest(
  'Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you use test tokens that map to the test card you are using, see https://stripe.com/docs/testing. To enable testing raw card data APIs, see https://support.stripe.com/questions/enabling-access-to-raw-card-data-apis.',
);

function readToken(token: string, now: number): ReadMethod {
  const number = numberOfToken(token);
  if (number === undefined) return refuse(missing('PaymentMethod', token, 'payment_method'));
  const expYear = new Date(now).getUTCFullYear() + TOKEN_YEARS_LEFT;
  const data: StripeCardData = { type: 'card', number, expMonth: 12, expYear };
  return { ok: true, method: { data, billing: NO_BILLING, token } };
}

function readCard(
  card: FormMap,
  now: number,
): { readonly card: StripeCardData } | { readonly error: StripeError } {
  const number = (textAt(card, 'number') ?? '').replaceAll(' ', '');
  if (!/^[0-9]{12,19}$/.test(number)) {
    return wrongCard('invalid_number', 'number', 'The card number is not a valid credit card number.');
  }
  if (!isLuhnValid(number)) return wrongCard('incorrect_number', 'number', 'Your card number is incorrect.');
  const expMonth = readDigits(textAt(card, 'exp_month'), 1, 12);
  if (expMonth === null) {
    return wrongCard('invalid_expiry_month', 'exp_month', "Your card's expiration month is invalid.");
  }
  const year = readDigits(textAt(card, 'exp_year'), 0, 2099);
  const expYear = year !== null && year < 100 ? 2000 + year : year;
  const thisYear = new Date(now).getUTCFullYear();
  if (expYear === null || expYear < thisYear) {
    return wrongCard('invalid_expiry_year', 'exp_year', "Your card's expiration year is invalid.");
  }
  if (now >= Date.UTC(expYear, expMonth)) {
    return wrongCard('invalid_expiry_month', 'exp_month', "Your card's expiration month is invalid.");
  }
  const cvc = textAt(card, 'cvc');
  if (cvc !== undefined && !/^[0-9]{3,4}$/.test(cvc)) {
    return wrongCard('invalid_cvc', 'cvc', "Your card's security code is invalid.");
  }
  return { card: { type: 'card', number, expMonth, expYear } };
}

function wrongCard(code: string, field: string, message: string): { readonly error: StripeError } {
  const param = `payment_method_data[card][${field}]`;
  return { error: { status: 402, type: 'card_error', code, message, param } };
}

const NO_BILLING: BillingDetails = { address: addressOf(new Map()), email: null, name: null, phone: null };

function readBilling(data: FormMap): BillingDetails {
  const details = valueAt(data, 'billing_details');
  if (!(details instanceof Map)) return NO_BILLING;
  const address = valueAt(details, 'address');
  return {
    address: addressOf(address instanceof Map ? address : new Map()),
    email: textAt(details, 'email') ?? null,
    name: textAt(details, 'name') ?? null,
    phone: textAt(details, 'phone') ?? null,
  };
}

function addressOf(address: FormMap): Record<string, string | null> {
  return Object.fromEntries(ADDRESS_FIELDS.map((name) => [name, textAt(address, name) ?? null]));
}

function readDigits(value: string | undefined, min: number, max: number): number | null {
  const digits = value !== undefined && /^[0-9]{1,4}$/.test(value) ? Number(value) : Number.NaN;
  return digits >= min && digits <= max ? digits : null;
}

function refuse(error: StripeError): ReadMethod {
  return { ok: false, error };
}
