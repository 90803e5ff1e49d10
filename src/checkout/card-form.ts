/**
 * Card form: a posted body → the card as bytes, or that it is paid by UPI, and the few words around it.
 *
 * Number and code never become strings; the name stays bytes here too. The body is filled with zeros once it was
 * read, whatever came of it; the card's own bytes belong to the caller, who wipes them (`wipeCard`).
 *
 * @module
 */

import type { CardDetails } from '../domain/card.ts';
import { type FieldError, type Refusal, refusal } from '../domain/outcomes.ts';
import { type RawField, readFormFields, readJsonFields, SyntaxFault, wipeFields } from './card-bytes.ts';

/** Fields that name what is paid; an endpoint lists those it takes. */
export type FormWord = 'sessionId' | 'paymentIntentId' | 'merchantId' | 'amount' | 'currency' | 'method';

/** What is paid with. A card's bytes belong to whoever reads the form, who wipes them. */
export type FormMethod = { kind: 'card'; card: CardDetails } | { kind: 'upi' };

export interface CardForm {
  /** The words that came, of those the endpoint takes. */
  words: Partial<Record<Exclude<FormWord, 'amount' | 'method'>, string>>;
  /** Minor units, when the body claims an amount. */
  amount: number | null;
  method: FormMethod;
}

export type CardFormReading = { ok: true; form: CardForm } | { ok: false; refusal: Refusal };

export interface CardFormRules {
  syntax: 'json' | 'form';
  required: readonly FormWord[];
  optional: readonly FormWord[];
}

const CARD_FIELDS = ['cardNumber', 'expiryMonth', 'expiryYear', 'cvv', 'cardholderName'] as const;
type CardFieldName = (typeof CARD_FIELDS)[number];
type FieldName = FormWord | CardFieldName;

const WORD_BYTES_MAX = 128;
/** Only a name of this shape is repeated in an error: it may be anything, a card number too. */
const NAME_SHAPE = /^[A-Za-z_][A-Za-z_]{0,40}$/;
const NAME_BYTES_MAX = 41;
const CURRENT_CENTURY = 2000;

/** Reads a posted card. The body is zeros afterwards. */
export function readCardForm(body: Uint8Array, rules: CardFormRules): CardFormReading {
  let fields: RawField[] = [];
  try {
    fields = rules.syntax === 'json' ? readJsonFields(body) : readFormFields(body);
    return readFields(fields, rules);
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    const code = rules.syntax === 'json' ? 'malformed_json' : 'malformed_form';
    return { ok: false, refusal: refusal(code, `Not readable: ${error.message}.`) };
  } finally {
    wipeFields(fields);
    body.fill(0);
  }
}

/** Wipes the card, where one is paid with. */
export function wipeMethod(method: FormMethod): void {
  if (method.kind === 'card') wipeCard(method.card);
}

/** Fills the card's secret bytes with zeros. */
export function wipeCard(card: CardDetails): void {
  card.pan.fill(0);
  card.cvv.fill(0);
  card.cardholderName.fill(0);
}

function readFields(fields: readonly RawField[], rules: CardFormRules): CardFormReading {
  const errors: FieldError[] = [];
  const named = nameFields(fields, [...CARD_FIELDS, ...rules.required, ...rules.optional], errors);
  const kind = readKind(named.get('method'), errors);
  for (const name of [...rules.required, ...(kind === 'card' ? CARD_FIELDS : [])]) {
    const missing = !named.has(name) || named.get(name)?.kind === 'null';
    if (missing) errors.push({ pointer: `/${name}`, detail: 'is required' });
  }
  if (kind === 'upi') {
    for (const name of CARD_FIELDS)
      if (named.has(name)) errors.push({ pointer: `/${name}`, detail: 'must not come with method upi' });
  }
  const words = readWords(named, errors);
  const amount = readAmount(named.get('amount'), errors);
  for (const name of CARD_FIELDS) checkKind(name, named.get(name), errors);
  if (errors.length > 0) {
    return {
      ok: false,
      refusal: refusal('invalid_request', 'Some fields are missing or wrong.', { errors }),
    };
  }
  const method: FormMethod = kind === 'upi' ? { kind } : { kind: 'card', card: readCard(named) };
  return { ok: true, form: { words, amount, method } };
}

/** Without the word it is a card. Null: it is neither. */
function readKind(field: RawField | undefined, errors: FieldError[]): FormMethod['kind'] | null {
  if (field === undefined || field.kind === 'null') return 'card';
  const kind = (['card', 'upi'] as const).find((one) => field.kind === 'text' && sameBytes(field.bytes, one));
  if (kind === undefined) errors.push({ pointer: '/method', detail: 'must be card or upi' });
  return kind ?? null;
}

function nameFields(
  fields: readonly RawField[],
  known: readonly FieldName[],
  errors: FieldError[],
): Map<FieldName, RawField> {
  const named = new Map<FieldName, RawField>();
  for (const field of fields) {
    const name = known.find((one) => sameBytes(field.name, one));
    if (name === undefined) {
      errors.push({ pointer: `/${shownName(field.name)}`, detail: 'is not a field of this request' });
    } else if (named.has(name)) {
      errors.push({ pointer: `/${name}`, detail: 'comes twice' });
    } else named.set(name, field);
  }
  return named;
}

function checkKind(name: CardFieldName, field: RawField | undefined, errors: FieldError[]): void {
  if (field === undefined || field.kind === 'text' || field.kind === 'null') return;
  const expiry = name === 'expiryMonth' || name === 'expiryYear';
  if (expiry && field.kind === 'number') return;
  errors.push({ pointer: `/${name}`, detail: 'must be text' });
}

function readWords(named: ReadonlyMap<FieldName, RawField>, errors: FieldError[]): CardForm['words'] {
  const words: CardForm['words'] = {};
  for (const name of ['sessionId', 'paymentIntentId', 'merchantId', 'currency'] as const) {
    const field = named.get(name);
    if (field === undefined || field.kind === 'null') continue;
    if (field.kind !== 'text' || field.bytes.length === 0 || field.bytes.length > WORD_BYTES_MAX) {
      errors.push({ pointer: `/${name}`, detail: `must be text of 1 to ${WORD_BYTES_MAX} bytes` });
    } else words[name] = Buffer.from(field.bytes).toString('utf8');
  }
  return words;
}

/** A claimed amount: digits, in JSON as a number or as text. */
function readAmount(field: RawField | undefined, errors: FieldError[]): number | null {
  if (field === undefined || field.kind === 'null') return null;
  const amount = field.kind === 'other' ? null : wholeNumber(field.bytes, 15);
  if (amount === null) {
    errors.push({ pointer: '/amount', detail: 'must be a whole number of minor units' });
  }
  return amount;
}

/** Copies the card out of the fields, which are wiped after this. */
function readCard(named: ReadonlyMap<FieldName, RawField>): CardDetails {
  const bytesOf = (name: CardFieldName): Uint8Array => named.get(name)!.bytes;
  return {
    pan: without(bytesOf('cardNumber'), [SPACE, DASH]),
    expiryMonth: wholeNumber(trimSpace(bytesOf('expiryMonth')), 2) ?? Number.NaN,
    expiryYear: readYear(trimSpace(bytesOf('expiryYear'))),
    cvv: without(bytesOf('cvv'), [SPACE]),
    cardholderName: trimSpace(bytesOf('cardholderName')).slice(),
  };
}

/** Two digits are of this century, four are the year; any other number of them is none. */
function readYear(digits: Uint8Array): number {
  const year = wholeNumber(digits, 4);
  if (year === null || (digits.length !== 2 && digits.length !== 4)) return Number.NaN;
  return digits.length === 2 ? CURRENT_CENTURY + year : year;
}

const SPACE = 0x20;
const DASH = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

/** The number that ASCII digits stand for; null when they are none, or too many. */
function wholeNumber(digits: Uint8Array, digitsMax: number): number | null {
  if (digits.length === 0 || digits.length > digitsMax) return null;
  let value = 0;
  for (const digit of digits) {
    if (digit < ZERO || digit > NINE) return null;
    value = value * 10 + (digit - ZERO);
  }
  return value;
}

function without(bytes: Uint8Array, dropped: readonly number[]): Uint8Array {
  return bytes.filter((byte) => !dropped.includes(byte));
}

function trimSpace(bytes: Uint8Array): Uint8Array {
  let start = 0;
  let end = bytes.length;
  while (start < end && bytes[start] === SPACE) start++;
  while (end > start && bytes[end - 1] === SPACE) end--;
  return bytes.subarray(start, end);
}

function sameBytes(bytes: Uint8Array, name: string): boolean {
  if (bytes.length !== name.length) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== name.charCodeAt(i)) return false;
  return true;
}

/** A name that is letters only and short; anything else could be a card number typed into the wrong place. */
function shownName(name: Uint8Array): string {
  if (name.length === 0 || name.length > NAME_BYTES_MAX) return '?';
  for (const byte of name) if (byte >= ZERO && byte <= NINE) return '?';
  const text = Buffer.from(name).toString('latin1');
  return NAME_SHAPE.test(text) ? text : '?';
}
