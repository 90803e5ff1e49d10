/**
 * Fault points: stop or kill this very process at a named instant, so that campaigns prove what a crash leaves behind.
 *
 * A spec is `name=stop` or `name=kill`, with `:n` for the n-th passing in this thread (the first when left out), several
 * separated by commas: `before-commit-b=stop,before-send=kill:3`. Refused in live mode. Where nothing is armed a passing
 * is a call of an empty function.
 *
 * @module
 */

import { writeSync } from 'node:fs';
import { BadSetting } from './errors.ts';

const STDERR = 2;
const SPEC = /^([a-z-]+)=(stop|kill)(?::([1-9][0-9]{0,8}))?$/;
/** How long the passing thread stands still after its signal. */
const STANDSTILL_MS = { stop: 100, kill: 10_000 };

interface Armed {
  action: 'stop' | 'kill';
  passingsLeft: number;
}

/** Passes a named instant; on an armed one the process gets SIGSTOP or SIGKILL. */
export type PassPoint<Point extends string> = (point: Point) => void;

/**
 * Arms fault points.
 * @param points all names there are
 * @param specs what to arm: `SLUICE_FAULT_POINTS`, split at its commas or not; nothing when empty
 * @param mode `live` takes no spec
 * @throws BadSetting for an unknown name, a malformed spec, or any spec in live mode
 */
export function createFaultPoints<Point extends string>(
  points: readonly Point[],
  specs: readonly string[] | string | undefined,
  mode: 'test' | 'live',
): PassPoint<Point> {
  const texts = [specs ?? []]
    .flat()
    .join(',')
    .split(',')
    .filter((text) => text !== '');
  if (texts.length === 0) return () => undefined;
  if (mode === 'live') throw new BadSetting('SLUICE_FAULT_POINTS is refused in live mode');
  const armed = new Map<string, Armed>(texts.map((text) => readSpec(points, text.trim())));
  return (point) => {
    const fault = armed.get(point);
    if (fault === undefined) return;
    fault.passingsLeft -= 1;
    if (fault.passingsLeft === 0) strike(point, fault.action);
  };
}

function readSpec(points: readonly string[], text: string): [string, Armed] {
  const match = SPEC.exec(text);
  if (match === null || !points.includes(match[1]!)) {
    throw new BadSetting(
      `SLUICE_FAULT_POINTS: "${text}" is not <point>=stop|kill[:n]; points: ${points.join(', ')}`,
    );
  }
  return [match[1]!, { action: match[2] as 'stop' | 'kill', passingsLeft: Number(match[3] ?? 1) }];
}

/**
 * The signal is the process's: the kernel may hand it to another thread, and this one would run on for some
 * microseconds, past the point. So it stands still until the signal has certainly taken hold.
 */
function strike(point: string, action: 'stop' | 'kill'): void {
  writeSync(STDERR, `fault-point ${point}\n`);
  process.kill(process.pid, action === 'stop' ? 'SIGSTOP' : 'SIGKILL');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STANDSTILL_MS[action]);
}
