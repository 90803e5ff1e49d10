import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';
import { createMetricRegistry, renderMetrics, SERIES_MAX } from './registry.ts';

test('parts of several threads become one page, a series for each thread', async () => {
  const parts = [];
  for (const [i, thread] of ['api', 'shard-1'].entries()) {
    const registry = createMetricRegistry(thread);
    const metrics = createMetrics(registry);
    metrics.refused.of('overloaded').add(i + 1);
    metrics.commitSeconds.of().observe(0.003);
    metrics.mailboxDepth.of('0').set(7);
    parts.push(structuredClone(await registry.collect()));
  }
  const page = await renderMetrics(parts);
  expect(page).toContain('sluice_refused_total{reason="overloaded",thread="api"} 1\n');
  expect(page).toContain('sluice_refused_total{reason="overloaded",thread="shard-1"} 2\n');
  expect(page).toContain('sluice_commit_seconds_bucket{le="0.004",thread="shard-1"} 1\n');
  expect(page).toContain('sluice_commit_seconds_count{thread="api"} 1\n');
  expect(page).toContain('sluice_mailbox_depth{lane="0",thread="api"} 7\n');
  expect(page.match(/# TYPE sluice_commit_seconds histogram/g)).toHaveLength(1);
});

test('every metric has our prefix and a sentence of help', async () => {
  const registry = createMetricRegistry('main');
  createMetrics(registry);
  for (const metric of (await registry.collect()) as Array<{ name: string; help: string }>) {
    expect(metric.name).toMatch(/^sluice_[a-z_]+$/);
    expect(metric.help).toMatch(/\.$/);
  }
});

test('series over the bound count as other', async () => {
  const registry = createMetricRegistry('main');
  const requests = registry.counter('sluice_test_total', 'A test.', ['endpoint']);
  for (let i = 0; i < SERIES_MAX + 10; i++) requests.of(`endpoint-${i}`).add();
  const page = await renderMetrics([await registry.collect()]);
  expect(page).toContain('sluice_test_total{endpoint="other",thread="main"} 10\n');
});

test('gauges that are read are refreshed at collection', async () => {
  const registry = createMetricRegistry('main');
  const depth = registry.gauge('sluice_test_depth', 'A test.');
  let waiting = 0;
  registry.onCollect(() => depth.of().set(waiting));
  waiting = 3;
  expect(await renderMetrics([await registry.collect()])).toContain('sluice_test_depth{thread="main"} 3\n');
});
