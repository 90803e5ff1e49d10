/**
 * JSON of processors: read without trusting that it is any.
 *
 * @module
 */

/** An answer's JSON; null when it is none. */
export function parseAnswer(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch {
    return null;
  }
}

/** The same, but a whole number too long for one stays the text it is: two ids of 18 digits would be taken for one. */
export function parseExactly(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString(), exact);
  } catch {
    return null;
  }
}

function exact(_: string, value: unknown, context?: { source: string }): unknown {
  const isRounded = Number.isInteger(value) && !Number.isSafeInteger(value);
  return isRounded && context !== undefined ? context.source : value;
}

/** Whether it is a JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
