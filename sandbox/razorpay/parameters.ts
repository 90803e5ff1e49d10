/**
 * Parameters: what a request says, in JSON or as a form whose names have brackets, and a page of a list.
 *
 * @module
 */
import { isRecord, parseJson } from '../json.ts';
import { integerOf } from './fields.ts';
import { badInput, badRequest, type Problem } from './problems.ts';

/** A request's fields; those of a form are all text. */
export type Parameters = Record<string, unknown>;

/** Which of a list is wanted. Times in Unix seconds, both ends included. */
export interface ListPage {
  readonly count: number;
  readonly skip: number;
  readonly from: number;
  readonly to: number;
}

const COUNT = 10;
const COUNT_MAX = 100;
/** Deepest brackets of a form's name that mean something: `card[number]`. */
const FORM_NAME = /^([^[\]]+)(?:\[([^[\]]+)\])?$/;

/** Reads a body by its content type; what says nothing of its type is JSON. No body is no fields. */
export function readParameters(
  contentType: string | undefined,
  body: Buffer,
):
  | { readonly ok: true; readonly parameters: Parameters }
  | { readonly ok: false; readonly problem: Problem } {
  if (body.length === 0) return { ok: true, parameters: {} };
  const text = body.toString('utf8');
  if (contentType?.startsWith('application/x-www-form-urlencoded')) return readForm(text);
  const value = parseJson(text);
  if (isRecord(value)) return { ok: true, parameters: value };
  return { ok: false, problem: badRequest('The request body is not a JSON object') };
}

function readForm(text: string): ReturnType<typeof readParameters> {
  const parameters: Parameters = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) {
    const [, outer, inner] = FORM_NAME.exec(name) ?? [];
    if (outer === undefined) return { ok: false, problem: badInput(name, `${name} is not a name`) };
    const group = parameters[outer];
    if (inner === undefined) parameters[outer] = value;
    else parameters[outer] = { ...(isRecord(group) ? group : {}), [inner]: value };
  }
  return { ok: true, parameters };
}

/** Reads `count`, `skip`, `from` and `to` of a list's address. */
export function readListPage(
  query: URLSearchParams,
  countMax = COUNT_MAX,
): { readonly ok: true; readonly page: ListPage } | { readonly ok: false; readonly problem: Problem } {
  const numberOf = (name: string, fallback: number) =>
    query.has(name) ? integerOf(query.get(name)) : fallback;
  const count = numberOf('count', COUNT);
  const skip = numberOf('skip', 0);
  const from = numberOf('from', 0);
  const to = numberOf('to', Number.MAX_SAFE_INTEGER);
  if (count === null || count < 1) return unfit('count', 'The count must be at least 1.');
  if (count > countMax) return unfit('count', `The count may not be greater than ${countMax}.`);
  if (skip === null || skip < 0) return unfit('skip', 'The skip must be an integer.');
  if (from === null) return unfit('from', 'from must be an integer.');
  if (to === null) return unfit('to', 'to must be an integer.');
  return { ok: true, page: { count, skip, from, to } };
}

/** A list as it is shown. */
export function showList(items: readonly object[]): object {
  return { entity: 'collection', count: items.length, items };
}

function unfit(field: string, description: string): { readonly ok: false; readonly problem: Problem } {
  return { ok: false, problem: badInput(field, description) };
}
