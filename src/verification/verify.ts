/**
 * Verify: joins what clients were told, what the bank has booked and what the databases hold, and judges every payment.
 *
 * @module
 */

import type { RuleName } from './rules.ts';

export interface VerifyRequest {
  /** Connection strings of roles that may SELECT, one per shard database. */
  shardDatabaseUrls: readonly string[];
  /**
   * URL of the sandbox bank (http or https; its `/_bank/charges` is streamed) or path of an NDJSON or CSV export; null: charges
   * are not compared.
   */
  book: string | null;
  /** Compare only the charges of this account of the book. Default: of all accounts. */
  account?: string;
  /** Path of a client log; null: nothing is known to be acknowledged. */
  clientLog: string | null;
  /** An attempt still open this many milliseconds after its `send_before` is stuck. */
  unknownAfterMs: number;
  /** Milliseconds since 1970. */
  now: number;
  /** Compare only payments whose intents were made from here on, milliseconds since 1970. Default: all. */
  since?: number;
}

/** What one rule found. */
export interface RuleReport {
  rule: RuleName;
  /** What a finding of it is, in words. */
  what: string;
  count: number;
  /** The first 20 in the order of their ids. */
  ids: readonly string[];
}

export interface Verification {
  /** Every rule, also those without findings. */
  rules: readonly RuleReport[];
  counts: {
    intents: number;
    attempts: number;
    /** Lines of the book that took money. */
    charges: number;
    /** Rows of the outbox. */
    events: number;
    /** Intents and payments that clients were told of. */
    acknowledged: number;
  };
  /** What the records themselves are like, in words: a client log torn by a crash. No reason to fail. */
  remarks: readonly string[];
}

/**
 * Verifies. Payments are judged in the order of their ids from sorted streams, so memory does not grow with their number.
 * @throws Error when a database or the book cannot be read, or a record has a line that is none, naming file and line
 */
export function verify(_request: VerifyRequest): Promise<Verification> {
  throw new Error('not built yet');
}
