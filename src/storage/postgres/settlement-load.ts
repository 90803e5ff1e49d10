/**
 * Settlement load: rows of a report by COPY into their run's own table.
 *
 * Each megabyte is one COPY, and the next is written while it is under way: nothing waits for a reader that is slow, memory stays at two of
 * them, and no statement is longer than its timeout.
 *
 * @module
 */

import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { SettlementRow } from '../../domain/settlement.ts';
import type { RowLoad, StagedRow } from '../settlement-store.ts';
import { StorageError } from '../storage.ts';

/** Bytes of COPY text that are sent at once. */
const CHUNK_BYTES = 1_000_000;

/** Writes lines of COPY text. */
export interface CopyLoad {
  /** @param lines without their ends */
  write(lines: readonly string[]): void;
  /** Resolves when more may be written. Rejects when the load has failed. */
  flushed(): Promise<void>;
  /** Resolves with the number of lines that are there. */
  finish(): Promise<number>;
  /** Forgets what is not sent; resolves when nothing is under way any more. */
  stop(): Promise<void>;
}

/** Loads a table by COPY. Its promises reject with the server's own error. */
export function createCopyLoad(client: pg.Client, table: string): CopyLoad {
  /** Bytes, since texts that wait for a megabyte outlive one collection after another (three fifths of the time of a load [measured]). */
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let rows = 0;
  let underWay = Promise.resolve();

  function send(): void {
    const chunk = Buffer.concat(waiting, waitingBytes);
    waiting = [];
    waitingBytes = 0;
    underWay = underWay.then(async () => {
      rows += await copyChunk(client, table, chunk);
    });
    // Whoever writes next, or finishes, hears of it.
    underWay.catch(() => undefined);
  }

  return {
    write(lines) {
      const bytes = Buffer.from(`${lines.join('\n')}\n`);
      waiting.push(bytes);
      waitingBytes += bytes.length;
    },
    async flushed() {
      if (waitingBytes < CHUNK_BYTES) return;
      await underWay;
      send();
    },
    async finish() {
      if (waitingBytes > 0) send();
      await underWay;
      return rows;
    },
    async stop() {
      waiting = [];
      waitingBytes = 0;
      await underWay.catch(() => undefined);
    },
  };
}

/** One COPY of its own. */
function copyChunk(client: pg.Client, table: string, chunk: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const copy = client.query(copyFrom(`copy ${table} from stdin`));
    copy.on('error', reject);
    copy.on('finish', () => resolve(copy.rowCount));
    copy.end(chunk);
  });
}

const NEEDS_ESCAPE = /[\\\t\n\r]/;
const ESCAPED = /[\\\t\n\r]/g;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** A value as COPY's text has it. Throws StorageError on the one character that PostgreSQL cannot keep. */
export function copyText(value: string | number | null): string {
  if (value === null) return '\\N';
  if (typeof value === 'number') return String(value);
  if (value.includes('\0'))
    throw new StorageError('poisoned', 'a value has a NUL in it, which no text of PostgreSQL has');
  return NEEDS_ESCAPE.test(value) ? value.replace(ESCAPED, (character) => ESCAPES[character]!) : value;
}

/** In the order of the columns of `settlement_rows`. */
function lineOf({ line, subjectId, row }: StagedRow): string {
  const { kind, outcome, amount, fee, tax, net } = row;
  return `${line}\t${subjectId}\t${row.transactionId ?? '\\N'}\t${kind}\t${outcome}\t${wordsOf(row)}\t${amount}\t${fee}\t${tax}\t${net}\t${copyText(
    row.currency,
  )}\t${row.settledAt ?? '\\N'}\t${copyText(row.settlementId)}\t${copyText(row.utr)}`;
}

function wordsOf({ movementId, processorTxnId, reference, account }: SettlementRow): string {
  return `${copyText(movementId)}\t${copyText(processorTxnId)}\t${copyText(reference)}\t${copyText(account)}`;
}

/**
 * The load of a run's rows.
 * @param loaded prepares the table when all rows are there
 * @param dropped drops it
 */
export function createRowLoad(
  copy: CopyLoad,
  { loaded, dropped }: { loaded(): Promise<void>; dropped(): Promise<void> },
): RowLoad {
  return {
    async write(rows) {
      if (rows.length > 0) copy.write(rows.map(lineOf));
      await copy.flushed();
    },
    async finish() {
      const rows = await copy.finish();
      await loaded();
      return rows;
    },
    async abort() {
      await copy.stop();
      await dropped();
    },
  };
}
