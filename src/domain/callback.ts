/**
 * A processor's callback after its signature was verified: what it says, in our words.
 *
 * @module
 */

import type { TransactionId } from './ids.ts';
import type { ProcessorName, ProcessorWord } from './processor-word.ts';

export interface ProcessorCallback {
  processor: ProcessorName;
  /** The processor's own id of the event: the same on every delivery. */
  callbackId: string;
  /** Null when the reference is not shaped like one of ours. */
  transactionId: TransactionId | null;
  /** Null when the event says nothing about a charge. */
  word: ProcessorWord | null;
  /**
   * It is a hint: what signs it does not cover all that matters, so its word says no more than that the processor has the charge, and
   * the processor is to be asked now.
   */
  hint: boolean;
  /** Milliseconds since 1970. */
  receivedAt: number;
}
