/**
 * The envelope around everything that crosses threads: who asks, which reply answers what, how long it may wait.
 *
 * @module
 */

import type { Refusal } from '../domain/outcomes.ts';

/** A question to another thread. */
export interface Ask {
  kind: 'ask';
  id: number;
  /** Which of the receiver's services is asked: `shard`, `ops`. */
  service: string;
  /** For a shard: the logical shard the request belongs to. */
  shard: number;
  /**
   * `process.hrtime` in milliseconds after which the receiver refuses to begin. The hrtime clock is one for
   * all threads of a process (performance.now() is not).
   */
  deadline: number;
  body: unknown;
}

/** The answer to the ask of the same id. */
export interface Reply {
  kind: 'reply';
  id: number;
  body: unknown;
}

/** The ask of this id was not begun, or its answer cannot be known. */
export interface Failure {
  kind: 'failure';
  id: number;
  refusal: Refusal;
}

export type Envelope = Ask | Reply | Failure;
