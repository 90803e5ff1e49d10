/**
 * The list of seeded bugs against the source as it is now: a list that no longer fits would judge nothing.
 *
 * @module
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nameOf, planOf } from '../campaigns/kill-plan.ts';
import { CAMPAIGNS } from '../campaigns/registry.ts';
import { seededRandom } from '../support/random.ts';
import { type Edit, edited } from './sabotage.ts';
import { SABOTAGES } from './sabotages.ts';

const ROOT = join(import.meta.dirname, '../..');

test('the twenty-eight are there, each with a bug and a catcher', () => {
  expect(SABOTAGES.map(({ number }) => number)).toEqual(Array.from({ length: 28 }, (_, i) => i + 1));
  for (const { edits, caughtBy } of SABOTAGES) {
    expect(edits.length).toBeGreaterThan(0);
    expect(caughtBy.length).toBeGreaterThan(0);
  }
});

test.each(SABOTAGES.map((one) => [one.number, one.title, one] as const))(
  '%d, %s: every edit finds its place, and the file parses with it',
  (_, __, { edits }) => {
    const texts = new Map<string, string>();
    for (const edit of edits) {
      const before = texts.get(edit.file) ?? readFileSync(join(ROOT, edit.file), 'utf8');
      const after = edited(before, edit);
      expect(after).not.toBe(before);
      texts.set(edit.file, after);
    }
    for (const [file, text] of texts) if (file.endsWith('.ts')) stripTypeScriptTypes(text);
  },
);

test('every catcher is there by the name it is called by', () => {
  const tests = SABOTAGES.flatMap(({ caughtBy }) => caughtBy.filter((one) => 'test' in one));
  const files = [...new Set(tests.map(({ test: file }) => file))];
  expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  const words = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'list', ...files, '--json'];
  const listed = execFileSync(process.execPath, words, { cwd: ROOT, encoding: 'utf8' });
  const there = (JSON.parse(listed) as Array<{ name: string; file: string }>).map(
    ({ name, file }) => `${file} > ${name}`,
  );
  const wanted = tests.map(({ test: file, name }) => `${join(ROOT, file)} > ${name}`);
  expect(wanted.filter((name) => there.filter((one) => one === name).length !== 1)).toEqual([]);

  const campaigns = SABOTAGES.flatMap(({ caughtBy }) => caughtBy.filter((one) => 'campaign' in one));
  const known = new Set(CAMPAIGNS.map(({ name }) => name));
  expect(campaigns.filter(({ campaign }) => !known.has(campaign))).toEqual([]);
});

test('the kill campaign kills PostgreSQL by the seeds it is called with, and nothing else', () => {
  const kills = SABOTAGES.flatMap(({ number, caughtBy }) =>
    caughtBy.flatMap((one) =>
      'campaign' in one && one.campaign === 'kill'
        ? planOf(one.count, seededRandom(one.seed)).map((strike) => `${number}: ${nameOf(strike)}`)
        : [],
    ),
  );
  expect(kills).toEqual(['1: postgres at before-commit-a', '2: postgres at any moment']);
});

describe('an edit', () => {
  const edit: Edit = { file: 'a.ts', find: 'b', replace: '$&$1' };

  test('replaces its text by exactly what it says', () => {
    expect(edited('abc', edit)).toBe('a$&$1c');
  });

  test.each([
    ['ac', 0],
    ['abcb', 2],
  ])('of %s is refused: its text stands there %d times', (text, times) => {
    expect(() => edited(text, edit)).toThrow(`a.ts: stands ${times} times, not once: b`);
  });
});
