/**
 * Form bodies and queries as Stripe reads them: urlencoded pairs whose names nest in brackets.
 *
 *     a=1 & card[number]=4242… & types[]=card & items[0]=x
 *
 * A list is a map whose names are its indices, so that `x[]` and `x[0]` read alike. Promises: a name is never a property of
 * an object, so none of them (`__proto__`) means anything.
 * @module
 */

export type FormValue = string | FormMap;
export type FormMap = ReadonlyMap<string, FormValue>;

type Growing = Map<string, string | Growing>;

/** Names deeper than this are no parameters of anything. */
const DEPTH_MAX = 8;
const PARAMS_MAX = 1000;
const NAME = /^([^[\]]+)((?:\[[^[\]]*\])*)$/;

/** Reads the pairs. What is written later wins; `null` when a name cannot be read or means a value and a map at once. */
export function readForm(text: string): FormMap | null {
  const root: Growing = new Map();
  const pairs = text.split('&').filter((pair) => pair !== '');
  if (pairs.length > PARAMS_MAX) return null;
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = decode(equals < 0 ? '' : pair.slice(equals + 1));
    if (name === null || value === null || !put(root, name, value)) return null;
  }
  return root;
}

/** The value at a path, or undefined. */
export function valueAt(form: FormMap, ...path: readonly string[]): FormValue | undefined {
  let value: FormValue | undefined = form;
  for (const name of path) value = value instanceof Map ? value.get(name) : undefined;
  return value;
}

/** The text at a path; undefined when there is none, or a map. */
export function textAt(form: FormMap, ...path: readonly string[]): string | undefined {
  const value = valueAt(form, ...path);
  return typeof value === 'string' ? value : undefined;
}

/** The texts of the list at a path. */
export function listAt(form: FormMap, ...path: readonly string[]): string[] {
  const value = valueAt(form, ...path);
  if (!(value instanceof Map)) return [];
  return [...value.values()].filter((one) => typeof one === 'string');
}

/** The same parameters, in whatever order they were sent, have the same text. */
export function canonicalForm(form: FormMap): string {
  const sorted = [...form].toSorted(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify(
    sorted.map(([name, value]) => [name, typeof value === 'string' ? value : canonicalForm(value)]),
  );
}

function put(root: Growing, name: string, value: string): boolean {
  const [, head, brackets = ''] = NAME.exec(name) ?? [];
  if (head === undefined) return false;
  const path = [head, ...[...brackets.matchAll(/\[([^[\]]*)\]/g)].map(([, inner]) => inner!)];
  if (path.length > DEPTH_MAX) return false;
  let map = root;
  for (const step of path.slice(0, -1)) {
    const key = step === '' ? String(map.size) : step;
    const next = map.get(key) ?? new Map();
    if (typeof next === 'string') return false;
    map.set(key, next);
    map = next;
  }
  const last = path.at(-1)!;
  const key = last === '' ? String(map.size) : last;
  if (map.get(key) instanceof Map) return false;
  map.set(key, value);
  return true;
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
