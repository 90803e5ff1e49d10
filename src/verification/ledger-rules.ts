/**
 * Ledger rules: what must hold between the entries of the ledger, the final record and the attempts of one payment. Pure.
 *
 * The days of payments are dropped before the months of the ledger: an entry without its attempt is compared with nothing but the other
 * entries of its subject.
 *
 * @module
 */

import { showTransactionId } from '../domain/ids.ts';
import type { ScannedAttempt, ScannedEntry, ScannedFinal } from '../storage/payment-scan.ts';
import type { Find, Story } from './rules.ts';

/** Judges the ledger of one payment, or of one movement of money without one. */
export function judgeLedger({ entries, finals, attempts }: Story, find: Find): void {
  const subjects = Map.groupBy(entries, ({ subjectId }) => subjectId);
  for (const [subjectId, own] of subjects) {
    const attempt = attempts.find(({ transactionId }) => transactionId === subjectId);
    judgeEntries(own, attempt, find);
  }
  for (const transactionId of new Set([...finals.map((one) => one.transactionId), ...subjects.keys()])) {
    const attempt = attempts.find((one) => one.transactionId === transactionId);
    const last = finals.findLast((one) => one.transactionId === transactionId);
    judgeFinal(attempt, last, liveEntries(subjects.get(transactionId) ?? []), find);
  }
}

function idOf({ isOfTransaction, subjectId }: ScannedEntry): string {
  return isOfTransaction ? showTransactionId(subjectId) : subjectId;
}

/** Each sums to zero, they count from 1, a reversal takes back one that stood, and of a payment one at most stands, with its amount. */
function judgeEntries(
  entries: readonly ScannedEntry[],
  attempt: ScannedAttempt | undefined,
  find: Find,
): void {
  const id = idOf(entries[0]!);
  for (const [at, entry] of entries.entries()) {
    if (entry.sum !== 0) find('ledger_unbalanced', id);
    if (entry.entry !== at + 1 || !isWhole(entry) || !reversesOne(entry, entries.slice(0, at)))
      find('ledger_differs', id);
  }
  const live = liveEntries(entries);
  const isOther = (entry: ScannedEntry): boolean =>
    attempt !== undefined &&
    !entry.isAccepted &&
    (entry.gross !== attempt.amount || entry.currency !== attempt.currency);
  if (live.length > 1 || live.some(isOther)) find('ledger_differs', id);
}

/** Settled money is the merchant's and the gateway's to the last unit; money in suspense is nobody's. */
function isWhole({ kind, gross, owed }: ScannedEntry): boolean {
  if (kind === 'settlement') return owed === -gross;
  return kind === 'reversal' || owed === 0;
}

function reversesOne(reversal: ScannedEntry, before: readonly ScannedEntry[]): boolean {
  if (reversal.kind !== 'reversal') return true;
  const { reverses, gross, owed, currency } = reversal;
  const taken = before.find(({ entry }) => entry === reverses);
  return (
    taken !== undefined &&
    taken.kind !== 'reversal' &&
    !before.some((other) => other.reverses === reverses) &&
    taken.currency === currency &&
    taken.gross + gross === 0 &&
    taken.owed + owed === 0
  );
}

/** Settled, and not taken back. */
function liveEntries(entries: readonly ScannedEntry[]): ScannedEntry[] {
  return entries.filter(
    ({ kind, entry }) => kind === 'settlement' && !entries.some(({ reverses }) => reverses === entry),
  );
}

/**
 * What holds is what the attempt is, but while its correction waits for the actor or a person, and money that stands in the ledger is of a
 * payment that succeeded.
 */
function judgeFinal(
  attempt: ScannedAttempt | undefined,
  last: ScannedFinal | undefined,
  live: readonly ScannedEntry[],
  find: Find,
): void {
  const id = showTransactionId(last?.transactionId ?? live[0]?.subjectId ?? '');
  const isSettled = live.some(({ isOfTransaction }) => isOfTransaction);
  if (isSettled && last?.status !== 'SUCCESS') find('final_record_differs', id);
  if (attempt === undefined || last === undefined || last.isUncorrected) return;
  if (attempt.status !== last.status) find('final_record_differs', id);
}
