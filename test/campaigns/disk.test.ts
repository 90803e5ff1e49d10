import { expect, test } from 'vitest';
import { seededRandom } from '../support/random.ts';
import { disk, whyNoDisk } from './disk.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
/** Data once, log once. */
const COUNT = 2;
const why = whyNoDisk();
if (why !== null)
  console.log(`SKIPPED: the campaign disk cannot mount a small disk here (${why}); run it as root`);

// Where the whole check runs a skipped campaign is a failure: there the campaign itself throws.
test.skipIf(why !== null && process.env.CI !== 'true')(
  `PostgreSQL’s data and log on a full disk (seed ${SEED}): 503 with Retry-After, no half payment, and on by itself`,
  async () => {
    const random = seededRandom(SEED);
    const report = await disk.run({ count: COUNT, seed: SEED, random, tell: console.log });
    expect(report.violations).toEqual([]);
    expect(report.trials).toBe(COUNT);
    for (const kind of ['data', 'log']) {
      expect(report.figures[`${kind}: refused`]).toBeGreaterThan(0);
      expect(report.figures[`${kind}: acknowledged`]).toBeGreaterThan(0);
    }
    // It ended over its log, which had no room to recover in.
    expect(report.figures['log: PostgreSQL started again']).toBe(1);
  },
  240_000,
);
