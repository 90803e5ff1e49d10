/**
 * Find endpoint: what every request about webhook endpoints passes, and the endpoint of its path.
 *
 * @module
 */

import { parseEndpointId } from '../../domain/ids.ts';
import { refusal } from '../../domain/outcomes.ts';
import type { StoredEndpoint, WebhookEndpointStore } from '../../storage/webhook-endpoints.ts';
import { admitWrite, authenticate, type Gate, limitRate, READ_HEADERS, WRITE_HEADERS } from '../admit.ts';
import type { Merchant } from '../authenticate.ts';
import { problem } from '../problem.ts';
import type { RateLimit } from '../rate-limit.ts';
import type { HttpRequest, HttpResponse, Route } from '../routes.ts';
import type { BodyReading } from '../schemas.ts';

/** What all routes about endpoints need. */
export interface EndpointDeps {
  gate: Gate;
  /** Of what changes or sends something, by merchant id; on top of the rate of all requests. */
  changeRate: RateLimit;
  store: WebhookEndpointStore;
  bodyLimitBytes: number;
  /** True for an error that says a database or the HSM cannot be reached now. */
  isOutage(error: unknown): boolean;
  /** Hears of every outage a request met. */
  onOutage(error: unknown): void;
}

/** A request that was admitted. `body` is undefined for a read, `key` null where none came. */
export interface Admission<Body> {
  merchant: Merchant;
  body: Body;
  key: string | null;
}

/** A route that reads. */
export function routeThatReads(
  deps: EndpointDeps,
  { path, name }: { path: string; name: string },
  answer: (request: HttpRequest, admission: Admission<undefined>) => Promise<HttpResponse>,
): Route {
  return {
    method: 'GET',
    path,
    name,
    bodyLimitBytes: 0,
    contentTypes: [],
    headers: READ_HEADERS,
    handler: (request) =>
      unlessOutage(deps, async () => {
        const caller = await authenticate(deps.gate, request);
        if (!caller.ok) return problem(caller.refusal);
        const limited = await limitRate(deps.gate, request, caller.merchant);
        if (limited !== null) return problem(limited);
        return answer(request, { merchant: caller.merchant, body: undefined, key: null });
      }),
  };
}

/** A route that changes something; `read` checks the body. */
export function routeThatWrites<Body>(
  deps: EndpointDeps,
  route: { method: 'POST' | 'DELETE'; path: string; name: string; contentTypes: readonly string[] },
  read: (body: Uint8Array) => BodyReading<Body>,
  answer: (request: HttpRequest, admission: Admission<Body>) => Promise<HttpResponse>,
): Route {
  return {
    ...route,
    bodyLimitBytes: deps.bodyLimitBytes,
    headers: route.method === 'POST' ? WRITE_HEADERS : READ_HEADERS,
    handler: (request) =>
      unlessOutage(deps, async () => {
        const caller = await authenticate(deps.gate, request);
        if (!caller.ok) return problem(caller.refusal);
        const { merchant } = caller;
        if (!(await deps.changeRate(merchant.merchantId, request.now)))
          return problem(refusal('rate_limited', 'This merchant changes or tests its webhooks too often.'));
        const reading = read(request.body);
        if (!reading.ok) return problem(reading.refusal);
        if (route.method === 'DELETE') {
          const limited = await limitRate(deps.gate, request, merchant);
          return limited === null
            ? answer(request, { merchant, body: reading.body, key: null })
            : problem(limited);
        }
        const admitted = await admitWrite(deps.gate, request, merchant, merchant.merchantId);
        if (!admitted.ok) return problem(admitted.refusal);
        return answer(request, { merchant, body: reading.body, key: admitted.key });
      }),
  };
}

async function unlessOutage(deps: EndpointDeps, answer: () => Promise<HttpResponse>): Promise<HttpResponse> {
  try {
    return await answer();
  } catch (error) {
    if (!deps.isOutage(error)) throw error;
    deps.onOutage(error);
    return problem(refusal('storage_unavailable', 'Try again with the same Idempotency-Key.'));
  }
}

/** The endpoint a path names; undefined when its merchant has none of that id. */
export async function endpointNamed(
  { store }: EndpointDeps,
  request: HttpRequest,
  merchant: Merchant,
): Promise<StoredEndpoint | undefined> {
  const endpointId = parseEndpointId(request.params.id ?? '');
  return endpointId === null ? undefined : store.find(merchant.merchantId, endpointId);
}

/** The one 404 of endpoints. */
export function endpointNotFound(): HttpResponse {
  return problem(refusal('webhook_endpoint_not_found', 'This merchant has no webhook endpoint of that id.'));
}
