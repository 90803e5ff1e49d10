/**
 * Run: `npm run bench -- [NAME…] [--OPTION VALUE…]`. Runs the named benches (all without a name) one after the other, never two at once;
 * options go to each that is named.
 *
 * What each prints goes to the terminal and to `bench/results/<date>-<name>.txt`, with the machine at its head.
 * `npm run bench -- compare [OPTION…]` is apart: it starts whole gateways and takes most of an hour.
 * Exit codes: 0; 1 when a bench failed (the others still run); 2 for a name there is no bench for.
 *
 * @module
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, readdirSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { compare } from './compare/compare.ts';

const SUFFIX = '.bench.ts';
const COMPARE = 'compare';
const FOLDER = import.meta.dirname;
const RESULTS = join(FOLDER, 'results');

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<0 | 1 | 2> {
  mkdirSync(RESULTS, { recursive: true });
  if (words[0] === COMPARE) return compare(words.slice(1), RESULTS);
  const firstOption = words.findIndex((word) => word.startsWith('--'));
  const names = firstOption === -1 ? words : words.slice(0, firstOption);
  const options = words.slice(names.length);
  const known = readdirSync(FOLDER)
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
    .sort();
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(
      `there is no bench ${unknown.join(', ')}; there are ${[...known, COMPARE].join(', ')}\n`,
    );
    return 2;
  }
  const failed: string[] = [];
  for (const name of names.length > 0 ? names : known) {
    if (!(await runBench(name, options))) failed.push(name);
  }
  if (failed.length > 0) process.stderr.write(`failed: ${failed.join(', ')}\n`);
  return failed.length > 0 ? 1 : 0;
}

/** Whether it ended well. */
async function runBench(name: string, options: readonly string[]): Promise<boolean> {
  const startedAt = new Date().toISOString();
  const file = join(RESULTS, `${startedAt.slice(0, 19).replaceAll(':', '')}-${name}.txt`);
  process.stdout.write(`${name} → ${relative(process.cwd(), file)}\n`);
  const results = createWriteStream(file);
  results.write(`${name}, ${startedAt}\n${machine()}\n\n`);
  const child = spawn(process.execPath, [join(FOLDER, name + SUFFIX), ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.on('data', (bytes: Buffer) => {
    process.stdout.write(bytes);
    results.write(bytes);
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  results.end(code === 0 ? '' : `\nfailed: ${signal ?? `exit code ${code}`}\n`);
  await once(results, 'close');
  return code === 0;
}

function machine(): string {
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${cpus()[0]?.model}, ${gigabytes} GB, ${process.platform} ${release()}, node ${process.version}`;
}
