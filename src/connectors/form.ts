/**
 * Form: fields as `application/x-www-form-urlencoded`, written as bytes, for a card must never be a string.
 *
 * @module
 */

/** A field's name as it is written, brackets and all, and its value: text, or bytes of UTF-8 that stay bytes. */
export type FormField = readonly [name: string, value: string | Uint8Array];

/** The whole body in one buffer, the only one its values are copied to: who fills it with zeros has wiped them. */
export function encodeForm(fields: readonly FormField[]): Buffer {
  const texts = new TextEncoder();
  const parts = fields.map(([name, value], i) => ({
    start: texts.encode(`${i === 0 ? '' : '&'}${name}=`),
    value: typeof value === 'string' ? texts.encode(value) : value,
  }));
  const body = Buffer.alloc(parts.reduce((sum, { start, value }) => sum + start.length + lengthOf(value), 0));
  let at = 0;
  for (const { start, value } of parts) {
    body.set(start, at);
    at = encodeInto(body, at + start.length, value);
  }
  return body;
}

function lengthOf(value: Uint8Array): number {
  let length = 0;
  for (const byte of value) length += isPlain(byte) ? 1 : 3;
  return length;
}

function encodeInto(body: Buffer, from: number, value: Uint8Array): number {
  let at = from;
  for (const byte of value) {
    if (isPlain(byte)) {
      body[at++] = byte;
    } else {
      body[at++] = PERCENT;
      body[at++] = HEX[byte >> 4]!;
      body[at++] = HEX[byte & 15]!;
    }
  }
  return at;
}

const PERCENT = 0x25;
const HEX = new TextEncoder().encode('0123456789ABCDEF');
const PLAIN = new Set(
  new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~'),
);

/** RFC 3986's unreserved characters. */
function isPlain(byte: number): boolean {
  return PLAIN.has(byte);
}
