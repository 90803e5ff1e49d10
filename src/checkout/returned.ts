/**
 * Returned: what a browser brings back from a bank's page, cut down to what the attempt's connector wants to see.
 *
 * Whoever posts or links to the return address writes these, so they are hints: nothing believes them, no page shows them.
 *
 * @module
 */

import type { Returned } from '../connectors/connector.ts';

/** Bounds of what is kept: it stands in an address, whose request must stay within what servers take of headers. */
const VALUE_LENGTH_MAX = 512;
const ENCODED_LENGTH_MAX = 1536;

/**
 * The fields of these names, in the connector's order, of each the first; one that is too long, or for which no room is left, is
 * dropped: half a signature is none.
 */
export function pickReturned(words: URLSearchParams, names: readonly string[]): Returned {
  const kept: Record<string, string> = {};
  let room = ENCODED_LENGTH_MAX;
  for (const name of names) {
    const value = words.get(name);
    if (value === null || value.length > VALUE_LENGTH_MAX) continue;
    const length = encodeReturned({ [name]: value }).length;
    if (length > room) continue;
    room -= length;
    kept[name] = value;
  }
  return kept;
}

/** As they stand behind an address: with a `&` before each, and no character that ends a header or an address. */
export function encodeReturned(returned: Returned): string {
  const words = new URLSearchParams(returned).toString();
  return words === '' ? '' : `&${words}`;
}
