/**
 * Run: `npm run sabotage [-- NUMBER…] [-- --list]`. Who judges the judge: bugs are put into copies of this checkout, one at a time,
 * and each must be noticed by the checks that stand beside it.
 *
 * Every check is first run on an unedited copy, where it must pass: one that always fails notices nothing. An edited copy must compile,
 * since a bug that the compiler finds needs no judge.
 *
 * Exit codes: 0 when every bug asked for was caught by each of its checks; 1 when one was not; 2 misused.
 *
 * @module
 */

import { parseArgs } from 'node:util';
import { endCatchers, type Outcome, runCatcher } from './catcher.ts';
import { copyCheckout, removeCopies } from './checkout-copy.ts';
import { type Catcher, nameOf, type Sabotage } from './sabotage.ts';
import { SABOTAGES } from './sabotages.ts';

/** Of what a catcher said; a broken promise names twenty ids. */
const WORDS_CHARACTERS = 140;
const TITLE_WIDTH = Math.max(...SABOTAGES.map(({ title }) => title.length));

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    endCatchers();
    removeCopies();
    process.exit(1);
  });
}
process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<0 | 1 | 2> {
  const asked = readAsked(words);
  if (typeof asked === 'string') {
    process.stderr.write(`${asked}\nusage: npm run sabotage [-- NUMBER…] [-- --list]\n`);
    return 2;
  }
  if (asked.list) {
    for (const one of asked.sabotages) tellOf(one);
    return 0;
  }
  const startedAt = performance.now();
  const sound = await soundCatchers(asked.sabotages);
  const caught: Sabotage[] = [];
  tell('');
  for (const one of asked.sabotages) if (await isCaught(one, sound)) caught.push(one);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  tell(`\n${caught.length} of ${asked.sabotages.length} caught, in ${seconds} s`);
  return caught.length === asked.sabotages.length ? 0 : 1;
}

interface Asked {
  sabotages: readonly Sabotage[];
  list: boolean;
}

function readAsked(words: readonly string[]): Asked | string {
  try {
    const options = { list: { type: 'boolean', default: false } } as const;
    const { values, positionals } = parseArgs({ args: [...words], allowPositionals: true, options });
    const unknown = positionals.find((word) => !SABOTAGES.some(({ number }) => String(number) === word));
    if (unknown !== undefined) return `there is no sabotage ${unknown}`;
    const sabotages = SABOTAGES.filter(
      ({ number }) => positionals.length === 0 || positionals.includes(String(number)),
    );
    return { sabotages, list: values.list };
  } catch (error) {
    return (error as Error).message;
  }
}

function tellOf({ number, title, matters, edits, caughtBy }: Sabotage): void {
  tell(`${String(number).padStart(2)}  ${title}\n    ${matters}`);
  tell(`    in ${[...new Set(edits.map(({ file }) => file))].join(', ')}`);
  for (const catcher of caughtBy) tell(`    caught by ${nameOf(catcher)}`);
}

/** Names of the catchers that pass where nothing is wrong. */
async function soundCatchers(sabotages: readonly Sabotage[]): Promise<Set<string>> {
  const catchers = new Map(sabotages.flatMap(({ caughtBy }) => caughtBy).map((one) => [nameOf(one), one]));
  const sound = new Set<string>();
  const copy = copyCheckout();
  try {
    for (const [name, catcher] of catchers) {
      const { outcome, seconds } = await timed(catcher, copy.folder);
      tellRow('', 'nothing', name, seconds, outcome.kind === 'silent' ? 'passes' : 'FAILS');
      if (outcome.kind === 'silent') sound.add(name);
      else tellWhy(outcome.kind === 'noticed' ? outcome.by : outcome.why);
    }
  } finally {
    copy.remove();
  }
  return sound;
}

/** Breaks a copy and asks each catcher. */
async function isCaught(sabotage: Sabotage, sound: ReadonlySet<string>): Promise<boolean> {
  const { number, title, edits, caughtBy } = sabotage;
  const copy = copyCheckout();
  try {
    copy.apply(edits);
    const errors = copy.typeErrors();
    if (errors.length > 0) {
      tell(`${String(number).padStart(2)}  ${title}: does not compile`);
      tellWhy(errors.join('\n'));
      return false;
    }
    let all = true;
    for (const catcher of caughtBy) {
      const { outcome, seconds } = await timed(catcher, copy.folder);
      const caught = outcome.kind === 'noticed' && sound.has(nameOf(catcher));
      all &&= caught;
      tellRow(String(number), title, nameOf(catcher), seconds, caught ? 'caught' : 'NOT CAUGHT');
      if (outcome.kind === 'noticed') tellWhy(outcome.by.slice(0, WORDS_CHARACTERS));
      if (outcome.kind === 'useless') tellWhy(outcome.why);
    }
    return all;
  } finally {
    copy.remove();
  }
}

async function timed(catcher: Catcher, folder: string): Promise<{ outcome: Outcome; seconds: number }> {
  const startedAt = performance.now();
  const outcome = await runCatcher(catcher, folder);
  return { outcome, seconds: (performance.now() - startedAt) / 1000 };
}

function tellRow(number: string, bug: string, catcher: string, seconds: number, verdict: string): void {
  tell(
    `${number.padStart(2)}  ${bug.padEnd(TITLE_WIDTH)}  ${verdict.padEnd(10)}  ${seconds.toFixed(1).padStart(6)} s  ${catcher}`,
  );
}

function tellWhy(text: string): void {
  for (const line of text.split('\n')) tell(`        ${line}`);
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
