import { describe, expect, it } from 'vitest';
import { Delays, type Lognormal, readDelay } from './delays.ts';

const lognormal: Lognormal = { p50Ms: 300, p99Ms: 2000, lateShare: 0, lateMs: 12_000, seed: 5 };
const FIXED = { ms: 3, callbackMs: 50, challengeMs: 9 };
const DRAWS = 50_000;

function draw(order: Lognormal, count = DRAWS): number[] {
  const delays = new Delays({ ms: 0, callbackMs: 0, challengeMs: 9 });
  delays.set({ lognormal: order, callbackMs: 0, challengeMs: 9 });
  return Array.from({ length: count }, () => delays.next().answerMs);
}

describe('lognormal answers', () => {
  it('have the ordered median and 99th percentile', () => {
    const sorted = draw(lognormal).sort((a, b) => a - b);
    expect(sorted[DRAWS * 0.5]! / 300).toBeCloseTo(1, 1);
    expect(sorted[DRAWS * 0.99]! / 2000).toBeCloseTo(1, 1);
    expect(sorted[0]).toBeGreaterThanOrEqual(0);
  });

  it('are late as often as was ordered', () => {
    const late = draw({ ...lognormal, lateShare: 0.01 }).filter((ms) => ms === 12_000);
    expect(late.length / DRAWS).toBeCloseTo(0.01, 2);
    expect(late.length).toBeGreaterThan(0);
  });

  it('come again in the same order with the same seed, and only with it', () => {
    expect(draw(lognormal, 100)).toEqual(draw(lognormal, 100));
    expect(draw({ ...lognormal, seed: 6 }, 100)).not.toEqual(draw(lognormal, 100));
  });

  it('are before their callbacks; a fixed delay leaves callbacks as they are', () => {
    const delays = new Delays({ ms: 70, callbackMs: 50, challengeMs: 9 });
    expect(delays.next()).toEqual({ answerMs: 70, callbackMs: 50 });
    delays.set({ lognormal, callbackMs: 50, challengeMs: 9 });
    for (let n = 0; n < 100; n++) {
      const { answerMs, callbackMs } = delays.next();
      expect(callbackMs).toBe(answerMs + 50);
    }
  });
});

describe('an order of delays', () => {
  it('is read with what it leaves out', () => {
    expect(readDelay({ ms: 5 }, FIXED)).toEqual({
      ok: true,
      order: { ms: 5, callbackMs: 50, challengeMs: 9 },
    });
    expect(readDelay({ lognormal: { p50Ms: 1, p99Ms: 2 }, callbackMs: 0, challengeMs: 9 }, FIXED)).toEqual({
      ok: true,
      order: {
        lognormal: { p50Ms: 1, p99Ms: 2, lateShare: 0, lateMs: 0, seed: 0 },
        callbackMs: 0,
        challengeMs: 9,
      },
    });
  });

  it.each([
    ['ms', {}],
    ['ms', { ms: 1, lognormal }],
    ['callbackMs', { ms: 1, callbackMs: -1 }],
    ['lognormal', { lognormal: 7 }],
    ['p50Ms', { lognormal: { p50Ms: 0, p99Ms: 5 } }],
    ['p99Ms', { lognormal: { p50Ms: 6, p99Ms: 5 } }],
    ['lateShare', { lognormal: { ...lognormal, lateShare: 1.1 } }],
    ['lateMs', { lognormal: { ...lognormal, lateMs: 0.5 } }],
    ['seed', { lognormal: { ...lognormal, seed: -1 } }],
  ])('names %s when that is wrong', (field, body) => {
    expect(readDelay(body, FIXED)).toMatchObject({ ok: false, code: 'field_value', field });
  });
});
