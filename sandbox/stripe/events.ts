/**
 * Events: what happened to an intent, told by the object as it was then.
 *
 * They are made of the charge alone and have the same id whenever they are made. Those of the present state are posted as
 * webhooks; all of them are listed by `GET /v1/events`.
 * @module
 */
import { createHash } from 'node:crypto';
import type { Charge } from '../book.ts';
import type { Account, Letter } from '../dialect.ts';
import { otherThan } from '../dialect.ts';
import { termsOf } from './account.ts';
import {
  type EventRequest,
  factsOf,
  hasCharge,
  type Intent,
  type IntentRecord,
  statusOfAttempt,
} from './intents.ts';
import { seconds, showCharge, showIntent, standingAtCreation, standingOfCharge } from './show.ts';
import { signatureHeader } from './signature.ts';

/** The version of the API, which events name. Source: processors.md 3a. */
export const API_VERSION = '2026-07-29.dahlia';

export interface StripeEvent {
  readonly id: string;
  readonly object: 'event';
  /** Only of an account that is not the receiver's own. */
  readonly account?: string;
  readonly api_version: string;
  /** Unix seconds. */
  readonly created: number;
  readonly data: { readonly object: object };
  readonly livemode: false;
  readonly pending_webhooks: number;
  readonly request: EventRequest;
  readonly type: string;
}

/** An event before it has an id. `at` in ms. */
interface Happening {
  readonly type: string;
  readonly at: number;
  readonly object: object;
  readonly request: EventRequest;
}

/** Every event of an attempt so far, oldest first. */
export function historyOf(charge: Charge, bankUrl: string): StripeEvent[] {
  return [...before(charge, bankUrl), ...present(charge, bankUrl)].map((one) => eventOf(one, charge));
}

/** The events of an intent that was never tried. */
export function historyOfUntried({ intent, canceled }: IntentRecord, bankUrl: string): StripeEvent[] {
  const standing = { intent, attempt: undefined, attached: undefined, canceled };
  const happenings = [creationOf(intent, bankUrl)];
  if (canceled !== null) {
    const object = showIntent(standing, bankUrl);
    const { at, request } = canceled;
    happenings.push({ type: 'payment_intent.canceled', at, object, request });
  }
  return happenings.map((one) => eventOf(one, { id: intent.id, account: intent.account }));
}

/** The webhooks about a charge as it stands, and what came before where that was not heard. */
export function lettersOf(
  charge: Charge,
  account: Account,
  mark: string,
  bankUrl: string,
): readonly Letter[] {
  const told = foreignTo(charge);
  const earlier = factsOf(charge).untold ? before(told, bankUrl) : [];
  const happenings = [...earlier, ...present(told, bankUrl)];
  return happenings.map((one) => {
    const event = eventOf(one, charge);
    const eventId = event.id + mark;
    const content = JSON.stringify({ ...event, id: eventId });
    return {
      eventId,
      type: one.type,
      contentType: 'application/json; charset=utf-8',
      content,
      seal: (now, signed = content) => ({
        headers: `Stripe-Signature: ${signatureHeader(secretsOf(account, mark), seconds(now), signed)}\r\n`,
        body: content,
      }),
    };
  });
}

/** Who forges knows one secret, however many are in use. */
function secretsOf(account: Account, mark: string): string[] {
  const { webhookSecret } = account;
  const { previousWebhookSecret } = termsOf(account);
  return mark !== '' || previousWebhookSecret === undefined
    ? [webhookSecret]
    : [webhookSecret, previousWebhookSecret];
}

/** Another account's charge is another charge, of another intent, though it names the same transaction. */
function foreignTo(charge: Charge): Charge {
  const facts = factsOf(charge);
  if (charge.account === facts.intent.account) return charge;
  const intent = { ...facts.intent, id: otherThan(facts.intent.id) };
  return { ...charge, id: otherThan(charge.id), facts: { ...facts, intent } };
}

/** What came before the present state. */
function before(charge: Charge, bankUrl: string): Happening[] {
  const facts = factsOf(charge);
  const status = statusOfAttempt(charge);
  const happenings = facts.ordinal === 1 ? [creationOf(facts.intent, bankUrl)] : [];
  const then = (earlier: Partial<Charge>) =>
    present(
      {
        ...charge,
        ...NOTHING_YET,
        decidedAt: charge.createdAt,
        facts: { ...facts, captured: null, cancellationReason: null, authorized: false },
        ...earlier,
      },
      bankUrl,
    );
  if (charge.expiresAt !== undefined && status !== 'requires_action') {
    happenings.push(...then({ status: 'requires_action' }));
  }
  if (facts.authorized && status !== 'requires_capture') {
    happenings.push(...then({ status: 'processing', word: 'requires_capture' }));
  }
  if (status === 'canceled' && charge.declineCode !== undefined) {
    happenings.push(...then({ status: 'declined', declineCode: charge.declineCode }));
  }
  return happenings;
}

const NOTHING_YET = { word: undefined, declineCode: undefined };

/** What made the present state. */
function present(charge: Charge, bankUrl: string): Happening[] {
  const { intent, authorized, outcome, request } = factsOf(charge);
  const at = charge.decidedAt;
  const ofIntent = (type: string): Happening => ({
    type: `payment_intent.${type}`,
    at,
    object: showIntent(standingOfCharge(charge), bankUrl),
    request,
  });
  const ofCharge = (type: string, balanced: boolean): Happening => ({
    type: `charge.${type}`,
    at,
    object: showCharge(charge, balanced),
    request,
  });
  switch (statusOfAttempt(charge)) {
    case 'requires_action':
      return [ofIntent('requires_action')];
    case 'processing':
      return [ofIntent('processing')];
    case 'requires_capture':
      return [ofCharge('succeeded', false), ofIntent('amount_capturable_updated')];
    case 'succeeded': {
      const async = intent.captureMethod === 'automatic_async';
      const processed =
        outcome === 'processing' ? present({ ...charge, ...NOTHING_YET, status: 'processing' }, bankUrl) : [];
      const charged = authorized ? [] : [ofCharge('succeeded', !async)];
      const updated = async || authorized ? [ofCharge('updated', true)] : [];
      return [...processed, ...charged, ofIntent('succeeded'), ...updated];
    }
    case 'canceled':
      return [ofIntent('canceled')];
    default:
      return [...(hasCharge(charge) ? [ofCharge('failed', false)] : []), ofIntent('payment_failed')];
  }
}

function creationOf(intent: Intent, bankUrl: string): Happening {
  const object = showIntent(standingAtCreation(intent), bankUrl);
  return { type: 'payment_intent.created', at: intent.createdAt, object, request: intent.request };
}

/** The id is the event's own: one charge has one event of a type. */
function eventOf(
  { type, at, object, request }: Happening,
  { id, account, facts }: Pick<Charge, 'id' | 'account'> & Partial<Pick<Charge, 'facts'>>,
): StripeEvent {
  const intent = facts === undefined ? undefined : factsOf({ facts }).intent;
  const foreign = intent !== undefined && intent.account !== account;
  const subject = type === 'payment_intent.created' && intent !== undefined ? intent.id : id;
  const digest = createHash('sha256').update(`${subject} ${type}`).digest('hex');
  return {
    id: `evt_${digest.slice(0, 24)}`,
    object: 'event',
    ...(foreign ? { account } : {}),
    api_version: API_VERSION,
    created: seconds(at),
    data: { object },
    livemode: false,
    pending_webhooks: 1,
    request,
    type,
  };
}
