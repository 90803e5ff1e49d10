/**
 * One story: the bank's book, the attempts, the intents and the merchant's events must agree, and each intent is charged
 * at most once. Reads nothing itself, so that the check is checked with stories that are wrong.
 *
 * @module
 */

import type { BookLine } from '../support/shop.ts';

/** An attempt with its intent, as stored. */
export interface AttemptRow {
  /** `txn_…` */
  id: string;
  intent: string;
  attempt: number;
  status: string;
  reopenable: boolean;
  intentStatus: string;
  amount: number;
  currency: string;
}

export interface Story {
  attempts: readonly AttemptRow[];
  book: readonly BookLine[];
  /** Transaction ids of `payment.succeeded` and `payment.recovered`, one for each event. */
  successEvents: readonly string[];
}

const ATTEMPTS_MAX = 5;

/** What contradicts itself, one line each; empty when all is one story. */
export function contradictions({ attempts, book, successEvents }: Story): string[] {
  const charged = book.filter(({ effect }) => effect === 'charged');
  const charges = Map.groupBy(charged, ({ reference }) => reference);
  const events = Map.groupBy(successEvents, (id) => id);
  const known = new Set(attempts.map(({ id }) => id));
  const strangers = [...charges.keys(), ...events.keys()].filter((id) => !known.has(id));
  return [
    ...strangers.map((id) => `${id} is charged or told of, and not stored`),
    ...attempts.flatMap((row) => ofAttempt(row, charges.get(row.id) ?? [], events.get(row.id)?.length ?? 0)),
    ...[...Map.groupBy(attempts, ({ intent }) => intent).values()].flatMap((rows) =>
      ofIntent(
        rows,
        rows.reduce((sum, { id }) => sum + (charges.get(id)?.length ?? 0), 0),
      ),
    ),
  ];
}

function ofAttempt(row: AttemptRow, lines: readonly BookLine[], events: number): string[] {
  const due = row.status === 'SUCCESS' ? 1 : 0;
  const found: string[] = [];
  if (row.status !== 'SUCCESS' && row.status !== 'FAILED') found.push(`${row.id} is open`);
  if (lines.length !== due) found.push(`${row.id} is ${row.status} with ${lines.length} charges`);
  if (events !== due) found.push(`${row.id} is ${row.status} with ${events} events of success`);
  for (const { amount, currency } of lines) {
    if (amount !== row.amount || currency !== row.currency)
      found.push(`${row.id} is of ${row.amount} ${row.currency}, charged ${amount} ${currency}`);
  }
  return found;
}

function ofIntent(rows: readonly AttemptRow[], charges: number): string[] {
  const [last, ...earlier] = rows.toSorted((a, b) => b.attempt - a.attempt);
  const { intent, intentStatus, attempt } = last!;
  const paid = rows.some(({ status }) => status === 'SUCCESS');
  const closed = last!.status === 'FAILED' && (!last!.reopenable || attempt >= ATTEMPTS_MAX);
  const expected = paid ? 'SUCCESS' : closed ? 'FAILED' : 'PENDING';
  const found: string[] = [];
  if (charges > 1) found.push(`intent ${intent} is charged ${charges} times`);
  if ((charges === 1) !== (intentStatus === 'SUCCESS'))
    found.push(`intent ${intent} is ${intentStatus} with ${charges} charges`);
  if (intentStatus !== expected)
    found.push(`intent ${intent} is ${intentStatus}, its attempts say ${expected}`);
  if (earlier.some(({ status, reopenable }) => status !== 'FAILED' || !reopenable))
    found.push(`intent ${intent} was tried again after an attempt that does not allow it`);
  return found;
}
