/**
 * Errors of threads: broken invariants and infrastructure that is not there. What a caller can meet is a refusal instead.
 *
 * @module
 */

/** Something that can never be so is so: the thread ends rather than guess. */
export class InvariantBroken extends Error {
  override readonly name = 'InvariantBroken';
  readonly code = 'invariant_broken';
}

/** A thread's entry was started where it must not run. */
export class NotAThread extends Error {
  override readonly name = 'NotAThread';
  readonly code = 'not_a_thread';
}

/** A thread ended, or did not become ready in time, while the process was starting. */
export class ThreadFailed extends Error {
  override readonly name = 'ThreadFailed';
  readonly code = 'thread_failed';
  /** Name of the thread, as `shard-1`. */
  readonly thread: string;

  constructor(thread: string, detail: string) {
    super(`thread ${thread}: ${detail}`);
    this.thread = thread;
  }
}

/** The shard map and the number of threads cannot be placed; or a fault point is not one of ours. */
export class BadSetting extends Error {
  override readonly name = 'BadSetting';
  readonly code = 'bad_setting';
}
