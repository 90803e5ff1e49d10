/**
 * The OpenAPI document against the routes of the API and checkout listeners: none is missing, none is invented, and
 * a body with a card has the fields that checkout reads.
 *
 * @module
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { processPaymentRoutes } from '../src/checkout/endpoints/process-payment.ts';
import type { FieldError } from '../src/domain/outcomes.ts';
import { openApiDocument } from '../src/http/openapi.ts';
import type { Route } from '../src/http/routes.ts';

const SRC = join(import.meta.dirname, '..', 'src');
/** Mounted on the ops listener, which no merchant sees. */
const isOps = (path: string): boolean =>
  ['/healthz', '/readyz', '/metrics'].includes(path) || path.startsWith('/admin/');

interface Operation {
  servers?: unknown;
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: { $ref: string } }> };
  responses: Record<string, { headers?: Record<string, unknown> }>;
}
const document = openApiDocument() as {
  paths: Record<string, Record<'get' | 'post' | 'delete', Operation> & { servers?: unknown }>;
  components: { schemas: Record<string, Fields & { anyOf?: Fields[] }> };
};

interface Fields {
  properties: object;
  required: string[];
}

/** A value for any dependency: making a route only keeps what it is handed. */
const NOTHING: unknown = new Proxy(() => NOTHING, {
  get: (_, name) => (name === 'signatureHeaders' ? [] : NOTHING),
});

let routes: Route[];

beforeAll(async () => {
  routes = [...(await routesIn('http')), ...(await routesIn('checkout'))];
});

/** What every function named `…Route` or `…Routes` in the endpoints of a room makes. */
async function routesIn(room: string): Promise<Route[]> {
  const folder = join(SRC, room, 'endpoints');
  const files = readdirSync(folder).filter((file) => !file.endsWith('.test.ts'));
  const modules: Record<string, unknown>[] = await Promise.all(
    files.map((file) => import(join(folder, file))),
  );
  const made = modules.flatMap((exported) =>
    Object.entries(exported)
      .filter(([name]) => /Routes?$/.test(name))
      .flatMap(([, make]) => (make as (deps: unknown) => Route | Route[])(NOTHING)),
  );
  // The page's own file, named by its hash: docs/PAYMENT-PAGE-SCRIPTS.md lists it.
  return made.filter(({ path }) => !path.startsWith('/checkout/assets/'));
}

test('every route but those of ops is in the document, and nothing else', () => {
  const mounted = routes
    .filter(({ path }) => !isOps(path))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations)
      .filter((key) => key !== 'servers')
      .map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(mounted.length).toBeGreaterThan(8);
  expect(documented.sort()).toEqual(mounted.sort());
});

test('keys, media types and headers are those of the routes', () => {
  for (const route of routes.filter(({ path, method }) => method === 'POST' && !isOps(path))) {
    const operation = document.paths[route.path.replaceAll(/:(\w+)/g, '{$1}')]!.post;
    const takesKey = route.headers.includes('idempotency-key');
    const names = operation.parameters?.map(({ name }) => name) ?? [];
    expect(names.includes('Idempotency-Key')).toBe(takesKey);
    const types = route.contentTypes.length === 0 ? ['*/*'] : [...route.contentTypes];
    expect(Object.keys(operation.requestBody!.content).sort()).toEqual(types.sort());
    for (const status of ['429', '503'])
      expect(operation.responses[status]!.headers).toHaveProperty('Retry-After');
    const replays = Object.values(operation.responses).some(
      ({ headers = {} }) => 'Idempotency-Replayed' in headers,
    );
    expect(replays).toBe(takesKey);
  }
});

test('routes of checkout, and only they, are said to be on the checkout listener', async () => {
  const checkout = [...new Set((await routesIn('checkout')).map(({ path }) => path))];
  const elsewhere = Object.entries(document.paths).filter(([, item]) => item.servers !== undefined);
  expect(elsewhere.map(([path]) => path).sort()).toEqual(checkout.sort());
});

test('a body with a card has the fields that checkout reads, and those it needs', async () => {
  for (const route of processPaymentRoutes({
    authenticate: async () => ({ ok: true, merchant: { merchantId: 'm' } }),
    problem: (cause) => ({ status: 400, body: JSON.stringify(cause.errors) }),
    publicOrigin: 'https://pay.example',
  } as Partial<Parameters<typeof processPaymentRoutes>[0]> as Parameters<typeof processPaymentRoutes>[0])) {
    const pointersFor = async (body: object): Promise<string[]> => {
      const answer = await route.handler({
        query: '',
        header: (name) => (name === 'content-type' ? 'application/json' : ''),
        body: Buffer.from(JSON.stringify(body)),
        remoteAddress: () => '',
        now: 0,
      });
      return (JSON.parse(String(answer.body)) as FieldError[]).map(({ pointer }) => pointer.slice(1));
    };
    const { $ref } = document.paths[route.path]!.post.requestBody!.content['application/json']!.schema;
    const named = document.components.schemas[$ref.split('/').at(-1)!]!;
    // Of a body with a card or without one, the one with.
    const schema = named.anyOf?.[0] ?? named;
    expect((await pointersFor({})).sort()).toEqual([...schema.required].sort());
    // Every field is known, and of a kind that no field may have: none is called unknown.
    const wrong = Object.fromEntries(Object.keys(schema.properties).map((name) => [name, true]));
    expect((await pointersFor({ ...wrong, other: 1 })).sort()).toEqual(
      [...Object.keys(schema.properties), 'other'].sort(),
    );
  }
});
