/** What `.ci/run` makes of reports: a failure is counted until the same file has passed alone, and one of a judge of money always. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'sluice-ci-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Tests = Record<string, 'passed' | 'failed' | 'skipped'>;

/** A report of files, each with its tests; one without any did not load. */
function reportOf(name: string, files: Record<string, Tests>): string {
  const path = join(folder, name);
  const testResults = Object.entries(files).map(([file, tests]) => {
    const states = Object.values(tests);
    return {
      name: resolve(file),
      status: states.length === 0 || states.includes('failed') ? 'failed' : 'passed',
      assertionResults: Object.entries(tests).map(([fullName, status]) => ({
        fullName,
        status,
        failureMessages: [],
      })),
    };
  });
  writeFileSync(path, JSON.stringify({ testResults }));
  return path;
}

function say(...words: string[]): string {
  return execFileSync(process.execPath, ['.ci/report.mjs', ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

const FIRST = reportOf('first', {
  'src/a.test.ts': { x: 'failed', y: 'passed' },
  'src/unloaded.test.ts': {},
  'test/campaigns/kill.test.ts': { kills: 'failed' },
  'src/c.test.ts': { c: 'passed', d: 'skipped' },
});

test('files that failed are run again, but for the judges of money', () => {
  expect(say('again', FIRST).split('\n')).toEqual(['src/a.test.ts', 'src/unloaded.test.ts']);
});

test('every failure counts, a file that does not load as one', () => {
  expect(say('count', FIRST)).toBe('2 3');
});

test('what passes alone has passed; what fails again, and a judge, has failed', () => {
  const again = reportOf('again', {
    'src/a.test.ts': { x: 'passed', y: 'passed' },
    'src/unloaded.test.ts': {},
    'test/campaigns/kill.test.ts': { kills: 'passed' },
  });
  expect(say('count', FIRST, again)).toBe('3 2');
});

test('a run that wrote no report has nothing passed', () => {
  const empty = join(folder, 'empty');
  writeFileSync(empty, '');
  expect([say('again', empty), say('count', empty)]).toEqual(['', '0 0']);
});
