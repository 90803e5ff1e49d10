import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { describe, expect, test } from 'vitest';
import type { Audit } from './audit.ts';
import { htmlReport } from './html-report.ts';
import { Measurement } from './measurement.ts';
import { climbStep, formatReport, type LoadReport, makeReport, type RunFacts } from './report.ts';

const AUDIT: Audit = {
  source: 'sql',
  acknowledged: 30,
  stored: 30,
  charged: 30,
  delivered: null,
  lost: 0,
  double: 0,
  findings: [],
  remarks: [],
};

function measured(): Measurement {
  const measurement = new Measurement();
  const { counted } = measurement;
  measurement.begin(0, 0);
  for (let n = 0; n < 30; n++) {
    const dueMs = n * 100;
    counted.offer(dueMs);
    counted.answered('intent', dueMs, dueMs + 5 + n);
    counted.answered('session', dueMs, dueMs + 10);
    counted.answered('pay', dueMs, dueMs + 30);
    counted.polled(dueMs, dueMs + 3);
    counted.answered('final', dueMs, dueMs + 60);
    if (n === 7) counted.fail('final FAILED <b>', '{"a":"<script>alert(1)</script>"}', dueMs + 60);
    else counted.complete(dueMs + 60);
  }
  measurement.end(3000);
  return measurement;
}

function reportWith(more: Partial<RunFacts> = {}): LoadReport {
  return makeReport({
    scenario: 'payment',
    load: 'open loop, 10/s',
    traffic: {
      merchants: 1000,
      cards: 100_000,
      idempotencyKeys: true,
      page: false,
      firstPollMs: 100,
      seed: 7,
    },
    startedAt: new Date(0),
    warmUpSeconds: 3,
    phases: [{ name: 'steady', from: 0, to: 3 }],
    measurement: measured(),
    cpu: { gateway: 100, postgres: 50, redis: null, sandbox: 20, driver: null },
    audit: AUDIT,
    steps: null,
    machine: {
      cpus: 2,
      model: 'Test & Co CPU',
      memoryGb: 8,
      kernel: '6.1',
      node: 'v22.0.0',
      commit: 'abc123',
    },
    ...more,
  });
}

describe('JSON', () => {
  test('has every field of the operating contract, in its shape', () => {
    const report = JSON.parse(JSON.stringify(reportWith())) as LoadReport;
    expect(report).toMatchObject({
      offered: 10,
      achieved: expect.any(Number),
      completed: 29,
      errors: 1,
      cpuUsPerPayment: { gateway: 100, postgres: 50, redis: null, sandbox: 20, driver: null },
      audit: { acknowledged: 30, stored: 30, charged: 30, delivered: null, lost: 0, double: 0 },
    });
    for (const step of ['intent', 'session', 'pay', 'final', 'webhook'] as const)
      expect(Object.keys(report.latencyMs[step])).toEqual(['p50', 'p90', 'p99', 'p999', 'max']);
    expect(report.latencyMs.pay).toEqual({ p50: 30, p90: 30, p99: 30, p999: 30, max: 30 });
    expect(report.latencyMs.webhook.p99).toBeNull();
    expect(report.timeline.map(({ offered, achieved, errors }) => [offered, achieved, errors])).toEqual([
      [10, 9, 1],
      [10, 10, 0],
      [10, 10, 0],
    ]);
  });

  test('has the histograms raw, to be added up with those of other runs', () => {
    const { histograms } = reportWith();
    expect(Object.keys(histograms)).toEqual(['intent', 'session', 'pay', 'final', 'read']);
    const intent = decodeFromCompressedBase64(histograms.intent!);
    expect([intent.totalCount, intent.maxValue]).toEqual([30, 34_015]);
  });
});

describe('the report for people', () => {
  test('as text tells rates, latencies, audit and errors', () => {
    const text = formatReport(reportWith());
    for (const part of [
      'offered 10/s',
      'lost 0, double 0',
      'an Idempotency-Key on every API POST',
      'commit abc123',
      '1 × final FAILED <b>',
    ])
      expect(text).toContain(part);
    expect(formatReport(reportWith({ audit: null }))).toContain('audit: not made');
  });

  test('as HTML has all its parts, and nothing of it is loaded from elsewhere or run', () => {
    const html = htmlReport(reportWith({ steps: [climbStep(64, measured()), climbStep(128, measured())] }));
    for (const part of [
      'Audit',
      'acknowledged',
      'Second by second',
      'Latency',
      'CPU of a payment',
      'The climb',
      'Errors',
      'How it was measured',
      'Test &amp; Co CPU',
      'abc123',
      'Nothing was lost, nothing was charged twice.',
      'prefers-color-scheme: dark',
    ])
      expect(html).toContain(part);
    expect(html.match(/<svg /g)?.length).toBe(2 + 5);
    expect(html).not.toMatch(/<script|<link|<img|@import|url\(|https?:/);
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('as HTML is whole without audit, and shows what the audit found', () => {
    expect(htmlReport(reportWith({ audit: null }))).toContain('The audit could not be made.');
    const finding = { rule: 'second_success', what: 'twice', count: 2, ids: ['pi_1', 'pi_2'] } as const;
    const html = htmlReport(reportWith({ audit: { ...AUDIT, double: 2, findings: [finding] } }));
    expect(html).toContain('The audit found faults: 0 lost, 2 double.');
    expect(html).toContain('pi_1 pi_2');
  });

  test('as HTML is whole where nothing was measured', () => {
    const nothing = new Measurement();
    nothing.begin(0, 0);
    nothing.end(0);
    expect(htmlReport(reportWith({ measurement: nothing }))).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('tells how long a spike was felt', () => {
    const phases = [
      { name: 'before', from: 0, to: 1 },
      { name: 'spike', from: 1, to: 2 },
      { name: 'after', from: 2, to: 3 },
    ];
    const report = reportWith({ phases });
    expect(report.recoverySeconds).toBe(1);
    expect(formatReport(report)).toContain('spike from second 1.0 to 2.0: all was as before in 1 s');
    expect(htmlReport(report)).toContain('1 s later all was as before');
  });
});
