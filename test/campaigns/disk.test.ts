import { expect, test } from 'vitest';
import { disk, whyNoDisk } from './disk.ts';
import { makeTrials, SEED } from './few-trials.ts';

/** Data once, log once. */
const COUNT = 2;
const why = whyNoDisk();
if (why !== null)
  console.log(`SKIPPED: the campaign disk cannot mount a small disk here (${why}); run it as root`);

// Where the whole check runs a skipped campaign is a failure: there the campaign itself throws.
test.skipIf(why !== null && process.env.CI !== 'true')(
  `PostgreSQL’s data and log on a full disk (seed ${SEED}): 503 with Retry-After, no half payment, and on by itself`,
  async () => {
    const figures = await makeTrials(disk, COUNT);
    for (const kind of ['data', 'log']) {
      expect(figures[`${kind}: refused`]).toBeGreaterThan(0);
      expect(figures[`${kind}: acknowledged`]).toBeGreaterThan(0);
    }
    // It ended over its log, which had no room to recover in.
    expect(figures['log: PostgreSQL started again']).toBe(1);
  },
  240_000,
);
