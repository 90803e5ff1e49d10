/**
 * Callback fields: PayU's form out of a body, whichever way it was written: urlencoded, multipart or JSON.
 *
 * What the body is, is seen by its first character, for no header that says so is signed. Values are texts exactly as they were
 * received: `40.00` stays so.
 *
 * @module
 */

/** By name. One that is there twice is not told from another: its body is not read. */
export type CallbackFields = ReadonlyMap<string, string>;

/** PayU sends some sixty. */
const FIELDS_MAX = 200;

/** With commas in its values, and as the JSON of a log. */
const SEPARATORS_MAX = 1000;

/**
 * Reads a body; null when it is none of the three, names something twice, or names too much. Anybody may send one, and it is read for
 * each account that may be meant: one of too many parts is not begun with.
 */
export function readCallbackFields(body: Uint8Array): CallbackFields | null {
  if (isCrowded(body)) return null;
  const text = Buffer.from(body).toString();
  const pairs = text.startsWith('{')
    ? jsonPairs(text)
    : text.startsWith('--')
      ? multipartPairs(text)
      : [...new URLSearchParams(text)];
  if (pairs === null || pairs.length > FIELDS_MAX) return null;
  const fields = new Map(pairs);
  return fields.size < pairs.length ? null : fields;
}

function isCrowded(body: Uint8Array): boolean {
  let separators = 0;
  for (const byte of body) if (isSeparator(byte)) separators++;
  return separators > SEPARATORS_MAX;
}

/** What begins another field or value, in a form or in JSON: `&` `,` `[` `{`. */
function isSeparator(byte: number): boolean {
  return byte === 0x26 || byte === 0x2c || byte === 0x5b || byte === 0x7b;
}

type Pair = [name: string, value: string];

/** The event log of PayU's dashboard has the form within `event_payload`. */
function jsonPairs(text: string): Pair[] | null {
  const body = parseObject(text);
  if (body === null) return null;
  const payload = body.event_payload;
  const form = typeof payload === 'object' && payload !== null ? payload : body;
  return Object.entries(form).flatMap(([name, value]): Pair[] => {
    if (value === null) return [[name, '']];
    return typeof value === 'string' || typeof value === 'number' ? [[name, String(value)]] : [];
  });
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return value as Record<string, unknown>;
  } catch {
    return null;
  }
}

const BOUNDARY = /^(--[\w'()+,./:=? -]{1,70})\r\n/;
const PART = /^content-disposition:[ \t]*form-data;[ \t]*name="([^"\r\n]{1,100})"[ \t]*$/im;

/** The boundary is the body's first line. A part that is a file, or no field, is passed over. */
function multipartPairs(text: string): Pair[] | null {
  const [, boundary] = BOUNDARY.exec(text) ?? [];
  if (boundary === undefined) return null;
  // Every border but the first has the line end before it.
  const parts = `\r\n${text}`.split(`\r\n${boundary}`);
  const last = parts.pop()!;
  if (!last.startsWith('--')) return null;
  return parts.slice(1).flatMap((part): Pair[] => {
    const headEnd = part.indexOf('\r\n\r\n');
    const [, name] = headEnd < 0 ? [] : (PART.exec(part.slice(0, headEnd)) ?? []);
    return name === undefined ? [] : [[name, part.slice(headEnd + 4)]];
  });
}
