/**
 * Parameters: what a request may carry, checked one by one and refused in Stripe's words.
 *
 * A rule looks at one value under its full name. Unknown names are told first, then what is missing, then what is wrong, in
 * the order of the rules.
 * @module
 */
import { invalidRequest, type StripeError } from './errors.ts';
import type { FormMap, FormValue } from './form.ts';

/** Looks at a value; undefined when there is nothing to say against it. */
export type Rule = (value: FormValue, name: string) => StripeError | undefined;

export type Rules = Readonly<Record<string, Rule>>;

const METADATA_KEYS_MAX = 50;
const METADATA_KEY_LENGTH_MAX = 40;
const METADATA_VALUE_LENGTH_MAX = 500;

/** Checks the parameters of a request. */
export function checkParams(
  params: FormMap,
  rules: Rules,
  required: readonly string[] = [],
): StripeError | undefined {
  return checkMap(params, '', rules, required);
}

/** A text that is not empty. */
export function text(lengthMax = 5000): Rule {
  return (value, name) => {
    if (typeof value !== 'string') return invalidRequest(`Invalid string: ${shown(value)}`, { param: name });
    if (value === '') {
      return invalidRequest(
        `You passed an empty string for '${name}'. We assume empty values are an attempt to unset a parameter; however '${name}' cannot be unset. You should remove '${name}' from your request or supply a non-empty value.`,
        { code: 'parameter_invalid_empty', param: name },
      );
    }
    if (value.length <= lengthMax) return undefined;
    return invalidRequest(`Invalid string: ${value.slice(0, 20)}…; must be at most ${lengthMax} characters`, {
      code: 'parameter_invalid_string',
      param: name,
    });
  };
}

/** An integer in its digits. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): Rule {
  return (value, name) => {
    const problem = { code: 'parameter_invalid_integer', param: name };
    if (typeof value !== 'string' || !/^-?[0-9]{1,16}$/.test(value)) {
      return invalidRequest(`Invalid integer: ${shown(value)}`, problem);
    }
    if (Number(value) < min) {
      return invalidRequest(`This value must be greater than or equal to ${min}.`, problem);
    }
    if (Number(value) > max)
      return invalidRequest(`This value must be less than or equal to ${max}.`, problem);
    return undefined;
  };
}

/** `true` or `false`. */
export const flag: Rule = (value, name) =>
  value === 'true' || value === 'false'
    ? undefined
    : invalidRequest(`Invalid boolean: ${shown(value)}`, { param: name });

/** One of some words. */
export function oneOf(...words: readonly string[]): Rule {
  return (value, name) =>
    typeof value === 'string' && words.includes(value)
      ? undefined
      : invalidRequest(`Invalid ${name}: must be one of ${words.join(', ')}`, { param: name });
}

/** An http or https address. */
export const address: Rule = (value, name) => {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : null;
  if (url !== null && ['http:', 'https:'].includes(url.protocol)) return undefined;
  return invalidRequest('Not a valid URL', { code: 'url_invalid', param: name });
};

/** A list whose items keep a rule. */
export function listOf(item: Rule): Rule {
  return (value, name) => {
    if (typeof value === 'string') return invalidRequest('Invalid array', { param: name });
    for (const [index, one] of value) {
      const problem = item(one, `${name}[${index}]`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

/** Parameters within a parameter. */
export function nested(rules: Rules, required: readonly string[] = []): Rule {
  return (value, name) =>
    typeof value === 'string'
      ? invalidRequest('Invalid object', { param: name })
      : checkMap(value, name, rules, required);
}

/** Up to fifty names of the caller's own, with texts. */
export const metadata: Rule = (value, name) => {
  if (typeof value === 'string') return invalidRequest('Invalid hash', { param: name });
  if (value.size > METADATA_KEYS_MAX) {
    return invalidRequest(`Metadata can only contain ${METADATA_KEYS_MAX} keys`, { param: name });
  }
  for (const [key, one] of value) {
    const param = `${name}[${key}]`;
    if (key.length > METADATA_KEY_LENGTH_MAX) {
      return invalidRequest(`Metadata keys must be at most ${METADATA_KEY_LENGTH_MAX} characters`, { param });
    }
    if (typeof one !== 'string') return invalidRequest('Metadata values must be strings', { param });
    if (one.length > METADATA_VALUE_LENGTH_MAX) {
      return invalidRequest(`Metadata values must be at most ${METADATA_VALUE_LENGTH_MAX} characters`, {
        param,
      });
    }
  }
  return undefined;
};

/** A moment, or bounds of it, in Unix seconds. */
export const moment: Rule = (value, name) =>
  (typeof value === 'string' ? integer(0) : nested(BOUNDS))(value, name);

const BOUNDS: Rules = { gt: integer(0), gte: integer(0), lt: integer(0), lte: integer(0) };

/** The parameters of every list. */
export const paging: Rules = { limit: integer(1, 100), starting_after: text(), ending_before: text() };

function checkMap(
  params: FormMap,
  prefix: string,
  rules: Rules,
  required: readonly string[],
): StripeError | undefined {
  const nameOf = (key: string) => (prefix === '' ? key : `${prefix}[${key}]`);
  const unknown = [...params.keys()].filter((key) => !Object.hasOwn(rules, key)).map(nameOf);
  if (unknown.length > 0) {
    const names = unknown.length === 1 ? `parameter: ${unknown[0]}` : `parameters: ${unknown.join(', ')}`;
    return invalidRequest(`Received unknown ${names}`, { code: 'parameter_unknown', param: unknown[0]! });
  }
  const absent = required.find((key) => !params.has(key));
  if (absent !== undefined) {
    const param = nameOf(absent);
    return invalidRequest(`Missing required param: ${param}.`, { code: 'parameter_missing', param });
  }
  for (const [key, rule] of Object.entries(rules)) {
    const value = params.get(key);
    const problem = value === undefined ? undefined : rule(value, nameOf(key));
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function shown(value: FormValue): string {
  return typeof value === 'string' ? value.slice(0, 50) : '{…}';
}
