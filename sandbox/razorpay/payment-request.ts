/**
 * What `POST /v1/payments/create/json` and `/upi` ask for, checked. The order of checks is the order of the documentation.
 *
 * @module
 */
import { isIP } from 'node:net';
import { isLuhnValid } from '../card-numbers.ts';
import type { OrderedCard, OrderedUpi } from '../dialect.ts';
import { isRecord } from '../json.ts';
import {
  amountProblem,
  booleanOf,
  currencyProblem,
  integerOf,
  isAbsent,
  missing,
  type Notes,
  notesOf,
  notesProblem,
  strangerProblem,
  textProblem,
} from './fields.ts';
import { networkOf } from './networks.ts';
import type { Parameters } from './parameters.ts';
import { badInput, badRequest, type Problem } from './problems.ts';

/** A checked payment, but for its order. The amount is in the smallest unit of its currency. */
export interface PaymentRequest {
  readonly orderId: string;
  readonly amount: number;
  readonly currency: string;
  readonly email: string;
  readonly contact: string;
  readonly description: string | null;
  readonly notes: Notes;
  readonly callbackUrl: string | undefined;
  readonly method: OrderedCard | OrderedUpi;
}

const EMAIL_LENGTH_MAX = 40;
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
/** At most 15 characters, the country's code and its sign included. */
const CONTACT = /^\+?[0-9]{8,15}$/;
const CONTACT_LENGTH_MAX = 15;
const DESCRIPTION_LENGTH_MAX = 255;
const CALLBACK_URL_LENGTH_MAX = 2000;
const CARD_NUMBER = /^[0-9]{12,19}$/;
const NAME_LENGTH_MAX = 255;
const TWO_DIGITS = /^[0-9]{2}$/;
const UPI_CURRENCY = 'INR';
const LANGUAGE_LENGTH_MAX = 8;
const FIELDS: ReadonlySet<string> = new Set([
  'amount',
  'currency',
  'order_id',
  'email',
  'contact',
  'method',
  'card',
  'upi',
  'authentication',
  'browser',
  'ip',
  'referer',
  'user_agent',
  'callback_url',
  'notes',
  'description',
]);
const CARD_FIELDS: ReadonlySet<string> = new Set(['number', 'name', 'expiry_month', 'expiry_year', 'cvv']);
const UPI_FIELDS: ReadonlySet<string> = new Set(['flow', 'vpa', 'expiry_time']);
const BROWSER_SWITCHES = ['java_enabled', 'javascript_enabled'] as const;
const BROWSER_NUMBERS = ['timezone_offset', 'color_depth', 'screen_width', 'screen_height'] as const;

type Read<Name extends string, Value> =
  | ({ readonly ok: true } & { readonly [name in Name]: Value })
  | { readonly ok: false; readonly problem: Problem };

/** Reads a payment; the first problem found is the one told. */
export function readPaymentRequest(body: Parameters): Read<'payment', PaymentRequest> {
  const { amount, currency, order_id: orderId, email, contact, description, notes } = body;
  const problem =
    strangerProblem(body, FIELDS) ??
    amountProblem(amount, currency) ??
    currencyProblem(currency) ??
    textProblem('order_id', orderId, { lengthMax: 20, needed: true }) ??
    emailProblem(email) ??
    contactProblem(contact) ??
    textProblem('description', description, { lengthMax: DESCRIPTION_LENGTH_MAX, needed: false }) ??
    notesProblem(notes) ??
    callbackUrlProblem(body.callback_url);
  if (problem !== undefined) return { ok: false, problem };
  const read = readMethod(body);
  if (!read.ok) return read;
  const shopper = shopperProblem(body);
  if (shopper !== undefined) return { ok: false, problem: shopper };
  return {
    ok: true,
    payment: {
      orderId: String(orderId),
      amount: Number(amount),
      currency: String(currency),
      email: String(email),
      contact: String(contact),
      description: isAbsent(description) ? null : String(description),
      notes: notesOf(notes),
      callbackUrl: isAbsent(body.callback_url) ? undefined : String(body.callback_url),
      method: read.method,
    },
  };
}

function emailProblem(email: unknown): Problem | undefined {
  const problem = textProblem('email', email, { lengthMax: EMAIL_LENGTH_MAX, needed: true });
  if (problem !== undefined || EMAIL.test(String(email))) return problem;
  return badInput('email', 'The email must be a valid email address.');
}

function contactProblem(contact: unknown): Problem | undefined {
  if (isAbsent(contact)) return missing('contact');
  const text = typeof contact === 'number' ? String(contact) : contact;
  if (typeof text === 'string' && text.length <= CONTACT_LENGTH_MAX && CONTACT.test(text)) return undefined;
  return badInput('contact', 'Contact number should be at least 8 digits and at most 15 characters.');
}

function callbackUrlProblem(value: unknown): Problem | undefined {
  if (isAbsent(value)) return undefined;
  const fits = typeof value === 'string' && value.length <= CALLBACK_URL_LENGTH_MAX && URL.canParse(value);
  if (fits && ['http:', 'https:'].includes(new URL(value).protocol)) return undefined;
  return badInput('callback_url', 'The callback_url format is invalid.');
}

function readMethod(body: Parameters): Read<'method', OrderedCard | OrderedUpi> {
  const { method, currency } = body;
  if (isAbsent(method)) return { ok: false, problem: missing('method') };
  if (method === 'card') return readCard(body.card);
  if (method !== 'upi') {
    const description = 'The payment method is not enabled for this account';
    return { ok: false, problem: badRequest(description, 'payment_method_not_enabled') };
  }
  if (currency === UPI_CURRENCY) return readUpi(body.upi);
  return { ok: false, problem: badInput('currency', 'UPI takes INR only') };
}

function readCard(card: unknown): Read<'method', OrderedCard> {
  if (!isRecord(card)) return { ok: false, problem: missing('card') };
  const { number, name, expiry_month: month, expiry_year: year, cvv } = card;
  const problem =
    strangerProblem(card, CARD_FIELDS) ??
    numberProblem(number) ??
    textProblem('name', name, { lengthMax: NAME_LENGTH_MAX, needed: true }) ??
    expiryProblem(month, year) ??
    cvvProblem(cvv, String(number));
  if (problem !== undefined) return { ok: false, problem };
  const expiryYear = 2000 + Number(year);
  return {
    ok: true,
    method: { type: 'card', number: String(number), expiryMonth: Number(month), expiryYear },
  };
}

function numberProblem(number: unknown): Problem | undefined {
  if (isAbsent(number)) return missing('number');
  if (typeof number === 'string' && CARD_NUMBER.test(number) && isLuhnValid(number)) return undefined;
  return badInput('number', 'The card number is invalid', 'card_number_invalid');
}

/** The year has two digits, which is where the card's own form and this one differ most often. */
function expiryProblem(month: unknown, year: unknown): Problem | undefined {
  if (isAbsent(month)) return missing('expiry_month');
  const ofYear = integerOf(month);
  if (ofYear === null || ofYear < 1 || ofYear > 12)
    return badInput('expiry_month', 'The expiry_month must be between 1 and 12.');
  if (isAbsent(year)) return missing('expiry_year');
  if (TWO_DIGITS.test(String(year))) return undefined;
  return badInput('expiry_year', 'The expiry_year must have two digits.');
}

function cvvProblem(cvv: unknown, number: string): Problem | undefined {
  if (isAbsent(cvv)) return missing('cvv');
  const length = networkOf(number) === 'American Express' ? 4 : 3;
  if (typeof cvv === 'string' && cvv.length === length && /^[0-9]+$/.test(cvv)) return undefined;
  return badInput('cvv', `The cvv must be ${length} digits.`);
}

/** Collecting from a VPA is withdrawn for all but a few kinds of merchants, of which the bank has none. */
function readUpi(upi: unknown): Read<'method', OrderedUpi> {
  if (!isRecord(upi)) return { ok: false, problem: missing('upi') };
  const stranger = strangerProblem(upi, UPI_FIELDS);
  if (stranger !== undefined) return { ok: false, problem: stranger };
  if (upi.flow === 'intent') return { ok: true, method: { type: 'upi' } };
  if (upi.flow !== 'collect')
    return { ok: false, problem: badInput('flow', 'The selected flow is invalid.') };
  const problem = badRequest('UPI Collect is not enabled for this account', 'upi_collect_not_enabled');
  return { ok: false, problem };
}

/** Who pays, where, and with which browser: for the bank's own look at the risk. */
function shopperProblem(body: Parameters): Problem | undefined {
  const { method, ip, authentication, browser, referer, user_agent: userAgent } = body;
  const channel = isRecord(authentication) ? authentication.authentication_channel : authentication;
  if (channel !== undefined && channel !== 'browser' && channel !== 'app') {
    return badInput('authentication_channel', 'The selected authentication_channel is invalid.');
  }
  const byBrowser = channel !== 'app';
  if (byBrowser && isAbsent(ip)) return missing('ip');
  if (!isAbsent(ip) && (typeof ip !== 'string' || isIP(ip) === 0))
    return badInput('ip', 'The ip must be a valid IP address.');
  return (
    (byBrowser && method === 'card' ? browserProblem(browser) : undefined) ??
    textProblem('referer', referer, { lengthMax: CALLBACK_URL_LENGTH_MAX, needed: false }) ??
    textProblem('user_agent', userAgent, { lengthMax: CALLBACK_URL_LENGTH_MAX, needed: false })
  );
}

function browserProblem(browser: unknown): Problem | undefined {
  if (!isRecord(browser)) return missing('browser');
  for (const field of BROWSER_SWITCHES) {
    if (isAbsent(browser[field])) return missing(field);
    if (booleanOf(browser[field]) === null)
      return badInput(field, `The ${field} field must be true or false.`);
  }
  for (const field of BROWSER_NUMBERS) {
    if (isAbsent(browser[field])) return missing(field);
    if (integerOf(browser[field]) === null) return badInput(field, `The ${field} must be an integer.`);
  }
  return textProblem('language', browser.language, { lengthMax: LANGUAGE_LENGTH_MAX, needed: false });
}
