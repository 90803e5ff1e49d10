/**
 * Payout days: the days a query about payouts asks for.
 *
 * @module
 */

import { isDay } from '../../domain/day.ts';
import { type FieldError, type Refusal, refusal } from '../../domain/outcomes.ts';

/** A query that was read, or what of it is wrong. */
export type QueryReading<Value> = { ok: true; value: Value } | { ok: false; errors: FieldError[] };

const DAY_MS = 24 * 60 * 60 * 1000;
export const PAYOUT_DAYS_MAX = 92;

/** `from` and `to`, both inclusive. */
export function daysOf(text: string): QueryReading<{ from: string; to: string }> {
  const query = new URLSearchParams(text);
  const [from, to] = [query.get('from') ?? '', query.get('to') ?? ''];
  const errors = Object.entries({ from, to }).flatMap(([name, day]) =>
    isDay(day) ? [] : [{ pointer: `/${name}`, detail: 'must be a day, as 2026-01-31' }],
  );
  if (errors.length > 0) return { ok: false, errors };
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  if (days >= 1 && days <= PAYOUT_DAYS_MAX) return { ok: true, value: { from, to } };
  const detail = days < 1 ? 'must not be before from' : `must be within ${PAYOUT_DAYS_MAX} days`;
  return { ok: false, errors: [{ pointer: '/to', detail }] };
}

export function invalidQuery(errors: readonly FieldError[]): Refusal {
  return refusal('invalid_request', 'Some parameters of the query are wrong.', { errors });
}
