/**
 * Report: a verification as lines for people.
 *
 * @module
 */

import type { RuleReport, Verification } from './verify.ts';

/** Whether every rule that could be compared found nothing. */
export function agrees({ rules }: Verification): boolean {
  return rules.every(({ count }) => count === 0);
}

/** A line per rule with its count, the ids of its findings below it, and what was compared at the end. */
export function reportLines(verification: Verification): string[] {
  const { rules, counts, remarks } = verification;
  const width = Math.max(...rules.map(({ rule }) => rule.length));
  return [
    ...rules.flatMap((rule) => ruleLines(rule, width)),
    ...remarks.map((remark) => `note ${remark}`),
    `compared ${counts.intents} intents, ${counts.attempts} attempts, ${counts.events} events, ${counts.charges} charges, ${counts.entries} entries of the ledger, ${counts.acknowledged} acknowledgements`,
  ];
}

function ruleLines({ rule, what, compared, count, ids }: RuleReport, width: number): string[] {
  const word = !compared ? 'skip' : count === 0 ? 'ok  ' : 'FAIL';
  const note = compared ? '' : ' (not compared: its record was not given)';
  const more = count - ids.length;
  return [
    `${word} ${rule.padEnd(width)} ${count}  ${what}${note}`,
    ...ids.map((id) => `       ${id}`),
    ...(more > 0 ? [`       and ${more} more`] : []),
  ];
}
