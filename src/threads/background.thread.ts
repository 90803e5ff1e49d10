/**
 * Background thread: what no request waits for. Recovery, webhooks to merchants, callbacks that wait for their transaction, what
 * settlement reports say, partitions made ahead, sessions that are over. What one gateway at a time is to do is done while its lease is held.
 *
 * @module
 */

import { LIMITS } from '../config/limits.ts';
import { connectors } from '../connectors/registry.ts';
import type { ProcessorCallback } from '../domain/callback.ts';
import { createRecovery } from '../recovery/recovery.ts';
import { createTrouble, type Trouble } from '../recovery/trouble.ts';
import { createUpkeep, type Upkeep } from '../recovery/upkeep.ts';
import { monotonicMs } from '../runtime/clock.ts';
import { createDuty, type Duty, RENEW_MS } from '../runtime/duty.ts';
import { randomBytes } from '../runtime/random.ts';
import { settledWithin } from '../runtime/settled-within.ts';
import type { ControlReader } from '../storage/control.ts';
import type { Job } from '../storage/job-leases.ts';
import { createJobLease } from '../storage/postgres/job-leases.ts';
import { createPartitionUpkeep } from '../storage/postgres/partitions.ts';
import { createRecoveryScan } from '../storage/postgres/recovery-scan.ts';
import { createPostgresSessions } from '../storage/postgres/sessions.ts';
import { createWebhookEndpointStore } from '../storage/postgres/webhook-endpoints.ts';
import { createWebhookQueue } from '../storage/postgres/webhook-queue.ts';
import type { RecoveryScan } from '../storage/recovery-scan.ts';
import type { WebhookEndpointStore } from '../storage/webhook-endpoints.ts';
import { createDeliverer } from '../webhooks/deliverer.ts';
import { createWebhookSender } from '../webhooks/send.ts';
import { type Accounts, openAccounts } from './accounts.ts';
import { applyCallback } from './apply-callback.ts';
import { openBus, startRelay } from './bus.ts';
import { openCorrections } from './corrections.ts';
import { askShards, enterGatewayThread } from './gateway.ts';
import { openControl } from './merchants.ts';
import { openSettlementSchedule } from './settlement-schedule.ts';

const UNMATCHED_PAGE = 500;
const SWEEP_EVERY_MS = 10_000;
const SWEEP_KEYS_EVERY_MS = 10 * 60 * 1000;
const PARTITIONS_EVERY_MS = 60 * 60 * 1000;
const WEBHOOK_BACKLOG_EVERY_MS = 10_000;
const BUS_LOOK_EVERY_MS = 10_000;
const TROUBLE_EVERY_MS = 10_000;
/** Of its time to drain, what this thread keeps for closing. */
const CLOSE_MS = 500;

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

  const jobs = openJobs();

  const recovery = createRecovery({
    scans,
    ask,
    askDeadlineMs: LIMITS.replyTimeoutMs,
    connectorOf: (processor) => processors.get(processor),
    accountOf: accounts.accountOf,
    now: Date.now,
    jobOf: (database) => jobs.shards[database]!.state(),
    random: Math.random,
    randomBytes,
    onQuery: (processor, outcome) => metrics.recoveryQueries.of(processor, outcome).add(),
    log,
  });
  const trouble = createTrouble(log);
  const corrections = openCorrections(guest, ask, trouble);
  const settlements = openSettlementSchedule(guest, { control, accounts, processors });
  const bus = await openBus(guest, applyCallback(guest, ask), {
    correct: corrections.correct,
    unmatched: scans.map((scan, database) => () => unmatchedCallbacks(scan, database)),
    onFailed: (error) => trouble.note('callback_matching_failed', { errorMessage: String(error) }),
  });
  const relay = await startRelay(guest);
  const sessions = options.redis.urls.length === 0 ? createPostgresSessions(options.databases.control) : null;
  const partitions = options.databases.shards.map((connectionString) =>
    createPartitionUpkeep(connectionString),
  );
  const endpoints = createWebhookEndpointStore(options.databases.control);
  const upkeep = createUpkeep((error) => trouble.note('upkeep_failed', { errorMessage: String(error) }));
  upkeep.every(TROUBLE_EVERY_MS, async () => trouble.tell());
  if (sessions !== null) whileHeld(upkeep, jobs.sweep, SWEEP_EVERY_MS, () => sessions.sweep());
  whileHeld(upkeep, jobs.sweep, SWEEP_KEYS_EVERY_MS, () => endpoints.sweep());
  for (const [database, each] of partitions.entries())
    whileHeld(upkeep, jobs.shards[database]!, PARTITIONS_EVERY_MS, () => each.run(new Date()));

  const webhooks = openWebhooks(control, accounts, endpoints, trouble);
  for (const look of webhooks.looks) upkeep.every(WEBHOOK_BACKLOG_EVERY_MS, look);
  if (relay !== null) upkeep.every(BUS_LOOK_EVERY_MS, relay.look);

  await jobs.begin(upkeep);
  recovery.start();
  webhooks.deliverer.start();
  await bus.consume(applyCallback(guest, ask));
  corrections.start(bus, jobs.shards, upkeep);
  settlements.start(jobs.reconciliation, upkeep);
  guest.onHeartbeat(() => {
    const counters = recovery.counters();
    metrics.recoveryUnresolved.of().set(counters.unresolved);
    metrics.recoveryOldestSeconds.of().set(counters.oldestMs / 1000);
    const { running, inHand } = webhooks.deliverer.counters();
    metrics.webhooksRunning.of().set(running);
    return { ...counters, webhooksInHand: inHand };
  });
  guest.onDrain(async (withinMs) => {
    settlements.stop();
    const stopped = Promise.all([
      recovery.stop(),
      webhooks.deliverer.stop(),
      bus.close(),
      relay?.close(),
      upkeep.stop(),
      // At once: whoever takes over need not wait for answers that are on their way to us. A database may be silent.
      jobs.release(),
    ]);
    // A bank or a merchant that is silent does not keep the process: whoever comes next asks, and posts, again.
    if (!(await settledWithin(stopped, withinMs - CLOSE_MS))) log('warn', 'work_left_undone');
    await webhooks.close();
    trouble.tell();
    await Promise.all([control, accounts, endpoints, settlements].map((each) => each.close()));
    await sessions?.close();
    await Promise.all([...scans, ...partitions, corrections, jobs].map((each) => each.close()));
  });
  guest.ready();

  async function unmatchedCallbacks(scan: RecoveryScan, database: number): Promise<ProcessorCallback[]> {
    if (!jobs.shards[database]!.held()) return [];
    const page = await scan.unmatchedCallbacks(UNMATCHED_PAGE);
    return page.map(({ processor, eventId, transactionId, word, receivedAt }) => ({
      processor,
      callbackId: eventId,
      transactionId,
      word: JSON.parse(word),
      // Recovery asks about whatever it moves.
      hint: false,
      receivedAt,
    }));
  }
}

/** The jobs that one gateway at a time has: of each shard database, and of the installation. */
function openJobs() {
  const holder = randomBytes(16).toString('hex');
  const { control, shards } = options.databases;
  const onLost = (error: Error): void =>
    log('warn', 'job_lease_connection_lost', { errorMessage: error.message });
  const open = (connectionString: string, job: Job, database: string) => {
    const lease = createJobLease(connectionString, job, { onLost });
    return { job, database, lease, duty: createDuty(lease, holder, monotonicMs) };
  };
  const sweep = open(control, 'sweep', 'control');
  const ofShards = shards.map((connectionString, database) =>
    open(connectionString, 'recovery', String(database)),
  );
  const reconciliation =
    options.reconcile.atMinutes === undefined ? null : open(control, 'reconciliation', 'control');
  const jobs = [sweep, ...ofShards, ...(reconciliation === null ? [] : [reconciliation])];
  guest.registry.onCollect(() => {
    for (const { job, database, duty } of jobs) metrics.jobHeld.of(job, database).set(duty.held() ? 1 : 0);
  });

  return {
    sweep: sweep.duty,
    /** Null: no schedule is set. */
    reconciliation: reconciliation?.duty ?? null,
    shards: ofShards.map(({ duty }) => duty),
    /** Resolves when each was asked for once, or its database did not answer. */
    async begin(upkeep: Upkeep): Promise<void> {
      await Promise.allSettled(jobs.map(({ duty }) => duty.renew()));
      for (const { duty } of jobs) upkeep.every(RENEW_MS, () => duty.renew());
    },
    release: () => Promise.allSettled(jobs.map(({ duty }) => duty.release())),
    close: () => Promise.all(jobs.map(({ lease }) => lease.close())),
  };
}

/** Runs a job now and again while it is ours: at once when it has become so, then every so often. */
function whileHeld(upkeep: Upkeep, duty: Duty, everyMs: number, job: () => Promise<unknown>): void {
  let dueAtMs = 0;
  upkeep.every(RENEW_MS, async () => {
    if (!duty.held()) dueAtMs = 0;
    else if (monotonicMs() >= dueAtMs) {
      dueAtMs = monotonicMs() + everyMs;
      await job();
    }
  });
}

/** Webhooks to merchants: the deliverer with what it needs, and a look at what waits. */
function openWebhooks(
  control: ControlReader,
  accounts: Accounts,
  endpoints: WebhookEndpointStore,
  trouble: Trouble,
) {
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

  /** One for each database. */
  const looks = queues.map((queue, database) => async (): Promise<void> => {
    const { undispatched, waiting, oldestMs } = await queue.backlog();
    metrics.webhooksUndispatched.of(String(database)).set(undispatched);
    metrics.webhooksWaiting.of(String(database)).set(waiting);
    metrics.webhooksOldestSeconds.of(String(database)).set(oldestMs / 1000);
  });

  async function close(): Promise<void> {
    await sender.close();
    await Promise.all(queues.map((queue) => queue.close()));
  }

  return { deliverer, looks, close };
}
