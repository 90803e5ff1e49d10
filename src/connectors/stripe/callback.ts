/**
 * Verifies and reads an event of Stripe's (reference 3d).
 *
 * Events of an intent say what became of it. All others, of charges, payouts and reports, are kept and say nothing: what a charge of an
 * intent says is said of the intent as well.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ProcessorWord } from '../../domain/processor-word.ts';
import type { ReadCallback } from '../connector.ts';
import { isRecord, parseAnswer } from '../json.ts';
import { readIntent, transactionOf } from './intent.ts';
import { wordOf } from './status.ts';

/** How old a signature may be, and how far a clock may be ahead. Each delivery is signed anew. */
const PAST_SECONDS = 300;
const FUTURE_SECONDS = 60;

/** What signs an event, beside its body. */
export const SIGNATURE_HEADERS = ['stripe-signature'] as const;

const HEX_64 = /^[0-9a-f]{64}$/;
/** More are not looked at: two are there while a secret is rolled. */
const SIGNATURES_MAX = 8;

/** `t=…,v1=…`, of which any `v1` may be right; HMAC-SHA256 over t, a dot and the raw body; the key is the whole `whsec_…`. */
export const readStripeCallback: ReadCallback = ({ header, body }, secrets, now) => {
  const signature = parseSignature(header('stripe-signature'));
  if (signature === null || !signedBy(secrets, signature, body)) {
    return { ok: false, code: 'signature_invalid', detail: 'no secret of the account makes this signature' };
  }
  const ageSeconds = now / 1000 - Number(signature.timestamp);
  if (!(ageSeconds <= PAST_SECONDS && ageSeconds >= -FUTURE_SECONDS)) {
    const detail = `the signature is ${Math.round(ageSeconds)} s old`;
    return { ok: false, code: 'timestamp_invalid', detail };
  }
  const event = readEvent(parseAnswer(body));
  if (typeof event === 'string') return { ok: false, code: 'body_invalid', detail: event };
  return {
    ok: true,
    callback: {
      processor: 'STRIPE',
      callbackId: event.id,
      transactionId: transactionOf(event.object.metadata),
      word: wordOfEvent(event, now),
      hint: false,
      receivedAt: now,
    },
  };
};

interface Signature {
  timestamp: string;
  signatures: Buffer[];
}

/** Null when it has not exactly one time, or no signature that could be one. Other schemes (`v0`) are passed over. */
function parseSignature(header: string): Signature | null {
  const parts = header.split(',').map((part) => part.split('='));
  const valuesOf = (scheme: string): string[] =>
    parts.filter(([name]) => name === scheme).map(([, ...value]) => value.join('='));
  const [timestamp, ...moreTimes] = valuesOf('t');
  const signatures = valuesOf('v1').filter((value) => HEX_64.test(value));
  if (timestamp === undefined || moreTimes.length > 0 || !/^[0-9]{1,12}$/.test(timestamp)) return null;
  if (signatures.length === 0 || signatures.length > SIGNATURES_MAX) return null;
  return { timestamp, signatures: signatures.map((value) => Buffer.from(value, 'hex')) };
}

function signedBy(
  secrets: readonly string[],
  { timestamp, signatures }: Signature,
  body: Uint8Array,
): boolean {
  let signed = false;
  // Every secret is tried on every signature, whichever is right: time tells nothing.
  for (const secret of secrets) {
    if (secret === '') continue;
    const expected = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest();
    for (const given of signatures) if (timingSafeEqual(expected, given)) signed = true;
  }
  return signed;
}

interface Event {
  id: string;
  type: string;
  /** The Connect account it is of; null: the one whose endpoint is called. */
  account: string | null;
  /** The thing as it was when the event was made. */
  object: Record<string, unknown>;
}

/** What of an event is read; a text when it is none. Thin events (`v2.core.event`) hold no object and are refused. */
function readEvent(value: unknown): Event | string {
  if (!isRecord(value) || value.object !== 'event') return 'object is not event';
  const { id, type, account = null, data } = value;
  if (typeof id !== 'string' || !/^evt_\w{1,190}$/.test(id)) return 'id is missing';
  if (typeof type !== 'string') return 'type is missing';
  if (account !== null && typeof account !== 'string') return 'account is no account';
  const object = isRecord(data) && isRecord(data.object) ? data.object : {};
  return { id, type, account, object };
}

/**
 * What each event of an intent may say; one whose status says something else says nothing. `payment_intent.created` is not here: it comes in
 * any order, and would take a shopper's page away, or the sender's right to go to another processor.
 */
const MAY_SAY: Readonly<Record<string, readonly ProcessorWord['said'][]>> = {
  'payment_intent.succeeded': ['charged', 'unknown'],
  'payment_intent.payment_failed': ['declined', 'unknown'],
  'payment_intent.canceled': ['declined'],
  'payment_intent.processing': ['accepted'],
  'payment_intent.amount_capturable_updated': ['accepted'],
  'payment_intent.requires_action': ['action_required', 'accepted'],
};

function wordOfEvent({ type, account, object }: Event, at: number): ProcessorWord | null {
  const intent = Object.hasOwn(MAY_SAY, type) ? readIntent(object) : null;
  if (intent === null) return null;
  const word = wordOf(intent, { source: 'callback', leg: null, account, at, failuresCount: false });
  return MAY_SAY[type]!.includes(word.said) ? word : null;
}
