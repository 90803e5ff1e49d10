/**
 * Fault points: stop or kill this very process, or end this very thread, at a named instant, so that campaigns prove what a crash
 * leaves behind.
 *
 * A spec is `name=stop`, `name=kill` or `name=throw`, with `:n` for the n-th passing in this process (the first when left out),
 * several separated by commas: `before-commit-b=stop,before-send=kill:3`. `throw` is an uncaught error: the thread ends and is
 * started anew. A point strikes once in the life of a process, so a thread that died of it comes back whole. Refused in live mode.
 * Where nothing is armed a passing is a call of an empty function.
 *
 * Main arms, hands the armed points to its threads, and begins the count when all are ready: a start that fails is no crash under
 * load.
 *
 * @module
 */

import { writeSync } from 'node:fs';
import { BadSetting } from './errors.ts';

const STDERR = 2;
const SPEC = /^([a-z-]+)=(stop|kill|throw)(?::([1-9][0-9]{0,8}))?$/;
/** How long the passing thread stands still after its signal. */
const STANDSTILL_MS = { stop: 100, kill: 10_000 };

type Action = 'stop' | 'kill' | 'throw';

/** A point that will strike; plain data, with a cell that all threads share. */
export interface ArmedPoint {
  readonly point: string;
  readonly action: Action;
  /** It strikes at this passing. */
  readonly passing: number;
  /** Passings left; 0 before the count has begun, 0 or less once it has struck. */
  readonly left: Int32Array<SharedArrayBuffer>;
}

/** Passes a named instant; on an armed one the process gets SIGSTOP or SIGKILL, or the thread ends. */
export type PassPoint<Point extends string> = (point: Point) => void;

/** What a thread dies of at an armed point. */
export class FaultStruck extends Error {
  override readonly name = 'FaultStruck';
}

/**
 * Arms fault points.
 * @param points all names there are
 * @param specs what to arm: `SLUICE_FAULT_POINTS`, split at its commas or not; nothing when empty
 * @param mode `live` takes no spec
 * @throws BadSetting for an unknown name, a malformed spec, or any spec in live mode
 */
export function armFaultPoints(
  points: readonly string[],
  specs: readonly string[] | string | undefined,
  mode: 'test' | 'live',
): ArmedPoint[] {
  const texts = [specs ?? []]
    .flat()
    .join(',')
    .split(',')
    .filter((text) => text !== '');
  if (texts.length === 0) return [];
  if (mode === 'live') throw new BadSetting('SLUICE_FAULT_POINTS is refused in live mode');
  return texts.map((text) => readSpec(points, text.trim()));
}

/** From now on passings count. */
export function beginPassings(armed: readonly ArmedPoint[]): void {
  for (const { left, passing } of armed) Atomics.store(left, 0, passing);
}

/**
 * How a thread passes points.
 * @param die ends what `throw` is to end; it throws where nothing after the point may happen
 */
export function createPassPoint<Point extends string>(
  armed: readonly ArmedPoint[],
  die: (error: FaultStruck) => void,
): PassPoint<Point> {
  if (armed.length === 0) return () => undefined;
  const byName = new Map(armed.map((one) => [one.point, one]));
  return (point) => {
    const one = byName.get(point);
    if (one === undefined || Atomics.load(one.left, 0) <= 0) return;
    if (Atomics.sub(one.left, 0, 1) === 1) strike(one, die);
  };
}

function readSpec(points: readonly string[], text: string): ArmedPoint {
  const match = SPEC.exec(text);
  if (match === null || !points.includes(match[1]!)) {
    throw new BadSetting(
      `SLUICE_FAULT_POINTS: "${text}" is not <point>=stop|kill|throw[:n]; points: ${points.join(', ')}`,
    );
  }
  const left = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  return { point: match[1]!, action: match[2] as Action, passing: Number(match[3] ?? 1), left };
}

/**
 * The signal is the process's: the kernel may hand it to another thread, and this one would run on for some
 * microseconds, past the point. So it stands still until the signal has certainly taken hold.
 */
function strike({ point, action }: ArmedPoint, die: (error: FaultStruck) => void): void {
  writeSync(STDERR, `fault-point ${point}\n`);
  if (action === 'throw') {
    die(new FaultStruck(`fault point ${point}`));
    return;
  }
  process.kill(process.pid, action === 'stop' ? 'SIGSTOP' : 'SIGKILL');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STANDSTILL_MS[action]);
}
