/**
 * The parameters of payment intents: what may be asked, and what it means once it is read.
 *
 * Strict: a parameter that is not named here is refused, also where Stripe itself would know it.
 * @module
 */
import { AMOUNT_MAX, amountMin, isCurrency } from './currencies.ts';
import { invalidRequest, type StripeError } from './errors.ts';
import { expansion } from './expansion.ts';
import { type FormMap, listAt, textAt, valueAt } from './form.ts';
import {
  address,
  checkParams,
  flag,
  integer,
  listOf,
  metadata,
  moment,
  nested,
  oneOf,
  paging,
  type Rule,
  type Rules,
  text,
} from './params.ts';
import {
  type MethodType,
  type OrderedMethod,
  paymentMethodData,
  paymentMethodOptions,
  readMethod,
} from './payment-method.ts';

export type CaptureMethod = 'automatic' | 'automatic_async' | 'manual';

/** How a payment is to be confirmed. */
export interface Confirmation {
  /** Undefined: the one the intent has. */
  readonly method: OrderedMethod | undefined;
  readonly returnUrl: string | undefined;
  readonly offSession: boolean;
  readonly errorOnRequiresAction: boolean;
  /** Whether the request asks for 3-D Secure where a card only supports it. */
  readonly wantsAuthentication: boolean;
  readonly captureMethod: CaptureMethod | undefined;
}

/** A checked creation. Amounts are in minor units. */
export interface IntentOrder {
  readonly amount: number;
  readonly currency: string;
  readonly captureMethod: CaptureMethod;
  readonly methodTypes: readonly MethodType[];
  /** Whether the types are those of the account; then what may redirect needs `return_url`. */
  readonly automaticMethods: 'off' | 'always' | 'never';
  readonly metadata: Readonly<Record<string, string>>;
  readonly description: string | undefined;
  readonly receiptEmail: string | undefined;
  readonly statementDescriptorSuffix: string | undefined;
  readonly confirm: boolean;
  readonly confirmation: Confirmation;
}

export type Read<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: StripeError };

const METHOD_TYPES: readonly MethodType[] = ['card', 'upi'];
/** What only a confirmation can mean. */
const ONLY_CONFIRMING = ['error_on_requires_action', 'off_session', 'return_url'] as const;
/** By its name of before `dahlia`, and by the one that the official package has since. */
const TYPES = ['payment_method_types', 'allowed_payment_method_types'] as const;
const METADATA_KEYS_UNSET = '';

const offSession: Rule = (value, name) =>
  value === 'one_off' || value === 'recurring' ? undefined : flag(value, name);

const captureMethod = oneOf('automatic', 'automatic_async', 'manual');

const methodTypes = listOf(oneOf(...METHOD_TYPES));

const CONFIRMING: Rules = {
  capture_method: captureMethod,
  error_on_requires_action: flag,
  expand: expansion,
  off_session: offSession,
  payment_method: text(),
  payment_method_data: paymentMethodData,
  payment_method_options: paymentMethodOptions,
  receipt_email: text(512),
  return_url: address,
  use_stripe_sdk: flag,
};

const CREATE: Rules = {
  amount: integer(1),
  currency: text(),
  allowed_payment_method_types: methodTypes,
  automatic_payment_methods: nested({ enabled: flag, allow_redirects: oneOf('always', 'never') }, [
    'enabled',
  ]),
  confirm: flag,
  confirmation_method: oneOf('automatic', 'manual'),
  description: text(1000),
  metadata,
  payment_method_types: methodTypes,
  statement_descriptor_suffix: text(22),
  ...CONFIRMING,
};

const CAPTURE: Rules = { expand: expansion, amount_to_capture: integer(1), final_capture: flag, metadata };

const CANCEL: Rules = {
  expand: expansion,
  cancellation_reason: oneOf('abandoned', 'duplicate', 'fraudulent', 'requested_by_customer'),
};

const RETRIEVE: Rules = { client_secret: text(), expand: expansion };

const LIST: Rules = { ...paging, created: moment, expand: expansion };

/** Reads a creation. */
export function readCreate(params: FormMap, rawCards: boolean, now: number): Read<IntentOrder> {
  const problem = checkParams(params, CREATE, ['amount', 'currency']) ?? checkMoney(params);
  if (problem !== undefined) return { ok: false, error: problem };
  const confirm = textAt(params, 'confirm') === 'true';
  const early = confirm ? undefined : ONLY_CONFIRMING.find((name) => params.has(name));
  if (early !== undefined) {
    const message = `The parameter ${early} can only be used with confirm=true.`;
    return { ok: false, error: invalidRequest(message, { param: early }) };
  }
  const exclusive = checkExclusive(params);
  if (exclusive !== undefined) return { ok: false, error: exclusive };
  const confirmation = readConfirmation(params, rawCards, now);
  if (!confirmation.ok) return confirmation;
  const named = TYPES.flatMap((name) => listAt(params, name)) as MethodType[];
  const currency = textAt(params, 'currency')!;
  const ofAccount = METHOD_TYPES.filter((type) => type !== 'upi' || currency === 'inr');
  const order: IntentOrder = {
    amount: Number(textAt(params, 'amount')),
    currency,
    captureMethod: confirmation.value.captureMethod ?? 'automatic_async',
    methodTypes: named.length > 0 ? named : ofAccount,
    automaticMethods: named.length > 0 ? 'off' : redirectsOf(params),
    metadata: readMetadata(params),
    description: textAt(params, 'description'),
    receiptEmail: textAt(params, 'receipt_email'),
    statementDescriptorSuffix: textAt(params, 'statement_descriptor_suffix'),
    confirm,
    confirmation: confirmation.value,
  };
  const mismatch = checkTypes(order) ?? (confirm ? checkConfirmable(order, confirmation.value) : undefined);
  return mismatch === undefined ? { ok: true, value: order } : { ok: false, error: mismatch };
}

/** Reads a confirmation of an intent that exists. */
export function readConfirm(params: FormMap, rawCards: boolean, now: number): Read<Confirmation> {
  const problem = checkParams(params, CONFIRMING);
  return problem === undefined ? readConfirmation(params, rawCards, now) : { ok: false, error: problem };
}

/** Reads a capture: how much, undefined for all, and what is added to the metadata. */
export function readCapture(
  params: FormMap,
): Read<{ readonly amount: number | undefined; readonly metadata: Readonly<Record<string, string>> }> {
  const problem = checkParams(params, CAPTURE);
  if (problem !== undefined) return { ok: false, error: problem };
  const amount = textAt(params, 'amount_to_capture');
  return {
    ok: true,
    value: { amount: amount === undefined ? undefined : Number(amount), metadata: readMetadata(params) },
  };
}

/** Reads the reason of a cancellation. */
export function readCancel(params: FormMap): Read<string | undefined> {
  const problem = checkParams(params, CANCEL);
  if (problem !== undefined) return { ok: false, error: problem };
  return { ok: true, value: textAt(params, 'cancellation_reason') };
}

/** Checks the query of one intent. */
export function checkRetrieve(params: FormMap): StripeError | undefined {
  return checkParams(params, RETRIEVE);
}

/** Checks the query of the list of intents. */
export function checkList(params: FormMap): StripeError | undefined {
  return checkParams(params, LIST);
}

/** Whether the method is one that the intent takes, and leads nowhere without a way back. */
export function checkConfirmable(
  intent: Pick<IntentOrder, 'methodTypes' | 'automaticMethods'>,
  { method, returnUrl }: Pick<Confirmation, 'method' | 'returnUrl'>,
): StripeError | undefined {
  if (method === undefined) {
    return invalidRequest(
      "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method.",
      { code: 'payment_intent_unexpected_state', param: 'payment_method' },
    );
  }
  if (!intent.methodTypes.includes(method.data.type)) {
    return invalidRequest(
      `The PaymentMethod provided (${method.data.type}) is not allowed for this PaymentIntent. Please attach a PaymentMethod that is one of the following types: ${intent.methodTypes.join(', ')}.`,
      { param: 'payment_method' },
    );
  }
  if (intent.automaticMethods !== 'always' || returnUrl !== undefined) return undefined;
  return invalidRequest(
    'This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don’t want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.',
    { param: 'return_url' },
  );
}

function readConfirmation(params: FormMap, rawCards: boolean, now: number): Read<Confirmation> {
  const read = readMethod(params, rawCards, now);
  if (!read.ok) return read;
  const secure = textAt(params, 'payment_method_options', 'card', 'request_three_d_secure');
  return {
    ok: true,
    value: {
      method: read.method,
      returnUrl: textAt(params, 'return_url'),
      offSession: ['true', 'one_off', 'recurring'].includes(textAt(params, 'off_session') ?? ''),
      errorOnRequiresAction: textAt(params, 'error_on_requires_action') === 'true',
      wantsAuthentication: secure === 'any' || secure === 'challenge',
      captureMethod: textAt(params, 'capture_method') as CaptureMethod | undefined,
    },
  };
}

/** The types of methods are said once: by the account, or by one of the two names of the parameter. */
function checkExclusive(params: FormMap): StripeError | undefined {
  const automatic = valueAt(params, 'automatic_payment_methods', 'enabled') === 'true';
  const said = [
    ...(automatic ? ['automatic_payment_methods'] : []),
    ...TYPES.filter((name) => params.has(name)),
  ];
  if (said.length < 2) return undefined;
  return invalidRequest(`You may only specify one of these parameters: ${said.join(', ')}.`, {
    code: 'parameters_exclusive',
    param: said[0]!,
  });
}

function checkMoney(params: FormMap): StripeError | undefined {
  const currency = textAt(params, 'currency')!;
  if (!isCurrency(currency)) {
    return invalidRequest(
      `Invalid currency: ${currency.slice(0, 20)}. Currencies are three lower case letters.`,
      {
        param: 'currency',
      },
    );
  }
  const amount = Number(textAt(params, 'amount'));
  const least = amountMin(currency);
  if (amount < least) {
    const message = `Amount must be at least ${least} in the smallest unit of ${currency}`;
    return invalidRequest(message, { code: 'amount_too_small', param: 'amount' });
  }
  if (amount <= AMOUNT_MAX) return undefined;
  const message = `Amount must be no more than ${AMOUNT_MAX} in the smallest unit of ${currency}`;
  return invalidRequest(message, { code: 'amount_too_large', param: 'amount' });
}

function checkTypes({ methodTypes, currency, captureMethod }: IntentOrder): StripeError | undefined {
  if (!methodTypes.includes('upi')) return undefined;
  if (currency !== 'inr') {
    return invalidRequest(
      `The currency provided (${currency}) is invalid for one or more payment method types on this PaymentIntent. Payments with upi support the following currencies: inr.`,
      { param: 'currency' },
    );
  }
  if (captureMethod !== 'manual' || methodTypes.length > 1) return undefined;
  return invalidRequest('The payment method type upi does not support manual capture.', {
    param: 'capture_method',
  });
}

function redirectsOf(params: FormMap): 'always' | 'never' {
  return textAt(params, 'automatic_payment_methods', 'allow_redirects') === 'never' ? 'never' : 'always';
}

function readMetadata(params: FormMap): Record<string, string> {
  const value = valueAt(params, 'metadata');
  if (!(value instanceof Map)) return {};
  const entries = [...value].filter(([, one]) => one !== METADATA_KEYS_UNSET) as [string, string][];
  return Object.fromEntries(entries);
}
