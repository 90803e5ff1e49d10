/**
 * Told: what clients were told by the gateway, read from a client log.
 *
 * @module
 */

import { type IntentId, parseIntentId, parseTransactionId, type TransactionId } from '../domain/ids.ts';
import type { PublicStatus } from '../domain/transaction.ts';
import type { ClientOperation } from './client-log.ts';
import { bytesOfFile, readRecord } from './lines.ts';

/** One answer of the gateway that said `ok`. */
export type Told =
  | { kind: 'intent'; intentId: IntentId; orderId: string; amount: number; currency: string }
  | { kind: 'pay'; transactionId: TransactionId /** The intent that was to be paid. */; askedFor: IntentId }
  | {
      kind: 'read';
      transactionId: TransactionId;
      status: PublicStatus;
      /** Lines of the log at which the question was asked and its answer known: a lower one was earlier. */
      askedAt: number;
      toldAt: number;
    };

/**
 * Reads what clients were told, in the order they were told it, page by page. Memory holds the operations without an outcome: as
 * many as the client had under way.
 * @param onTorn hears of a last line that was not written to its end, which is what a crash leaves
 * @throws RecordError
 */
export function readClientLog(path: string, onTorn: (line: number) => void): AsyncGenerator<readonly Told[]> {
  const underWay = new Map<number, { operation: Begin; line: number }>();
  return readRecord(path, bytesOfFile(path), (line, { number, open }) => {
    if (open) {
      onTorn(number);
      return null;
    }
    const entry = entryOf(line);
    if ('do' in entry) {
      if (underWay.has(entry.n)) throw new Error(`operation ${entry.n} begins twice`);
      underWay.set(entry.n, { operation: entry, line: number });
      return null;
    }
    const begun = underWay.get(entry.n);
    if (begun === undefined) throw new Error(`operation ${entry.n} ends and has not begun`);
    underWay.delete(entry.n);
    return entry.outcome === 'ok' ? toldBy(begun.operation, entry, begun.line, number) : null;
  });
}

type Begin = ClientOperation & { n: number };

/** What an `ok` has of these depends on its operation. */
interface End {
  n: number;
  outcome: 'ok' | 'refused' | 'unknown';
  paymentIntentId?: unknown;
  transactionId?: unknown;
  status?: unknown;
}

function entryOf(line: string): Begin | End {
  const entry = JSON.parse(line) as Record<string, unknown> | null;
  if (entry === null || !Number.isSafeInteger(entry.n)) throw new Error('n is not a whole number');
  const { do: operation, outcome } = entry;
  if (operation === 'intent' || operation === 'pay' || operation === 'read') return entry as unknown as Begin;
  if (outcome === 'ok' || outcome === 'refused' || outcome === 'unknown') return entry as unknown as End;
  throw new Error('it has neither a known operation (do) nor a known outcome');
}

function toldBy(operation: Begin, end: End, askedAt: number, toldAt: number): Told {
  switch (operation.do) {
    case 'intent': {
      const { orderId, amount, currency } = operation;
      if (typeof orderId !== 'string') throw new Error(`orderId of operation ${operation.n} is no text`);
      if (!Number.isSafeInteger(amount)) throw new Error(`amount of operation ${operation.n} is no integer`);
      if (!/^[A-Z]{3}$/.test(currency))
        throw new Error(`currency of operation ${operation.n} is not three capitals`);
      return {
        kind: 'intent',
        intentId: idIn('paymentIntentId', end.paymentIntentId, parseIntentId),
        orderId,
        amount,
        currency,
      };
    }
    case 'pay': {
      const transactionId = idIn('transactionId', end.transactionId, parseTransactionId);
      const askedFor = idIn('paymentIntentId', operation.paymentIntentId, parseIntentId);
      return { kind: 'pay', transactionId, askedFor };
    }
    case 'read': {
      const transactionId = idIn('transactionId', operation.transactionId, parseTransactionId);
      return { kind: 'read', transactionId, status: statusIn(end), askedAt, toldAt };
    }
  }
}

function idIn(name: string, value: unknown, parse: (text: string) => string | null): string {
  const id = typeof value === 'string' ? parse(value) : null;
  if (id === null) throw new Error(`${name} is not one of ours: ${String(value)}`);
  return id;
}

const STATUSES: readonly unknown[] = ['PENDING', 'PROCESSING', 'SUCCESS', 'FAILED'] satisfies PublicStatus[];

function statusIn({ status }: End): PublicStatus {
  if (!STATUSES.includes(status)) throw new Error(`status is not one the API shows: ${String(status)}`);
  return status as PublicStatus;
}
