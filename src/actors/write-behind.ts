/**
 * Derived words that wait to be written: a final word within their time makes writing them needless (design 5.5).
 *
 * Losing this memory loses nothing that cannot be asked for again.
 *
 * @module
 */

import type { TransactionId } from '../domain/ids.ts';
import type { ProcessorWord } from '../domain/processor-word.ts';

interface Behind {
  transactionId: TransactionId;
  word: ProcessorWord;
  dueAt: number;
}

/** @param sizeMax words kept; over it `put` refuses and the word is written at once */
export function createWriteBehind(sizeMax: number) {
  // Insertion order is due order: every word waits equally long.
  const words = new Map<TransactionId, Behind>();
  return {
    put(transactionId: TransactionId, word: ProcessorWord, dueAt: number): boolean {
      if (words.size >= sizeMax) return false;
      words.delete(transactionId);
      words.set(transactionId, { transactionId, word, dueAt });
      return true;
    },
    wordOf: (transactionId: TransactionId): ProcessorWord | null => words.get(transactionId)?.word ?? null,
    drop(transactionId: TransactionId): void {
      words.delete(transactionId);
    },
    /** Takes out what is due. */
    take(now: number): Behind[] {
      const due: Behind[] = [];
      for (const behind of words.values()) {
        if (behind.dueAt > now) break;
        words.delete(behind.transactionId);
        due.push(behind);
      }
      return due;
    },
    nextDueAt(): number {
      const first = words.values().next();
      return first.done ? Number.POSITIVE_INFINITY : first.value.dueAt;
    },
  };
}
