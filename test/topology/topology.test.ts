/**
 * The topology of compose.yaml as processes, by the script a person runs: a payment through all of its parts, a part that dies, and its end.
 *
 * @module
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TopologyUrls } from '../../deploy/processes/topology.ts';
import { registerEndpoints } from '../../load-tests/webhook-endpoints.ts';
import { startWebhookReceiver } from '../../load-tests/webhook-receiver.ts';
import { readSettingsText } from '../../src/config/settings-text.ts';
import { identifyProcess } from '../../src/embedded/process-identity.ts';
import { query } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { canRun } from '../support/required-servers.ts';
import { CARDS, createShop } from '../support/shop.ts';

interface Ready {
  folder: string;
  urls: TopologyUrls;
  merchantId: string;
  secretKey: string;
  brokers: string[];
  pids: Record<string, number>;
}

const SERVERS = ['redis-server', 'haproxy', 'kafka'] as const;
const complete = SERVERS.every((server) => canRun(server, 'the topology as processes is'));

let folder: string;
let script: ChildProcessByStdio<Writable, Readable, null>;
let ended: Promise<unknown[]>;
let lines: Interface;
let ready: Ready;

describe.skipIf(!complete)('the topology, small', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-topology-'));
    script = spawn(
      process.execPath,
      ['deploy/processes/run.ts', '--profile', 'small', '--dir', folder, '--json'],
      { cwd: join(import.meta.dirname, '../..'), stdio: ['pipe', 'pipe', 'inherit'] },
    );
    ended = once(script, 'exit');
    lines = createInterface({ input: script.stdout });
    const first = await Promise.race([once(lines, 'line'), ended.then(() => ['{}'])]);
    ready = JSON.parse(first[0]);
  });

  afterAll(async () => {
    script.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });

  test('a payment goes through the balancer, its callback through Kafka, and its merchant hears of it', async () => {
    const { urls, merchantId, secretKey } = ready;
    const heard: string[] = [];
    const receiver = await startWebhookReceiver();
    receiver.onEvent((orderId) => heard.push(orderId));
    const endpoints = await registerEndpoints(urls.api, [{ merchantId, secretKey }], receiver);
    const shop = createShop({ merchantId, secretKey }, { apiUrl: urls.api, checkoutUrl: urls.checkout });

    const { transactionId } = await shop.buy(CARDS.successByCallback);
    const { body } = await shop.becomes(transactionId, 'SUCCESS');
    await eventually(() => expect(heard).toContain(body.orderId));

    const [callback] = await callbacksOf(transactionId);
    expect(callback).toMatchObject({ verdict: 'applied' });
    await eventually(async () => expect(await committedOffset(ready.brokers)).toBeGreaterThan(0));
    await endpoints.remove();
    await receiver.close();
  }, 60_000);

  test('only the checkout processes hold the vault', () => {
    const { pids } = ready;
    const holders = Object.entries(pids).filter(([, pid]) =>
      /vault/i.test(readFileSync(`/proc/${pid}/environ`, 'utf8')),
    );
    expect(holders.map(([name]) => name)).toEqual(['checkout-1', 'checkout-2']);
  });

  test('a part that dies is started again', async () => {
    const before = ready.pids['checkout-2'];
    expect(await order('kill checkout-2')).toMatchObject({ ok: true });
    await eventually(async () => {
      const { pids } = await order('list');
      expect(pids['checkout-2']).toBeGreaterThan(0);
      expect(pids['checkout-2']).not.toBe(before);
    });
    expect(await order('kill nobody')).toMatchObject({ ok: false });
  });

  test('it ends with 0 and leaves no process behind', async () => {
    const { pids } = await order('list');
    expect(Object.keys(pids).length).toBeGreaterThanOrEqual(12);
    script.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(Object.values(pids).flatMap((pid) => identifyProcess(pid) ?? [])).toEqual([]);
  }, 60_000);
});

async function order(line: string): Promise<{ ok: boolean; pids: Record<string, number> }> {
  const answer = once(lines, 'line');
  script.stdin.write(`${line}\n`);
  return JSON.parse((await answer)[0]);
}

async function callbacksOf(transactionId: string): Promise<Array<{ verdict: string }>> {
  const { values } = readSettingsText(readFileSync(join(ready.folder, 'settings'), 'utf8'));
  const shards = values.get('SLUICE_SHARD_DATABASE_URLS')!.split(',');
  const text = "select verdict from processor_callbacks where replace(transaction_id::text, '-', '') = $1";
  const rows = await Promise.all(
    shards.map((url) => query<{ verdict: string }>(url, text, [transactionId.slice(4)])),
  );
  return rows.flat();
}

/** Messages of the topic of callbacks that the gateways' group has applied and put behind it. */
async function committedOffset(brokers: string[]): Promise<number> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const [topic] = await admin.fetchOffsets({
      groupId: 'sluice-callbacks',
      topics: ['payment_callback_status'],
    });
    return topic!.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
  } finally {
    await admin.disconnect();
  }
}
