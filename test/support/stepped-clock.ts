/**
 * A wall clock that a test steps, for processes it starts: libfaketime shows them the real time and an offset.
 *
 * Monotonic time stays real, as when somebody sets a host's clock.
 *
 * @module
 */

import { chmodSync, existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LIBRARIES = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
];

export interface SteppedClock {
  /** What a process needs in its environment to go by this clock. */
  env: Record<string, string>;
  /** Seconds ahead of the real time, from now on; whoever asks next sees it. */
  set(offsetSeconds: number): void;
  /** Milliseconds since 1970, as its processes see it. */
  now(): number;
}

/**
 * Makes a clock without an offset.
 * @param folder where its file is; every process that goes by it must be able to enter
 */
export function createSteppedClock(folder: string, name: string): SteppedClock {
  const library = LIBRARIES.find((path) => existsSync(path));
  if (library === undefined) throw new Error('libfaketime is missing: run `apt-get install libfaketime`');
  const file = join(folder, `${name}.clock`);
  let offset = 0;
  const set = (offsetSeconds: number): void => {
    offset = offsetSeconds;
    // Readers never see half a line: a whole file takes the place of the other.
    writeFileSync(`${file}.next`, `${offset < 0 ? '-' : '+'}${Math.abs(offset)}\n`);
    chmodSync(`${file}.next`, 0o644);
    renameSync(`${file}.next`, file);
  };
  set(0);
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    },
    set,
    now: () => Date.now() + offset * 1000,
  };
}
