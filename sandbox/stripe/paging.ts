/**
 * Pages of lists: newest first, from behind or before an object that the caller has seen.
 * @module
 */
import { invalidRequest, type StripeError } from './errors.ts';
import { type FormMap, textAt, valueAt } from './form.ts';

export type Page<Item> =
  | { readonly ok: true; readonly items: readonly Item[]; readonly hasMore: boolean }
  | { readonly ok: false; readonly error: StripeError };

const LIMIT_DEFAULT = 10;

/**
 * Cuts a page out of everything that was found, newest first.
 * @param object what is listed, for the error about a cursor that is none
 */
export function pageOf<Item>(
  found: readonly Item[],
  idOf: (item: Item) => string,
  params: FormMap,
  object: string,
): Page<Item> {
  const limit = Number(textAt(params, 'limit') ?? LIMIT_DEFAULT);
  const after = textAt(params, 'starting_after');
  const before = textAt(params, 'ending_before');
  const cursor = after ?? before;
  if (cursor === undefined) return cut(found, 0, limit);
  const at = found.findIndex((item) => idOf(item) === cursor);
  if (at < 0) {
    const param = after === undefined ? 'ending_before' : 'starting_after';
    const message = `No such ${object}: '${cursor.slice(0, 60)}'`;
    return { ok: false, error: invalidRequest(message, { code: 'resource_missing', param }) };
  }
  if (after !== undefined) return cut(found, at + 1, limit);
  const from = Math.max(0, at - limit);
  return { ok: true, items: found.slice(from, at), hasMore: from > 0 };
}

/**
 * Whether a moment is within what `created` asks for.
 * @param ms the moment; looked at in whole seconds, as it is shown
 */
export function isWithin(params: FormMap, ms: number): boolean {
  const at = Math.floor(ms / 1000);
  const exact = textAt(params, 'created');
  if (exact !== undefined) return at === Number(exact);
  const bound = (name: string): number | undefined => {
    const value = valueAt(params, 'created', name);
    return value === undefined ? undefined : Number(value);
  };
  return (
    at >= (bound('gte') ?? 0) &&
    at > (bound('gt') ?? -1) &&
    at <= (bound('lte') ?? Number.POSITIVE_INFINITY) &&
    at < (bound('lt') ?? Number.POSITIVE_INFINITY)
  );
}

function cut<Item>(found: readonly Item[], from: number, limit: number): Page<Item> {
  return { ok: true, items: found.slice(from, from + limit), hasMore: found.length > from + limit };
}
