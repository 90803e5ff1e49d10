/**
 * OpenAPI: the document of the API, built from the schemas that check its bodies.
 *
 * @module
 */

import { z } from 'zod';
import * as schemas from './schemas.ts';

const BODIES = {
  CreateIntent: schemas.CreateIntentBody,
  CreateSession: schemas.CreateSessionBody,
  IntentCreated: schemas.IntentCreated,
  SessionCreated: schemas.SessionCreated,
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
    paths: {
      '/v1/payment/intent': {
        post: post('createIntent', 'Create a payment intent', 'CreateIntent', 'IntentCreated'),
      },
      '/v1/payment/session': {
        post: post('createSession', 'Open a checkout page', 'CreateSession', 'SessionCreated'),
      },
      '/v1/payment/intent/{id}': { get: get('getIntent', 'Read an intent', 'Intent') },
      '/v1/payment/transaction/{id}': { get: get('getTransaction', 'Read a transaction', 'Transaction') },
      '/webhooks/{processor}': { post: callback() },
    },
    components: {
      schemas: Object.fromEntries(Object.entries(BODIES).map(([name, schema]) => [name, plain(schema)])),
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

function post(operationId: string, summary: string, request: BodyName, answer: BodyName): object {
  return {
    operationId,
    summary,
    parameters: [IDEMPOTENCY_KEY],
    requestBody: { required: true, content: { 'application/json': { schema: reference(request) } } },
    responses: responses('201', answer),
  };
}

function get(operationId: string, summary: string, answer: BodyName): object {
  return {
    operationId,
    summary,
    parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
    responses: responses('200', answer),
  };
}

function callback(): object {
  return {
    operationId: 'receiveCallback',
    summary: 'A processor’s callback, signed by it',
    security: [],
    parameters: [
      { name: 'processor', in: 'path', required: true, schema: { type: 'string' } },
      { name: 'account', in: 'query', required: false, schema: { type: 'string' } },
    ],
    requestBody: { required: true, content: { '*/*': {} } },
    responses: responses('200', 'CallbackReceived'),
  };
}

function responses(status: string, answer: BodyName): object {
  return {
    [status]: { description: 'Done', content: { 'application/json': { schema: reference(answer) } } },
    default: {
      description: 'Refused; `code` says why',
      content: { 'application/problem+json': { schema: reference('Problem') } },
    },
  };
}

function reference(name: BodyName): object {
  return { $ref: `#/components/schemas/${name}` };
}
