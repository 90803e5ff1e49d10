/**
 * Measurement: what one run counts, and the seconds it took it in.
 *
 * Latencies go into HdrHistograms of microseconds with three digits. Times come from the caller (`performance.now()`), so that it
 * can be tested without waiting.
 *
 * @module
 */

import { build, type Histogram } from 'hdr-histogram-js';

/** What has a latency of its own. `read` is a GET of a transaction; `webhook` stays empty until webhooks exist. */
export const STEPS = ['intent', 'session', 'pay', 'final', 'webhook', 'read'] as const;
export type Step = (typeof STEPS)[number];

/** Milliseconds; null where nothing was measured. */
export interface Percentiles {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

/** One second of a run. `p99` is over the answers to intent, session and pay (or read, where that is the scenario), in ms. */
export interface Second {
  readonly second: number;
  readonly completed: number;
  readonly errors: number;
  readonly p99: number | null;
}

/** A refused or failed request, as it was seen. */
export interface ErrorSample {
  readonly cause: string;
  readonly body: string;
}

const LATENCY_US_MAX = 600_000_000;
const CAUSES_MAX = 100;
const SAMPLES_MAX = 3;
const SAMPLE_CHARS_MAX = 400;

/** Counts of one run. Begin the window with the constructor, end it with `endWindow`, and after the last payment call `end`. */
export class Measurement {
  readonly latencies: Record<Step, Histogram>;
  readonly causes = new Map<string, number>();
  readonly samples: ErrorSample[] = [];
  readonly timeline: Second[] = [];
  /** Payments begun or due. */
  offered = 0;
  completed = 0;
  /** Payments that did not complete. */
  errors = 0;
  polls = 0;
  #completedInWindow = 0;
  #windowMs: number | null = null;
  #startMs: number;
  #second = newHistogram();
  #secondCompleted = 0;
  #secondErrors = 0;

  constructor(startMs: number) {
    this.#startMs = startMs;
    this.latencies = Object.fromEntries(STEPS.map((step) => [step, newHistogram()])) as Record<
      Step,
      Histogram
    >;
  }

  /** A request was answered as it should be; it was due at `dueMs`. */
  answered(step: Step, dueMs: number, nowMs: number): void {
    const latencyUs = microseconds(nowMs - dueMs);
    this.latencies[step].recordValue(latencyUs);
    this.#enter(nowMs);
    if (step !== 'final') this.#second.recordValue(latencyUs);
  }

  /** A poll was answered: a `read` that stays out of the timeline's p99. */
  polled(dueMs: number, nowMs: number): void {
    this.polls += 1;
    this.latencies.read.recordValue(microseconds(nowMs - dueMs));
  }

  /** Counts one payment (or request, where that is the scenario) that reached its end. */
  complete(nowMs: number): void {
    this.#enter(nowMs);
    this.completed += 1;
    this.#secondCompleted += 1;
    if (this.#windowMs === null) this.#completedInWindow += 1;
  }

  /** Counts one payment that did not. */
  fail(cause: string, body: string, nowMs: number): void {
    this.#enter(nowMs);
    this.errors += 1;
    this.#secondErrors += 1;
    this.note(cause, body);
  }

  /** Notes a wrong answer that does not end a payment, such as a failed poll. */
  note(cause: string, body: string): void {
    const known = this.causes.has(cause) || this.causes.size < CAUSES_MAX;
    const counted = known ? cause : 'others';
    this.causes.set(counted, (this.causes.get(counted) ?? 0) + 1);
    if (this.samples.length < SAMPLES_MAX) {
      this.samples.push({ cause, body: body.slice(0, SAMPLE_CHARS_MAX) });
    }
  }

  /** A payment was due and could not begin: the driver had too many under way. */
  overrun(nowMs: number): void {
    this.offered += 1;
    this.fail('driver overrun', '', nowMs);
  }

  /** Payments are begun from here on: what came before, as connecting, is not part of the window. */
  beginWindow(nowMs: number): void {
    this.#startMs = nowMs;
  }

  /** No more payments are begun from here on: rates are over the time until now. */
  endWindow(nowMs: number): void {
    this.#windowMs ??= nowMs - this.#startMs;
  }

  /** Ends the last second. */
  end(nowMs: number): void {
    this.endWindow(nowMs);
    this.#enter(nowMs);
    if (this.#secondCompleted + this.#secondErrors > 0) this.#closeSecond();
  }

  /** Length of the window in seconds. */
  get windowSeconds(): number {
    return (this.#windowMs ?? 0) / 1000;
  }

  /** Payments begun or due per second of the window. */
  get offeredPerSecond(): number {
    return perSecond(this.offered, this.windowSeconds);
  }

  /** Payments that completed within the window, per second of it. */
  get achievedPerSecond(): number {
    return perSecond(this.#completedInWindow, this.windowSeconds);
  }

  #enter(nowMs: number): void {
    while (nowMs >= this.#startMs + (this.timeline.length + 1) * 1000) this.#closeSecond();
  }

  #closeSecond(): void {
    this.timeline.push({
      second: this.timeline.length,
      completed: this.#secondCompleted,
      errors: this.#secondErrors,
      p99: percentilesOf(this.#second).p99,
    });
    this.#secondCompleted = 0;
    this.#secondErrors = 0;
    this.#second.reset();
  }
}

/** Reads a histogram of microseconds as milliseconds. */
export function percentilesOf(histogram: Histogram): Percentiles {
  if (histogram.totalCount === 0) return { p50: null, p90: null, p99: null, p999: null, max: null };
  // A percentile is the upper end of its bucket, which may lie above the largest value.
  const at = (percentile: number) =>
    Math.min(histogram.getValueAtPercentile(percentile), histogram.maxValue) / 1000;
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: histogram.maxValue / 1000 };
}

function microseconds(ms: number): number {
  return Math.min(Math.max(1, Math.round(ms * 1000)), LATENCY_US_MAX);
}

function newHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LATENCY_US_MAX,
    numberOfSignificantValueDigits: 3,
  });
}

function perSecond(count: number, seconds: number): number {
  return seconds > 0 ? Math.round((count / seconds) * 10) / 10 : 0;
}
