/**
 * Progress: how far a long piece of work has come: a bar on a terminal, a line every few seconds where there is none.
 *
 * @module
 */
import type { Progress } from '../reconciliation/reconcile.ts';
import { showCount } from '../reconciliation/shown-money.ts';
import type { Terminal } from './command.ts';
import { showSpan } from './payments.ts';

export interface ProgressOptions {
  /** Undefined: standard error is none. */
  readonly terminal: Terminal | undefined;
  /** A line on standard error. */
  readonly err: (text: string) => void;
  /** Milliseconds, of a clock that never goes back. */
  readonly now: () => number;
}

export interface ProgressShow {
  show(progress: Progress): void;
  /** Draws what is due. Called by a timer. */
  tick(): void;
  /** Takes the bar away. */
  end(): void;
}

const REDRAW_MS = 100;
const LINE_MS = 5000;
/** The rate is that of so long. */
const RECENT_MS = 5000;
const SAMPLES_MAX = 50;

interface Sample {
  at: number;
  /** Share of the phase, 0 to 1. */
  share: number;
  rows: number;
}

/** Makes one; nothing is drawn before there is something to show. */
export function createProgressShow({ terminal, err, now }: ProgressOptions): ProgressShow {
  let phase: Progress['phase'] | null = null;
  let samples: Sample[] = [];
  let drawnAt = terminal === undefined ? now() : Number.NEGATIVE_INFINITY;
  let drawn = false;

  function take({ phase: at, done, total, rows }: Progress): void {
    if (at !== phase) samples = [];
    phase = at;
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const sample = { at: now(), share, rows: at === 'reading' ? rows : Math.round(rows * share) };
    const last = samples.at(-1);
    // Between samples the last one moves on.
    if (samples.length > 1 && last !== undefined && sample.at - samples.at(-2)!.at < RECENT_MS / SAMPLES_MAX)
      samples.pop();
    samples.push(sample);
    while (samples.length > 2 && samples[1]!.at <= sample.at - RECENT_MS) samples.shift();
  }

  function draw(): void {
    const last = samples.at(-1);
    if (phase === null || last === undefined) return;
    const texts = [phase, `${Math.floor(last.share * 100)} %`, ...paceOf(samples, now())];
    if (terminal === undefined) {
      err(texts.join(', '));
      return;
    }
    drawn = true;
    terminal.write(`\r\u001b[2K${barLine(texts, last.share, terminal.columns)}`);
  }

  function tick(): void {
    const at = now();
    if (phase === null || at - drawnAt < (terminal === undefined ? LINE_MS : REDRAW_MS)) return;
    drawnAt = at;
    draw();
  }

  return {
    show(progress) {
      take(progress);
      tick();
    },
    tick,
    end() {
      if (drawn) terminal?.write('\r\u001b[2K');
      drawn = false;
      phase = null;
    },
  };
}

/** Rows a second and time left, where there is enough to tell. What is read or compared to its end takes a while to be finished. */
function paceOf(samples: readonly Sample[], now: number): string[] {
  const [first, last] = [samples[0]!, samples.at(-1)!];
  const spanMs = last.at - first.at;
  if (last.share === 1) return [`finishing, ${showSpan(now - last.at)}`];
  if (spanMs === 0) return [];
  const rows = Math.round(((last.rows - first.rows) * 1000) / spanMs);
  const share = (last.share - first.share) / spanMs;
  if (share <= 0) return [`${showCount(rows)} rows/s`];
  // The time goes on between samples.
  const leftMs = Math.max(1000, (1 - last.share) / share - (now - last.at));
  return [`${showCount(rows)} rows/s`, `${showSpan(leftMs)} left`];
}

const BAR_MAX = 30;
const BAR_MIN = 8;
/** Two spaces and a bracket on each side. */
const FRAME = 6;

/** Never as wide as the terminal, or it would break the line. */
function barLine([phase, ...texts]: readonly string[], share: number, columns: number): string {
  const words = texts.join('  ');
  const room = Math.min(BAR_MAX, columns - 1 - phase!.length - words.length - FRAME);
  if (room < BAR_MIN) return `${phase}  ${words}`.slice(0, Math.max(0, columns - 1));
  const full = Math.floor(share * room);
  return `${phase}  [${'#'.repeat(full)}${'.'.repeat(room - full)}]  ${words}`;
}
