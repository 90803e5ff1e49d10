import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { type SimulationReport, simulate } from './simulation.ts';

const RUN = new URL('./run.ts', import.meta.url).pathname;

function again({ seed }: SimulationReport, payments: number): string {
  return `npm run simulate -- --seed ${seed} --seeds 1 --payments ${payments}`;
}

test('a seed is played twice, here and in another process, and its trace is the same to the last bit', async () => {
  const seed = 7;
  const first = await simulate({ seed, payments: 100 });
  const second = await simulate({ seed, payments: 100, watched: 'order' });
  expect(second.hash).toBe(first.hash);
  expect(second.events).toBe(first.events);
  const other = spawnSync(process.execPath, [RUN, '--seed', `${seed}`, '--seeds', '1', '--payments', '100'], {
    encoding: 'utf8',
  });
  expect(other.stderr).toBe('');
  expect(other.stdout).toContain(`hash ${first.hash}`);
  expect(other.status).toBe(0);
});

test('another seed is another run', async () => {
  const hashes = new Set<string>();
  for (const seed of [1, 2, 3]) hashes.add((await simulate({ seed, payments: 30 })).hash);
  expect(hashes.size).toBe(3);
});

test('whatever goes wrong, no seed loses a payment, doubles a charge or leaves one open', async () => {
  const [seeds, payments] = [20, 100];
  const firstSeed = Number(process.env.SLUICE_TEST_SEED ?? Date.now() % 1_000_000);
  console.log(`simulated seeds ${firstSeed} to ${firstSeed + seeds - 1} (SLUICE_TEST_SEED)`);
  const total = { attempts: 0, charged: 0, recovered: 0, reversed: 0, fellBack: 0, acknowledged: 0 };
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const report = await simulate({ seed, payments });
    if (report.violations.length > 0) console.log(`${report.faults}\nagain: ${again(report, payments)}`);
    expect(report.violations).toEqual([]);
    total.attempts += report.verdict.attempts;
    total.charged += report.verdict.charged;
    total.recovered += report.verdict.recovered;
    total.reversed += report.verdict.reversed;
    total.fellBack += report.verdict.fellBack;
    total.acknowledged += report.acknowledged;
  }
  console.log(JSON.stringify(total));
  // A run in which nobody pays, nobody pays twice, nobody falls back or nothing is taken back proves nothing.
  expect(total.acknowledged).toBeGreaterThan(seeds * payments * 0.3);
  expect(total.charged).toBeGreaterThan(seeds * payments * 0.3);
  expect(total.attempts).toBeGreaterThan(total.charged * 1.1);
  expect(total.fellBack).toBeGreaterThan(seeds);
  expect(total.reversed).toBeGreaterThan(seeds);
}, 120_000);

test('the command refuses what it does not understand and names it', () => {
  const run = (...words: string[]) => spawnSync(process.execPath, [RUN, ...words], { encoding: 'utf8' });
  const wrong = run('--seeds', 'many');
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toContain('--seeds is a whole number from 1');
  expect(run('--sedes', '3').status).toBe(2);
});
