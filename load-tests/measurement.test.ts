import { describe, expect, test } from 'vitest';
import { type ArrivalCounts, arrive } from './arrivals.ts';
import { cpuPerPayment, readCpuTimes, readStat } from './cpu.ts';
import { barsOf, newLatencies, percentilesOf } from './latencies.ts';
import { Measurement } from './measurement.ts';
import { progressLine } from './progress.ts';
import { recoverySeconds, spansOf } from './recovery.ts';
import { dueTimes, type Phase, WARM_UP } from './schedule.ts';

const phase = (name: string, seconds: number, factor = 1): Phase => ({ name, seconds, factor });

describe('schedule', () => {
  test('a rate is evenly spaced, and as much denser as the phase says', () => {
    const due = [...dueTimes(10, [phase(WARM_UP, 1), phase('spike', 0.5, 4), phase('after', 1)])];
    expect(due.length).toBe(10 + 20 + 10);
    expect(due.slice(0, 3)).toEqual([0, 100, 200]);
    expect(due.slice(10, 13)).toEqual([1000, 1025, 1050]);
    expect(due.slice(30, 32)).toEqual([1500, 1600]);
  });

  test('an open loop keeps it when payments are slow', async () => {
    const due: number[] = [];
    const slow = async (dueMs: number) => {
      due.push(dueMs);
      await new Promise((resolve) => setTimeout(resolve, 100));
      return true;
    };
    const options = { phases: [phase('steady', 0.2)], signal: new AbortController().signal };
    await arrive({ kind: 'rate', perSecond: 500 }, options, slow, new Measurement());
    expect(due.length).toBe(100);
    for (let i = 1; i < due.length; i++) expect(due[i]! - due[i - 1]!).toBeCloseTo(2, 5);
  });

  test('Ctrl-C ends both loops, and what was begun ends first', async () => {
    for (const load of [
      { kind: 'rate', perSecond: 100 },
      { kind: 'concurrency', inFlight: 2 },
    ] as const) {
      const abort = new AbortController();
      let [begun, ended] = [0, 0];
      const begin = async () => {
        begun += 1;
        abort.abort();
        await new Promise((resolve) => setTimeout(resolve, 20));
        ended += 1;
        return true;
      };
      const counts: ArrivalCounts = { begin: () => 0, overrun: () => 0, endWindow: () => 0 };
      await arrive(load, { phases: [phase('steady', 3600)], signal: abort.signal }, begin, counts);
      expect(begun).toBeGreaterThan(0);
      expect(ended).toBe(begun);
    }
  });
});

describe('measurement', () => {
  test('percentiles, seconds and rates', () => {
    const measurement = new Measurement();
    measurement.begin(1000, 0);
    const { counted } = measurement;
    for (let i = 1; i <= 1000; i++) {
      counted.offer(1000);
      counted.answered('pay', 1000, 1000 + i);
      counted.complete(1000 + i);
    }
    counted.offer(2500);
    counted.offer(2600);
    measurement.endWindow(3000);
    counted.fail('pay 503 overloaded', 'body', 3500);
    counted.complete(3600);
    measurement.end(3600);
    const { p50, p99, p999, max } = percentilesOf(counted.latencies.pay);
    expect([p50, p99, p999, max].map((ms) => Math.round(ms! / 10))).toEqual([50, 99, 100, 100]);
    expect(percentilesOf(counted.latencies.webhook).p50).toBeNull();
    expect(measurement.achievedPerSecond).toBe(500);
    expect(measurement.offeredPerSecond).toBe(501);
    expect(measurement.timeline.map(({ p99: _, ...counts }) => counts)).toEqual([
      { second: 0, offered: 1000, achieved: 999, errors: 0 },
      { second: 1, offered: 2, achieved: 1, errors: 0 },
      { second: 2, offered: 0, achieved: 1, errors: 1 },
    ]);
    expect(measurement.timeline.map(({ p99: ms }) => ms === null)).toEqual([false, false, true]);
    expect(counted.causes).toEqual(new Map([['pay 503 overloaded', 1]]));
  });

  test('what was due in the warm-up is in no figure; what of it completes in the window counts for the rate', () => {
    const measurement = new Measurement();
    measurement.begin(0, 1000);
    const sell = (dueMs: number, endMs: number) => {
      const tally = measurement.of(dueMs);
      tally.offer(dueMs);
      tally.answered('intent', dueMs, endMs);
      tally.complete(endMs);
    };
    sell(100, 200);
    measurement.of(950).fail('intent 503', '', 970);
    sell(900, 1500);
    sell(1000, 1600);
    measurement.endWindow(2000);
    sell(1900, 2100);
    const { counted, warmUp } = measurement;
    expect([counted.offered, counted.completed, counted.errors]).toEqual([2, 2, 0]);
    expect([warmUp.offered, warmUp.completed, warmUp.errors]).toEqual([2, 2, 1]);
    expect(counted.latencies.intent.totalCount).toBe(2);
    expect(measurement.windowSeconds).toBe(1);
    expect(measurement.offeredPerSecond).toBe(2);
    expect(measurement.achievedPerSecond).toBe(2);
    measurement.end(2100);
    expect(measurement.completedSinceWarmUp).toBe(3);
    expect(measurement.timeline[0]).toMatchObject({ offered: 2, achieved: 2, errors: 0 });
  });

  test('causes are bounded', () => {
    const { counted } = new Measurement();
    for (let i = 0; i < 200; i++) counted.fail(`cause ${i}`, 'x'.repeat(10_000), 1);
    expect(counted.causes.size).toBe(101);
    expect(counted.causes.get('others')).toBe(100);
    expect(counted.samples.map(({ body }) => body.length)).toEqual([400, 400, 400]);
  });

  test('the bars of a histogram hold every value once, in growing widths', () => {
    const latencies = newLatencies();
    for (let ms = 1; ms <= 1000; ms++) latencies.recordValue(ms * 1000);
    const bars = barsOf(latencies, 10);
    expect(bars.reduce((sum, { count }) => sum + count, 0)).toBe(1000);
    expect(bars[0]!.fromMs).toBeCloseTo(1);
    expect(bars.at(-1)!.toMs).toBeGreaterThanOrEqual(1000);
    for (let n = 1; n < bars.length; n++) expect(bars[n]!.fromMs).toBe(bars[n - 1]!.toMs);
    expect(barsOf(newLatencies(), 10)).toEqual([]);
  });

  test('progress shows the second that is over, and the phase', () => {
    const measurement = new Measurement();
    const phases = [phase(WARM_UP, 1), phase('before', 2), phase('spike', 2), phase('after', 2)];
    measurement.begin(0, 1000);
    measurement.of(500).offer(500);
    expect(progressLine(1, 1000, measurement, phases)).toMatch(/^ +1 s {2}warm-up +1 +0/);
    for (let n = 0; n < 50; n++) {
      const tally = measurement.of(1100 + n);
      tally.offer(1100 + n);
      tally.answered('pay', 1100 + n, 1200 + n);
      if (n < 40) tally.complete(1200 + n);
    }
    expect(progressLine(2, 2000, measurement, phases)).toMatch(/^ +2 s {2}before +50 +40 +11 +0 +100\.\d$/);
    expect(progressLine(4, 4000, measurement, phases)).toContain('spike');
    expect(progressLine(8, 8000, measurement, phases)).toContain('ending');
  });
});

describe('recovery', () => {
  const spans = spansOf([phase(WARM_UP, 3), phase('before', 3), phase('spike', 2), phase('after', 5)]);
  const calm = { offered: 100, achieved: 100, errors: 0, p99: 20 };
  const timelineOf = (after: Partial<typeof calm>[]) =>
    [calm, calm, calm, { ...calm, p99: 900 }, calm, ...after.map((one) => ({ ...calm, ...one }))].map(
      (counts, second) => ({ second, ...counts }),
    );

  test('is the first second after the trouble that is as before', () => {
    expect(spans).toEqual([
      { name: 'before', from: 0, to: 3 },
      { name: 'spike', from: 3, to: 5 },
      { name: 'after', from: 5, to: 10 },
    ]);
    expect(recoverySeconds(spans, timelineOf([{}, {}]))).toBe(1);
    expect(recoverySeconds(spans, timelineOf([{ p99: 41 }, { errors: 1 }, { achieved: 89 }, {}]))).toBe(4);
  });

  test('is null when there was none, or nothing to recover from', () => {
    expect(recoverySeconds(spans, timelineOf([{ p99: 41 }, { p99: 41 }]))).toBeNull();
    expect(recoverySeconds(spansOf([phase('steady', 9)]), timelineOf([]))).toBeNull();
  });
});

describe('CPU', () => {
  test('a stat line with a nasty name', () => {
    const fields = ['S', '7', ...Array(9).fill('0'), '10', '5', '3', '2', '20'];
    expect(readStat(`42 (a b) c) ${fields.join(' ')}`)).toEqual({ parent: 7, own: 15, buried: 5 });
    expect(readStat('')).toBeNull();
  });

  test('per payment; null where a process is not there or was replaced', () => {
    const own = readCpuTimes({ gateway: process.pid, postgres: process.pid, redis: null, sandbox: null });
    expect(own.gateway).toBeGreaterThan(0);
    expect(own.postgres).toBeGreaterThanOrEqual(own.gateway!);
    expect(own.sandbox).toBeNull();
    const times = { gateway: 1000, postgres: 500, redis: 60, sandbox: null, driver: 0 };
    expect(
      cpuPerPayment(times, { ...times, gateway: 3000, postgres: 400, redis: 130, driver: 10 }, 10),
    ).toEqual({
      gateway: 200,
      postgres: null,
      redis: 7,
      sandbox: null,
      driver: 1,
    });
  });
});
