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
    paths: { ...merchantPaths(), ...checkoutPaths(), ...otherPaths() },
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
): object {
  return {
    operationId,
    summary,
    parameters: [IDEMPOTENCY_KEY],
    requestBody: { required: true, content: { 'application/json': { schema: reference(request) } } },
    responses: {
      [status]: { ...done(answer), headers: { 'Idempotency-Replayed': header('IdempotencyReplayed') } },
      ...refusals('application/problem+json'),
    },
  };
}

function get(operationId: string, summary: string, answer: BodyName): object {
  return {
    operationId,
    summary,
    parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
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

function processPayment(): object {
  const body = { schema: reference('ProcessPayment') };
  return {
    operationId: 'processPayment',
    summary: 'Pay with the card typed in a session; the session is the permission',
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
