/**
 * Client log: what a client meant to do, and what it was told, written by the client itself.
 *
 * NDJSON, two lines an operation. The first is on disk before the request is sent, the second is written when the answer is
 * known: `ok` (with what it told), `refused` (the gateway said no: nothing may have happened) or `unknown` (no answer, or one
 * that cannot be read: it may or may not have happened). An operation without a second line is unknown too.
 *
 *     {"n":1,"at":1764115200000,"do":"intent","orderId":"o_1","amount":100,"currency":"INR"}
 *     {"n":1,"at":1764115200009,"outcome":"ok","paymentIntentId":"pi_…"}
 *
 * @module
 */

import { closeSync, constants, fdatasync, openSync, write } from 'node:fs';
import { promisify } from 'node:util';
import type { PublicStatus } from '../domain/transaction.ts';

/** What a client is about to do. Amounts in minor units. */
export type ClientOperation =
  | { do: 'intent'; orderId: string; amount: number; currency: string }
  | { do: 'pay'; paymentIntentId: string }
  | { do: 'read'; transactionId: string };

/** What came of it: the `ok` of an `intent`, of a `pay`, of a `read`, and the two ways of knowing less. */
export type ClientOutcome =
  | { outcome: 'ok'; paymentIntentId: string }
  | { outcome: 'ok'; transactionId: string }
  | { outcome: 'ok'; status: PublicStatus }
  | { outcome: 'refused' }
  | { outcome: 'unknown' };

export interface ClientLog {
  /**
   * Resolves with the operation's number when its line is on disk: only then may the request be sent. Rejects when the line
   * could not be written; so does every later call.
   */
  begin(operation: ClientOperation): Promise<number>;
  /**
   * Takes the outcome down; it is written with the next group. Losing it makes the operation unknown, which is true enough.
   * @throws Error when the log is closed or a line could not be written
   */
  end(n: number, outcome: ClientOutcome): void;
  /** Writes everything and closes the file; every later call fails. */
  close(): Promise<void>;
}

export interface ClientLogOptions {
  /** Sync each group of lines to disk (fdatasync). Off: they survive the client's end, not the machine's. Default true. */
  durable?: boolean;
}

const writeTo = promisify(write);
const syncData = promisify(fdatasync);

/**
 * Begins a client log. Lines that come while a group is being written leave together in the next one.
 * @throws Error with code EEXIST when there is a file at `path`: numbers would come twice
 */
export function createClientLog(path: string, { durable = true }: ClientLogOptions = {}): ClientLog {
  const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = constants;
  const file = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0o600);
  let lines: string[] = [];
  let group = Promise.withResolvers<void>();
  let writing: Promise<void> | null = null;
  let failure: Error | null = null;
  /** Nothing is taken any more: the descriptor may soon be another file's. */
  let closed = false;
  let last = 0;

  function append(line: object): Promise<void> {
    if (closed) throw new Error('the client log is closed');
    lines.push(JSON.stringify(line));
    const { promise } = group;
    writing ??= writeGroups();
    return promise;
  }

  /** Writes groups until there is nothing to write. Never rejects: each group's own promise tells. */
  async function writeGroups(): Promise<void> {
    // What is asked for in this very tick belongs to the group.
    await new Promise(setImmediate);
    while (lines.length > 0) {
      const bytes = Buffer.from(`${lines.join('\n')}\n`);
      const { resolve, reject, promise } = group;
      // Nobody waits for a group of outcomes only; the next call hears of its failure.
      promise.catch(() => undefined);
      lines = [];
      group = Promise.withResolvers<void>();
      try {
        if (failure !== null) throw failure;
        await writeWhole(bytes);
        resolve();
      } catch (error) {
        failure = error as Error;
        reject(error);
      }
    }
    writing = null;
  }

  async function writeWhole(bytes: Buffer): Promise<void> {
    for (let from = 0; from < bytes.length; ) {
      const { bytesWritten } = await writeTo(file, bytes, from);
      from += bytesWritten;
    }
    if (durable) await syncData(file);
  }

  return {
    async begin(operation) {
      const n = ++last;
      await append({ n, at: Date.now(), ...operation });
      return n;
    },
    end(n, outcome) {
      if (failure !== null) throw failure;
      void append({ n, at: Date.now(), ...outcome });
    },
    async close() {
      if (closed) throw new Error('the client log is closed');
      closed = true;
      await writing;
      closeSync(file);
      if (failure !== null) throw failure;
    },
  };
}
