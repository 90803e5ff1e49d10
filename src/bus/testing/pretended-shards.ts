/**
 * Pretended shards: what the actors do with a callback, kept in memory: the first is applied, the next of its name are duplicates, one of an
 * unknown transaction is kept as unmatched until it is matched. A correction is applied while it waits.
 *
 * @module
 */

import type { ProcessorCallback } from '../../domain/callback.ts';
import type { CallbackVerdict } from '../../domain/facts.ts';
import { makeId, transactionIdOf } from '../../domain/ids.ts';
import { refusal } from '../../domain/outcomes.ts';
import type { Correction } from '../../storage/settlement-store.ts';
import type { ApplyCallback, ApplyCorrection } from '../bus.ts';

export interface PretendedShards {
  apply: ApplyCallback;
  correct: ApplyCorrection;
  /** Numbers of the corrections that wait: a test puts them there. */
  waiting: Set<number>;
  /** Numbers of corrections in the order in which they were applied. */
  corrected: number[];
  /** As recovery's scan reads them. */
  unmatched(): Promise<ProcessorCallback[]>;
  /** Ids of callbacks in the order in which they were applied. */
  applied: string[];
  /** Verdict of each callback by its id. */
  rows: Map<string, CallbackVerdict>;
  /** Ids of callbacks that are still to be relayed. */
  toRelay: Set<string>;
  /** How often any callback was handed over. */
  calls(): number;
  /** From now on these are refused as if their database were away; `null`: none. */
  away(isAway: ((said: Pick<ProcessorCallback, 'transactionId'>) => boolean) | null): void;
  /** From now on nothing is answered until the function returned is called. */
  hold(): () => void;
  /** Callbacks of these transactions are applied only once they are known. */
  unknown: Set<string>;
}

export function createPretendedShards(): PretendedShards {
  const applied: string[] = [];
  const rows = new Map<string, CallbackVerdict>();
  const waiting = new Map<string, ProcessorCallback>();
  const toRelay = new Set<string>();
  const unknown = new Set<string>();
  const corrected: number[] = [];
  const waitingCorrections = new Set<number>();
  let isAway: ((said: Pick<ProcessorCallback, 'transactionId'>) => boolean) | null = null;
  let gate: Promise<void> = Promise.resolve();
  let calls = 0;

  function verdictOf(callback: ProcessorCallback): CallbackVerdict {
    const { callbackId, transactionId } = callback;
    const before = rows.get(callbackId);
    if (before !== undefined && before !== 'unmatched') return 'duplicate';
    if (transactionId !== null && unknown.has(transactionId)) {
      waiting.set(callbackId, callback);
      rows.set(callbackId, 'unmatched');
      return 'unmatched';
    }
    waiting.delete(callbackId);
    rows.set(callbackId, 'applied');
    applied.push(callbackId);
    return 'applied';
  }

  return {
    ...{ applied, rows, toRelay, unknown, corrected, waiting: waitingCorrections },
    async correct(correction) {
      calls++;
      await new Promise(setImmediate);
      await gate;
      if (isAway?.(correction)) return { ok: false, refusal: refusal('storage_unavailable', '') };
      if (waitingCorrections.delete(correction.id)) corrected.push(correction.id);
      return { ok: true };
    },
    async apply(callback, how) {
      calls++;
      await new Promise(setImmediate);
      await gate;
      if (isAway?.(callback)) return { ok: false, refusal: refusal('storage_unavailable', '') };
      const isNew = !rows.has(callback.callbackId);
      const verdict = verdictOf(callback);
      if (isNew && how?.relay === true) toRelay.add(callback.callbackId);
      return { ok: true, verdict };
    },
    unmatched: async () => [...waiting.values()],
    calls: () => calls,
    away(which) {
      isAway = which;
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
  };
}

let names = 0;

/** A transaction of a logical shard. */
export function aTransaction(shard = 7): string {
  const random = new Uint8Array(8);
  new DataView(random.buffer).setUint32(4, ++names);
  return transactionIdOf(makeId(Date.now(), shard, random), 1);
}

/** A callback with a name of its own. */
export function aCallback(transactionId: string | null = aTransaction()): ProcessorCallback {
  const callbackId = `cb_${++names}`;
  return { processor: 'SANDBOX', callbackId, transactionId, word: null, hint: false, receivedAt: Date.now() };
}

/** A correction with a number of its own. */
export function aCorrection(transactionId: string = aTransaction()): Correction {
  return {
    id: ++names,
    runId: 3,
    scope: { processor: 'SANDBOX', account: 'acct_demo', day: '2026-01-21' },
    line: 17,
    transactionId,
    class: 'failed_there',
    row: { outcome: 'failed', processorTxnId: 'ch_1', account: null, amount: 5000, currency: 'INR' },
  };
}
