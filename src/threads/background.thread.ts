/**
 * Background thread: what no request waits for. Recovery, webhooks to merchants, callbacks that wait for their transaction, partitions
 * made ahead, sessions that are over.
 *
 * @module
 */

import { createPostgresBus } from '../bus/postgres/callback-bus.ts';
import { LIMITS } from '../config/limits.ts';
import { connectors } from '../connectors/registry.ts';
import type { ProcessorCallback } from '../domain/callback.ts';
import { createRecovery } from '../recovery/recovery.ts';
import { createTrouble } from '../recovery/trouble.ts';
import { createUpkeep } from '../recovery/upkeep.ts';
import { monotonicMs } from '../runtime/clock.ts';
import { randomBytes } from '../runtime/random.ts';
import type { ControlReader } from '../storage/control.ts';
import { createPartitionUpkeep } from '../storage/postgres/partitions.ts';
import { createRecoveryScan } from '../storage/postgres/recovery-scan.ts';
import { createPostgresSessions } from '../storage/postgres/sessions.ts';
import { createWebhookEndpointStore } from '../storage/postgres/webhook-endpoints.ts';
import { createWebhookQueue } from '../storage/postgres/webhook-queue.ts';
import type { WebhookEndpointStore } from '../storage/webhook-endpoints.ts';
import { createDeliverer } from '../webhooks/deliverer.ts';
import { createWebhookSender } from '../webhooks/send.ts';
import { type Accounts, openAccounts } from './accounts.ts';
import { applyCallback } from './apply-callback.ts';
import { askShards, enterGatewayThread } from './gateway.ts';
import { openControl } from './merchants.ts';

const UNMATCHED_PAGE = 500;
const SWEEP_EVERY_MS = 10_000;
const SWEEP_KEYS_EVERY_MS = 10 * 60 * 1000;
const PARTITIONS_EVERY_MS = 60 * 60 * 1000;
const WEBHOOK_BACKLOG_EVERY_MS = 10_000;

const guest = enterGatewayThread();
const { options } = guest.options;
const { log, metrics } = guest;
await open().catch(guest.fail);

async function open(): Promise<void> {
  const ask = askShards(guest);
  const control = openControl(guest);
  const accounts = await openAccounts(options, control);
  const scans = options.databases.shards.map((connectionString) => createRecoveryScan(connectionString));
  const processors = new Map(connectors(options).map((connector) => [connector.name, connector]));

  const recovery = createRecovery({
    scans,
    ask,
    askDeadlineMs: LIMITS.replyTimeoutMs,
    connectorOf: (processor) => processors.get(processor),
    accountOf: accounts.accountOf,
    now: Date.now,
    random: Math.random,
    randomBytes,
    onQuery: (processor, outcome) => metrics.recoveryQueries.of(processor, outcome).add(),
    log,
  });
  const bus = createPostgresBus({
    apply: applyCallback(guest, ask),
    unmatched: unmatchedCallbacks,
    onFailed: (error) => log('error', 'callback_matching_failed', { errorMessage: String(error) }),
  });
  const sessions = options.redisUrls.length === 0 ? createPostgresSessions(options.databases.control) : null;
  const partitions = options.databases.shards.map((connectionString) =>
    createPartitionUpkeep(connectionString),
  );
  const endpoints = createWebhookEndpointStore(options.databases.control);
  const upkeep = createUpkeep((error) => log('error', 'upkeep_failed', { errorMessage: String(error) }));
  if (sessions !== null) upkeep.every(SWEEP_EVERY_MS, () => sessions.sweep());
  upkeep.every(SWEEP_KEYS_EVERY_MS, () => endpoints.sweep());
  for (const each of partitions) upkeep.every(PARTITIONS_EVERY_MS, () => each.run(new Date()));

  const webhooks = openWebhooks(control, accounts, endpoints);
  upkeep.every(WEBHOOK_BACKLOG_EVERY_MS, webhooks.look);

  recovery.start();
  webhooks.deliverer.start();
  await bus.consume(applyCallback(guest, ask));
  guest.onHeartbeat(() => {
    const counters = recovery.counters();
    metrics.recoveryUnresolved.of().set(counters.unresolved);
    metrics.recoveryOldestSeconds.of().set(counters.oldestMs / 1000);
    const { running, inHand } = webhooks.deliverer.counters();
    metrics.webhooksRunning.of().set(running);
    return { ...counters, webhooksInHand: inHand };
  });
  guest.onDrain(async () => {
    await Promise.all([recovery.stop(), webhooks.deliverer.stop(), bus.close(), upkeep.stop()]);
    await webhooks.close();
    await Promise.all([control.close(), accounts.close(), sessions?.close(), endpoints.close()]);
    await Promise.all([...scans, ...partitions].map((each) => each.close()));
  });
  guest.ready();

  async function unmatchedCallbacks(): Promise<ProcessorCallback[]> {
    const pages = await Promise.all(scans.map((scan) => scan.unmatchedCallbacks(UNMATCHED_PAGE)));
    return pages.flat().map(({ processor, eventId, transactionId, word, receivedAt }) => ({
      processor,
      callbackId: eventId,
      transactionId,
      word: JSON.parse(word),
      receivedAt,
    }));
  }
}

/** Webhooks to merchants: the deliverer with what it needs, and a look at what waits. */
function openWebhooks(control: ControlReader, accounts: Accounts, endpoints: WebhookEndpointStore) {
  const onLost = (error: Error): void =>
    log('warn', 'webhook_connection_lost', { errorMessage: error.message });
  const queues = options.databases.shards.map((connectionString) =>
    createWebhookQueue(connectionString, { onLost }),
  );
  const sender = createWebhookSender({
    allowPrivate: options.allowPrivateWebhooks,
    now: Date.now,
    monotonicMs,
  });
  const trouble = createTrouble(log);
  const deliverer = createDeliverer({
    queues,
    holder: randomBytes(16).toString('hex'),
    endpointsOf: control.webhookEndpoints,
    secretsOf: (endpoint) => accounts.endpointSecrets(endpoint, Date.now()),
    send: sender.send,
    async disable(endpointId, at, url) {
      if (await endpoints.disable({ endpointId, url }, 'gone', at))
        log('warn', 'webhook_endpoint_gone', { endpoint: endpointId });
    },
    now: Date.now,
    monotonicMs,
    random: Math.random,
    timers: globalThis,
    onTry(failure, sinceCommitMs) {
      metrics.webhookTries.of(failure ?? 'delivered').add();
      if (failure === null) metrics.webhookDeliverySeconds.of().observe(sinceCommitMs / 1000);
    },
    onDead: (reason) => metrics.webhooksDead.of(reason).add(),
    onTrouble: (event, error) => trouble.note(event, { errorMessage: String(error) }),
  });

  async function look(): Promise<void> {
    trouble.tell();
    const backlogs = await Promise.all(queues.map((queue) => queue.backlog()));
    for (const [database, { undispatched, waiting, oldestMs }] of backlogs.entries()) {
      metrics.webhooksUndispatched.of(String(database)).set(undispatched);
      metrics.webhooksWaiting.of(String(database)).set(waiting);
      metrics.webhooksOldestSeconds.of(String(database)).set(oldestMs / 1000);
    }
  }

  async function close(): Promise<void> {
    trouble.tell();
    await sender.close();
    await Promise.all(queues.map((queue) => queue.close()));
  }

  return { deliverer, look, close };
}
