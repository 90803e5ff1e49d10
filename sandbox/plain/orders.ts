/**
 * Plain's charge request: what the JSON body of `POST /v1/charges` must look like. The order of checks is the order of the fields.
 * @module
 */
import { isLuhnValid } from '../card-numbers.ts';
import type { Order } from '../dialect.ts';
import { isRecord, type Refusal } from '../json.ts';
import { behaviourOf } from './cards.ts';

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
export function readOrder(body: unknown): { readonly ok: true; readonly order: Order } | Refusal {
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
    order: { reference, key: reference, amount, currency, method: method.method, returnUrl: returnUrl.url },
  };
}

type ReadMethod = { readonly ok: true; readonly method: Order['method'] } | Refusal;

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
  const { funding } = behaviourOf(number);
  return { ok: true, method: { type: 'card', number, expiryMonth, expiryYear, funding } };
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
