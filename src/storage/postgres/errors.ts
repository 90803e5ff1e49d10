/**
 * Errors: what a failure of PostgreSQL means for a turn.
 *
 * @module
 */

import { StorageError, type StorageFailureKind } from '../storage.ts';
import { ConnectionLost } from './connection.ts';

/** SQLSTATE, or its class of two characters → what it means. The longer entry wins. */
const KINDS: Readonly<Record<string, StorageFailureKind>> = {
  // Raised by sluice_halfway().
  SL001: 'halfway',
  // Data exception, integrity constraint, a limit such as the size of an index row: a value of a row.
  '22': 'poisoned',
  '23': 'poisoned',
  '54': 'poisoned',
  // Deadlock, serialisation.
  '40P01': 'repeat',
  '40001': 'repeat',
  // lock_timeout; statement_timeout or a cancel.
  '55P03': 'lock_timeout',
  '57014': 'lock_timeout',
  // Connection: PostgreSQL itself never says so of a statement. Who stands between does, when the server is gone and may have committed.
  '08': 'uncertain',
  // Resources, operator intervention, system, a statement not allowed here (read-only standby).
  '53': 'unavailable',
  '57': 'unavailable',
  '58': 'unavailable',
  '25': 'unavailable',
  // The state of an object, damage to the data: for the operator; this statement changed nothing.
  '55': 'unavailable',
  XX: 'unavailable',
};

/** The server goes down over the write-ahead log: a commit in it may come back with it. */
const PANIC = 'PANIC';

/** What a rejection of a query means. Whatever is not PostgreSQL's own is thrown on: it is a bug. */
export function failureOf(error: unknown): StorageFailureKind {
  if (error instanceof StorageError) return error.kind;
  if (error instanceof ConnectionLost) return error.sent ? 'uncertain' : 'unavailable';
  const code = codeOf(error);
  if (code === undefined) throw error;
  const kind = KINDS[code] ?? KINDS[code.slice(0, 2)];
  if (kind === undefined) throw error;
  return (error as { severity?: unknown }).severity === PANIC ? 'uncertain' : kind;
}

/** The same as an error whose message holds no value of a row. */
export function storageErrorOf(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const kind = failureOf(error);
  return new StorageError(
    kind,
    `PostgreSQL answered ${codeOf(error)}`,
    error instanceof ConnectionLost ? error : undefined,
  );
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}
