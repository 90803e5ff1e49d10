/**
 * Run: `npm run campaign -- NAME [--count N] [--seed S]`.
 *
 * Exit codes: 0 when all trials were made and no promise was broken; 1 when one was, or the campaign could not be made; 2 misused.
 *
 * @module
 */

import { parseArgs } from 'node:util';
import { seededRandom } from '../support/random.ts';
import type { Campaign, CampaignReport } from './campaign.ts';
import { CAMPAIGNS } from './registry.ts';

process.exitCode = await main(process.argv.slice(2));

interface Asked {
  campaign: Campaign;
  count: number;
  seed: number;
}

async function main(words: readonly string[]): Promise<0 | 1 | 2> {
  const asked = readAsked(words);
  if (typeof asked === 'string') {
    process.stderr.write(`${asked}\n${usage()}`);
    return 2;
  }
  const { campaign, count, seed } = asked;
  const again = `npm run campaign -- ${campaign.name} --count ${count} --seed ${seed}`;
  tell(`${campaign.name}: ${count} trials, seed ${seed}`);
  const startedAt = performance.now();
  try {
    const report = await campaign.run({ count, seed, random: seededRandom(seed), tell });
    return tellReport(report, count, again, (performance.now() - startedAt) / 1000);
  } catch (error) {
    tell(`the campaign could not be made: ${error instanceof Error ? error.stack : String(error)}`);
    tell(`again: ${again}`);
    return 1;
  }
}

function readAsked(words: readonly string[]): Asked | string {
  const text = { type: 'string' } as const;
  try {
    const options = { count: text, seed: text };
    const { values, positionals } = parseArgs({ args: [...words], allowPositionals: true, options });
    const campaign = CAMPAIGNS.find(({ name }) => name === positionals[0]);
    if (campaign === undefined || positionals.length !== 1) {
      return positionals[0] === undefined
        ? 'no campaign is named'
        : `there is no campaign ${positionals.join(' ')}`;
    }
    const count = readNumber('count', values.count ?? String(campaign.countDefault), 1);
    const seed = readNumber('seed', values.seed ?? String(Date.now() % 1_000_000), 0);
    if (typeof count === 'string') return count;
    return typeof seed === 'string' ? seed : { campaign, count, seed };
  } catch (error) {
    return (error as Error).message;
  }
}

function readNumber(name: string, text: string, min: number): number | string {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && Number.isSafeInteger(value)
    ? value
    : `--${name} is a whole number from ${min}, not ${text}`;
}

function usage(): string {
  const width = Math.max(0, ...CAMPAIGNS.map(({ name }) => name.length));
  const lines = CAMPAIGNS.map(
    ({ name, summary, countDefault }) => `  ${name.padEnd(width)}  ${summary} (default ${countDefault})\n`,
  );
  return `usage: npm run campaign -- NAME [--count N] [--seed S]\n${lines.join('')}`;
}

function tellReport(report: CampaignReport, count: number, again: string, seconds: number): 0 | 1 {
  for (const [name, value] of Object.entries(report.figures)) tell(`  ${name}: ${value}`);
  for (const violation of report.violations) tell(`  BROKEN ${violation}`);
  const whole = report.trials >= count;
  if (!whole) tell(`  only ${report.trials} of ${count} trials were made`);
  tell(`${report.trials} trials in ${seconds.toFixed(0)} s, ${report.violations.length} promises broken`);
  const well = whole && report.violations.length === 0;
  if (!well) tell(`again: ${again}`);
  return well ? 0 : 1;
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
