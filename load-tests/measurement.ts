/**
 * Measurement: what one run counts, and the seconds it took it in.
 *
 * A run begins with a warm-up. What was due in it is kept apart and is in no figure of the report, except that a payment which
 * completes in the window counts for the window's rate: there the load is already steady, so the rate is neither short of the
 * payments that began before nor of those that end after. Times come from the caller (`performance.now()`), so that it can be
 * tested without waiting.
 *
 * @module
 */

import { type Latencies, microseconds, newLatencies } from './latencies.ts';
import { Timeline } from './timeline.ts';

/**
 * What has a latency of its own. `page` is the checkout page, where it is asked for; `read` is a GET of a transaction; `webhook` is
 * from the answer to the card form until the merchant hears of the final word.
 */
export const STEPS = ['intent', 'session', 'page', 'pay', 'final', 'webhook', 'read'] as const;
export type Step = (typeof STEPS)[number];

/** A refused or failed request, as it was seen. */
export interface ErrorSample {
  readonly cause: string;
  readonly body: string;
}

const CAUSES_MAX = 100;
const SAMPLES_MAX = 3;
const SAMPLE_CHARS_MAX = 400;

/** Counts of what was due in one part of a run. */
export class Tally {
  readonly latencies: Record<Step, Latencies>;
  readonly causes = new Map<string, number>();
  readonly samples: ErrorSample[] = [];
  /** Payments begun or due. */
  offered = 0;
  completed = 0;
  /** Payments that did not complete. */
  errors = 0;
  polls = 0;
  readonly #timeline: Timeline;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
    this.latencies = Object.fromEntries(STEPS.map((step) => [step, newLatencies()])) as Tally['latencies'];
  }

  /** A payment begins (or a request, where that is the scenario). */
  offer(dueMs: number): void {
    this.offered += 1;
    this.#timeline.offered(dueMs);
  }

  /** A request was answered as it should be; it was due at `dueMs`. */
  answered(step: Step, dueMs: number, nowMs: number): void {
    const latencyUs = microseconds(nowMs - dueMs);
    this.latencies[step].recordValue(latencyUs);
    if (step !== 'final' && step !== 'webhook') this.#timeline.answered(latencyUs, nowMs);
  }

  /** A poll was answered: a `read` that stays out of the timeline's p99. */
  polled(sentMs: number, nowMs: number): void {
    this.polls += 1;
    this.latencies.read.recordValue(microseconds(nowMs - sentMs));
  }

  /** A payment reached its end. */
  complete(nowMs: number): void {
    this.completed += 1;
    this.#timeline.achieved(nowMs);
  }

  /** A payment did not. */
  fail(cause: string, body: string, nowMs: number): void {
    this.errors += 1;
    this.#timeline.failed(nowMs);
    this.note(cause, body);
  }

  /** Notes a wrong answer that does not end a payment, such as a failed poll. */
  note(cause: string, body: string): void {
    const known = this.causes.has(cause) || this.causes.size < CAUSES_MAX;
    const counted = known ? cause : 'others';
    this.causes.set(counted, (this.causes.get(counted) ?? 0) + 1);
    if (this.samples.length < SAMPLES_MAX)
      this.samples.push({ cause, body: body.slice(0, SAMPLE_CHARS_MAX) });
  }
}

/** What one payment tells of itself on its way. */
export type PaymentCounts = Pick<Tally, 'offer' | 'answered' | 'polled' | 'complete' | 'fail' | 'note'>;

/** Counts of one run: `begin`, then the load, then `endWindow` when no more begins, then `end` when all has ended. */
export class Measurement {
  readonly #timeline = new Timeline();
  /** What was due in the window. */
  readonly counted = new Tally(this.#timeline);
  readonly warmUp = new Tally(this.#timeline);
  #windowMs: number | null = null;
  #achievedInWindow = 0;

  /** Payments begin from `nowMs` on; those due `warmUpMs` later or after that are counted. */
  begin(nowMs: number, warmUpMs: number): void {
    this.#timeline.begin(nowMs + warmUpMs);
  }

  /** Where a payment that was due then belongs. */
  of(dueMs: number): Tally {
    return dueMs >= this.#timeline.startMs ? this.counted : this.warmUp;
  }

  /** A payment was due and could not begin: the driver had too many under way. */
  overrun(dueMs: number, nowMs: number): void {
    const tally = this.of(dueMs);
    tally.offer(dueMs);
    tally.fail('driver overrun', '', nowMs);
  }

  /** No more payments are begun from here on: rates are over the window until now. */
  endWindow(nowMs: number): void {
    if (this.#windowMs !== null) return;
    this.#windowMs = Math.max(0, nowMs - this.#timeline.startMs);
    this.#achievedInWindow = this.#timeline.achievedInAll;
  }

  /** Ends the last second. */
  end(nowMs: number): void {
    this.endWindow(nowMs);
    this.#timeline.end(nowMs);
  }

  /** Length of the window in seconds. */
  get windowSeconds(): number {
    return (this.#windowMs ?? 0) / 1000;
  }

  get timeline(): Timeline['seconds'] {
    return this.#timeline.seconds;
  }

  /** The last second of the window that is over at `nowMs`. */
  lastSecond(nowMs: number): ReturnType<Timeline['lastBefore']> {
    return this.#timeline.lastBefore(nowMs);
  }

  /** Payments begun or due per second of the window. */
  get offeredPerSecond(): number {
    return perSecond(this.counted.offered, this.windowSeconds);
  }

  /** Payments that completed within the window, whenever they began, per second of it. */
  get achievedPerSecond(): number {
    return perSecond(this.#achievedInWindow, this.windowSeconds);
  }

  /** Payments that completed from the window's begin on, also after its end. */
  get completedSinceWarmUp(): number {
    return this.#timeline.achievedInAll;
  }
}

function perSecond(count: number, seconds: number): number {
  return seconds > 0 ? Math.round((count / seconds) * 10) / 10 : 0;
}
