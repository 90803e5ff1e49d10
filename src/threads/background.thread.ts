/**
 * Background thread: what no request waits for. Recovery, callbacks that wait for their transaction, partitions made ahead,
 * sessions that are over.
 *
 * @module
 */

import { createPostgresBus } from '../bus/postgres/callback-bus.ts';
import { LIMITS } from '../config/limits.ts';
import { connectors } from '../connectors/registry.ts';
import type { ProcessorCallback } from '../domain/callback.ts';
import { createRecovery } from '../recovery/recovery.ts';
import { createUpkeep } from '../recovery/upkeep.ts';
import { randomBytes } from '../runtime/random.ts';
import { createPartitionUpkeep } from '../storage/postgres/partitions.ts';
import { createRecoveryScan } from '../storage/postgres/recovery-scan.ts';
import { createPostgresSessions } from '../storage/postgres/sessions.ts';
import { createWebhookEndpointStore } from '../storage/postgres/webhook-endpoints.ts';
import { openAccounts } from './accounts.ts';
import { applyCallback } from './apply-callback.ts';
import { askShards, enterGatewayThread } from './gateway.ts';
import { openControl } from './merchants.ts';

const UNMATCHED_PAGE = 500;
const SWEEP_EVERY_MS = 10_000;
const SWEEP_KEYS_EVERY_MS = 10 * 60 * 1000;
const PARTITIONS_EVERY_MS = 60 * 60 * 1000;

const guest = enterGatewayThread();
const { options } = guest.options;
const { log, metrics } = guest;
await open().catch(guest.fail);

async function open(): Promise<void> {
  const ask = askShards(guest);
  const control = openControl(guest);
  const accounts = await openAccounts(options, control);
  const scans = options.databases.shards.map((connectionString) => createRecoveryScan(connectionString));
  const queries = new Map(connectors(options).map(({ name, query }) => [name, query]));

  const recovery = createRecovery({
    scans,
    ask,
    askDeadlineMs: LIMITS.replyTimeoutMs,
    queryOf: (processor) => queries.get(processor),
    accountOf: async (merchantId, processor) => {
      const route = await accounts.routeOf(merchantId);
      return route?.processor === processor ? route.account : null;
    },
    now: Date.now,
    random: Math.random,
    randomBytes,
    notFoundProofMs: options.payment.notFoundProofSeconds * 1000,
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

  recovery.start();
  await bus.consume(applyCallback(guest, ask));
  guest.onHeartbeat(() => {
    const counters = recovery.counters();
    metrics.recoveryUnresolved.of().set(counters.unresolved);
    return counters;
  });
  guest.onDrain(async () => {
    await Promise.all([recovery.stop(), bus.close(), upkeep.stop()]);
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
