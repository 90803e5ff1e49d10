/**
 * OTP form: a posted body → of which payment it is, and the one-time password as bytes.
 *
 * The password is sensitive authentication data, as a card's code is: it never becomes a string, the body is filled with zeros once it
 * was read, and the bytes handed out belong to the caller, who wipes them.
 *
 * @module
 */

import { type FieldError, type Refusal, refusal } from '../domain/outcomes.ts';
import { type RawField, readFormFields, SyntaxFault, wipeFields } from './card-bytes.ts';

export interface OtpForm {
  /** As the browser sent it. */
  transaction: string;
  session: string;
  /** ASCII digits; null: not 4 to 10 of them. */
  otp: Uint8Array | null;
}

const FIELDS = ['transaction', 'session', 'otp'] as const;
const WORD_BYTES_MAX = 128;
const DIGITS_MIN = 4;
const DIGITS_MAX = 10;

/** Reads the form of a password, or of asking for another, which brings none. The body is zeros afterwards. */
export function readOtpForm(body: Uint8Array): { ok: true; form: OtpForm } | { ok: false; refusal: Refusal } {
  let fields: RawField[] = [];
  try {
    fields = readFormFields(body);
    return readFields(fields);
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    return { ok: false, refusal: refusal('malformed_form', `Not readable: ${error.message}.`) };
  } finally {
    wipeFields(fields);
    body.fill(0);
  }
}

function readFields(
  fields: readonly RawField[],
): { ok: true; form: OtpForm } | { ok: false; refusal: Refusal } {
  const named = Map.groupBy(fields, ({ name }) => FIELDS.find((one) => isName(name, one)));
  const errors = FIELDS.flatMap((name): FieldError[] =>
    (named.get(name)?.length ?? 0) > 1 ? [{ pointer: `/${name}`, detail: 'comes twice' }] : [],
  );
  const words = { transaction: wordOf(named.get('transaction')), session: wordOf(named.get('session')) };
  if (words.transaction === '') errors.push({ pointer: '/transaction', detail: 'is required' });
  // What its name is, is not repeated: it may be anything that was typed.
  if (named.has(undefined)) errors.push({ pointer: '', detail: 'has a field that is none of this form' });
  if (errors.length > 0) {
    return {
      ok: false,
      refusal: refusal('invalid_request', 'Some fields are missing or wrong.', { errors }),
    };
  }
  return { ok: true, form: { ...words, otp: digitsOf(named.get('otp')) } };
}

/** Empty: it did not come, or is none. */
function wordOf(fields: readonly RawField[] = []): string {
  const bytes = fields[0]?.bytes;
  return bytes === undefined || bytes.length > WORD_BYTES_MAX ? '' : Buffer.from(bytes).toString('utf8');
}

/** The digits without the spaces and dashes that people type between them, in bytes of their own. */
function digitsOf(fields: readonly RawField[] = []): Uint8Array | null {
  const digits = (fields[0]?.bytes ?? new Uint8Array()).filter((byte) => byte !== SPACE && byte !== DASH);
  if (digits.length >= DIGITS_MIN && digits.length <= DIGITS_MAX && digits.every(isDigit)) return digits;
  digits.fill(0);
  return null;
}

const SPACE = 0x20;
const DASH = 0x2d;

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isName(bytes: Uint8Array, name: string): boolean {
  return bytes.length === name.length && bytes.every((byte, index) => byte === name.charCodeAt(index));
}
