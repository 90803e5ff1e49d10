/**
 * Line sorter: sorts lines of any number in bounded memory (external merge sort).
 *
 * Lines are gathered until they fill a run; a run is sorted and written to a file. Sixteen runs of one size are merged into
 * one of the next, so that never many files are open at once. What fits one run is never written.
 *
 * @module
 */

import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOfFile, pagesOfLines } from './lines.ts';
import { leastKey, Ordered } from './ordered.ts';

export interface LineSorter {
  /** Takes lines; none may hold a newline. Wait before the next call: that is what bounds memory. */
  add(lines: readonly string[]): Promise<void>;
  /** All lines in the order of their UTF-16 code units, in pages; can be asked for once, and nothing can be added after. */
  sorted(): AsyncIterable<readonly string[]>;
}

export interface LineSorterOptions {
  /** A folder that exists; the files in it are for its owner to remove. */
  folder: string;
  /** Begins the names of the files. */
  name: string;
  /** UTF-16 code units a run may have in memory. Default 8 Mi. */
  runLengthMax?: number;
}

const RUN_LENGTH_MAX = 8 << 20;
/** Runs of one size that are merged into one of the next. */
const FAN_IN = 16;
const PAGE_LINES = 4096;

export function createLineSorter(options: LineSorterOptions): LineSorter {
  const { folder, name, runLengthMax = RUN_LENGTH_MAX } = options;
  /** Files of runs by size: at `levels[n]` each was merged from FAN_IN of the level before. */
  const levels: string[][] = [];
  let gathered: string[] = [];
  let gatheredLength = 0;
  let files = 0;

  async function spill(): Promise<void> {
    const run = gathered.sort();
    gathered = [];
    gatheredLength = 0;
    await keepRun(0, pagesOfArray(run));
  }

  async function keepRun(level: number, pages: AsyncIterable<readonly string[]>): Promise<void> {
    const path = join(folder, `${name}-${++files}.run`);
    await writeRun(path, pages);
    levels[level] ??= [];
    const runs = levels[level];
    runs.push(path);
    if (runs.length < FAN_IN) return;
    levels[level] = [];
    await keepRun(level + 1, merged(runs.map(readRun)));
    for (const merged of runs) rmSync(merged);
  }

  return {
    async add(lines) {
      for (const line of lines) {
        gathered.push(line);
        gatheredLength += line.length;
      }
      if (gatheredLength >= runLengthMax) await spill();
    },
    sorted() {
      const last = pagesOfArray(gathered.sort());
      const runs = levels.flat();
      return runs.length === 0 ? last : merged([...runs.map(readRun), last]);
    },
  };
}

async function* pagesOfArray(lines: readonly string[]): AsyncGenerator<readonly string[]> {
  for (let from = 0; from < lines.length; from += PAGE_LINES) yield lines.slice(from, from + PAGE_LINES);
}

async function* readRun(path: string): AsyncGenerator<readonly string[]> {
  for await (const { lines } of pagesOfLines(bytesOfFile(path))) yield lines;
}

async function writeRun(path: string, pages: AsyncIterable<readonly string[]>): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const page of pages) await file.writeFile(`${page.join('\n')}\n`);
  } finally {
    await file.close();
  }
}

/** Merges sorted runs. */
async function* merged(runs: readonly AsyncIterable<readonly string[]>[]): AsyncGenerator<readonly string[]> {
  const streams = runs.map((run) => new Ordered(run, (line) => line));
  try {
    for (const stream of streams) await stream.load();
    let page: string[] = [];
    for (let least = leastKey(streams); least !== null; least = leastKey(streams)) {
      for (const stream of streams) if (stream.key === least) page.push(...(await stream.take(least)));
      if (page.length < PAGE_LINES) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  } finally {
    for (const stream of streams) await stream.close();
  }
}
