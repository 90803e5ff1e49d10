import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ArgumentError, parseArguments, USAGE } from './arguments.ts';
import { SCENARIOS } from './scenarios/registry.ts';
import { findTarget, NoTargetError } from './target.ts';

describe('arguments', () => {
  test('without any: 64 in flight, ten seconds after three of warm-up, keys, 1000 merchants', () => {
    expect(parseArguments(['payment'])).toMatchObject({
      load: { kind: 'concurrency', inFlight: 64 },
      phases: [
        { name: 'warm-up', seconds: 3 },
        { name: 'steady', seconds: 10 },
      ],
      keys: true,
      page: false,
      merchants: 1000,
      firstPollMs: 100,
      target: null,
    });
  });

  test('what is named is taken', () => {
    const words =
      'create-intent --rate 2000 --duration 30 --warmup 0 --no-keys --merchants 3 --seed 5 --html r.html';
    expect(parseArguments(words.split(' '))).toMatchObject({
      load: { kind: 'rate', perSecond: 2000 },
      phases: [{ seconds: 0 }, { seconds: 30 }],
      keys: false,
      merchants: 3,
      seed: 5,
      html: 'r.html',
    });
    expect(parseArguments(['payment', '--max'])).toMatchObject({
      load: { kind: 'max' },
      phases: [{ seconds: 3 }, { seconds: 5 }],
    });
  });

  test('a spike is a fifth of the time, an outage a third; both last as long as was asked for', () => {
    const spike = parseArguments(['spike', '--rate', '100', '--factor', '4', '--duration', '50']);
    expect(spike.phases).toEqual([
      { name: 'warm-up', seconds: 3, factor: 1 },
      { name: 'before', seconds: 15, factor: 1 },
      { name: 'spike', seconds: 10, factor: 4 },
      { name: 'after', seconds: 25, factor: 1 },
    ]);
    for (const { name } of SCENARIOS) {
      const [, ...phases] = parseArguments([name, '--duration', '12']).phases;
      expect(phases.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(12);
    }
  });

  test('every scenario is in the usage and takes its first kind of load when none is named', () => {
    for (const { name, loads } of SCENARIOS) {
      expect(USAGE).toContain(`  ${name} `);
      expect(parseArguments([name]).load.kind).toBe(loads[0]);
    }
  });

  test.each([
    [[], 'no scenario'],
    [['half-payment'], 'no scenario half-payment'],
    [['payment', '--rate', '1', '--max'], 'only one of'],
    [['payment', '--rate', '0'], '--rate is a number'],
    [['payment', '--concurrency', '1.5'], '--concurrency is a whole number'],
    [['payment', '--duration', '10m'], '--duration'],
    [['payment', '--warmup', '-1'], '--warmup'],
    [['payment', '--merchants', '0'], '--merchants is a whole number'],
    [['payment', '--speed', '9'], '--speed'],
    [['payment', '--rate', '4000', '--duration', '5000'], 'the audit can remember 20000000'],
    [['payment', '--factor', '2'], '--factor goes with spike'],
    [['spike', '--concurrency', '9'], 'spike takes --rate, not --concurrency'],
    [['processor-down', '--max'], 'processor-down takes --rate or --concurrency, not --max'],
    [['payment', '--target', 'http://h'], '--target and --key'],
    [['payment', '--target', 'ftp://h', '--key', 'k'], '--target is not'],
    [['payment', '--target', 'http://h', '--key', 'k', '--merchants', '5'], '--merchants is of the local'],
    [['processor-slow', '--target', 'http://h', '--key', 'k'], 'name it with --sandbox'],
    [['payment', '--sandbox', 'http://h'], '--merchant and --sandbox'],
    [['payment', 'create-intent'], 'one scenario at a time'],
  ])('refuses %j', (words, message) => {
    expect(() => parseArguments(words)).toThrow(ArgumentError);
    expect(() => parseArguments(words)).toThrow(message);
  });

  test('no local gateway is said with what to do', () => {
    const none = { target: null, key: null, merchant: null, sandbox: null };
    expect(() => findTarget(none, { SLUICE_DATA_DIR: '/nonexistent' })).toThrow(NoTargetError);
    expect(() => findTarget(none, { SLUICE_DATA_DIR: '/nonexistent' })).toThrow('npm start');
  });

  test('a local gateway that comes with merchants is loaded by those, and its databases are not looked for', () => {
    const none = { target: null, key: null, merchant: null, sandbox: null };
    const folder = mkdtempSync(join(tmpdir(), 'sluice-target-'));
    const urls = { apiUrl: 'http://h:1/', checkoutUrl: 'http://h:1', sandboxUrl: 'http://h:2' };
    const leave = (demo: object) => writeFileSync(join(folder, 'demo.json'), JSON.stringify(demo));
    try {
      leave(urls);
      expect(findTarget(none, { SLUICE_DATA_DIR: folder })).toMatchObject({
        merchants: null,
        dataDir: folder,
      });
      const merchants = [{ merchantId: 'm', secretKey: 'k' }];
      leave({ ...urls, merchants });
      expect(findTarget(none, { SLUICE_DATA_DIR: folder })).toMatchObject({
        apiUrl: 'http://h:1',
        merchants,
        dataDir: null,
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
