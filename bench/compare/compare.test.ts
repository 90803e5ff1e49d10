/**
 * The table says what was measured: medians over rounds, multiples within a round, and what went wrong.
 *
 * @module
 */

import { describe, expect, it } from 'vitest';
import { ArgumentError, parseArguments } from './arguments.ts';
import type { ContenderName } from './contenders.ts';
import type { Figures } from './measure.ts';
import { spreadOf } from './spread.ts';
import { formatTable, remarksOn } from './table.ts';

function figures(
  contender: ContenderName,
  round: number,
  ceiling: number,
  more: Partial<Figures> = {},
): Figures {
  const latency = { p50: 1.25 * round, p99: 10 * round };
  return {
    contender,
    round,
    keys: true,
    ceiling,
    inFlight: 256,
    offered: 0.8 * ceiling,
    achieved: 0.8 * ceiling,
    errors: 0,
    latencyMs: { intent: latency, session: latency, pay: latency, final: latency },
    cpuUs: { gateway: 100 * round, postgres: 50, redis: null, sandbox: 70, driver: 80 },
    clean: true,
    ...more,
  };
}

/** Cells of the row that begins so. */
function row(table: string, title: string): string[] {
  const line = table.split('\n').find((one) => one.startsWith(`| ${title}`));
  return line!
    .split(' | ')
    .slice(1)
    .map((cell) => cell.replace(/ \|$/, ''));
}

describe('the spread of rounds', () => {
  it.each([
    [[3, 1, 2], { median: 2, least: 1, greatest: 3 }],
    [[4, 1, 2, 3], { median: 2.5, least: 1, greatest: 4 }],
    [[null, 7], { median: 7, least: 7, greatest: 7 }],
    [[null], null],
    [[], null],
  ])('of %j is %j', (values, spread) => {
    expect(spreadOf(values)).toEqual(spread);
  });
});

describe('the table', () => {
  const rounds = [
    figures('sluice', 1, 4000),
    figures('floor', 1, 8000, { cpuUs: { gateway: 50, postgres: 25, redis: null, sandbox: 1, driver: 1 } }),
    figures('baseline', 1, 1000, {
      cpuUs: { gateway: 900, postgres: 500, redis: 100, sandbox: 1, driver: 1 },
    }),
    figures('sluice', 2, 5000),
    figures('floor', 2, 5000, { cpuUs: { gateway: 75, postgres: 50, redis: null, sandbox: 1, driver: 1 } }),
    figures('sluice', 3, 4500),
    figures('sluice', 1, 4800, { keys: false }),
  ];
  const table = formatTable(['sluice', 'floor', 'baseline'], rounds);

  it('shows medians with least and greatest, and a dash for what was not measured', () => {
    expect(row(table, '**whole payments/s')).toEqual([
      '4,500 (4,000 to 5,000)',
      '6,500 (5,000 to 8,000)',
      '1,000 (1,000 to 1,000)',
    ]);
    expect(row(table, 'intent at 80 %')[0]).toBe('2.5 / 20.0');
    expect(row(table, 'CPU µs a payment: Redis')).toEqual(['–', '–', '100 (100 to 100)']);
    expect(row(table, 'without Idempotency-Keys: whole')).toEqual(['4,800 (4,800 to 4,800)', '–', '–']);
  });

  it('has no multiples of nothing', () => {
    const alone = formatTable(['sluice'], rounds);
    expect(alone).toContain('|  | Sluice |');
    expect(alone).not.toContain('times');
  });

  it('adds up server, PostgreSQL and Redis, and compares within a round', () => {
    expect(row(table, '**CPU µs a payment')).toEqual([
      '250 (150 to 350)',
      '100 (75 to 125)',
      '1,500 (1,500 to 1,500)',
    ]);
    // 150/75 and 250/125; the third round has no floor.
    expect(row(table, 'Sluice’s cost')).toEqual(['', '2.00 (2.00 to 2.00)', '0.10 (0.10 to 0.10)']);
    expect(row(table, 'Sluice’s payments/s')).toEqual(['', '0.75 (0.50 to 1.00)', '4.00 (4.00 to 4.00)']);
  });
});

describe('remarks', () => {
  it('are none when all went well', () => {
    expect(remarksOn([figures('sluice', 1, 4000)])).toEqual([]);
  });

  it('name rounds with an unclean audit, with failures, and above what could be reached', () => {
    const wrong = { clean: false, errors: 3, offered: 1000, achieved: 960 };
    expect(remarksOn([figures('floor', 2, 4000, wrong)])).toEqual([
      'floor, round 2, with keys: the audit was not clean',
      'floor, round 2, with keys: 3 payments failed in the open loop',
      'floor, round 2, with keys: 960/s of 1000/s offered: latencies are those of a queue',
    ]);
  });
});

describe('arguments', () => {
  it('have defaults', () => {
    expect(parseArguments([])).toEqual({
      repeat: 5,
      durationSeconds: 10,
      warmUpSeconds: 5,
      only: ['sluice', 'floor', 'baseline'],
    });
    expect(parseArguments(['--only', 'baseline,sluice']).only).toEqual(['sluice', 'baseline']);
  });

  it.each([
    [['--repeat', '0'], '--repeat'],
    [['--duration', '1.5'], '--duration'],
    [['--only', 'floor,stripe'], 'no stripe'],
    [['--speed', '9'], '--speed'],
    [['floor'], 'floor'],
  ])('refuse %j', (words, message) => {
    expect(() => parseArguments(words)).toThrow(ArgumentError);
    expect(() => parseArguments(words)).toThrow(message);
  });
});
