/**
 * The bank's rules: what a charge request must look like, how it is decided, and how a charge is shown.
 *
 * Pure: time and ids come in, nothing is read or written. The order of checks is the order of the fields.
 * @module
 */
import { behaviourOf, isLuhnValid } from './cards.ts';

export type ChargeStatus = 'succeeded' | 'declined' | 'processing';

/** A checked charge request. Amounts are in minor units. */
export interface ChargeOrder {
  readonly reference: string;
  readonly amount: number;
  readonly currency: string;
  readonly cardNumber: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
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

/** What a caller is shown of a charge: no card data at all. */
export interface ShownCharge {
  readonly id: string;
  readonly reference: string;
  readonly account: string;
  readonly amount: number;
  readonly currency: string;
  readonly status: ChargeStatus;
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

/** Checks the JSON body of `POST /v1/charges`. The first fault found is the one told. */
export function readOrder(body: unknown): { readonly ok: true; readonly order: ChargeOrder } | Refusal {
  if (!isRecord(body)) return refuse('field_type', 'body', 'the body must be a JSON object');
  const { reference, amount, currency, card } = body;
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
  if (!isRecord(card)) return wrongType('card', 'an object');
  const checked = readCard(card);
  return checked.ok ? { ok: true, order: { reference, amount, currency, ...checked.card } } : checked;
}

type CardFields = Pick<ChargeOrder, 'cardNumber' | 'expiryMonth' | 'expiryYear'>;

function readCard(card: Record<string, unknown>): { readonly ok: true; readonly card: CardFields } | Refusal {
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
  return { ok: true, card: { cardNumber: number, expiryMonth, expiryYear } };
}

/** Decides an order at the moment `now` (ms). A card past its last month is declined as `expired_card`. */
export function decide(order: ChargeOrder, now: number): Decision {
  const behaviour = behaviourOf(order.cardNumber);
  if (now >= Date.UTC(order.expiryYear, order.expiryMonth)) {
    return { status: 'declined', declineCode: 'expired_card', callback: true, settles: false };
  }
  return {
    status: behaviour.status,
    ...(behaviour.declineCode === undefined ? {} : { declineCode: behaviour.declineCode }),
    callback: behaviour.callback,
    settles: behaviour.settles,
  };
}

/** The charge as answers and callbacks show it. */
export function showCharge(charge: {
  readonly id: string;
  readonly reference: string;
  readonly account: string;
  readonly amount: number;
  readonly currency: string;
  readonly status: ChargeStatus;
  readonly declineCode: string | undefined;
  readonly createdAt: number;
}): ShownCharge {
  const { id, reference, account, amount, currency, status, createdAt } = charge;
  if (status !== 'declined') {
    return { id, reference, account, amount, currency, status, created: createdAt };
  }
  return {
    id,
    reference,
    account,
    amount,
    currency,
    status,
    ...(charge.declineCode === undefined ? {} : { decline_code: charge.declineCode }),
    reference_closed: true,
    created: createdAt,
  };
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
