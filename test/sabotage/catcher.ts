/**
 * Runs a catcher in a copy of the checkout and tells whether it noticed something, and for the right reason.
 *
 * Only a failed assertion of the named test, or a broken promise of the campaign, counts as noticed. A file that does not load, a world
 * that does not start, a thrown bug or a time-out says nothing about the judge.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { TEMPORARY } from './checkout-copy.ts';
import type { CampaignCatcher, Catcher, TestCatcher } from './sabotage.ts';

export type Outcome =
  | { readonly kind: 'silent' }
  /** `by` is the first line of what it said. */
  | { readonly kind: 'noticed'; readonly by: string }
  /** It neither passed nor failed as a check does; `why` says what happened instead. */
  | { readonly kind: 'useless'; readonly why: string };

/** A check that takes longer hangs. Milliseconds. */
const CATCHER_MS = 300_000;
const WHY_CHARACTERS = 1500;

/** Runs the catcher in a copy. */
export function runCatcher(catcher: Catcher, folder: string): Promise<Outcome> {
  return 'test' in catcher ? runTest(catcher, folder) : runCampaign(catcher, folder);
}

/** What vitest's JSON report says, as far as it is read here. */
interface VitestReport {
  testResults: Array<{
    message: string;
    assertionResults: Array<{
      ancestorTitles: string[];
      title: string;
      status: string;
      failureMessages: string[];
    }>;
  }>;
}

async function runTest({ test, name }: TestCatcher, folder: string): Promise<Outcome> {
  const report = join(folder, 'sabotage-report.json');
  const pattern = `^${name.replaceAll(' > ', ' ').replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`;
  const vitest = join(folder, 'node_modules/vitest/vitest.mjs');
  const reporting = ['--reporter=json', `--outputFile=${report}`, '--no-cache'];
  const { output, ended } = await run([vitest, 'run', test, '-t', pattern, ...reporting], folder);
  if (!existsSync(report)) return useless(`no report was written (${ended})`, output);
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as VitestReport;
  const result = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .find(({ ancestorTitles, title }) => [...ancestorTitles, title].join(' > ') === name);
  const failures = result?.failureMessages ?? [];
  const assertion = failures.find((message) => message.startsWith('AssertionError'));
  if (result?.status === 'passed') return { kind: 'silent' };
  if (result?.status === 'failed' && assertion !== undefined) {
    return { kind: 'noticed', by: assertion.split('\n')[0]! };
  }
  const said = [...testResults.map(({ message }) => message), ...failures].join('\n');
  return useless(`the test is ${result?.status ?? 'not there'}, without a failed assertion`, said);
}

async function runCampaign(catcher: CampaignCatcher, folder: string): Promise<Outcome> {
  const { campaign, count, seed, breaks } = catcher;
  const words = ['test/campaigns/run.ts', campaign, '--count', String(count), '--seed', String(seed)];
  const { output, ended } = await run(words, folder);
  const lines = output.split('\n');
  const broken = lines.find((line) => line.startsWith('  BROKEN ') && line.includes(breaks));
  if (broken !== undefined) return { kind: 'noticed', by: broken.trim() };
  // Other promises are for other runs to judge: a gateway that is ready late on a busy machine has lost nothing.
  if (lines.some((line) => line.startsWith(`${count} trials in `))) return { kind: 'silent' };
  return useless(`ended with ${ended} before its ${count} trials were made and judged`, output);
}

function useless(what: string, said: string): Outcome {
  return { kind: 'useless', why: `${what}\n${said.slice(-WHY_CHARACTERS).trim()}` };
}

const running = new Set<ChildProcess>();

/** Ends what a catcher has started. */
export function endCatchers(): void {
  for (const { pid, exitCode, signalCode } of running) {
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
  }
}

/** Runs Node in a group of processes of its own, which is ended when its time is over. */
async function run(
  words: readonly string[],
  folder: string,
): Promise<{ output: string; ended: number | string }> {
  // A vitest that believes to be a worker of another one reports nothing.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')));
  const child = spawn(process.execPath, words, {
    cwd: folder,
    env: { ...env, TMPDIR: join(folder, TEMPORARY) },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    endCatchers();
  }, CATCHER_MS);
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  clearTimeout(timer);
  running.delete(child);
  const ended = late ? `no end in ${CATCHER_MS / 1000} s` : (code ?? signal ?? 'gone');
  return { output: stdout + stderr, ended };
}
