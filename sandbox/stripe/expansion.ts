/**
 * `expand[]`: objects in the place of their ids, where the caller asks for them.
 * @module
 */
import { invalidRequest } from './errors.ts';
import { listOf, type Rule } from './params.ts';

/** The object of an id, or undefined. */
export type Find = (id: string) => object | undefined;

const EXPANDABLE: ReadonlySet<string> = new Set([
  'balance_transaction',
  'data',
  'latest_charge',
  'payment_intent',
  'source',
]);
/** Names deep. */
const DEPTH_MAX = 4;

/** The parameter: paths like `data.source`. */
export const expansion: Rule = listOf((value, name) => {
  const path = typeof value === 'string' ? value.split('.') : [];
  if (path.length > 0 && path.length <= DEPTH_MAX && path.every((step) => EXPANDABLE.has(step)))
    return undefined;
  return invalidRequest(`This property cannot be expanded (${path.join('.')}).`, { param: name });
});

/** The body with what was asked for. What is not there stays as it is. */
export function expanded(body: object, paths: readonly string[], find: Find): object {
  return paths.reduce((whole, path) => expandedAt(whole, path.split('.'), find) as object, body);
}

function expandedAt(value: unknown, [step, ...rest]: readonly string[], find: Find): unknown {
  const whole = typeof value === 'string' ? (find(value) ?? value) : value;
  if (Array.isArray(whole)) {
    return whole.map((item) => expandedAt(item, step === undefined ? [] : [step, ...rest], find));
  }
  if (step === undefined || typeof whole !== 'object' || whole === null || !Object.hasOwn(whole, step))
    return whole;
  return { ...whole, [step]: expandedAt((whole as Record<string, unknown>)[step], rest, find) };
}
