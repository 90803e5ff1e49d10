/**
 * Sluice: the gateway's API for a merchant's server.
 *
 * Every POST carries an Idempotency-Key, the caller's or one made for the call, and every retry carries the same: a
 * request whose answer was lost is asked again and done once. Needs nothing but `fetch` and `node:crypto`.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import type {
  CreateIntent,
  CreateSession,
  CreateWebhookEndpoint,
  Deliveries,
  DeliveryState,
  FieldError,
  Intent,
  IntentCreated,
  Payouts,
  ReplayWebhooks,
  RotateWebhookSecret,
  SessionCreated,
  Transaction,
  TransactionEvents,
  UpdateWebhookEndpoint,
  WebhookEndpoint,
  WebhookEndpointCreated,
  WebhookEndpoints,
  WebhookSecretRotated,
  WebhooksReplayed,
  WebhookTested,
} from './api.ts';

export interface SluiceOptions {
  /** Where the API listens: `https://pay.example`. */
  apiUrl: string;
  /** `sk_test_…` or `sk_live_…`. Never in a browser. */
  secretKey: string;
  /** The merchant the key was made for; put into bodies that need it. */
  merchantId: string;
  /** @default the global one */
  fetch?: typeof fetch;
  /** How often a call is tried again. @default 3 */
  retries?: number;
  /** For a call with all its retries and waits, in milliseconds. @default 30_000 */
  timeoutMs?: number;
  /** For one try, so that a connection that hangs leaves time for another, in milliseconds. @default 10_000 */
  tryTimeoutMs?: number;
}

export interface ReadOptions {
  /** Ends the call at once: it rejects with the signal's reason. What was sent may have been done. */
  signal?: AbortSignal;
}

export interface WriteOptions extends ReadOptions {
  /**
   * 1 to 255 printable ASCII characters, yours for this one request: with it the request may be repeated after a
   * restart of your server too, for 24 hours. @default a random UUID for the call and its retries
   */
  idempotencyKey?: string;
}

export interface DeliveryQuery {
  state?: DeliveryState;
  /** Those older than this event. */
  before?: string;
  /** 1 to 100. */
  limit?: number;
}

/** Where the merchant hears of its payments. */
export interface EndpointCalls {
  /** The only answer, besides that of a rotation, that shows the secret. */
  create(endpoint: CreateWebhookEndpoint, options?: WriteOptions): Promise<WebhookEndpointCreated>;
  list(options?: ReadOptions): Promise<WebhookEndpoints>;
  get(endpointId: string, options?: ReadOptions): Promise<WebhookEndpoint>;
  update(endpointId: string, change: UpdateWebhookEndpoint, options?: WriteOptions): Promise<WebhookEndpoint>;
  remove(endpointId: string, options?: ReadOptions): Promise<void>;
  /** Makes a new secret; the one before stays valid for a day unless told otherwise. */
  rotateSecret(
    endpointId: string,
    rotation?: RotateWebhookSecret,
    options?: WriteOptions,
  ): Promise<WebhookSecretRotated>;
  /** Sends a `webhook.test` event now and tells what the endpoint answered. */
  test(endpointId: string, options?: WriteOptions): Promise<WebhookTested>;
  /** A page of deliveries, newest first. */
  deliveries(endpointId: string, query?: DeliveryQuery, options?: ReadOptions): Promise<Deliveries>;
  /** Sends events again, at most 1000 a call; `next` is the `after` of the next one. */
  replay(endpointId: string, which: ReplayWebhooks, options?: WriteOptions): Promise<WebhooksReplayed>;
}

/** The gateway, as one merchant's server sees it. Every call rejects with {@link SluiceError} when it was not answered well. */
export interface Sluice {
  /** Says what is to be paid. Amounts are whole minor units: 5000 INR is 50 rupees. */
  createIntent(order: Omit<CreateIntent, 'merchantId'>, options?: WriteOptions): Promise<IntentCreated>;
  /** Opens a checkout page: send the shopper to its `redirectUrl`. */
  createSession(page: Omit<CreateSession, 'merchantId'>, options?: WriteOptions): Promise<SessionCreated>;
  getIntent(paymentIntentId: string, options?: ReadOptions): Promise<Intent>;
  getTransaction(transactionId: string, options?: ReadOptions): Promise<Transaction>;
  transactionEvents(transactionId: string, options?: ReadOptions): Promise<TransactionEvents>;
  /** What the merchant is owed of the settlement reports of these days, `YYYY-MM-DD`, both inclusive; at most 92. */
  payouts(days: { from: string; to: string }, options?: ReadOptions): Promise<Payouts>;
  webhookEndpoints: EndpointCalls;
}

/**
 * Why a call failed. `code` is the gateway's (docs/API.md, Refusals) or one of three of this client:
 * - `network_error`: no whole answer came
 * - `timeout`: none came in time
 * - `unexpected_answer`: what came is not the gateway's JSON; a proxy's page perhaps
 */
export class SluiceError extends Error {
  override name = 'SluiceError';
  /** HTTP status; null when no answer came. */
  readonly status: number | null;
  readonly code: string;
  readonly detail: string;
  /** Which fields are wrong, for `invalid_request`; otherwise empty. */
  readonly errors: readonly FieldError[];
  /** X-Request-Id of the answer: name it when you ask about the call. */
  readonly requestId: string | null;
  /** True when the same call may succeed later; a POST with the same `idempotencyKey`, since it may have been done. */
  readonly retryable: boolean;
  /** What the POST was sent with; null for other methods. */
  readonly idempotencyKey: string | null;

  constructor(
    failure: Pick<SluiceError, 'status' | 'code' | 'detail' | 'retryable'> &
      Partial<Pick<SluiceError, 'errors' | 'requestId' | 'idempotencyKey'>>,
    options?: ErrorOptions,
  ) {
    super(`${failure.code}: ${failure.detail}`, options);
    this.status = failure.status;
    this.code = failure.code;
    this.detail = failure.detail;
    this.errors = failure.errors ?? [];
    this.requestId = failure.requestId ?? null;
    this.retryable = failure.retryable;
    this.idempotencyKey = failure.idempotencyKey ?? null;
  }
}

const RETRIES = 3;
const TIMEOUT_MS = 30_000;
const TRY_TIMEOUT_MS = 10_000;
/** The first wait is up to this; each that follows up to twice the one before. */
const BACKOFF_MS = 250;
const BACKOFF_MS_MAX = 5_000;
/** A longer Retry-After is not obeyed to the letter: the call has a deadline of its own. */
const RETRY_AFTER_MS_MAX = 10_000;
/** Nothing was decided: busy, not now, or a proxy without its gateway. */
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([429, 502, 503, 504]);

interface Call {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  /** JSON; null without one. */
  body: string | null;
  /** Null for what is not a POST. */
  idempotencyKey: string | null;
  signal: AbortSignal | undefined;
}

/** What one try came to. */
type Try = { ok: true; body: unknown } | { ok: false; error: SluiceError; retryAfterMs: number };

/**
 * Makes a client. Nothing is connected before the first call.
 * @throws TypeError when an option is missing or wrong
 */
export function createSluice(options: SluiceOptions): Sluice {
  const { merchantId } = options;
  const send = createSender(options);

  const get = <Answer>(path: string, { signal }: ReadOptions = {}): Promise<Answer> =>
    send({ method: 'GET', path, body: null, idempotencyKey: null, signal }) as Promise<Answer>;
  const post = <Answer>(path: string, body: object, { idempotencyKey, signal }: WriteOptions = {}) =>
    send({
      method: 'POST',
      path,
      body: JSON.stringify(body),
      idempotencyKey: keyOf(idempotencyKey),
      signal,
    }) as Promise<Answer>;

  const endpoint = (id: string, rest = ''): string => `/v1/webhook-endpoints/${segment(id)}${rest}`;
  return {
    createIntent: (order, more) => post('/v1/payment/intent', { ...order, merchantId }, more),
    createSession: (page, more) => post('/v1/payment/session', { ...page, merchantId }, more),
    getIntent: (id, more) => get(`/v1/payment/intent/${segment(id)}`, more),
    getTransaction: (id, more) => get(`/v1/payment/transaction/${segment(id)}`, more),
    transactionEvents: (id, more) => get(`/v1/payment/transaction/${segment(id)}/events`, more),
    payouts: ({ from, to }, more) => get(`/v1/payouts?${new URLSearchParams({ from, to })}`, more),
    webhookEndpoints: {
      create: (created, more) => post('/v1/webhook-endpoints', created, more),
      list: (more) => get('/v1/webhook-endpoints', more),
      get: (id, more) => get(endpoint(id), more),
      update: (id, change, more) => post(endpoint(id), change, more),
      remove: async (id, more) => {
        const path = endpoint(id);
        await send({ method: 'DELETE', path, body: null, idempotencyKey: null, signal: more?.signal });
      },
      rotateSecret: (id, rotation = {}, more) => post(endpoint(id, '/rotate-secret'), rotation, more),
      test: (id, more) => post(endpoint(id, '/test'), {}, more),
      deliveries: (id, query, more) => get(endpoint(id, `/deliveries${search(query)}`), more),
      replay: (id, which, more) => post(endpoint(id, '/replay'), which, more),
    },
  };
}

/** Makes the function that carries a call through its tries. */
function createSender(options: SluiceOptions): (call: Call) => Promise<unknown> {
  const { apiUrl, secretKey, merchantId } = options;
  const retries = options.retries ?? RETRIES;
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const tryTimeoutMs = options.tryTimeoutMs ?? TRY_TIMEOUT_MS;
  if (!isApiUrl(apiUrl))
    throw new TypeError('apiUrl must be an http or https URL without user, query and fragment');
  if (!/^[\x21-\x7e]+$/.test(secretKey))
    throw new TypeError('secretKey is missing or has characters no key has');
  if (typeof merchantId !== 'string' || merchantId === '') throw new TypeError('merchantId is missing');
  if (!Number.isInteger(retries) || retries < 0)
    throw new TypeError('retries must be a whole number, 0 or more');
  if (!(timeoutMs > 0) || !(tryTimeoutMs > 0))
    throw new TypeError('timeoutMs and tryTimeoutMs must be more than 0');
  const origin = apiUrl.replace(/\/+$/, '');

  return async (call) => {
    const deadline = performance.now() + timeoutMs;
    for (let tries = 1; ; tries++) {
      const leftMs = deadline - performance.now();
      const tried = await tryOnce(call, Math.min(leftMs, tryTimeoutMs));
      if (tried.ok) return tried.body;
      // The try before has removed it, and its answer was lost.
      if (call.method === 'DELETE' && tries > 1 && tried.error.status === 404) return undefined;
      const waitMs = tried.retryAfterMs + backoffMs(tries);
      const late = performance.now() + waitMs >= deadline;
      if (!tried.error.retryable || tries > retries || late) throw tried.error;
      await pause(waitMs, call.signal);
    }
  };

  /** Resolves with what became of it. Rejects only with the reason of the caller's own signal. */
  async function tryOnce(call: Call, limitMs: number): Promise<Try> {
    const limit = AbortSignal.timeout(Math.max(1, Math.ceil(limitMs)));
    const signal = call.signal === undefined ? limit : AbortSignal.any([call.signal, limit]);
    try {
      const response = await (options.fetch ?? fetch)(origin + call.path, {
        method: call.method,
        headers: {
          authorization: `Bearer ${secretKey}`,
          accept: 'application/json',
          ...(call.body === null ? {} : { 'content-type': 'application/json' }),
          ...(call.idempotencyKey === null ? {} : { 'idempotency-key': call.idempotencyKey }),
        },
        ...(call.body === null ? {} : { body: call.body }),
        // The gateway redirects nothing; the key goes nowhere else.
        redirect: 'manual',
        signal,
      });
      return read(response, await response.text(), call);
    } catch (cause) {
      call.signal?.throwIfAborted();
      return { ok: false, error: unanswered(cause, limit.aborted, call), retryAfterMs: 0 };
    }
  }
}

/** Reads an answer: a JSON object, nothing (204), or a refusal. */
function read(response: Response, text: string, call: Call): Try {
  const { status } = response;
  if (status === 204) return { ok: true, body: undefined };
  const body = readObject(text);
  if (response.ok && body !== null) return { ok: true, body };
  const told = !response.ok && typeof body?.code === 'string' ? body : null;
  const code = told === null ? 'unexpected_answer' : String(told.code);
  const error = new SluiceError({
    status,
    code,
    detail:
      told === null
        ? `Status ${status} without the gateway's JSON.`
        : String(told.detail ?? told.title ?? ''),
    errors: Array.isArray(told?.errors) ? (told.errors as FieldError[]) : [],
    requestId: response.headers.get('x-request-id'),
    retryable: RETRYABLE_STATUS.has(status) || code === 'idempotency_key_in_flight',
    idempotencyKey: call.idempotencyKey,
  });
  return { ok: false, error, retryAfterMs: retryAfterMs(response.headers.get('retry-after')) };
}

/** The failure of a try that had no answer. What was sent may have been done. */
function unanswered(cause: unknown, late: boolean, call: Call): SluiceError {
  return new SluiceError(
    {
      status: null,
      code: late ? 'timeout' : 'network_error',
      detail: late ? 'No answer came in time.' : `No whole answer came: ${reasonOf(cause)}.`,
      retryable: true,
      idempotencyKey: call.idempotencyKey,
    },
    { cause },
  );
}

/** fetch says "fetch failed" and puts what happened into the cause. */
function reasonOf(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return inner instanceof Error ? ((inner as NodeJS.ErrnoException).code ?? inner.message) : String(inner);
}

function readObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** Full jitter: anywhere between nothing and a bound that doubles, so that clients do not come back together. */
function backoffMs(tries: number): number {
  return Math.random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** (tries - 1));
}

/** Retry-After in seconds or as a date (RFC 9110, 10.2.3); 0 without one. */
function retryAfterMs(header: string | null): number {
  if (header === null) return 0;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX);
}

/** Waits; rejects with the signal's reason when that comes first. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    function stop(): void {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}

/** What fetch would not take ends as a mistake of the program, not of the network. */
function isApiUrl(text: string): boolean {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '' && !/[?#]/.test(text);
}

function keyOf(given: string | undefined): string {
  if (given === undefined) return randomUUID();
  if (!/^[\x20-\x7e]{1,255}$/.test(given) || given.trim() !== given)
    throw new TypeError('idempotencyKey must be 1 to 255 printable ASCII characters, without spaces around');
  return given;
}

/** An id as a part of a path. It never holds what would change the path. */
function segment(id: string): string {
  if (!/^\w+$/.test(id)) throw new TypeError(`not an id: ${JSON.stringify(id)}`);
  return id;
}

function search(query: DeliveryQuery = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? '' : `?${parameters}`;
}
