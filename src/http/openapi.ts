/**
 * OpenAPI: the document of the API and checkout listeners, built from the schemas of their bodies.
 *
 * @module
 */

import { z } from 'zod';
import * as schemas from './schemas.ts';

const BODIES = {
  CreateIntent: schemas.CreateIntentBody,
  CreateSession: schemas.CreateSessionBody,
  ProcessPayment: schemas.ProcessPaymentBody,
  ProcessPaymentByKey: schemas.ProcessPaymentByKeyBody,
  IntentCreated: schemas.IntentCreated,
  SessionCreated: schemas.SessionCreated,
  PaymentStarted: schemas.PaymentStarted,
  Transaction: schemas.Transaction,
  Intent: schemas.Intent,
  CallbackReceived: schemas.CallbackReceived,
  TransactionEvents: schemas.TransactionEvents,
  CreateWebhookEndpoint: schemas.CreateWebhookEndpointBody,
  UpdateWebhookEndpoint: schemas.UpdateWebhookEndpointBody,
  RotateWebhookSecret: schemas.RotateWebhookSecretBody,
  ReplayWebhooks: schemas.ReplayWebhooks,
  WebhookEndpoint: schemas.WebhookEndpoint,
  WebhookEndpointCreated: schemas.WebhookEndpointCreated,
  WebhookEndpoints: schemas.WebhookEndpoints,
  WebhookSecretRotated: schemas.WebhookSecretRotated,
  WebhookTested: schemas.WebhookTested,
  Delivery: schemas.Delivery,
  Deliveries: schemas.Deliveries,
  WebhooksReplayed: schemas.WebhooksReplayed,
  Payouts: schemas.Payouts,
  Problem: schemas.Problem,
} as const;

type BodyName = keyof typeof BODIES;

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  schema: { type: 'string', minLength: 1, maxLength: 255 },
  description:
    'Repeating the request with the same key and body gives the first answer again, with Idempotency-Replayed: true. Kept 24 hours.',
} as const;

const HEADERS = {
  IdempotencyReplayed: {
    schema: { type: 'string', const: 'true' },
    description: 'Comes when this is the stored answer of an earlier request with the same Idempotency-Key.',
  },
  RetryAfter: {
    schema: { type: 'integer' },
    description: 'Seconds after which the request may be repeated.',
  },
} as const;

/** A part of the path. */
function inPath(name: string): object {
  return { name, in: 'path', required: true, schema: { type: 'string' } };
}

const ID = inPath('id');

/** Where cards are seen: a listener of its own, with an address that only the operator knows. */
const CHECKOUT = [
  {
    url: '{checkout}',
    description: 'The checkout listener',
    variables: {
      checkout: { default: 'http://127.0.0.1:8081', description: 'Its origin (SLUICE_PUBLIC_CHECKOUT_URL).' },
    },
  },
] as const;

/** Builds the OpenAPI 3.1 document as an object ready for JSON. */
export function openApiDocument(): Record<string, unknown> {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sluice',
      version: '1',
      description: 'A payment gateway that never loses and never doubles a charge.',
    },
    security: [{ secretKey: [] }, { secretKeyAsUser: [] }],
    paths: { ...merchantPaths(), ...webhookPaths(), ...checkoutPaths(), ...otherPaths() },
    components: {
      schemas: Object.fromEntries(Object.entries(BODIES).map(([name, schema]) => [name, plain(schema)])),
      headers: HEADERS,
      securitySchemes: {
        secretKey: { type: 'http', scheme: 'bearer', description: 'sk_test_… or sk_live_…' },
        secretKeyAsUser: {
          type: 'http',
          scheme: 'basic',
          description: 'The key as user, an empty password.',
        },
      },
    },
  };
}

function merchantPaths(): Record<string, object> {
  return {
    '/v1/payment/intent': {
      post: post('createIntent', 'Create a payment intent', 'CreateIntent', ['201', 'IntentCreated']),
    },
    '/v1/payment/session': {
      post: post('createSession', 'Open a checkout page', 'CreateSession', ['201', 'SessionCreated']),
    },
    '/v1/payment/intent/{id}': { get: get('getIntent', 'Read an intent', 'Intent') },
    '/v1/payment/transaction/{id}': { get: get('getTransaction', 'Read a transaction', 'Transaction') },
    '/v1/payment/transaction/{id}/events': {
      get: get('transactionEvents', 'What happened to a payment, for support', 'TransactionEvents'),
    },
    '/v1/payouts': {
      get: get('listPayouts', 'What the merchant is owed of each day’s settlement reports', 'Payouts', [
        { name: 'from', in: 'query', required: true, schema: { type: 'string', format: 'date' } },
        {
          ...{ name: 'to', in: 'query', required: true, schema: { type: 'string', format: 'date' } },
          description: 'Inclusive; at most 92 days with `from`.',
        },
      ]),
    },
    '/v1/payment/process': {
      servers: CHECKOUT,
      post: post(
        'processPaymentByKey',
        'Pay with a card that a PCI-certified merchant took',
        'ProcessPaymentByKey',
        ['202', 'PaymentStarted'],
      ),
    },
  };
}

function webhookPaths(): Record<string, object> {
  const path = '/v1/webhook-endpoints';
  const query = (name: string, schema: object) => ({ name, in: 'query', required: false, schema });
  return {
    [path]: {
      get: get('listWebhookEndpoints', 'All webhook endpoints', 'WebhookEndpoints', []),
      post: post('createWebhookEndpoint', 'Hear of payments at a URL', 'CreateWebhookEndpoint', [
        '201',
        'WebhookEndpointCreated',
      ]),
    },
    [`${path}/{id}`]: {
      get: get('getWebhookEndpoint', 'Read a webhook endpoint', 'WebhookEndpoint'),
      post: post(
        'updateWebhookEndpoint',
        'Change, disable or enable a webhook endpoint',
        'UpdateWebhookEndpoint',
        ['200', 'WebhookEndpoint'],
        [ID],
      ),
      delete: {
        operationId: 'deleteWebhookEndpoint',
        summary: 'Forget a webhook endpoint',
        parameters: [ID],
        responses: { '204': { description: 'Done' }, ...refusals('application/problem+json') },
      },
    },
    [`${path}/{id}/rotate-secret`]: {
      post: post(
        'rotateWebhookSecret',
        'A new secret for a webhook endpoint',
        'RotateWebhookSecret',
        ['200', 'WebhookSecretRotated'],
        [ID],
      ),
    },
    [`${path}/{id}/test`]: { post: testWebhook() },
    [`${path}/{id}/deliveries`]: {
      get: get('listDeliveries', 'What became of telling an endpoint, newest first', 'Deliveries', [
        ID,
        query('state', { type: 'string', enum: schemas.DELIVERY_STATES }),
        query('before', { type: 'string', description: '`next` of the page before this one.' }),
        query('limit', { type: 'integer', minimum: 1, maximum: 100, default: 20 }),
      ]),
    },
    [`${path}/{id}/deliveries/{event}`]: {
      get: get('getDelivery', 'What became of telling an endpoint one event', 'Delivery', [
        ID,
        inPath('event'),
      ]),
    },
    [`${path}/{id}/replay`]: {
      post: post(
        'replayWebhooks',
        'Tell an endpoint again',
        'ReplayWebhooks',
        ['200', 'WebhooksReplayed'],
        [ID],
      ),
    },
  };
}

/** Its body may be empty, of whatever type. */
function testWebhook(): object {
  return {
    operationId: 'testWebhook',
    summary: 'Post a test event to an endpoint, once',
    parameters: [IDEMPOTENCY_KEY, ID],
    requestBody: { required: false, content: { '*/*': {} } },
    responses: {
      '200': { ...done('WebhookTested'), headers: { 'Idempotency-Replayed': header('IdempotencyReplayed') } },
      ...refusals('application/problem+json'),
    },
  };
}

function checkoutPaths(): Record<string, object> {
  const query = (name: string, required: boolean) => ({
    name,
    in: 'query',
    required,
    schema: { type: 'string' },
  });
  return {
    '/internal/payment/process': { servers: CHECKOUT, post: processPayment() },
    '/checkout': {
      servers: CHECKOUT,
      get: page('showCheckout', 'The card form of a session', [query('session', true)]),
    },
    '/checkout/result': {
      servers: CHECKOUT,
      get: page('showResult', 'How a payment goes', [query('transaction', true), query('session', false)]),
    },
    '/checkout/return': {
      servers: CHECKOUT,
      get: cameBack('returnFromBank'),
      post: { ...cameBack('returnFromBankByPost'), requestBody: { content: { '*/*': {} } } },
    },
    '/checkout/otp': {
      servers: CHECKOUT,
      post: resultForm('takeOtp', 'The one-time password of a payment whose bank wants one', {
        transaction: 'txn_…',
        session: 'sess_…, where there is one',
        otp: '4 to 10 digits',
      }),
    },
    '/checkout/otp/resend': {
      servers: CHECKOUT,
      post: resultForm('resendOtp', 'Has the bank send another one-time password', {
        transaction: 'txn_…',
        session: 'sess_…, where there is one',
      }),
    },
    '/checkout/events': {
      servers: CHECKOUT,
      get: {
        operationId: 'watchResult',
        summary: 'Tells the result page when it has changed',
        security: [],
        parameters: [query('transaction', true)],
        responses: {
          '200': { description: 'Server-sent events', content: { 'text/event-stream': {} } },
          ...refusals('application/problem+json'),
        },
      },
    },
    '/session-expired': {
      servers: CHECKOUT,
      get: page('showSessionExpired', 'The time to pay is over', [query('session', false)]),
    },
  };
}

function otherPaths(): Record<string, object> {
  return {
    '/webhooks/{processor}': { post: callback() },
    '/openapi.json': {
      get: {
        operationId: 'openapi',
        summary: 'This document',
        security: [],
        responses: {
          '200': {
            description: 'OpenAPI 3.1',
            content: { 'application/json': { schema: { type: 'object' } } },
          },
          ...refusals('application/problem+json'),
        },
      },
    },
  };
}

/** One schema with everything it uses inside it. Bounds and patterns that only say "a safe integer", "a date" are left out. */
function plain(schema: z.ZodType): unknown {
  const { $schema: _dialect, ...body } = z.toJSONSchema(schema, {
    io: 'input',
    reused: 'inline',
    override: ({ jsonSchema }) => {
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return body;
}

function post(
  operationId: string,
  summary: string,
  request: BodyName,
  [status, answer]: readonly [string, BodyName],
  more: readonly object[] = [],
): object {
  return {
    operationId,
    summary,
    parameters: [IDEMPOTENCY_KEY, ...more],
    requestBody: { required: true, content: { 'application/json': { schema: reference(request) } } },
    responses: {
      [status]: { ...done(answer), headers: { 'Idempotency-Replayed': header('IdempotencyReplayed') } },
      ...refusals('application/problem+json'),
    },
  };
}

function get(
  operationId: string,
  summary: string,
  answer: BodyName,
  parameters: readonly object[] = [ID],
): object {
  return {
    operationId,
    summary,
    parameters,
    responses: { '200': done(answer), ...refusals('application/problem+json') },
  };
}

function page(operationId: string, summary: string, parameters: readonly object[]): object {
  const html = { 'text/html': {} };
  return {
    operationId,
    summary,
    security: [],
    parameters,
    responses: { '200': { description: 'A page', content: html }, ...refusals('text/html') },
  };
}

function cameBack(operationId: string): object {
  return {
    operationId,
    summary: 'The shopper comes back from the bank; all but the transaction is a hint that nothing believes',
    security: [],
    parameters: [{ name: 'transaction', in: 'query', required: true, schema: { type: 'string' } }],
    responses: {
      '303': {
        description: 'Location shows how the payment goes',
        headers: { Location: { schema: { type: 'string' } } },
      },
      ...refusals('text/html'),
    },
  };
}

/** A form of the result page, which it leads back to. */
function resultForm(
  operationId: string,
  summary: string,
  fields: { transaction: string } & Record<string, string>,
): object {
  const properties = Object.fromEntries(
    Object.entries(fields).map(([name, description]) => [name, { type: 'string', description }]),
  );
  const schema = { type: 'object', properties, required: ['transaction'], additionalProperties: false };
  return {
    operationId,
    summary,
    security: [],
    requestBody: { required: true, content: { 'application/x-www-form-urlencoded': { schema } } },
    responses: {
      '303': {
        description: 'Location shows how the payment goes',
        headers: { Location: { schema: { type: 'string' } } },
      },
      ...refusals('text/html'),
    },
  };
}

function processPayment(): object {
  const body = { schema: reference('ProcessPayment') };
  return {
    operationId: 'processPayment',
    summary: 'Pay with the card typed in a session, or by UPI; the session is the permission',
    security: [],
    requestBody: {
      required: true,
      content: { 'application/json': body, 'application/x-www-form-urlencoded': body },
    },
    responses: {
      '202': { ...done('PaymentStarted'), description: 'To JSON: the attempt is durable' },
      '303': {
        description: 'To a form: the attempt is durable; Location shows how it goes',
        headers: { Location: { schema: { type: 'string' } } },
      },
      ...refusals('application/problem+json', 'text/html'),
    },
  };
}

function callback(): object {
  return {
    operationId: 'receiveCallback',
    summary: 'A processor’s callback, signed by it',
    security: [],
    parameters: [
      { name: 'processor', in: 'path', required: true, schema: { type: 'string', enum: ['sandbox'] } },
      { name: 'account', in: 'query', required: false, schema: { type: 'string' } },
    ],
    requestBody: { required: true, content: { '*/*': {} } },
    responses: { '200': done('CallbackReceived'), ...refusals('application/problem+json') },
  };
}

function done(answer: BodyName): object {
  return { description: 'Done', content: { 'application/json': { schema: reference(answer) } } };
}

function refusals(...mediaTypes: readonly ('application/problem+json' | 'text/html')[]): object {
  const content = Object.fromEntries(
    mediaTypes.map((type) => [type, type === 'text/html' ? {} : { schema: reference('Problem') }]),
  );
  const later = { headers: { 'Retry-After': header('RetryAfter') }, content };
  return {
    '429': { description: 'Too many requests; nothing was changed', ...later },
    '503': { description: 'Not now; `code` says why', ...later },
    default: { description: 'Refused; `code` says why', content },
  };
}

function reference(name: BodyName): object {
  return { $ref: `#/components/schemas/${name}` };
}

function header(name: keyof typeof HEADERS): object {
  return { $ref: `#/components/headers/${name}` };
}
