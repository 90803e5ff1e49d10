/**
 * PostgreSQL array literals, built by hand: one string per column of a batch is the leanest way to unnest.
 *
 * @module
 */

/** Numbers, booleans, uuids: nothing in them needs a quote. */
export function bareArray(values: ReadonlyArray<string | number | boolean | null>): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}

const NEEDS_ESCAPE = /["\\]/;
const ESCAPED = /["\\]/g;

/** Texts, timestamps: each in quotes. */
export function quotedArray(values: ReadonlyArray<string | null>): string {
  let literal = '{';
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (i > 0) literal += ',';
    if (value === null) literal += 'NULL';
    else literal += NEEDS_ESCAPE.test(value) ? `"${value.replace(ESCAPED, '\\$&')}"` : `"${value}"`;
  }
  return `${literal}}`;
}

/**
 * JSON texts as JSON.stringify makes them: they hold no control character and no lone surrogate, so that quoting one more time
 * escapes quotes and backslashes only, as a literal wants it. A third of what {@link quotedArray} costs on them.
 */
export function jsonArray(values: ReadonlyArray<string | null>): string {
  return `{${values.map((json) => (json === null ? 'NULL' : JSON.stringify(json))).join(',')}}`;
}

/** Bytes given as hex. */
export function hexArray(values: readonly string[]): string {
  return `{${values.map((hex) => `"\\\\x${hex}"`).join(',')}}`;
}
