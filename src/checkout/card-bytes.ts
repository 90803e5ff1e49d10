/**
 * Card bytes: the syntax of JSON and of HTML forms, read byte by byte.
 *
 * A parser that makes strings would leave card numbers in the heap until some later collection. These two hand
 * every value over as bytes of its own, which their owner wipes; what becomes a string is the caller's choice.
 *
 * @module
 */

import { isUtf8 } from 'node:buffer';

/** One field as it stood in the body. `bytes` is a copy: decoded text of a string, or the digits of a number. */
export interface RawField {
  /** Decoded name. */
  name: Uint8Array;
  kind: 'text' | 'number' | 'null' | 'other';
  bytes: Uint8Array;
}

/** The bytes are not JSON, or not a form. Its message never holds any of them. */
export class SyntaxFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SyntaxFault';
  }
}

const FIELDS_MAX = 64;
const DEPTH_MAX = 32;

const NOTHING = new Uint8Array(0);
const QUOTE = 0x22;
const PERCENT = 0x25;
const AMPERSAND = 0x26;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const EQUALS = 0x3d;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const SMALL_U = 0x75;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Character after a backslash → the byte it stands for. */
const ESCAPES: ReadonlyMap<number, number> = new Map(
  Object.entries({ '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }).map(
    ([letter, meaning]) => [letter.charCodeAt(0), meaning.charCodeAt(0)],
  ),
);

/** Wipes every value. */
export function wipeFields(fields: readonly RawField[]): void {
  for (const field of fields) {
    field.bytes.fill(0);
    field.name.fill(0);
  }
}

/**
 * Reads the members of a JSON object (RFC 8259, UTF-8). Arrays and objects as values are checked and dropped
 * (`other`, as are true and false).
 * @throws SyntaxFault
 */
export function readJsonFields(body: Uint8Array): RawField[] {
  if (!isUtf8(body)) throw new SyntaxFault('the body is not UTF-8');
  const fields: RawField[] = [];
  try {
    new JsonScanner(body).object(fields);
    return fields;
  } catch (error) {
    wipeFields(fields);
    throw error;
  }
}

class JsonScanner {
  readonly #body: Uint8Array;
  #at = 0;

  constructor(body: Uint8Array) {
    this.#body = body;
  }

  /** The whole body: one object and nothing after it. */
  object(fields: RawField[]): void {
    this.#expect(OPEN_BRACE);
    this.#members((name) => {
      if (fields.length >= FIELDS_MAX) throw new SyntaxFault('the object has too many members');
      // Listed before its value is read, so that a fault behind it still finds it to wipe.
      const field: RawField = { name, kind: 'other', bytes: NOTHING };
      fields.push(field);
      this.#value(field);
    });
    this.#space();
    if (this.#at < this.#body.length) throw new SyntaxFault('something follows the object');
  }

  #members(member: (name: Uint8Array) => void): void {
    if (this.#accept(CLOSE_BRACE)) return;
    do {
      const name = this.#string();
      this.#expect(COLON);
      member(name);
    } while (this.#accept(COMMA));
    this.#expect(CLOSE_BRACE);
  }

  #value(field: RawField): void {
    this.#space();
    const first = this.#body[this.#at];
    if (first === QUOTE) {
      field.bytes = this.#string();
      field.kind = 'text';
    } else if (first === MINUS || isDigit(first)) {
      const start = this.#at;
      this.#number();
      field.bytes = this.#body.slice(start, this.#at);
      field.kind = 'number';
    } else if (first === 0x6e) {
      this.#word('null');
      field.kind = 'null';
    } else {
      this.#skip(1);
    }
  }

  /** Checks a value and drops it. */
  #skip(depth: number): void {
    if (depth > DEPTH_MAX) throw new SyntaxFault('the value is nested too deeply');
    this.#space();
    const first = this.#body[this.#at];
    if (first === QUOTE) this.#string().fill(0);
    else if (first === MINUS || isDigit(first)) this.#number();
    else if (first === OPEN_BRACE) {
      this.#at++;
      this.#members((name) => {
        name.fill(0);
        this.#skip(depth + 1);
      });
    } else if (first === OPEN_BRACKET) this.#skipArray(depth);
    else if (first === 0x74) this.#word('true');
    else if (first === 0x66) this.#word('false');
    else this.#word('null');
  }

  #skipArray(depth: number): void {
    this.#at++;
    if (this.#accept(CLOSE_BRACKET)) return;
    do this.#skip(depth + 1);
    while (this.#accept(COMMA));
    this.#expect(CLOSE_BRACKET);
  }

  #number(): void {
    if (this.#body[this.#at] === MINUS) this.#at++;
    if (this.#body[this.#at] === ZERO) this.#at++;
    else this.#digits();
    if (this.#body[this.#at] === DOT) {
      this.#at++;
      this.#digits();
    }
    if (((this.#body[this.#at] ?? 0) | 0x20) === 0x65) {
      this.#at++;
      const sign = this.#body[this.#at];
      if (sign === PLUS || sign === MINUS) this.#at++;
      this.#digits();
    }
  }

  #digits(): void {
    if (!isDigit(this.#body[this.#at])) throw new SyntaxFault('a number is broken');
    while (isDigit(this.#body[this.#at])) this.#at++;
  }

  #word(word: string): void {
    for (let i = 0; i < word.length; i++) {
      if (this.#body[this.#at++] !== word.charCodeAt(i)) throw new SyntaxFault('a value is not JSON');
    }
  }

  /** Decodes a string into bytes of its own. An escape is never shorter than what it stands for. */
  #string(): Uint8Array {
    this.#expect(QUOTE);
    const end = this.#stringEnd();
    const decoded = new Uint8Array(end - this.#at);
    let length = 0;
    while (this.#at < end) {
      const byte = this.#body[this.#at++]!;
      if (byte === BACKSLASH) length = this.#escape(decoded, length);
      else decoded[length++] = byte;
    }
    this.#at = end + 1;
    return trimmed(decoded, length);
  }

  /** Index of the closing quote, seen from inside the string. */
  #stringEnd(): number {
    for (let i = this.#at; i < this.#body.length; i++) {
      const byte = this.#body[i]!;
      if (byte === QUOTE) return i;
      if (byte < 0x20) throw new SyntaxFault('a string holds a control character');
      if (byte === BACKSLASH) i++;
    }
    throw new SyntaxFault('a string does not end');
  }

  #escape(decoded: Uint8Array, length: number): number {
    const kind = this.#body[this.#at++]!;
    if (kind === SMALL_U) return writeUtf8(decoded, length, this.#codePoint());
    const meaning = ESCAPES.get(kind);
    if (meaning === undefined) throw new SyntaxFault('a string holds an unknown escape');
    decoded[length] = meaning;
    return length + 1;
  }

  /** What `\uXXXX` stands for, with its second half where it is a surrogate. */
  #codePoint(): number {
    const unit = this.#hex4();
    if (unit < 0xd800 || unit > 0xdfff) return unit;
    const paired = this.#body[this.#at] === BACKSLASH && this.#body[this.#at + 1] === SMALL_U;
    if (unit > 0xdbff || !paired) throw new SyntaxFault('a string holds half a surrogate pair');
    this.#at += 2;
    const low = this.#hex4();
    if (low < 0xdc00 || low > 0xdfff) throw new SyntaxFault('a string holds half a surrogate pair');
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
  }

  #hex4(): number {
    let value = 0;
    for (let i = 0; i < 4; i++) {
      const digit = hexDigit(this.#body[this.#at++]);
      if (digit < 0) throw new SyntaxFault('a string holds a broken escape');
      value = value * 16 + digit;
    }
    return value;
  }

  #space(): void {
    for (;;) {
      const byte = this.#body[this.#at];
      if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return;
      this.#at++;
    }
  }

  #accept(byte: number): boolean {
    this.#space();
    if (this.#body[this.#at] !== byte) return false;
    this.#at++;
    return true;
  }

  #expect(byte: number): void {
    if (!this.#accept(byte)) throw new SyntaxFault(`"${String.fromCharCode(byte)}" is missing`);
  }
}

/**
 * Reads the fields of an `application/x-www-form-urlencoded` body (WHATWG URL, 5.1), but refuses broken percent
 * escapes and text that is not UTF-8, which a browser never sends.
 * @throws SyntaxFault
 */
export function readFormFields(body: Uint8Array): RawField[] {
  const fields: RawField[] = [];
  try {
    for (let start = 0; start <= body.length; ) {
      const next = body.indexOf(AMPERSAND, start);
      const end = next < 0 ? body.length : next;
      if (end > start) addFormField(fields, body.subarray(start, end));
      start = end + 1;
    }
    return fields;
  } catch (error) {
    wipeFields(fields);
    throw error;
  }
}

function addFormField(fields: RawField[], pair: Uint8Array): void {
  if (fields.length >= FIELDS_MAX) throw new SyntaxFault('the form has too many fields');
  const equals = pair.indexOf(EQUALS);
  const name = percentDecode(equals < 0 ? pair : pair.subarray(0, equals));
  const field: RawField = { name, kind: 'text', bytes: NOTHING };
  fields.push(field);
  if (equals >= 0) field.bytes = percentDecode(pair.subarray(equals + 1));
}

function percentDecode(encoded: Uint8Array): Uint8Array {
  const decoded = new Uint8Array(encoded.length);
  let length = 0;
  for (let i = 0; i < encoded.length; i++) {
    const byte = encoded[i]!;
    if (byte === PERCENT) {
      const high = hexDigit(encoded[i + 1]);
      const low = hexDigit(encoded[i + 2]);
      if (high < 0 || low < 0) {
        decoded.fill(0);
        throw new SyntaxFault('a percent escape is broken');
      }
      decoded[length++] = high * 16 + low;
      i += 2;
    } else decoded[length++] = byte === PLUS ? 0x20 : byte;
  }
  const value = trimmed(decoded, length);
  if (isUtf8(value)) return value;
  value.fill(0);
  throw new SyntaxFault('a field is not UTF-8');
}

/** The first `length` bytes as an array of their own; the longer one is wiped. */
function trimmed(bytes: Uint8Array, length: number): Uint8Array {
  if (length === bytes.length) return bytes;
  const own = bytes.slice(0, length);
  bytes.fill(0);
  return own;
}

function writeUtf8(bytes: Uint8Array, at: number, codePoint: number): number {
  let length = at;
  const tail = (shift: number): void => {
    bytes[length++] = 0x80 | ((codePoint >> shift) & 0x3f);
  };
  if (codePoint < 0x80) bytes[length++] = codePoint;
  else if (codePoint < 0x800) {
    bytes[length++] = 0xc0 | (codePoint >> 6);
    tail(0);
  } else if (codePoint < 0x10000) {
    bytes[length++] = 0xe0 | (codePoint >> 12);
    tail(6);
    tail(0);
  } else {
    bytes[length++] = 0xf0 | (codePoint >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
  return length;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= ZERO && byte <= NINE) return byte - ZERO;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}
