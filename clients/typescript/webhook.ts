/**
 * Webhook: checks that an event came from Sluice (Standard Webhooks 1.0) and reads it.
 *
 * The signature is over the raw bytes of the body: give them as they came, before any JSON parser. Events come at least
 * once and in any order: keep `event.id` to know a repeat, and believe the highest `sequence` of a payment intent.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Currency } from './api.ts';

/** What Sluice tells of a payment. */
export interface PaymentEvent {
  /** `evt_` and 32 hex digits, the same at every repeat. */
  id: string;
  type:
    | 'payment.succeeded'
    | 'payment.failed'
    | 'payment.attempt_failed'
    | 'payment.recovered'
    | 'payment.reversed';
  /** ISO 8601, UTC: when it became so. */
  timestamp: string;
  data: {
    /** Null when the event is of the intent itself: it expired unpaid. */
    transactionId: string | null;
    paymentIntentId: string;
    orderId: string;
    customerId: string | null;
    merchantId: string;
    status: 'SUCCESS' | 'FAILED';
    /** Minor units. */
    amount: number;
    currency: Currency;
    failureCode: string | null;
    /** 1 for the first event of a payment intent, one more for each that follows. */
    sequence: number;
  };
}

/** What a test send of an endpoint carries. */
export interface TestEvent {
  id: string;
  type: 'webhook.test';
  timestamp: string;
  data: { merchantId: string; endpointId: string; message: string };
}

/** A newer gateway may send types that are not in this list: answer them 200 and ignore them. */
export type WebhookEvent = PaymentEvent | TestEvent;

/**
 * Why a request was not believed:
 * - `id_missing`, `timestamp_missing`, `signature_missing`: a header is not there
 * - `id_invalid`, `timestamp_invalid`: a header is not of its form
 * - `timestamp_too_old`, `timestamp_too_new`: further from now than the tolerance; an old request may be a replay
 * - `signature_mismatch`: no signature fits any of the secrets
 * - `body_invalid`: rightly signed, but no event
 */
export type WebhookRefusal =
  | 'id_missing'
  | 'id_invalid'
  | 'timestamp_missing'
  | 'timestamp_invalid'
  | 'timestamp_too_old'
  | 'timestamp_too_new'
  | 'signature_missing'
  | 'signature_mismatch'
  | 'body_invalid';

export type WebhookVerdict = { ok: true; event: WebhookEvent } | { ok: false; code: WebhookRefusal };

export interface WebhookRequest {
  /** `whsec_…` of the endpoint. Several while a secret is rotated: any of them will do. */
  secret: string | readonly string[];
  /** Of the request; upper and lower case are the same. `request.headers` of node:http and Express fits. */
  headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As it came. */
  body: string | Uint8Array;
  /** Milliseconds since 1970. @default Date.now() */
  now?: number;
  /** How far the timestamp may be from now, both ways. @default 300 */
  toleranceSeconds?: number;
}

const TOLERANCE_SECONDS = 300;
const SECRET = /^whsec_([A-Za-z0-9+/]{4,}={0,2})$/;
/** Unix seconds in plain digits, as they were signed. */
const TIMESTAMP = /^[1-9]\d{0,11}$/;

/**
 * Checks a request and reads its event. Refusals are values.
 * @throws TypeError when a secret has no such form, the body was parsed already or a time is no number: mistakes of the program,
 * not of the sender
 */
export function verifyWebhook(request: WebhookRequest): WebhookVerdict {
  const keys = keysOf(request.secret);
  const body = bytesOf(request.body);
  const { now = Date.now(), toleranceSeconds = TOLERANCE_SECONDS } = request;
  // Nothing is older than NaN: every replay would be believed.
  if (Number.isNaN(now) || Number.isNaN(toleranceSeconds))
    throw new TypeError('now and toleranceSeconds must be numbers');
  const id = headerOf(request.headers, 'webhook-id');
  const timestamp = headerOf(request.headers, 'webhook-timestamp');
  const signatures = headerOf(request.headers, 'webhook-signature');
  if (id === '') return refuse('id_missing');
  // A dot would let the id end where the timestamp begins.
  if (/[.\s]/.test(id)) return refuse('id_invalid');
  if (timestamp === '') return refuse('timestamp_missing');
  if (!TIMESTAMP.test(timestamp)) return refuse('timestamp_invalid');
  if (signatures === '') return refuse('signature_missing');
  const ageSeconds = Math.floor(now / 1000) - Number(timestamp);
  if (ageSeconds > toleranceSeconds) return refuse('timestamp_too_old');
  if (-ageSeconds > toleranceSeconds) return refuse('timestamp_too_new');
  if (!signed(keys, signatures, `${id}.${timestamp}.`, body)) return refuse('signature_mismatch');
  const event = readEvent(id, body);
  return event === null ? refuse('body_invalid') : { ok: true, event };
}

function refuse(code: WebhookRefusal): WebhookVerdict {
  return { ok: false, code };
}

function keysOf(secret: string | readonly string[]): Buffer[] {
  const secrets = typeof secret === 'string' ? [secret] : secret;
  if (secrets.length === 0) throw new TypeError('verifyWebhook needs a secret');
  return secrets.map((one) => {
    const base64 = SECRET.exec(one)?.[1];
    if (base64 === undefined) throw new TypeError('a webhook secret is whsec_ and base64');
    return Buffer.from(base64, 'base64');
  });
}

function bytesOf(body: string | Uint8Array): Uint8Array {
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return body;
  throw new TypeError('the body of a webhook must be the raw text or bytes, before any JSON parser');
}

/** A header's value, '' without one. */
function headerOf(headers: WebhookRequest['headers'], name: string): string {
  if (headers instanceof Headers) return headers.get(name) ?? '';
  for (const [key, value] of Object.entries(headers)) {
    if (key.toLowerCase() === name) return typeof value === 'string' ? value : (value?.join(' ') ?? '');
  }
  return '';
}

/**
 * True when one of the `v1` signatures fits one of the keys. Other versions are skipped. Compared as text: base64 has
 * bits that decoding ignores, and a changed signature must not pass.
 */
function signed(keys: readonly Buffer[], signatures: string, prefix: string, body: Uint8Array): boolean {
  const expected = keys.map((key) =>
    Buffer.from(`v1,${createHmac('sha256', key).update(prefix).update(body).digest('base64')}`),
  );
  return signatures.split(' ').some((signature) => {
    const given = Buffer.from(signature);
    return expected.some((one) => one.length === given.length && timingSafeEqual(one, given));
  });
}

function readEvent(id: string, body: Uint8Array): WebhookEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return null;
  }
  if (!isObject(value) || typeof value.type !== 'string' || typeof value.timestamp !== 'string') return null;
  if (!isObject(value.data)) return null;
  return { ...value, id } as unknown as WebhookEvent;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
