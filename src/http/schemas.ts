/**
 * Schemas: every body the API takes and gives, once, for checking and for the OpenAPI document. Bodies with a card are
 * for the document only: no parser that makes strings may see one, so checkout checks them byte by byte.
 *
 * Text that PostgreSQL cannot keep (NUL, half a surrogate pair) is refused here, by name, before it can poison
 * a batch. All wrong fields of a body are told at once.
 *
 * @module
 */

import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { parseEventId } from '../domain/ids.ts';
import type { DeliveryState } from '../domain/merchant-event.ts';
import { AMOUNT_MAX, CURRENCIES, checkAmount } from '../domain/money.ts';
import { OPERATOR_LENGTH_MAX, operatorTextFault, REASON_LENGTH_MAX } from '../domain/operator-text.ts';
import { type FieldError, type Refusal, refusal } from '../domain/outcomes.ts';
import type { WordSource } from '../domain/processor-word.ts';
import { readRedirectUrl, URL_CHARS_MAX } from '../domain/redirect-url.ts';
import type { PaymentEventType } from '../domain/transaction.ts';

export const METADATA_BYTES_MAX = 8 * 1024;
export const METADATA_DEPTH_MAX = 8;
const FIELD_ERRORS_MAX = 32;
const NAME_SHOWN_CHARS_MAX = 64;

/** A body that was read, or why not. */
export type BodyReading<Body> = { ok: true; body: Body } | { ok: false; refusal: Refusal };

const text = (charsMax: number) =>
  z
    .string({ error: 'must be text' })
    .min(1, `must have 1 to ${charsMax} characters`)
    .max(charsMax, `must have 1 to ${charsMax} characters`)
    .refine(storable, 'must not contain NUL or half a surrogate pair');

const amount = z
  .number({ error: 'must be a whole number of minor units' })
  .int('must be a whole number of minor units')
  .positive('must be more than zero')
  .max(AMOUNT_MAX, `must be at most ${AMOUNT_MAX}`)
  .meta({ description: 'Minor units: 5000 is INR 50.00, and 5000 JPY is 5000 yen.', examples: [5000] });

const currency = z
  .enum(CURRENCIES as [string, ...string[]], { error: 'must be a currency Sluice takes, in capitals' })
  .meta({ description: 'ISO 4217 code.', examples: ['INR'] });

const metadata = z
  .record(z.string(), z.unknown(), { error: 'must be an object' })
  .superRefine((value, context) => {
    const fault = metadataFault(value);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
  })
  .meta({
    description: `Any JSON object of at most ${METADATA_BYTES_MAX} bytes and ${METADATA_DEPTH_MAX} levels. Kept as JSON: the order of keys and numbers beyond 2^53 are not preserved.`,
  });

const merchantId = text(100).meta({
  description: 'The merchant of the API key.',
  examples: ['merchant_amazon'],
});
const intentId = text(64).meta({ description: '`pi_` and 32 hex digits.' });
const moment = z.iso.datetime().meta({ description: 'ISO 8601, UTC.' });
const paymentStatus = z
  .enum(['PENDING', 'PROCESSING', 'SUCCESS', 'FAILED'])
  .meta({ description: 'SUCCESS and FAILED are final words of the processor.' });

/** Body of `POST /v1/payment/intent`. */
export const CreateIntentBody = z
  .strictObject({
    merchantId,
    amount,
    currency,
    orderId: text(100).meta({ description: 'Your name for the order.', examples: ['order_789'] }),
    customerId: text(100).nullish().meta({ description: 'Your name for the customer.' }),
    metadata: metadata.nullish(),
  })
  .meta({ description: 'What is to be paid.' });
export type CreateIntentBody = z.infer<typeof CreateIntentBody>;

/** Body of `POST /v1/payment/session`. */
export const CreateSessionBody = z
  .strictObject({
    paymentIntentId: intentId,
    merchantId,
    successUrl: text(URL_CHARS_MAX).meta({
      description: 'Where the shopper goes once paid. https, of an origin registered for the merchant.',
    }),
    cancelUrl: text(URL_CHARS_MAX).meta({
      description: 'Where the shopper goes otherwise. https, of an origin registered for the merchant.',
    }),
  })
  .meta({ description: 'A checkout page for one intent.' });
export type CreateSessionBody = z.infer<typeof CreateSessionBody>;

const cardFields = {
  cardNumber: z.string().meta({
    description: 'Digits; spaces and dashes are dropped. Never a JSON number.',
    examples: ['4111 1111 1111 1111'],
  }),
  expiryMonth: z
    .union([z.string(), z.int()])
    .meta({ description: 'One or two digits, 1 to 12.', examples: ['12'] }),
  expiryYear: z.union([z.string(), z.int()]).meta({ description: 'Two or four digits.', examples: ['2028'] }),
  cvv: z.string().meta({ description: '3 digits, 4 for American Express.' }),
  cardholderName: z
    .string()
    .max(100)
    .meta({ description: 'As on the card; one with 12 or more digits is refused.', examples: ['John Doe'] }),
  amount: z.union([z.int(), z.string()]).nullish().meta({
    description: 'Minor units. Must be the intent’s if it comes; the price is never taken from here.',
  }),
  currency: z.string().nullish().meta({ description: 'Must be the intent’s if it comes.' }),
};

const { amount: claimedAmount, currency: claimedCurrency, ...cardOnly } = cardFields;
const sessionOfForm = {
  sessionId: z.string().meta({ description: '`sess_` and 32 hex digits.' }),
  amount: claimedAmount,
  currency: claimedCurrency,
};

/** Body of `POST /internal/payment/process`. */
export const ProcessPaymentBody = z
  .union([
    z.strictObject({ ...sessionOfForm, method: z.literal('card').nullish(), ...cardOnly }),
    z.strictObject({ ...sessionOfForm, method: z.literal('upi') }),
  ])
  .meta({ description: 'A card and the session it was typed in, or UPI and the session it was chosen in.' });

/** Body of `POST /v1/payment/process`. */
export const ProcessPaymentByKeyBody = z
  .strictObject({ paymentIntentId: intentId, merchantId, ...cardFields })
  .meta({ description: 'A card that a PCI-certified merchant took itself.' });

export const PaymentStarted = z.object({
  transactionId: z.string().meta({ description: '`txn_` and 32 hex digits.' }),
  status: z.literal('PROCESSING'),
});

export const IntentCreated = z.object({
  paymentIntentId: intentId,
  status: z.literal('PENDING'),
  createdAt: moment,
});

export const SessionCreated = z.object({
  sessionId: z.string().meta({ description: '`sess_` and 32 hex digits.' }),
  redirectUrl: z.string().meta({ description: 'Send the shopper here.' }),
  expiresAt: moment,
});

const Card = z
  .object({
    brand: z.string(),
    masked: z.string().meta({ examples: ['411111****1234'] }),
    expiryMonth: z.string().meta({ examples: ['12'] }),
    expiryYear: z.string().meta({ examples: ['2028'] }),
    fingerprint: z.string().meta({
      description:
        '`fp_` and 32 hex digits, the same for the same card number. Keyed: it cannot be guessed back.',
    }),
    token: z.string().meta({ description: 'The sealed card in the vault.' }),
  })
  .meta({ description: 'The card as it may be shown.' });

const processor = z.enum(['RAZORPAY', 'PAYU', 'STRIPE', 'SANDBOX', 'SANDBOX_B']);

const everyAction = {
  resultUrl: z.string().meta({
    description:
      'Our page on which the shopper can do it, of every type. Send the shopper here or do it on yours.',
  }),
  expiresAt: moment.nullable(),
};

const NextAction = z
  .discriminatedUnion('type', [
    z.object({
      type: z.literal('redirect'),
      url: z.string().meta({ description: 'A page of the bank, which leads back to our result page.' }),
      ...everyAction,
    }),
    z.object({
      type: z.literal('form'),
      url: z.string().meta({ description: 'A page of the bank, which leads back to our result page.' }),
      fields: z
        .record(z.string(), z.string())
        .meta({ description: 'To be posted to `url` by the browser, as a form.' }),
      ...everyAction,
    }),
    z.object({
      type: z.literal('otp').meta({
        description:
          'The bank wants the one-time password it has sent to the shopper. Only our page takes it: send the shopper to `resultUrl`.',
      }),
      ...everyAction,
    }),
    z.object({
      type: z.literal('upi_intent'),
      link: z
        .string()
        .meta({ description: 'Opens a UPI app; on a screen beside the phone, a QR code of it.' }),
      ...everyAction,
    }),
  ])
  .meta({
    description:
      'What the shopper is to do before the bank goes on. The checkout page shows it; a merchant with a page of its own does it there or sends the shopper to `resultUrl`. Null when there is nothing to do.',
  });

const Routing = z
  .object({
    fallback: processor.nullable().meta({ description: 'Where another leg could have gone.' }),
    legs: z.array(
      z.object({
        leg: z.int(),
        processor,
        reason: z
          .enum(['preferred', 'first_unreachable', 'first_busy', 'first_breaker_open', 'first_refused'])
          .meta({ description: 'All but `preferred` prove that the leg before cannot have charged.' }),
        at: moment,
      }),
    ),
  })
  .meta({ description: 'Where the attempt was sent and why, leg by leg.' });

export const Transaction = z
  .object({
    transactionId: z.string().meta({ description: '`txn_` and 32 hex digits.' }),
    paymentIntentId: intentId,
    status: paymentStatus,
    amount,
    currency,
    completedAt: moment.nullable().meta({ description: 'Null until final.' }),
    createdAt: moment,
    orderId: z.string(),
    customerId: z.string().nullable(),
    outcome: z
      .enum(['not_sent', 'unknown', 'action_required', 'declined', 'charged'])
      .meta({ description: 'What is known of the charge itself.' }),
    failureCode: z.string().nullable(),
    processor,
    processorTxnId: z.string().nullable(),
    attempt: z.int().meta({ description: '1 to 5.' }),
    paymentMethodType: z
      .enum(['CREDIT_CARD', 'DEBIT_CARD', 'UPI'])
      .nullable()
      .meta({ description: 'For a card null until the processor has said which kind it is.' }),
    nextAction: NextAction.nullable(),
    routing: Routing,
    card: Card.nullable().meta({ description: 'Null when it is paid by UPI.' }),
  })
  .meta({ description: 'One attempt to charge one card, or by UPI, for one intent.' });

export const Intent = z
  .object({
    paymentIntentId: intentId,
    merchantId,
    status: paymentStatus,
    amount,
    currency,
    orderId: z.string(),
    customerId: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    createdAt: moment,
    transactions: z.array(
      z.object({
        transactionId: z.string(),
        status: paymentStatus,
        attempt: z.int(),
        failureCode: z.string().nullable(),
      }),
    ),
  })
  .meta({ description: 'What a merchant wants paid, and its attempts, oldest first.' });

export const CallbackReceived = z.object({
  received: z.literal(true),
  verdict: z
    .enum(['applied', 'duplicate', 'ignored', 'quarantined', 'unmatched'])
    .nullable()
    .meta({ description: 'What the callback did; null where it is durable but not yet applied.' }),
});

export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().meta({ description: 'Stable: programs may rely on it.' }),
    detail: z.string(),
    errors: z
      .array(z.object({ pointer: z.string().meta({ description: 'RFC 6901.' }), detail: z.string() }))
      .optional(),
    transactionId: z.string().optional(),
  })
  .meta({ description: 'Every refusal (RFC 9457).' });

const url = text(URL_CHARS_MAX).meta({
  description: 'https, port 443 or 8443, a public host. In development http and any address.',
  examples: ['https://shop.example/webhooks'],
});

/** Every type, told apart by the compiler: one more in the domain is an error here. */
const EVENT_TYPES = Object.keys({
  'payment.succeeded': true,
  'payment.failed': true,
  'payment.attempt_failed': true,
  'payment.recovered': true,
  'payment.reversed': true,
} satisfies Record<PaymentEventType, true>) as [PaymentEventType, ...PaymentEventType[]];

const eventTypes = z
  .array(z.enum(EVENT_TYPES, { error: `must be ${EVENT_TYPES.join(', ')}` }), { error: 'must be a list' })
  .min(1, 'must name a type; null stands for all')
  .max(EVENT_TYPES.length, 'must name each type once')
  .nullable()
  .meta({ description: 'Which events it hears; null: all, also those of later versions.' });

/** Body of `POST /v1/webhook-endpoints`. */
export const CreateWebhookEndpointBody = z
  .strictObject({ url, eventTypes: eventTypes.optional() })
  .meta({ description: 'Where to hear of payments.' });
export type CreateWebhookEndpointBody = z.infer<typeof CreateWebhookEndpointBody>;

const endpointStatus = z.enum(['enabled', 'disabled'], { error: 'must be enabled or disabled' });

/** Body of `POST /v1/webhook-endpoints/{id}`. */
export const UpdateWebhookEndpointBody = z
  .strictObject({
    url: url.optional(),
    eventTypes: eventTypes.optional(),
    status: endpointStatus.optional(),
  })
  .meta({ description: 'What is to change; the rest stays.' });
export type UpdateWebhookEndpointBody = z.infer<typeof UpdateWebhookEndpointBody>;

const PREVIOUS_VALID_SECONDS_MAX = 7 * 24 * 60 * 60;
const previousValid = `must be 0 to ${PREVIOUS_VALID_SECONDS_MAX} seconds`;

/** Body of `POST /v1/webhook-endpoints/{id}/rotate-secret`. */
export const RotateWebhookSecretBody = z
  .strictObject({
    previousValidSeconds: z
      .int(previousValid)
      .min(0, previousValid)
      .max(PREVIOUS_VALID_SECONDS_MAX, previousValid)
      .optional()
      .meta({ description: 'How long webhooks are signed with the old secret too. Default: 86400, a day.' }),
  })
  .meta({ description: 'A new secret; the old one may stay for a while.' });
export type RotateWebhookSecretBody = z.infer<typeof RotateWebhookSecretBody>;

/** What a delivery can be. */
export const DELIVERY_STATES = ['waiting', 'delivered', 'dead'] as const satisfies readonly DeliveryState[];

const deliveryState = z.enum(DELIVERY_STATES, { error: `must be ${DELIVERY_STATES.join(', ')}` });
const eventId = z
  .string({ error: 'must be an event id, evt_…' })
  .refine((value) => parseEventId(value) !== null, 'must be an event id, evt_…')
  .meta({ description: '`evt_` and 32 hex digits.' });
const instant = z.iso
  .datetime({ error: 'must be a time in ISO 8601, UTC: 2026-01-21T10:00:00Z' })
  .meta({ description: 'ISO 8601, UTC.' });

/** Body of `POST /v1/webhook-endpoints/{id}/replay`. */
export const ReplayWebhooks = z
  .strictObject({
    eventId: eventId.optional().meta({ description: 'One event, whatever became of it. Alone.' }),
    from: instant.optional().meta({ description: 'With `to`: events from this moment on.' }),
    to: instant.optional().meta({ description: 'Up to and with this moment.' }),
    states: z
      .array(deliveryState, { error: 'must be a list' })
      .min(1, 'must name a state')
      .max(DELIVERY_STATES.length, 'must name each state once')
      .optional()
      .meta({ description: 'Default: dead and waiting.' }),
    after: eventId.optional().meta({ description: '`next` of the call before this one.' }),
  })
  .meta({ description: 'One event, or a range of time.' });

/** A replay as it was asked for; ids are 32 hex digits, times milliseconds since 1970. */
export type ReplayWebhooksBody =
  | { eventId: string }
  | { from: number; to: number; states?: readonly DeliveryState[]; after: string | null };

const endpointFields = {
  endpointId: z.string().meta({ description: '`we_` and 32 hex digits.' }),
  url: z.string(),
  eventTypes: z.array(z.enum(EVENT_TYPES)).nullable(),
  status: endpointStatus,
  disabledReason: z
    .enum(['merchant', 'gone'])
    .nullable()
    .meta({ description: '`gone`: the endpoint answered 410. Null while it is enabled.' }),
  previousSecretUntil: moment
    .nullable()
    .meta({ description: 'Until then the secret before this one signs too.' }),
  createdAt: moment,
};
const webhookSecret = z.string().meta({ description: '`whsec_` and base64. Shown here only.' });

export const WebhookEndpoint = z.object(endpointFields);
export const WebhookEndpointCreated = z.object({ ...endpointFields, secret: webhookSecret });
export const WebhookEndpoints = z.object({ endpoints: z.array(WebhookEndpoint) });
export const WebhookSecretRotated = z.object({
  secret: webhookSecret,
  previousSecretUntil: moment.nullable().meta({ description: 'Null: the old secret is valid no more.' }),
});

export const WebhookTested = z.object({
  delivered: z.boolean(),
  status: z.int().nullable().meta({ description: 'HTTP status; null when no answer came.' }),
  failure: z.string().nullable().meta({ description: 'A stable word; null when it was delivered.' }),
  durationMs: z.int(),
});

export const Delivery = z.object({
  eventId: z.string().meta({ description: '`evt_` and 32 hex digits: the `webhook-id` of every try.' }),
  type: z.enum(EVENT_TYPES),
  transactionId: z.string().nullable(),
  paymentIntentId: intentId,
  state: z.enum(DELIVERY_STATES).meta({ description: '`dead`: only a replay tries again.' }),
  tries: z.int().meta({ description: 'Since the event or its last replay.' }),
  nextAt: moment.nullable().meta({ description: 'When it is tried next; null unless waiting.' }),
  createdAt: moment,
  log: z
    .array(
      z.object({
        at: moment,
        durationMs: z.int(),
        status: z.int().nullable(),
        failure: z.string().nullable(),
      }),
    )
    .meta({ description: 'The tries, oldest first, at most the last 32.' }),
});
const next = z.string().nullable().meta({ description: 'From where to go on; null at the end.' });
export const Deliveries = z.object({ deliveries: z.array(Delivery), next });
export const WebhooksReplayed = z.object({
  replayed: z.int().meta({ description: 'At most 1000 a call.' }),
  next,
});

const sum = z.int().meta({ description: 'Minor units; negative where more was taken back than settled.' });

export const Payouts = z.object({
  payouts: z
    .array(
      z.object({
        day: z.iso.date().meta({ description: 'Of the settlement report.', examples: ['2026-01-21'] }),
        processor,
        currency,
        payments: z.int().meta({ description: 'Settled payments, less those taken back.' }),
        amount: sum,
        processorFees: sum,
        processorTax: sum,
        merchantFees: sum,
        payable: z.int().meta({ description: 'What the merchant is owed: `amount` less `merchantFees`.' }),
      }),
    )
    .meta({ description: 'By day, processor and currency.' }),
});

/** What a line of a payment's story can be, and what it means. Stable: programs may rely on the names; more may come. */
export const STORY_TYPES = {
  intent_created: 'the merchant asked for the money',
  attempt_started: 'a shopper sent a card, or chose UPI',
  routed: 'sent to the preferred processor',
  not_sent: 'nothing left for the processor',
  fell_back: 'sent to the second processor, for the first cannot have charged',
  no_fallback: 'why no second processor was asked',
  accepted: 'the bank works on it',
  action_required: 'the bank waits for the shopper: 3-D Secure, or a UPI app',
  shopper_returned: 'the shopper came back from the bank’s page',
  outcome_unknown: 'sent, and no clear word came back',
  not_found: 'a query: the bank does not know it',
  no_answer: 'a query: no answer',
  never_arrived: 'proven never to have arrived',
  charged: 'the bank’s final word: charged',
  declined: 'the bank’s final word: declined',
  operator_resolved: 'an operator decided, with the reason',
  settlement_heard: 'what the processor’s settlement report said of it',
  late_success: 'charged after it had counted as failed',
  success_reversed: 'taken back after it had succeeded',
  attempt_succeeded: 'the attempt is SUCCESS',
  attempt_failed: 'the attempt is FAILED',
} as const;
export type StoryType = keyof typeof STORY_TYPES;

/** Every source, told apart by the compiler. */
const STORY_SOURCES = Object.keys({
  answer: true,
  callback: true,
  query: true,
  return: true,
  recovery: true,
  operator: true,
  settlement: true,
  sluice: true,
} satisfies Record<WordSource | 'sluice', true>) as [WordSource | 'sluice', ...(WordSource | 'sluice')[]];

export const TransactionEvents = z.object({
  transactionId: z.string().meta({ description: '`txn_` and 32 hex digits.' }),
  paymentIntentId: intentId,
  events: z
    .array(
      z.object({
        at: moment,
        type: z.enum(Object.keys(STORY_TYPES) as [StoryType, ...StoryType[]]).meta({
          description: Object.entries(STORY_TYPES)
            .map(([type, meaning]) => `\`${type}\`: ${meaning}`)
            .join('; '),
        }),
        source: z.enum(STORY_SOURCES).meta({
          description:
            'Who said so: the processor in its answer, its callback, its reply to our query or to the one we asked when the shopper came back, or its settlement report; recovery’s own proof; an operator; or we.',
        }),
        detail: z.string().meta({ description: 'A sentence for people.' }),
        transactionId: z.string().nullable().meta({ description: 'Whose line it is; null: the intent’s.' }),
      }),
    )
    .meta({ description: 'Oldest first.' }),
});

/** Reads the body of `POST /v1/webhook-endpoints`. */
export function readCreateWebhookEndpoint(body: Uint8Array): BodyReading<CreateWebhookEndpointBody> {
  return readBody(body, CreateWebhookEndpointBody, noMoreErrors);
}

/** Reads the body of `POST /v1/webhook-endpoints/{id}`. */
export function readUpdateWebhookEndpoint(body: Uint8Array): BodyReading<UpdateWebhookEndpointBody> {
  return readBody(body, UpdateWebhookEndpointBody, noMoreErrors);
}

/** Reads the body of `POST /v1/webhook-endpoints/{id}/rotate-secret`. */
export function readRotateWebhookSecret(body: Uint8Array): BodyReading<RotateWebhookSecretBody> {
  return readBody(body, RotateWebhookSecretBody, noMoreErrors);
}

/** Reads the body of a request that says all by its path: nothing, or an empty object. */
export function readNoBody(body: Uint8Array): BodyReading<Record<string, never>> {
  return body.length === 0 ? { ok: true, body: {} } : readBody(body, z.strictObject({}), noMoreErrors);
}

/** Reads the body of `POST /v1/webhook-endpoints/{id}/replay`. */
export function readReplayWebhooks(body: Uint8Array): BodyReading<ReplayWebhooksBody> {
  const reading = readBody(body, ReplayWebhooks, replayErrors);
  if (!reading.ok) return reading;
  const { eventId: one, from, to, states, after } = reading.body;
  if (one !== undefined) return { ok: true, body: { eventId: parseEventId(one)! } };
  // Ids have no time before 1970.
  const range = { from: Math.max(0, Date.parse(from!)), to: Math.max(0, Date.parse(to!)) };
  const last = after === undefined ? null : parseEventId(after);
  return { ok: true, body: { ...range, after: last, ...(states !== undefined && { states }) } };
}

/** Either one event or a range. */
function replayErrors(value: Record<string, unknown>): FieldError[] {
  const { eventId: one, from, to } = value;
  if (one !== undefined) {
    return ['from', 'to', 'states', 'after']
      .filter((field) => value[field] !== undefined)
      .map((field) => ({ pointer: `/${field}`, detail: 'must not come with eventId' }));
  }
  const missing = ['from', 'to'].filter((field) => value[field] === undefined);
  if (missing.length > 0) {
    return missing.map((field) => ({
      pointer: `/${field}`,
      detail: 'is required where there is no eventId',
    }));
  }
  return Date.parse(String(from)) > Date.parse(String(to))
    ? [{ pointer: '/to', detail: 'must not be before from' }]
    : [];
}

const ResolveBreakBody = z.strictObject({
  as: z.enum(['accepted', 'dismissed'], { error: 'must be accepted or dismissed' }),
  reason: operatorText(REASON_LENGTH_MAX),
  operator: operatorText(OPERATOR_LENGTH_MAX),
});
export type ResolveBreakBody = z.infer<typeof ResolveBreakBody>;

function operatorText(lengthMax: number) {
  return z.string({ error: 'must be text' }).superRefine((value, context) => {
    const message = operatorTextFault(value, lengthMax);
    if (message !== null) context.addIssue({ code: 'custom', message });
  });
}

/** Reads the body of `POST /admin/settlement/breaks/{id}/resolve`. */
export function readResolveBreak(body: Uint8Array): BodyReading<ResolveBreakBody> {
  return readBody(body, ResolveBreakBody, noMoreErrors);
}

function noMoreErrors(): FieldError[] {
  return [];
}

/** Reads the body of `POST /v1/payment/intent`. */
export function readCreateIntent(body: Uint8Array): BodyReading<CreateIntentBody> {
  return readBody(body, CreateIntentBody, stepErrors);
}

/**
 * Reads the body of `POST /v1/payment/session`; its URLs come out as the parser wrote them, never as the text that came.
 * @param plainHttp whether redirect URLs may be http (test mode)
 * @param redirectOrigins where the merchant's shoppers may be sent
 */
export function readCreateSession(
  body: Uint8Array,
  plainHttp: boolean,
  redirectOrigins: readonly string[],
): BodyReading<CreateSessionBody> {
  const reading = readBody(body, CreateSessionBody, (value) => urlErrors(value, plainHttp, redirectOrigins));
  if (!reading.ok) return reading;
  const { successUrl, cancelUrl } = reading.body;
  return {
    ok: true,
    body: { ...reading.body, successUrl: new URL(successUrl).href, cancelUrl: new URL(cancelUrl).href },
  };
}

function readBody<Body>(
  bytes: Uint8Array,
  schema: z.ZodType<Body>,
  moreErrors: (value: Record<string, unknown>) => FieldError[],
): BodyReading<Body> {
  const value = readJson(bytes);
  if (value === undefined) {
    return { ok: false, refusal: refusal('malformed_json', 'The body must be JSON in UTF-8.') };
  }
  const parsed = schema.safeParse(value, { reportInput: true });
  const errors = parsed.success ? [] : parsed.error.issues.flatMap(fieldErrors);
  if (isObject(value)) errors.push(...moreErrors(value));
  if (parsed.success && errors.length === 0) return { ok: true, body: parsed.data };
  return {
    ok: false,
    refusal: refusal('invalid_request', 'Some fields are missing or wrong.', {
      errors: errors.slice(0, FIELD_ERRORS_MAX),
    }),
  };
}

function readJson(bytes: Uint8Array): unknown {
  if (!isUtf8(bytes)) return undefined;
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      pointer: pointerOf([...issue.path, key.slice(0, NAME_SHOWN_CHARS_MAX)]),
      detail: 'is not a field of this request',
    }));
  }
  const missing = issue.code === 'invalid_type' && issue.input === undefined;
  const detail = missing ? 'is required' : issue.path.length === 0 ? 'must be an object' : issue.message;
  return [{ pointer: pointerOf(issue.path), detail }];
}

/** RFC 6901. */
function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The one rule of amounts that needs the currency. */
function stepErrors(value: Record<string, unknown>): FieldError[] {
  if (typeof value.amount !== 'number' || typeof value.currency !== 'string') return [];
  if (checkAmount(value.amount, value.currency) !== 'amount_not_chargeable') return [];
  return [{ pointer: '/amount', detail: `must be a multiple of 10 in ${value.currency}` }];
}

const NOT_REGISTERED =
  'is not registered for this merchant; an operator does it: sluice merchant origins --id ID --add ORIGIN';

function urlErrors(
  value: Record<string, unknown>,
  plainHttp: boolean,
  redirectOrigins: readonly string[],
): FieldError[] {
  return ['successUrl', 'cancelUrl'].flatMap((field) => {
    const url = value[field];
    if (typeof url !== 'string' || url === '' || url.length > URL_CHARS_MAX) return [];
    const reading = readRedirectUrl(url, plainHttp);
    if (!reading.ok) return [{ pointer: `/${field}`, detail: reading.fault }];
    if (redirectOrigins.includes(reading.origin)) return [];
    return [{ pointer: `/${field}`, detail: `its origin ${reading.origin} ${NOT_REGISTERED}` }];
  });
}

function metadataFault(value: Record<string, unknown>): string | null {
  const fault = treeFault(value, 1);
  if (fault !== null) return fault;
  return Buffer.byteLength(JSON.stringify(value)) > METADATA_BYTES_MAX
    ? `must be at most ${METADATA_BYTES_MAX} bytes of JSON`
    : null;
}

function treeFault(value: unknown, depth: number): string | null {
  if (typeof value === 'string') {
    return storable(value) ? null : 'must not contain NUL or half a surrogate pair';
  }
  if (typeof value === 'number')
    return Number.isFinite(value) ? null : 'must not contain a number this large';
  if (typeof value !== 'object' || value === null) return null;
  if (depth > METADATA_DEPTH_MAX) return `must have at most ${METADATA_DEPTH_MAX} levels`;
  for (const [key, child] of Object.entries(value)) {
    const fault = storable(key) ? treeFault(child, depth + 1) : treeFault(key, depth);
    if (fault !== null) return fault;
  }
  return null;
}

/** True when PostgreSQL can keep the text. */
function storable(value: string): boolean {
  return value.isWellFormed() && !value.includes('\u0000');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
