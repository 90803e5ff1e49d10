import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ArgumentError, parseArguments } from './arguments.ts';
import { openLoop } from './arrivals.ts';
import { auditRun, ChargeTally, hasFault, judge } from './audit.ts';
import { readAnswer } from './connection.ts';
import { ConnectionPool } from './connection-pool.ts';
import { cpuPerPayment, readCpuTimes, readStat } from './cpu.ts';
import { Measurement, percentilesOf } from './measurement.ts';
import { ABSENT, FAILED, FOUND, PAID, PaymentRecord, SUCCESS, transactionIdOf } from './payment-record.ts';
import type { LoadReport } from './report.ts';
import type { ScenarioContext } from './scenario.ts';
import { prepareFullPayment } from './scenarios/full-payment.ts';
import { findTarget, NoTargetError } from './target.ts';
import { type FakeGateway, startFakeGateway } from './testing/fake-gateway.ts';

describe('arguments', () => {
  test('defaults', () => {
    expect(parseArguments(['full-payment'])).toMatchObject({
      load: { kind: 'concurrency', inFlight: 64 },
      durationSeconds: 10,
      firstPollMs: 5,
      target: null,
    });
    expect(parseArguments(['create-intent', '--rate', '2000', '--duration', '30']).load).toEqual({
      kind: 'rate',
      perSecond: 2000,
    });
    expect(parseArguments(['full-payment', '--max'])).toMatchObject({
      load: { kind: 'max' },
      durationSeconds: 5,
    });
  });

  test.each([
    [[], 'no scenario'],
    [['half-payment'], 'no scenario half-payment'],
    [['full-payment', '--rate', '1', '--max'], 'only one of'],
    [['full-payment', '--rate', '0'], '--rate is a number'],
    [['full-payment', '--concurrency', '1.5'], '--concurrency is a whole number'],
    [['full-payment', '--duration', '10m'], '--duration'],
    [['full-payment', '--speed', '9'], '--speed'],
    [['full-payment', '--target', 'http://h'], '--target and --key'],
    [['full-payment', '--target', 'ftp://h', '--key', 'k'], '--target is not'],
    [['full-payment', '--sandbox', 'http://h'], '--merchant and --sandbox'],
    [['full-payment', 'create-intent'], 'one scenario at a time'],
  ])('refuses %j', (words, message) => {
    expect(() => parseArguments(words)).toThrow(ArgumentError);
    expect(() => parseArguments(words)).toThrow(message);
  });

  test('no local gateway is said with what to do', () => {
    const none = { target: null, key: null, merchant: null, sandbox: null };
    expect(() => findTarget(none, { SLUICE_DATA_DIR: '/nonexistent' })).toThrow(NoTargetError);
    expect(() => findTarget(none, { SLUICE_DATA_DIR: '/nonexistent' })).toThrow('npm start');
  });
});

describe('an answer on the wire', () => {
  const whole = 'HTTP/1.1 201 Created\r\nContent-Length: 4\r\nX: y\r\n\r\nbody';
  const chunks =
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\na;x=1\r\n0123456789\r\n0\r\n\r\n';

  test('is read in every piece it may come in', () => {
    for (const [text, status, body] of [
      [whole, 201, 'body'],
      [chunks, 200, 'abc0123456789'],
    ] as const) {
      for (let cut = 0; cut < text.length; cut++)
        expect(readAnswer(text.slice(0, cut))).toEqual({ kind: 'partial' });
      expect(readAnswer(text)).toEqual({ kind: 'whole', status, body, keepAlive: true });
    }
  });

  test.each([
    ['more than one answer', `${whole}H`],
    ['more than one answer in chunks', `${chunks}H`],
    ['no HTTP', 'SSH-2.0-x\r\n\r\n\r\n'],
    ['no length', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['a wrong chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
  ])('%s is a fault', (_what, text) => {
    expect(readAnswer(text)).toEqual({ kind: 'bad' });
  });

  test('may close the connection, or have no body', () => {
    const closing = 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n';
    expect(readAnswer(closing)).toEqual({ kind: 'whole', status: 204, body: '', keepAlive: false });
  });
});

describe('connection pool', () => {
  const get = 'GET /v1/payment/intent/pi_0 HTTP/1.1\r\nHost: h\r\n\r\n';

  test('a listener that is not there, one that hangs up, one that is silent', async () => {
    let silent = false;
    const server = createServer((socket) =>
      socket.on('data', () => silent || socket.destroy()).on('error', () => 0),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const pool = new ConnectionPool(`http://127.0.0.1:${port}`, { connectionsMax: 2, requestTimeoutMs: 50 });
    const three = await Promise.all([pool.request(get), pool.request(get), pool.request(get)]);
    expect(three.map(({ fault }) => fault)).toEqual(Array(3).fill('connection_reset'));
    silent = true;
    expect((await pool.request(get)).fault).toBe('timeout');
    const pending = pool.request(get);
    pool.close();
    expect((await pending).fault).toBe('closed');
    server.close();
    await once(server, 'close');
    const late = new ConnectionPool(`http://127.0.0.1:${port}`, { connectionsMax: 2, requestTimeoutMs: 50 });
    expect((await late.request(get)).fault).toBe('connect_failed');
    expect((await late.request(get)).fault).toBe('connect_failed');
    late.close();
  });

  test('more requests than connections wait in order and are all answered', async () => {
    const gateway = await startFakeGateway();
    const pool = new ConnectionPool(gateway.url, { connectionsMax: 3, requestTimeoutMs: 5000 });
    const answers = await Promise.all(Array.from({ length: 50 }, () => pool.request(get)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
    pool.close();
    await gateway.close();
  });
});

test('an open loop keeps its schedule when payments are slow', async () => {
  const due: number[] = [];
  const measurement = new Measurement(performance.now());
  const slow = async (dueMs: number) => {
    due.push(dueMs);
    await new Promise((resolve) => setTimeout(resolve, 100));
    return true;
  };
  const options = { durationMs: 200, signal: new AbortController().signal };
  await openLoop(500, options, slow, measurement);
  expect(due.length).toBe(100);
  for (let i = 1; i < due.length; i++) expect(due[i]! - due[i - 1]!).toBeCloseTo(2, 5);
});

describe('measurement', () => {
  test('percentiles, seconds and rates', () => {
    const measurement = new Measurement(1000);
    for (let i = 1; i <= 1000; i++) {
      measurement.offered += 1;
      measurement.answered('pay', 1000, 1000 + i);
      measurement.complete(1000 + i);
    }
    measurement.offered += 2;
    measurement.fail('pay 503 overloaded', 'body', 3500);
    measurement.endWindow(3000);
    measurement.complete(3600);
    measurement.end(3600);
    const { p50, p99, p999, max } = percentilesOf(measurement.latencies.pay);
    expect([p50, p99, p999, max].map((ms) => Math.round(ms! / 10))).toEqual([50, 99, 100, 100]);
    expect(percentilesOf(measurement.latencies.webhook).p50).toBeNull();
    expect(measurement.achievedPerSecond).toBe(500);
    expect(measurement.offeredPerSecond).toBe(501);
    expect(measurement.timeline.map(({ completed, errors }) => [completed, errors])).toEqual([
      [999, 0],
      [1, 0],
      [1, 1],
    ]);
    expect(measurement.causes).toEqual(new Map([['pay 503 overloaded', 1]]));
  });

  test('causes are bounded', () => {
    const measurement = new Measurement(0);
    for (let i = 0; i < 200; i++) measurement.fail(`cause ${i}`, 'x'.repeat(10_000), 1);
    expect(measurement.causes.size).toBe(101);
    expect(measurement.causes.get('others')).toBe(100);
    expect(measurement.samples.map(({ body }) => body.length)).toEqual([400, 400, 400]);
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
    const times = { gateway: 1000, postgres: 500, redis: null, sandbox: null, driver: 0 };
    expect(cpuPerPayment(times, { ...times, gateway: 3000, postgres: 400, driver: 10 }, 10)).toEqual({
      gateway: 200,
      postgres: null,
      redis: null,
      sandbox: null,
      driver: 1,
    });
  });
});

describe('audit', () => {
  const idOf = (n: number) => `019900000000700080${n.toString(16).padStart(13, '0')}0`;
  const charged = (n: number, attempt = 1, amount = 1000 + n) => ({
    reference: `txn_${idOf(n).slice(0, 31)}${attempt}`,
    amount,
    effect: 'charged',
  });

  test('the record finds each of many payments by any of its attempts', () => {
    const record = new PaymentRecord();
    for (let n = 0; n < 5000; n++) record.add(idOf(n), 1000 + n);
    for (let n = 0; n < 5000; n += 7) {
      expect(record.find(transactionIdOf(idOf(n)))).toBe(n);
      expect(record.find(`${idOf(n).slice(0, 31)}f`)).toBe(n);
      expect(record.idOf(n)).toBe(idOf(n));
    }
    expect(record.find(idOf(5000))).toBe(-1);
    expect(record.find('no id')).toBe(-1);
    expect(() => record.add('0199', 1)).toThrow(RangeError);
  });

  test('what is well, lost, doubled, wrong and pending', () => {
    const record = new PaymentRecord();
    for (let n = 0; n < 8; n++) record.add(idOf(n), 1000 + n);
    record.mark(0, PAID | SUCCESS | FOUND);
    record.mark(1, PAID | SUCCESS | FOUND); // no charge
    record.mark(2, PAID | ABSENT); // gone
    record.mark(3, PAID | SUCCESS | FOUND); // charged by two attempts
    record.mark(4, PAID | FAILED | FOUND); // charged all the same
    record.mark(5, PAID | FOUND); // still open
    record.mark(6, FOUND); // an intent nobody paid
    record.mark(7, PAID | SUCCESS | FOUND); // another amount
    const tally = new ChargeTally(record);
    for (const line of [charged(0), charged(3), charged(3, 2), charged(4), charged(7, 1, 5), charged(99)])
      tally.take(line);
    tally.take({ ...charged(0), effect: 'none' });
    const audit = judge(record, tally, 0);
    expect(audit).toEqual({
      acknowledged: 7,
      stored: 6,
      charged: 5,
      delivered: null,
      lost: 2,
      double: 1,
      wrong: 2,
      pending: 1,
      unanswered: 0,
      checked: 8,
      unreachable: 0,
    });
    expect(hasFault(audit)).toBe(true);
    expect(judge(record, null, 0)).toMatchObject({ charged: null, double: null, wrong: null, lost: 1 });
  });
});

describe('full payment against a gateway of node:http', () => {
  let gateway: FakeGateway;
  let context: ScenarioContext;

  beforeEach(async () => {
    gateway = await startFakeGateway();
    const { url } = gateway;
    context = {
      target: {
        apiUrl: url,
        checkoutUrl: null,
        merchantId: 'm',
        secretKey: 'k',
        sandboxUrl: url,
        pids: null,
      },
      record: new PaymentRecord(),
      connectionsMax: 4,
      firstPollMs: 1,
    };
  });

  afterEach(async () => await gateway.close());

  async function pay(count: number): Promise<Measurement> {
    const scenario = await prepareFullPayment(context);
    const measurement = new Measurement(performance.now());
    const options = { durationMs: 200, signal: new AbortController().signal };
    await scenario.run({ kind: 'rate', perSecond: count * 5 }, options, measurement);
    measurement.end(performance.now());
    scenario.close();
    return measurement;
  }

  test('all is well: every payment is final, every order its own', async () => {
    const measurement = await pay(40);
    expect(measurement).toMatchObject({ offered: 40, completed: 40, errors: 0, polls: 80 });
    expect(measurement.latencies.final.totalCount).toBe(40);
    expect(new Set(gateway.orderIds).size).toBe(41);
    expect(await auditRun(context.target, context.record)).toMatchObject({
      acknowledged: 40,
      stored: 40,
      charged: 40,
      lost: 0,
      double: 0,
      wrong: 0,
      pending: 0,
      checked: 40,
    });
  });

  test('resets and refusals are counted; the audit finds a double and an uncharged payment', async () => {
    gateway.onPay = (n) => (['reset', 'refuse', 'double', 'uncharged'] as const)[n] ?? 'pay';
    const measurement = await pay(20);
    expect(measurement).toMatchObject({ offered: 20, completed: 18, errors: 2 });
    expect(Object.fromEntries(measurement.causes)).toEqual({
      'pay connection_reset': 1,
      'pay 503 overloaded': 1,
    });
    expect(await auditRun(context.target, context.record)).toMatchObject({
      acknowledged: 18,
      stored: 18,
      charged: 19,
      lost: 1,
      double: 1,
      unanswered: 1,
    });
  });

  test('the audit finds a payment that was forgotten', async () => {
    await pay(5);
    gateway.forget.add(context.record.idOf(2).slice(0, 31));
    expect(await auditRun(context.target, context.record)).toMatchObject({
      acknowledged: 5,
      stored: 4,
      lost: 1,
    });
  });

  test('the command: report, JSON and exit codes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-load-'));
    const json = join(folder, 'report.json');
    const where = ['--target', gateway.url, '--key', 'k', '--sandbox', gateway.url, '--duration', '1'];
    const load = async (...words: string[]) => {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'run.ts'), ...words]);
      let [out, err] = ['', ''];
      child.stdout.on('data', (text) => (out += String(text)));
      child.stderr.on('data', (text) => (err += String(text)));
      const [code] = await once(child, 'close');
      return { code, out, err };
    };
    try {
      expect(await load('full-payment', '--rate')).toMatchObject({ code: 2 });
      const run = await load('full-payment', ...where, '--rate', '50', '--json', json);
      expect(run.err).toContain('auditing 50 payments');
      expect(run.code).toBe(0);
      expect(run.out).toContain('lost 0');
      const report = JSON.parse(await readFile(json, 'utf8')) as LoadReport;
      expect(report).toMatchObject({
        offered: 50,
        completed: 50,
        errors: 0,
        cpuUsPerPayment: { gateway: null },
      });
      expect(report.latencyMs.pay.p99).toBeGreaterThan(0);
      expect(report.latencyMs.webhook.p99).toBeNull();
      for (const scenario of ['create-intent', 'get-transaction']) {
        const other = await load(scenario, ...where, '--concurrency', '4');
        expect(`${scenario} ${other.code} ${other.err}`).toContain(`${scenario} 0`);
      }
      gateway.onPay = () => 'uncharged';
      expect(await load('full-payment', ...where, '--rate', '20')).toMatchObject({ code: 1 });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
