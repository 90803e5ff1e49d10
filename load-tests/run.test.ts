import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Gateway, startWorld, type World } from '../test/support/world.ts';
import { auditOf, readBySql } from './audit.ts';
import { ClientRecord } from './client-record.ts';
import type { LoadReport } from './report.ts';
import { type FakeGateway, startFakeGateway } from './testing/fake-gateway.ts';

interface Ended {
  code: number;
  out: string;
  err: string;
}

async function load(words: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ended> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'run.ts'), ...words], { env });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text) => (out += String(text)));
  child.stderr.on('data', (text) => (err += String(text)));
  const [code] = await once(child, 'close');
  return { code, out, err };
}

describe('the command against another gateway', () => {
  let gateway: FakeGateway;
  let folder: string;
  let where: string[];

  beforeEach(async () => {
    gateway = await startFakeGateway();
    folder = mkdtempSync(join(tmpdir(), 'sluice-load-test-'));
    const { url } = gateway;
    where = ['--target', url, '--key', 'k', '--sandbox', url, '--duration', '1', '--warmup', '0.2'];
    where.push('--no-webhooks');
  });

  afterEach(async () => {
    await gateway.close();
    rmSync(folder, { recursive: true });
  });

  test('misused: exit code 2, and the usage', async () => {
    expect(await load(['payment', '--rate'])).toMatchObject({ code: 2, out: '' });
    expect((await load([])).err).toContain('no scenario is named\nusage: npm run load');
  });

  test('report, JSON and HTML; nobody watches, so nothing is said meanwhile', async () => {
    const [json, html] = [join(folder, 'report.json'), join(folder, 'report.html')];
    const run = await load(['payment', ...where, '--rate', '50', '--json', json, '--html', html]);
    expect(run.err).toBe('');
    expect(run.code).toBe(0);
    expect(run.out).toContain('lost 0, double 0');
    const report = JSON.parse(readFileSync(json, 'utf8')) as LoadReport;
    expect(report).toMatchObject({
      scenario: 'payment',
      offered: 50,
      completed: 50,
      errors: 0,
      warmUpSeconds: 0.2,
      traffic: { merchants: 1, idempotencyKeys: true },
      cpuUsPerPayment: { gateway: null },
      audit: { source: 'api', acknowledged: 60, stored: 60, charged: 60, lost: 0, double: 0 },
    });
    expect(report.latencyMs.pay.p99).toBeGreaterThan(0);
    expect(readFileSync(html, 'utf8')).toContain('Nothing was lost');
  });

  test('a fault that the audit finds is exit code 1', async () => {
    gateway.onPay = () => 'uncharged';
    const run = await load(['payment', ...where, '--rate', '20']);
    expect(run.code).toBe(1);
    expect(run.out).toContain('success_without_charge');
  });

  test('nothing completed is exit code 1, and says why', async () => {
    gateway.onPay = () => 'refuse';
    const run = await load(['payment', ...where, '--rate', '20']);
    expect(run).toMatchObject({ code: 1 });
    expect(run.out).toContain('× pay 503');
  });
});

describe('the command against a gateway of real parts', () => {
  let world: World;
  let gateway: Gateway;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    world = await startWorld();
    gateway = await world.startGateway({ SLUICE_ALLOW_PRIVATE_WEBHOOKS: 'on' });
    const { folder, merchantId, secretKey, bankUrl, bankSecret, webhookSecret, cluster } = world;
    mkdirSync(join(folder, 'sandbox'));
    const account = { account: 'acct_demo', secretKey: bankSecret, webhookSecret };
    writeFileSync(join(folder, 'sandbox', 'accounts.json'), JSON.stringify([account]));
    const { apiUrl, checkoutUrl } = gateway;
    const demo = { merchantId, secretKey, apiUrl, checkoutUrl, sandboxUrl: bankUrl };
    writeFileSync(join(folder, 'demo.json'), JSON.stringify(demo));
    writeFileSync(join(folder, 'run.json'), JSON.stringify({ gatewayPid: gateway.pid }));
    env = {
      ...process.env,
      ...world.hsmEnv,
      SLUICE_DATA_DIR: folder,
      SLUICE_CONTROL_DATABASE_URL: cluster.owner.control,
      SLUICE_VAULT_DATABASE_URL: cluster.owner.vault,
      SLUICE_SHARD_DATABASE_URLS: cluster.owner.shards.join(','),
    };
  });

  afterAll(async () => await world.stop());

  test('makes its merchants once, and finds every payment in the databases and in the book', async () => {
    const json = join(world.folder, 'report.json');
    const words = ['zipf', '--rate', '20', '--duration', '2', '--warmup', '1', '--json', json];
    const first = await load([...words, '--merchants', '5'], env);
    expect(first.err).toBe('making 5 merchants for load runs, once\n');
    expect(first.code, first.out).toBe(0);
    const file = join(world.folder, 'load-merchants.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const kept = readFileSync(file, 'utf8');
    const report = JSON.parse(readFileSync(json, 'utf8')) as LoadReport;
    expect(report).toMatchObject({
      completed: 40,
      errors: 0,
      traffic: { merchants: 5 },
      audit: {
        source: 'sql',
        acknowledged: 60,
        stored: 60,
        charged: 60,
        delivered: 60,
        lost: 0,
        double: 0,
        findings: [],
      },
    });
    expect(report.latencyMs.webhook.p99).toBeGreaterThan(0);
    expect(report.cpuUsPerPayment.gateway).toBeGreaterThan(0);

    const second = await load([...words, '--merchants', '5', '--no-keys', '--page'], env);
    expect(second.err).toBe('');
    expect(readFileSync(file, 'utf8')).toBe(kept);
    const again = JSON.parse(readFileSync(json, 'utf8')) as LoadReport;
    expect(again.audit).toMatchObject({ acknowledged: 60, stored: 60, charged: 60, findings: [] });
    expect(again.latencyMs.page.p50).toBeGreaterThan(0);
  });

  test('what was acknowledged and is nowhere is lost', async () => {
    const record = new ClientRecord();
    const now = record.startedAt.toString(16).padStart(12, '0');
    const nowMs = performance.now();
    const place = record.begin(nowMs, 0);
    record.intentOk(place, `${now}70008000000000000010`.padEnd(32, '0'), nowMs);
    record.paySent(place, nowMs);
    expect(record.payOk(place, `txn_${record.idOf(place).slice(0, -1)}1`, nowMs)).toBe(true);
    const audit = auditOf(record, await readBySql(env, world.bankUrl, record), false);
    expect(audit.acknowledged).toBe(1);
    expect(audit.lost).toBeGreaterThanOrEqual(1);
    expect(audit.findings.map(({ rule }) => rule)).toContain('acknowledged_absent');
  });
});
