/**
 * The bank's rules: what a charge request must look like, how it is decided, and how a charge is shown.
 *
 * Pure: time and ids come in, nothing is read or written. The order of checks is the order of the fields.
 * @module
 */
import { behaviourOf, type Funding, isLuhnValid } from './cards.ts';

export type ChargeStatus = 'succeeded' | 'declined' | 'processing' | 'requires_action';

/** A card as it was sent. */
export interface OrderedCard {
  readonly type: 'card';
  readonly number: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
}

/** A checked charge request. Amounts are in minor units. */
export interface ChargeOrder {
  readonly reference: string;
  readonly amount: number;
  readonly currency: string;
  readonly method: OrderedCard | { readonly type: 'upi' };
  /** Where the shopper goes after the bank's page. Undefined: nowhere, so no such page can be shown. */
  readonly returnUrl: string | undefined;
}

/** What a charge is made with, as the book keeps it. */
export type ChargeMethod = Funding | 'upi';

/** What is shown of a charge, and what decides it. */
export interface ChargeFacts {
  readonly id: string;
  readonly reference: string;
  readonly account: string;
  readonly amount: number;
  readonly currency: string;
  readonly method: ChargeMethod;
  /** The first digits of the card; empty for UPI. */
  readonly bin: string;
  readonly status: ChargeStatus;
  readonly declineCode: string | undefined;
  readonly createdAt: number;
  /** Until when the shopper may act; undefined where nobody is asked. */
  readonly expiresAt: number | undefined;
}

/** Why a request body was refused: a stable code, the field to mend, and a sentence. */
export interface Refusal {
  readonly ok: false;
  readonly code: string;
  readonly field: string;
  readonly detail: string;
}

/** What the bank decides about an order. */
export interface Decision {
  readonly status: ChargeStatus;
  readonly declineCode?: string;
  /** Whether a callback is to be sent. */
  readonly callback: boolean;
  /** Whether this processing charge succeeds when its callback is due. */
  readonly settles: boolean;
}

/** What became of a charge that waited for the shopper. */
export type Choice = 'approve' | 'decline' | 'insufficient_funds' | 'expire';

/** What the shopper must do before the charge can be decided. Times in ms since 1970. */
export type NextAction =
  | { readonly type: 'redirect'; readonly url: string; readonly expires_at: number }
  | {
      readonly type: 'upi_intent';
      /** What a UPI app opens. */
      readonly link: string;
      readonly expires_at: number;
      /** The page that stands for the UPI app. */
      readonly simulator_url: string;
    };

/** What a caller is shown of a charge: no card data at all. */
export interface ShownCharge {
  readonly id: string;
  readonly reference: string;
  readonly account: string;
  readonly amount: number;
  readonly currency: string;
  readonly status: ChargeStatus;
  readonly payment_method: { readonly type: 'card'; readonly funding: Funding } | { readonly type: 'upi' };
  readonly next_action?: NextAction;
  readonly decline_code?: string;
  /** The bank's promise that this reference can never be charged. */
  readonly reference_closed?: true;
  /** Milliseconds since 1970. */
  readonly created: number;
}

const REFERENCE = /^[A-Za-z0-9._:-]{1,128}$/;
const CURRENCY = /^[A-Z]{3}$/;
const CARD_NUMBER = /^[0-9]{12,19}$/;
const CVV = /^[0-9]{3,4}$/;
const NAME_LENGTH_MAX = 200;
const AMOUNT_MAX = 1_000_000_000_000;
const RETURN_URL_LENGTH_MAX = 2000;
/** The only currency UPI knows. */
const UPI_CURRENCY = 'INR';

/** Checks the JSON body of `POST /v1/charges`. The first fault found is the one told. */
export function readOrder(body: unknown): { readonly ok: true; readonly order: ChargeOrder } | Refusal {
  if (!isRecord(body)) return refuse('field_type', 'body', 'the body must be a JSON object');
  const { reference, amount, currency } = body;
  if (typeof reference !== 'string') return wrongType('reference', 'a string');
  if (!REFERENCE.test(reference)) {
    return refuse('field_value', 'reference', 'reference must be 1 to 128 of A-Z a-z 0-9 . _ : -');
  }
  if (typeof amount !== 'number' || !Number.isInteger(amount)) {
    return wrongType('amount', 'an integer in minor units');
  }
  if (amount <= 0 || amount > AMOUNT_MAX) {
    return refuse('field_value', 'amount', `amount must be from 1 to ${AMOUNT_MAX}`);
  }
  if (typeof currency !== 'string') return wrongType('currency', 'a string');
  if (!CURRENCY.test(currency)) {
    return refuse('field_value', 'currency', 'currency must be three capital letters');
  }
  const method = readMethod(body, currency);
  if (!method.ok) return method;
  const returnUrl = readReturnUrl(body.return_url);
  if (!returnUrl.ok) return returnUrl;
  return {
    ok: true,
    order: { reference, amount, currency, method: method.method, returnUrl: returnUrl.url },
  };
}

type ReadMethod = { readonly ok: true; readonly method: ChargeOrder['method'] } | Refusal;

function readMethod({ card, upi }: Record<string, unknown>, currency: string): ReadMethod {
  if (upi === undefined) return isRecord(card) ? readCard(card) : wrongType('card', 'an object');
  if (card !== undefined) return refuse('field_value', 'upi', 'either card or upi, not both');
  if (!isRecord(upi)) return wrongType('upi', 'an object');
  if (upi.flow !== 'intent') return refuse('field_value', 'upi.flow', 'upi.flow must be intent');
  if (currency !== UPI_CURRENCY) return refuse('field_value', 'currency', `UPI takes ${UPI_CURRENCY} only`);
  return { ok: true, method: { type: 'upi' } };
}

function readReturnUrl(value: unknown): { readonly ok: true; readonly url: string | undefined } | Refusal {
  if (value === undefined) return { ok: true, url: undefined };
  if (typeof value !== 'string') return wrongType('return_url', 'a string');
  const url = value.length <= RETURN_URL_LENGTH_MAX && URL.canParse(value) ? new URL(value) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    const wanted = `an http or https URL of at most ${RETURN_URL_LENGTH_MAX} characters`;
    return refuse('field_value', 'return_url', `return_url must be ${wanted}`);
  }
  return { ok: true, url: value };
}

function readCard(card: Record<string, unknown>): ReadMethod {
  const { number, cvv, name } = card;
  if (typeof number !== 'string') return wrongType('card.number', 'a string');
  if (!CARD_NUMBER.test(number) || !isLuhnValid(number)) {
    return refuse(
      'card_number_invalid',
      'card.number',
      'card.number must be 12 to 19 digits with a check digit',
    );
  }
  const expiryMonth = readInteger(card.expiry_month);
  if (expiryMonth === null) return wrongType('card.expiry_month', 'an integer or its digits');
  if (expiryMonth < 1 || expiryMonth > 12) {
    return refuse('field_value', 'card.expiry_month', 'card.expiry_month must be from 1 to 12');
  }
  const expiryYear = readInteger(card.expiry_year);
  if (expiryYear === null) return wrongType('card.expiry_year', 'an integer or its digits');
  if (expiryYear < 2000 || expiryYear > 2099) {
    return refuse('field_value', 'card.expiry_year', 'card.expiry_year must have four digits, 2000 to 2099');
  }
  if (typeof cvv !== 'string') return wrongType('card.cvv', 'a string');
  if (!CVV.test(cvv)) return refuse('field_value', 'card.cvv', 'card.cvv must be three or four digits');
  if (typeof name !== 'string') return wrongType('card.name', 'a string');
  if (name.length === 0 || name.length > NAME_LENGTH_MAX) {
    return refuse('field_value', 'card.name', `card.name must have 1 to ${NAME_LENGTH_MAX} characters`);
  }
  return { ok: true, method: { type: 'card', number, expiryMonth, expiryYear } };
}

/**
 * Decides an order at the moment `now` (ms). UPI and some cards ask the shopper first. A card past its last month is declined
 * as `expired_card`, one that would have to ask but cannot lead the shopper back as `authentication_unavailable`.
 */
export function decide({ method, returnUrl }: ChargeOrder, now: number): Decision {
  if (method.type === 'upi') return ASKED;
  if (now >= Date.UTC(method.expiryYear, method.expiryMonth)) return decline('expired_card');
  const behaviour = behaviourOf(method.number);
  if (behaviour.asks) return returnUrl === undefined ? decline('authentication_unavailable') : ASKED;
  const { status, declineCode, callback, settles } = behaviour;
  return { status, ...(declineCode === undefined ? {} : { declineCode }), callback, settles };
}

/** Decides a charge that waited for the shopper. What an approval leads to is the card's own. */
export function decideAsked({ method, bin }: Pick<ChargeFacts, 'method' | 'bin'>, choice: Choice): Decision {
  if (choice === 'insufficient_funds') return decline('insufficient_funds');
  if (choice === 'expire') return decline(method === 'upi' ? 'upi_expired' : 'authentication_expired');
  if (choice === 'decline') return decline(method === 'upi' ? 'payment_declined' : 'authentication_failed');
  if (method === 'upi') return { status: 'succeeded', callback: true, settles: false };
  const { status, declineCode, callback, settles } = behaviourOf(bin);
  return { status, ...(declineCode === undefined ? {} : { declineCode }), callback, settles };
}

const ASKED: Decision = { status: 'requires_action', callback: false, settles: false };

function decline(declineCode: string): Decision {
  return { status: 'declined', declineCode, callback: true, settles: false };
}

/**
 * The charge as answers and callbacks show it.
 * @param bankUrl where the shopper reaches the bank's pages, without a trailing slash
 */
export function showCharge(charge: ChargeFacts, bankUrl: string): ShownCharge {
  const { id, reference, account, amount, currency, method, status, declineCode, createdAt } = charge;
  return {
    id,
    reference,
    account,
    amount,
    currency,
    status,
    payment_method: method === 'upi' ? { type: 'upi' } : { type: 'card', funding: method },
    ...(status === 'requires_action' ? { next_action: nextActionOf(charge, bankUrl) } : {}),
    ...(status === 'declined' && declineCode !== undefined ? { decline_code: declineCode } : {}),
    ...(status === 'declined' ? { reference_closed: true } : {}),
    created: createdAt,
  };
}

function nextActionOf(charge: ChargeFacts, bankUrl: string): NextAction {
  const { id, method, expiresAt } = charge;
  if (expiresAt === undefined) throw new Error(`charge ${id} asks the shopper and never expires`);
  if (method !== 'upi') return { type: 'redirect', url: `${bankUrl}/3ds/${id}`, expires_at: expiresAt };
  return {
    type: 'upi_intent',
    link: upiLinkOf(charge),
    expires_at: expiresAt,
    simulator_url: `${bankUrl}/upi/${id}`,
  };
}

/** What a UPI app is told: the payee, the bank's own id of the charge, and rupees with two decimals. */
function upiLinkOf({ id, account, amount, currency }: ChargeFacts): string {
  const rupees = `${Math.floor(amount / 100)}.${String(amount % 100).padStart(2, '0')}`;
  return `upi://pay?pa=${account}@sandboxbank&pn=${account}&tr=${id}&am=${rupees}&cu=${currency}`;
}

/** Whether `value` is a JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readInteger(value: unknown): number | null {
  if (typeof value === 'number') return Number.isInteger(value) ? value : null;
  return typeof value === 'string' && /^[0-9]{1,4}$/.test(value) ? Number(value) : null;
}

function wrongType(field: string, wanted: string): Refusal {
  return refuse('field_type', field, `${field} must be ${wanted}`);
}

function refuse(code: string, field: string, detail: string): Refusal {
  return { ok: false, code, field, detail };
}
