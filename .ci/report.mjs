/**
 * What vitest's JSON reports say, for `.ci/run`.
 *
 *   report.mjs again REPORT          files that failed and are to be run once more, alone
 *   report.mjs count REPORT [AGAIN]  `PASSED FAILED`; what failed is told on standard error, and what passed when it was run again
 *
 * A test of real processes may fail because the machine stood still: run alone it passes. Judges of money are believed the first time: a race
 * that loses a payment once in twenty runs is what they are there to find.
 */

import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const JUDGES = /^test\/(campaigns|properties|simulation|sabotage)\//;

const [command, ...files] = process.argv.slice(2);
const [first, again] = files.map(resultsOf);
if (command === 'again') console.log([...first.keys()].filter((name) => isAgain(name, first)).join('\n'));
else count();

/** Results by file, from the tree's root. A run that was ended before it could write has none. */
function resultsOf(file) {
  const text = readFileSync(file, 'utf8');
  const { testResults } = text === '' ? { testResults: [] } : JSON.parse(text);
  return new Map(testResults.map((one) => [relative(process.cwd(), one.name), one]));
}

function isAgain(name, results) {
  return results.get(name).status === 'failed' && !JUDGES.test(name);
}

function count() {
  let [passed, failed] = [0, 0];
  for (const [name, result] of first) {
    const second = isAgain(name, first) ? again?.get(name) : undefined;
    if (second !== undefined) tell(name, result, 'failed at first');
    const last = second ?? result;
    tell(name, last, 'failed');
    passed += testsOf(last, 'passed').length;
    failed += failuresOf(last).length;
  }
  console.log(passed, failed);
}

/** A file that does not load has no tests and is one failure. */
function failuresOf(result) {
  const tests = testsOf(result, 'failed');
  return tests.length === 0 && result.status === 'failed'
    ? [{ fullName: '(the file)', failureMessages: [result.message ?? ''] }]
    : tests;
}

function testsOf({ assertionResults }, status) {
  return assertionResults.filter((test) => test.status === status);
}

function tell(name, result, word) {
  for (const { fullName, failureMessages } of failuresOf(result))
    console.error(`${word}: ${name}: ${fullName}\n  ${(failureMessages[0] ?? '').slice(0, 600)}`);
}
