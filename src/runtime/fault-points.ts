/**
 * Fault points: stop or kill this very process, or end this very thread, at a named instant, so that campaigns prove what a crash
 * leaves behind.
 *
 * A spec is `name=stop`, `name=kill` or `name=throw`, with `:n` for the n-th passing in this process (the first when left out),
 * several separated by commas: `before-commit-b=stop,before-send=kill:3`. `throw` is an uncaught error: the thread ends and is
 * started anew. A point strikes once, so a thread that died of it comes back whole. The word `on-message` arms nothing yet: whoever
 * started the process with an IPC channel sends one spec after the other, each in place of the one before, `none` for none; stderr
 * says when it is armed, and when a point is passed that strikes.
 *
 * Main arms, hands the points to its threads, and begins the count when all are ready: a start that fails is no crash under load.
 * Refused in live mode. Where nothing is armed a passing is a call of an empty function.
 *
 * @module
 */

import { writeSync } from 'node:fs';
import { BadSetting } from './errors.ts';

const STDERR = 2;
const SPEC = /^([a-z0-9-]+)=(stop|kill|throw)(?::([1-9][0-9]{0,8}))?$/;
const ON_MESSAGE = 'on-message';
const NONE = 'none';
/** How long the passing thread stands still after its signal. */
const STANDSTILL_MS = { stop: 100, kill: 10_000 };
const ACTIONS = ['stop', 'kill', 'throw'] as const;

/** What is armed, in cells that all threads look at: the point's place among all names, the action's, and the passings left. */
export type ArmedPoint = Int32Array<SharedArrayBuffer>;
const POINT = 0;
const ACTION = 1;
const LEFT = 2;
const CELLS = 3;

interface Spec {
  point: number;
  action: number;
  passing: number;
}

/** Main's end. */
export interface Arming {
  /** For the threads; empty when nothing can strike. */
  armed: readonly ArmedPoint[];
  /** From now on passings count, and messages arm. */
  begin(): void;
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
): Arming {
  const texts = [specs ?? []]
    .flat()
    .join(',')
    .split(',')
    .filter((text) => text !== '');
  if (texts.length > 0 && mode === 'live')
    throw new BadSetting('SLUICE_FAULT_POINTS is refused in live mode');
  const places = texts.map((text) => ({
    cells: new Int32Array(new SharedArrayBuffer(CELLS * Int32Array.BYTES_PER_ELEMENT)),
    spec: text.trim() === ON_MESSAGE ? null : readSpec(points, text.trim()),
  }));
  return {
    armed: places.map(({ cells }) => cells),
    begin() {
      for (const { cells, spec } of places) {
        if (spec !== null) write(cells, spec);
        else {
          process.on('message', (text) => {
            write(cells, readMessage(points, text));
            writeSync(STDERR, `fault-armed ${text}\n`);
          });
        }
      }
    },
  };
}

/**
 * How a thread passes points.
 * @param points all names there are, as they were armed with
 * @param die ends what `throw` is to end; it throws where nothing after the point may happen
 */
export function createPassPoint<Point extends string>(
  points: readonly Point[],
  armed: readonly ArmedPoint[],
  die: (error: FaultStruck) => void,
): PassPoint<Point> {
  if (armed.length === 0) return () => undefined;
  return (point) => {
    const place = points.indexOf(point);
    for (const cells of armed) {
      if (Atomics.load(cells, LEFT) <= 0 || Atomics.load(cells, POINT) !== place) continue;
      if (Atomics.sub(cells, LEFT, 1) === 1) strike(point, ACTIONS[Atomics.load(cells, ACTION)]!, die);
    }
  };
}

function readSpec(points: readonly string[], text: string): Spec {
  const match = SPEC.exec(text);
  if (match === null || !points.includes(match[1]!)) {
    throw new BadSetting(
      `SLUICE_FAULT_POINTS: "${text}" is not <point>=stop|kill|throw[:n]; points: ${points.join(', ')}`,
    );
  }
  return {
    point: points.indexOf(match[1]!),
    action: ACTIONS.indexOf(match[2] as (typeof ACTIONS)[number]),
    passing: Number(match[3] ?? 1),
  };
}

function readMessage(points: readonly string[], message: unknown): Spec {
  return message === NONE ? { point: 0, action: 0, passing: 0 } : readSpec(points, String(message));
}

/** The count comes last: whoever sees it sees the rest. */
function write(cells: ArmedPoint, { point, action, passing }: Spec): void {
  Atomics.store(cells, LEFT, 0);
  Atomics.store(cells, POINT, point);
  Atomics.store(cells, ACTION, action);
  Atomics.store(cells, LEFT, passing);
}

/**
 * The signal is the process's: the kernel may hand it to another thread, and this one would run on for some
 * microseconds, past the point. So it stands still until the signal has certainly taken hold.
 */
function strike(point: string, action: (typeof ACTIONS)[number], die: (error: FaultStruck) => void): void {
  writeSync(STDERR, `fault-point ${point}\n`);
  if (action === 'throw') {
    die(new FaultStruck(`fault point ${point}`));
    return;
  }
  process.kill(process.pid, action === 'stop' ? 'SIGSTOP' : 'SIGKILL');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STANDSTILL_MS[action]);
}
