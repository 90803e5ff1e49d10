/**
 * /v1/webhook-endpoints: where a merchant wants to hear of its payments.
 *
 * A secret is shown by the request that made it and by its repetitions with the same key, and never again.
 *
 * @module
 */

import { showEndpointId } from '../../domain/ids.ts';
import { refusal } from '../../domain/outcomes.ts';
import type { EndpointWrite, StoredEndpoint, WebhookEndpoint } from '../../storage/webhook-endpoints.ts';
import { createOnce, type Once, type SealedTexts } from '../once.ts';
import { problem } from '../problem.ts';
import { type HttpRequest, type HttpResponse, json, jsonText, type Route } from '../routes.ts';
import {
  type CreateWebhookEndpointBody,
  type RotateWebhookSecretBody,
  readCreateWebhookEndpoint,
  readNoBody,
  readRotateWebhookSecret,
  readUpdateWebhookEndpoint,
  type UpdateWebhookEndpointBody,
} from '../schemas.ts';
import {
  type Admission,
  type EndpointDeps,
  endpointNamed,
  endpointNotFound,
  routeThatReads,
  routeThatWrites,
} from './find-endpoint.ts';

export interface WebhookEndpointsDeps extends EndpointDeps {
  texts: SealedTexts;
  randomBytes(length: number): Buffer;
  /** `whsec_…`, new. */
  newSecret(): string;
  /** The context an endpoint's secret is sealed under. */
  secretContext(endpointId: string): string;
  /** What is wrong with a URL a webhook is to go to, in words for its field; null when nothing is. May ask name servers. */
  checkUrl(url: string): Promise<string | null>;
  endpointsMax: number;
}

const PATH = '/v1/webhook-endpoints';
const JSON_ONLY = ['application/json'] as const;
/** A change that met another one is made anew on what that one left. */
const TRIES_MAX = 5;
const PREVIOUS_VALID_SECONDS = 24 * 60 * 60;

/** Makes the routes. */
export function webhookEndpointsRoutes(deps: WebhookEndpointsDeps): Route[] {
  const one = `${PATH}/:id`;
  return [
    routeThatWrites(
      deps,
      { method: 'POST', path: PATH, name: 'create_webhook_endpoint', contentTypes: JSON_ONLY },
      readCreateWebhookEndpoint,
      (request, admission) => create(deps, request, admission),
    ),
    routeThatReads(deps, { path: PATH, name: 'list_webhook_endpoints' }, async (_, { merchant }) => {
      const endpoints = await deps.store.list(merchant.merchantId);
      return json(200, { endpoints: endpoints.map(showEndpoint) });
    }),
    routeThatReads(deps, { path: one, name: 'get_webhook_endpoint' }, async (request, { merchant }) => {
      const endpoint = await endpointNamed(deps, request, merchant);
      return endpoint === undefined ? endpointNotFound() : json(200, showEndpoint(endpoint));
    }),
    routeThatWrites(
      deps,
      { method: 'POST', path: one, name: 'update_webhook_endpoint', contentTypes: JSON_ONLY },
      readUpdateWebhookEndpoint,
      (request, admission) => update(deps, request, admission),
    ),
    routeThatWrites(
      deps,
      { method: 'DELETE', path: one, name: 'delete_webhook_endpoint', contentTypes: [] },
      readNoBody,
      async (request, { merchant }) => {
        const endpoint = await endpointNamed(deps, request, merchant);
        const removed =
          endpoint !== undefined && (await deps.store.remove(merchant.merchantId, endpoint.endpointId));
        return removed ? { status: 204, body: '' } : endpointNotFound();
      },
    ),
    routeThatWrites(
      deps,
      {
        method: 'POST',
        path: `${one}/rotate-secret`,
        name: 'rotate_webhook_secret',
        contentTypes: JSON_ONLY,
      },
      readRotateWebhookSecret,
      (request, admission) => rotate(deps, request, admission),
    ),
  ];
}

async function create(
  deps: WebhookEndpointsDeps,
  request: HttpRequest,
  { merchant, body, key }: Admission<CreateWebhookEndpointBody>,
): Promise<HttpResponse> {
  const { merchantId } = merchant;
  const once = createOnce(deps, request, { merchantId, key, status: 201 });
  const earlier = await once.earlier();
  if (earlier !== null) return earlier;
  const fault = await urlFault(deps, body.url);
  if (fault !== null) return fault;
  const endpointId = deps.randomBytes(16).toString('hex');
  const secret = deps.newSecret();
  const endpoint: WebhookEndpoint = {
    endpointId,
    merchantId,
    url: new URL(body.url).href,
    eventTypes: body.eventTypes ?? null,
    sealedSecret: await deps.texts.seal(secret, deps.secretContext(endpointId)),
    sealedPreviousSecret: null,
    previousSecretUntil: null,
    disabledAt: null,
    disabledReason: null,
    createdAt: request.now,
  };
  const answer = JSON.stringify({ ...showEndpoint(endpoint), secret });
  const write = await deps.store.create(endpoint, await once.keyed(answer));
  if (write.outcome === 'full') {
    const detail = `A merchant may have ${deps.endpointsMax} webhook endpoints: delete one first.`;
    return problem(refusal('webhook_endpoint_limit', detail));
  }
  return (await once.takenBy(write)) ?? jsonText(201, answer);
}

async function update(
  deps: WebhookEndpointsDeps,
  request: HttpRequest,
  { merchant, body, key }: Admission<UpdateWebhookEndpointBody>,
): Promise<HttpResponse> {
  const once = createOnce(deps, request, { merchantId: merchant.merchantId, key, status: 200 });
  const earlier = await once.earlier();
  if (earlier !== null) return earlier;
  if ((await endpointNamed(deps, request, merchant)) === undefined) return endpointNotFound();
  const fault = body.url === undefined ? null : await urlFault(deps, body.url);
  if (fault !== null) return fault;
  return change(deps, request, merchant, once, async (endpoint) => {
    const next = changedBy(endpoint, body, request.now);
    const answer = JSON.stringify(showEndpoint(next));
    return { answer, write: await deps.store.update(next, await once.keyed(answer)) };
  });
}

/** Fields that did not come stay; an endpoint that is enabled or disabled already keeps when and why. */
function changedBy(endpoint: StoredEndpoint, body: UpdateWebhookEndpointBody, now: number): StoredEndpoint {
  const next = { ...endpoint };
  if (body.url !== undefined) next.url = new URL(body.url).href;
  if (body.eventTypes !== undefined) next.eventTypes = body.eventTypes;
  if (body.status === 'enabled') {
    next.disabledAt = null;
    next.disabledReason = null;
  }
  if (body.status === 'disabled' && endpoint.disabledAt === null) {
    next.disabledAt = now;
    next.disabledReason = 'merchant';
  }
  return next;
}

async function rotate(
  deps: WebhookEndpointsDeps,
  request: HttpRequest,
  { merchant, body, key }: Admission<RotateWebhookSecretBody>,
): Promise<HttpResponse> {
  const once = createOnce(deps, request, { merchantId: merchant.merchantId, key, status: 200 });
  const earlier = await once.earlier();
  if (earlier !== null) return earlier;
  const validSeconds = body.previousValidSeconds ?? PREVIOUS_VALID_SECONDS;
  const previousSecretUntil = validSeconds === 0 ? null : request.now + validSeconds * 1000;
  return change(deps, request, merchant, once, async (endpoint) => {
    const secret = deps.newSecret();
    const sealedSecret = await deps.texts.seal(secret, deps.secretContext(endpoint.endpointId));
    const answer = JSON.stringify({ secret, previousSecretUntil: isoOrNull(previousSecretUntil) });
    const keyed = await once.keyed(answer);
    return { answer, write: await deps.store.rotate(endpoint, { sealedSecret, previousSecretUntil }, keyed) };
  });
}

/** Reads the endpoint and changes it, again when somebody else did meanwhile. */
async function change(
  deps: WebhookEndpointsDeps,
  request: HttpRequest,
  merchant: Admission<unknown>['merchant'],
  once: Once,
  write: (endpoint: StoredEndpoint) => Promise<{ answer: string; write: EndpointWrite }>,
): Promise<HttpResponse> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const endpoint = await endpointNamed(deps, request, merchant);
    if (endpoint === undefined) return endpointNotFound();
    const done = await write(endpoint);
    if (done.write.outcome === 'done') return jsonText(200, done.answer);
    const taken = await once.takenBy(done.write);
    if (taken !== null) return taken;
  }
  return problem(refusal('overloaded', 'Too many changes of this endpoint at once.'));
}

async function urlFault(deps: WebhookEndpointsDeps, url: string): Promise<HttpResponse | null> {
  const detail = await deps.checkUrl(url);
  if (detail === null) return null;
  return problem(
    refusal('invalid_request', 'A webhook cannot go to this URL.', { errors: [{ pointer: '/url', detail }] }),
  );
}

function showEndpoint(endpoint: WebhookEndpoint): object {
  return {
    endpointId: showEndpointId(endpoint.endpointId),
    url: endpoint.url,
    eventTypes: endpoint.eventTypes,
    status: endpoint.disabledAt === null ? 'enabled' : 'disabled',
    disabledReason: endpoint.disabledReason,
    previousSecretUntil: isoOrNull(endpoint.previousSecretUntil),
    createdAt: new Date(endpoint.createdAt).toISOString(),
  };
}

function isoOrNull(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
