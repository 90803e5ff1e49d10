/**
 * What counts as noticed, on tests and campaigns made for it.
 *
 * @module
 */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCatcher } from './catcher.ts';
import { TEMPORARY } from './checkout-copy.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-catcher-'));
  symlinkSync(join(import.meta.dirname, '../../node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'test/campaigns'), { recursive: true });
  mkdirSync(join(folder, TEMPORARY));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file with one test of the name "suite > sums (1 + 1)". */
function testOf(body: string, before = ''): string {
  return `import { describe, expect, test } from 'vitest';
${before}
describe('suite', () => {
  test('sums (1 + 1)', () => {${body}});
  test('sums (1 + 1) otherwise', () => expect(1).toBe(2));
});
`;
}

test.each([
  ['passes', testOf('expect(1 + 1).toBe(2)'), { kind: 'silent' }],
  [
    'fails an assertion',
    testOf('expect(1 + 1).toBe(3)'),
    { kind: 'noticed', by: 'AssertionError: expected 2 to be 3 // Object.is equality' },
  ],
  [
    'throws',
    testOf('undefined.sum'),
    {
      kind: 'useless',
      why: expect.stringMatching(/^the test is failed, without a failed assertion\n.*TypeError/),
    },
  ],
  [
    'does not load',
    testOf('expect(1).toBe(2)', "import './nowhere.ts';"),
    { kind: 'useless', why: expect.stringMatching(/^the test is not there,[\s\S]*nowhere/) },
  ],
  [
    'has another name',
    testOf('expect(1).toBe(2)').replace('sums (1 + 1)', 'sums'),
    { kind: 'useless', why: expect.stringContaining('the test is not there') },
  ],
])('a test that %s', async (_, text, outcome) => {
  writeFileSync(join(folder, 'some.test.ts'), text);
  expect(await runCatcher({ test: 'some.test.ts', name: 'suite > sums (1 + 1)' }, folder)).toEqual(outcome);
});

test.each([
  ['breaks nothing', '3 trials in 5 s, 0 promises broken', 0, { kind: 'silent' }],
  [
    'breaks the promise',
    '  BROKEN amount_differs: txn_1\\n  BROKEN acknowledged_absent: pi_1',
    1,
    { kind: 'noticed', by: 'BROKEN acknowledged_absent: pi_1' },
  ],
  [
    'breaks another promise',
    '  BROKEN amount_differs: txn_1\\n3 trials in 5 s, 1 promises broken',
    1,
    { kind: 'silent' },
  ],
  [
    'could not be made',
    'the campaign could not be made: acknowledged_absent',
    1,
    { kind: 'useless', why: expect.stringContaining('could not be made') },
  ],
  [
    'made too few trials',
    '2 trials in 5 s, 0 promises broken',
    1,
    { kind: 'useless', why: expect.stringContaining('before its 3 trials were made') },
  ],
])('a campaign that %s', async (_, said, code, outcome) => {
  const script = `console.log('${said}');
process.exit(process.argv.slice(2).join(' ') === 'kill --count 3 --seed 7' ? ${code} : 9);
`;
  writeFileSync(join(folder, 'test/campaigns/run.ts'), script);
  const catcher = { campaign: 'kill', count: 3, seed: 7, breaks: 'acknowledged_absent' };
  expect(await runCatcher(catcher, folder)).toEqual(outcome);
});
