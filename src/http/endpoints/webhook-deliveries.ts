/**
 * /v1/webhook-endpoints/{id}/…: what became of telling an endpoint, telling it again, and a test.
 *
 * A merchant's events are in the shard databases its intents are spread over. An event's id says in which of them it is, and ids
 * grow with time, so pages of several databases are merged by id.
 *
 * @module
 */

import {
  parseEventId,
  shardOfId,
  shardOfMerchant,
  showEventId,
  showIntentId,
  showTransactionId,
} from '../../domain/ids.ts';
import type { DeliveryState } from '../../domain/merchant-event.ts';
import { refusal } from '../../domain/outcomes.ts';
import type { ShownDelivery, WebhookLog } from '../../storage/webhook-deliveries.ts';
import type { StoredEndpoint, WebhookEndpoint } from '../../storage/webhook-endpoints.ts';
import type { Merchant } from '../authenticate.ts';
import { createOnce, type SealedTexts } from '../once.ts';
import { problem } from '../problem.ts';
import { type HttpRequest, type HttpResponse, json, jsonText, type Route } from '../routes.ts';
import { DELIVERY_STATES, type ReplayWebhooksBody, readNoBody, readReplayWebhooks } from '../schemas.ts';
import {
  type Admission,
  type EndpointDeps,
  endpointNamed,
  endpointNotFound,
  routeThatReads,
  routeThatWrites,
} from './find-endpoint.ts';

/** What came of a test send. */
export interface TestSent {
  delivered: boolean;
  /** HTTP status; null when no answer came. */
  status: number | null;
  /** A stable word; null when it was delivered. */
  failure: string | null;
  durationMs: number;
}

export interface WebhookDeliveriesDeps extends EndpointDeps {
  texts: SealedTexts;
  /** Where the logical shards are now: a shard's database as its place in `logs`. */
  placement(): Promise<(shard: number) => number>;
  /** One per shard database. */
  logs: readonly WebhookLog[];
  /** Posts a test event to an endpoint, once. */
  sendTest(endpoint: WebhookEndpoint): Promise<TestSent>;
}

const PATH = '/v1/webhook-endpoints/:id';
const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 100;
/** Deliveries one call replays. */
const REPLAY_MAX = 1000;
const REPLAYED_STATES: readonly DeliveryState[] = ['dead', 'waiting'];

/** Makes the routes. */
export function webhookDeliveriesRoutes(deps: WebhookDeliveriesDeps): Route[] {
  return [
    routeThatReads(deps, { path: `${PATH}/deliveries`, name: 'list_deliveries' }, (request, { merchant }) =>
      list(deps, request, merchant),
    ),
    routeThatReads(
      deps,
      { path: `${PATH}/deliveries/:event`, name: 'get_delivery' },
      (request, { merchant }) => find(deps, request, merchant),
    ),
    routeThatWrites(
      deps,
      { method: 'POST', path: `${PATH}/replay`, name: 'replay_webhooks', contentTypes: ['application/json'] },
      readReplayWebhooks,
      (request, admission) =>
        sentOnce(deps, request, admission, (endpoint) => replay(deps, endpoint, admission, request.now)),
    ),
    routeThatWrites(
      deps,
      { method: 'POST', path: `${PATH}/test`, name: 'test_webhook', contentTypes: [] },
      readNoBody,
      (request, admission) =>
        sentOnce(deps, request, admission, async (endpoint) => json(200, await deps.sendTest(endpoint))),
    ),
  ];
}

/** The databases a merchant's payments are in, in the order of their places. */
async function databasesOf(deps: WebhookDeliveriesDeps, { merchantId, spread }: Merchant): Promise<number[]> {
  const databaseOf = await deps.placement();
  const shards = Array.from({ length: Math.max(1, spread) }, (_, n) => shardOfMerchant(merchantId, n));
  return [...new Set(shards.map(databaseOf))].sort((a, b) => a - b);
}

async function list(
  deps: WebhookDeliveriesDeps,
  request: HttpRequest,
  merchant: Merchant,
): Promise<HttpResponse> {
  const query = readListQuery(request.query);
  if ('refused' in query) return query.refused;
  const endpoint = await endpointNamed(deps, request, merchant);
  if (endpoint === undefined) return endpointNotFound();
  const { limit } = query;
  const databases = await databasesOf(deps, merchant);
  // One more than is shown tells whether there is a next page.
  const pages = await Promise.all(
    databases.map((place) => deps.logs[place]!.list(endpoint.endpointId, { ...query, limit: limit + 1 })),
  );
  const newest = pages.flat().sort((a, b) => (a.event.eventId < b.event.eventId ? 1 : -1));
  const shown = newest.slice(0, limit);
  const next = newest.length > limit ? showEventId(shown.at(-1)!.event.eventId) : null;
  return json(200, { deliveries: shown.map(showDelivery), next });
}

function readListQuery(
  text: string,
): { state: DeliveryState | null; before: string | null; limit: number } | { refused: HttpResponse } {
  const query = new URLSearchParams(text);
  const state = query.get('state');
  const before = query.get('before');
  const limit = query.get('limit') ?? String(LIMIT_DEFAULT);
  const eventId = before === null ? null : parseEventId(before);
  const known = DELIVERY_STATES.find((one) => one === state) ?? null;
  const errors = [
    ...(state !== null && known === null
      ? [{ pointer: '/state', detail: `must be ${DELIVERY_STATES.join(', ')}` }]
      : []),
    ...(before !== null && eventId === null
      ? [{ pointer: '/before', detail: 'must be an event id, evt_…' }]
      : []),
    ...(/^\d{1,3}$/.test(limit) && Number(limit) >= 1 && Number(limit) <= LIMIT_MAX
      ? []
      : [{ pointer: '/limit', detail: `must be 1 to ${LIMIT_MAX}` }]),
  ];
  if (errors.length === 0) return { state: known, before: eventId, limit: Number(limit) };
  return {
    refused: problem(refusal('invalid_request', 'Some parameters of the query are wrong.', { errors })),
  };
}

async function find(
  deps: WebhookDeliveriesDeps,
  request: HttpRequest,
  merchant: Merchant,
): Promise<HttpResponse> {
  const endpoint = await endpointNamed(deps, request, merchant);
  if (endpoint === undefined) return endpointNotFound();
  const eventId = parseEventId(request.params.event ?? '');
  const log = eventId === null ? undefined : await logOf(deps, eventId);
  const found = await log?.find(endpoint.endpointId, eventId!);
  return found === undefined ? deliveryNotFound() : json(200, showDelivery(found));
}

async function databaseOfEvent(deps: WebhookDeliveriesDeps, eventId: string): Promise<number> {
  return (await deps.placement())(shardOfId(eventId));
}

async function logOf(deps: WebhookDeliveriesDeps, eventId: string): Promise<WebhookLog> {
  return deps.logs[await databaseOfEvent(deps, eventId)]!;
}

/** Posts are at least once: a repetition that comes while the first is under way is done too, one that comes later is not. */
async function sentOnce<Body>(
  deps: WebhookDeliveriesDeps,
  request: HttpRequest,
  { merchant, key }: Admission<Body>,
  send: (endpoint: StoredEndpoint) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  const once = createOnce(deps, request, { merchantId: merchant.merchantId, key, status: 200 });
  const earlier = await once.earlier();
  if (earlier !== null) return earlier;
  const endpoint = await endpointNamed(deps, request, merchant);
  if (endpoint === undefined) return endpointNotFound();
  const answer = await send(endpoint);
  if (answer.status !== 200) return answer;
  const keyed = await once.keyed(String(answer.body));
  if (keyed === null) return answer;
  return (await once.takenBy(await deps.store.keepAnswer(keyed))) ?? jsonText(200, String(answer.body));
}

async function replay(
  deps: WebhookDeliveriesDeps,
  endpoint: StoredEndpoint,
  { merchant, body }: Admission<ReplayWebhooksBody>,
  now: number,
): Promise<HttpResponse> {
  if ('eventId' in body) {
    const { eventId } = body;
    const replayed = await (await logOf(deps, eventId)).replayOne(endpoint, eventId, now);
    return replayed ? json(200, { replayed: 1, next: null }) : deliveryNotFound();
  }
  const { after, states = REPLAYED_STATES } = body;
  const databases = await databasesOf(deps, merchant);
  // One database after the other, so that the last event's id says where to go on: those before its database are done.
  const begun = after === null ? -1 : databases.indexOf(await databaseOfEvent(deps, after));
  let replayed = 0;
  for (const [place, database] of databases.entries()) {
    if (place < begun) continue;
    const range = {
      from: body.from,
      to: body.to,
      after: place === begun ? after : null,
      states,
      limit: REPLAY_MAX - replayed,
    };
    const done = await deps.logs[database]!.replayRange(endpoint.endpointId, range, now);
    replayed += done.replayed;
    if (done.next !== null) return json(200, { replayed, next: showEventId(done.next) });
  }
  return json(200, { replayed, next: null });
}

function deliveryNotFound(): HttpResponse {
  return problem(refusal('delivery_not_found', 'This endpoint has no delivery of that event.'));
}

function showDelivery({ event, state, tries, nextAt, log }: ShownDelivery): object {
  return {
    eventId: showEventId(event.eventId),
    type: event.type,
    transactionId: event.transactionId === null ? null : showTransactionId(event.transactionId),
    paymentIntentId: showIntentId(event.paymentIntentId),
    state,
    tries,
    nextAt: nextAt === null ? null : new Date(nextAt).toISOString(),
    createdAt: new Date(event.createdAt).toISOString(),
    log: log.map(({ at, durationMs, status, failure }) => ({
      at: new Date(at).toISOString(),
      durationMs,
      status,
      failure,
    })),
  };
}
