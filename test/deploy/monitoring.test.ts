/**
 * Alerts, runbook and dashboard speak of metrics that there are, and the alerts that matter most fire when they must.
 *
 * @module
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createMetrics } from '../../src/metrics/metrics.ts';
import type { MetricRegistry } from '../../src/metrics/registry.ts';
import { canRun } from '../support/required-servers.ts';
import { documentsOf, ROOT, textOf } from './files.ts';

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; action: string; runbook_url: string };
}

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  datasource?: { uid: string };
  targets?: { expr: string }[];
}

const [{ groups }] = documentsOf<{ groups: { name: string; rules: Rule[] }[] }>(
  'deploy/prometheus/alerts.yml',
) as [{ groups: { name: string; rules: Rule[] }[] }];
const rules = groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(textOf('deploy/grafana/dashboards/sluice.json')) as {
  panels: Panel[];
  templating: { list: { name: string }[] };
};
const panels = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => [title, expr] as const),
);
const expressions = [...rules.map(({ alert, expr }) => [alert, expr] as const), ...panels];

/** Of others: Prometheus itself, the balancer, the host. */
const FOREIGN: Record<string, readonly string[]> = {
  up: ['job', 'instance', 'zone'],
  haproxy_server_status: ['proxy', 'server', 'state'],
  node_timex_offset_seconds: [],
};

/** Every metric of the program with its labels, as it declares them. */
function declaredMetrics(): Map<string, readonly string[]> {
  const found = new Map(Object.entries(FOREIGN));
  const note = (name: string, labels: readonly string[] = []) => {
    found.set(name, labels);
    return undefined as never;
  };
  createMetrics({
    counter: (name, _help, labels) => note(name, labels),
    gauge: (name, _help, labels) => note(name, labels),
    histogram: (name, _help, _buckets, labels) => {
      for (const part of ['bucket', 'sum', 'count']) note(`${name}_${part}`, [...(labels ?? []), 'le']);
      return undefined as never;
    },
  } as Partial<MetricRegistry> as MetricRegistry);
  return found;
}

const metrics = declaredMetrics();

function metricsIn(expr: string): string[] {
  return [...new Set(expr.match(/\b(?:sluice_\w+|haproxy_\w+|node_\w+|up(?=\{))/g) ?? [])];
}

/** Labels that an expression selects by or groups by. */
function labelsIn(expr: string): string[] {
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names]) => names!.split(/,\s*/));
  const selected = [...expr.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, name]) => name!);
  return [...grouped, ...selected];
}

test.each(expressions)('%s asks for metrics and labels that there are', (_, expr) => {
  const names = metricsIn(expr);
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !metrics.has(name))).toEqual([]);
  // Prometheus says where a series came from, the registry says which thread.
  const labels = new Set(['instance', 'thread', ...names.flatMap((name) => metrics.get(name) ?? [])]);
  expect(labelsIn(expr).filter((label) => !labels.has(label))).toEqual([]);
});

describe('alerts', () => {
  const runbook = textOf('docs/RUNBOOK.md');
  const sections = runbook.split(/^## /m).slice(1);

  test.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s says what is so, what to do, and has its section in the runbook',
    (alert, rule) => {
      expect(['page', 'ticket']).toContain(rule.labels.severity);
      expect(rule.annotations.summary).toMatch(/\.$/);
      expect(rule.annotations.action).toMatch(/\.$/);
      expect(rule.annotations.runbook_url).toBe(`docs/RUNBOOK.md#${alert.toLowerCase()}`);
      const section = sections.find((one) => one.startsWith(`${alert}\n`));
      for (const part of ['**Means**', '**Look at**', '**Do**']) expect(section).toContain(part);
    },
  );

  test('no section of the runbook is without its alert, and every link in it leads to a section', () => {
    const titles = sections.map((section) => section.split('\n')[0]!);
    expect(titles).toEqual(rules.map(({ alert }) => alert));
    const links = [...runbook.matchAll(/\]\(#(\w+)\)/g)].map(([, anchor]) => anchor!);
    expect(links.filter((anchor) => !titles.some((title) => title.toLowerCase() === anchor))).toEqual([]);
  });
});

describe('the dashboard', () => {
  test('every panel is of the provisioned source and stands where no other does', () => {
    const places = new Set<string>();
    for (const { title, type, datasource, gridPos } of dashboard.panels) {
      if (type !== 'row') expect(datasource?.uid, title).toBe('prometheus');
      const { x, y, w, h } = gridPos;
      expect(x + w, title).toBeLessThanOrEqual(24);
      for (let column = x; column < x + w; column++)
        for (let line = y; line < y + h; line++) {
          expect(places.has(`${column} ${line}`), title).toBe(false);
          places.add(`${column} ${line}`);
        }
    }
    const source = textOf('deploy/grafana/provisioning/datasources/prometheus.yml');
    expect(source).toContain('uid: prometheus');
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });

  test('every metric of the program is on it or in an alert', () => {
    const shown = new Set(expressions.flatMap(([, expr]) => metricsIn(expr)).map(base));
    const unseen = [...metrics.keys()].filter((name) => !(name in FOREIGN) && !shown.has(base(name)));
    expect([...new Set(unseen.map(base))].filter((name) => !UNSEEN.has(name))).toEqual([]);
  });
});

/** Metrics that explain another one which is shown. */
const UNSEEN = new Set<string>([]);

function base(name: string): string {
  return name.replace(/_(bucket|sum|count)$/, '');
}

describe.skipIf(!canRun('promtool', 'whether alerts and dashboard are PromQL, and when alerts fire, is'))(
  'promtool',
  () => {
    test('finds nothing wrong with configuration and rules', () => {
      execFileSync('promtool', ['check', 'config', join(ROOT, 'deploy/prometheus/prometheus.yml')]);
      execFileSync('promtool', [
        'check',
        'rules',
        '--lint-fatal',
        join(ROOT, 'deploy/prometheus/alerts.yml'),
      ]);
    });

    test('the alerts that matter most fire when they must and only then', () => {
      const { status, stdout, stderr } = spawnSync(
        'promtool',
        ['test', 'rules', join(ROOT, 'deploy/prometheus/alerts.test.yml')],
        {
          encoding: 'utf8',
        },
      );
      expect(status, `${stdout}${stderr}`).toBe(0);
    });

    test('reads every expression of the dashboard', () => {
      const folder = mkdtempSync(join(tmpdir(), 'sluice-promql-'));
      try {
        const rules = panels.map(([, expr], index) => ({
          record: `panel:${index}`,
          expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*'),
        }));
        expect(JSON.stringify(rules)).not.toContain('$');
        const file = join(folder, 'panels.yml');
        writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }));
        const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', '--lint=none', file], {
          encoding: 'utf8',
        });
        expect(status, `${stdout}${stderr}`).toBe(0);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  },
);

test('Prometheus scrapes every process that compose runs, at its ops port', () => {
  const [{ scrape_configs }] = documentsOf<{
    scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
  }>('deploy/prometheus/prometheus.yml') as [
    { scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[] },
  ];
  const [{ services }] = documentsOf<{ services: Record<string, { image: string; restart: string }> }>(
    'compose.yaml',
  ) as [{ services: Record<string, { image: string; restart: string }> }];
  const processes = Object.entries(services).filter(
    ([, { image, restart }]) => image.startsWith('sluice-gateway:') && restart !== 'no',
  );
  const sluice = scrape_configs.find(({ job_name }) => job_name === 'sluice')!;
  expect(sluice.static_configs.flatMap(({ targets }) => targets)).toEqual(
    processes.map(([name]) => `${name}:9464`),
  );
});
