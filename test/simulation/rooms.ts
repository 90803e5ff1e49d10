/**
 * Rooms: the real parts of a gateway, each opened in a thread on what the simulation puts under it.
 *
 * @module
 */

import { createPaymentActor } from '../../src/actors/payment-actor.ts';
import type { ApplyCallback } from '../../src/bus/bus.ts';
import { createPostgresBus } from '../../src/bus/postgres/callback-bus.ts';
import { createPay, type Pay } from '../../src/checkout/pay.ts';
import { LIMITS } from '../../src/config/limits.ts';
import { guarded } from '../../src/connectors/charges.ts';
import type { Charge, ChargeAccount, Query } from '../../src/connectors/connector.ts';
import type { ProcessorCallback } from '../../src/domain/callback.ts';
import type { ProcessorName } from '../../src/domain/processor-word.ts';
import type { AskShard } from '../../src/messages/ask.ts';
import type { ShardReply } from '../../src/messages/replies.ts';
import type { ShardRequest } from '../../src/messages/requests.ts';
import { createRecovery } from '../../src/recovery/recovery.ts';
import type { Placement } from '../../src/runtime/placement.ts';
import { createLane, type Lane } from '../../src/runtime/turn.ts';
import { StorageError } from '../../src/storage/storage.ts';
import { BANKS } from './bank.ts';
import type { Thread } from './host.ts';
import { SILENT_METRICS } from './metrics.ts';
import { createTokenizer } from './tokenizer.ts';
import type { World } from './world.ts';

export interface Lanes {
  submit(shard: number, request: ShardRequest, deadline: number): Promise<ShardReply>;
}

const BUS_EVERY_MS = 5000;
/** As rarely as a day of it can be simulated in a second. */
const BUS_EVERY_MS_DAY = 60_000;
/** A breaker that opens after fewer calls than in earnest: a run has few. */
const BREAKER = {
  inFlightMax: 64,
  windowMs: 10_000,
  windowCallsMin: 8,
  failureShare: 0.6,
  rowFailures: 4,
  rowMs: 1000,
  openMs: 2000,
  openMsMax: 10_000,
};

/** Opens the lanes that a placement gives to a thread. */
export function openLanes(world: World, thread: Thread, placement: Placement, index: number): Lanes {
  const { layout, checker } = world;
  const { host } = thread;
  const lanes = new Map<number, Lane<ShardRequest, ShardReply>>();
  for (const placed of placement.lanesOf(index)) {
    const actor = createPaymentActor({
      paymentsMax: layout.paymentsMax,
      writeBehindMs: layout.writeBehindMs,
    });
    const store = world.databases[placed.database]!.connect(thread);
    const limits = {
      mailboxMax: layout.mailboxSlots,
      turnCommandsMax: layout.turnCommandsMax,
      lingerMsMax: layout.lingerMsMax,
      triesMax: layout.turnTriesMax,
      breaker: { silentMs: LIMITS.storageSilentMs, probeMs: LIMITS.storageProbeMs },
    };
    const stored = { prefetch: store.prefetch, commit: store.commit, failureOf };
    lanes.set(
      placed.index,
      createLane(actor, stored, host, limits, () => undefined, thread.timers),
    );
  }
  return {
    submit: (shard, request, deadline) =>
      new Promise((resolve) => {
        const lane = lanes.get(placement.laneOf(shard).index)!;
        lane.submit(request, deadline, checker.asked(thread, request, resolve));
        checker.waiting(thread.name, lane.depth(), layout.mailboxSlots + layout.turnCommandsMax);
      }),
  };
}

/** Opens the pay flow, with its charges behind the breaker of their account. */
export function openPay(world: World, thread: Thread, ask: AskShard): Pay {
  const { layout, trace } = world;
  const { host } = thread;
  const clocks = { metrics: SILENT_METRICS, monotonicMs: host.monotonicMs, now: host.now };
  const charges = new Map<ProcessorName, Charge>(
    BANKS.map((name) => [name, guarded(name, world.banks[name].chargeFrom(thread), clocks, BREAKER)]),
  );
  return createPay({
    ask,
    tokenizer: createTokenizer(world, thread),
    route: async (merchantId) => ({
      preferred: { processor: 'SANDBOX', account: accountOf(merchantId, 'SANDBOX') },
      fallback: hasFallback(merchantId)
        ? { processor: 'SANDBOX_B', account: accountOf(merchantId, 'SANDBOX_B') }
        : null,
    }),
    chargeOf: (processor) => charges.get(processor) ?? null,
    takesUpi: () => true,
    returnUrlOf: (transactionId) => `https://pay.example/checkout/return?transaction=${transactionId}`,
    now: host.now,
    monotonicMs: host.monotonicMs,
    randomBytes: world.randomBytes,
    pause: (ms) => new Promise((resolve) => thread.timers.setTimeout(resolve, ms)),
    onTrouble: (event, detail) => trace.note(event, thread.name, String(detail)),
    limits: {
      sendBeforeMs: layout.sendBeforeMs,
      tokenizeMs: LIMITS.replyTimeoutMs,
      askDeadlineMs: LIMITS.replyTimeoutMs,
      inFlightMax: LIMITS.paymentsInFlightMax,
    },
  });
}

/** Starts what no request waits for: recovery, and callbacks that wait for their transaction. */
export function openBackground(world: World, thread: Thread, ask: AskShard, apply: ApplyCallback): void {
  const { layout, trace, checker } = world;
  const { host } = thread;
  const scans = world.databases.map((database) => database.scan(thread));
  const queries = new Map<ProcessorName, Query>(
    BANKS.map((name) => [name, world.banks[name].queryFrom(thread)]),
  );
  createRecovery({
    scans,
    ask,
    askDeadlineMs: LIMITS.replyTimeoutMs,
    connectorOf: (processor) => ({
      query: queries.get(processor)!,
      notFound: { queries: 3, proofMs: layout.notFoundProofMs, gapMs: Math.ceil(layout.notFoundProofMs / 3) },
    }),
    accountOf: async (merchantId, processor) => accountOf(merchantId, processor),
    now: host.now,
    random: world.random,
    randomBytes: world.randomBytes,
    onQuery: () => undefined,
    log: (_, event, fields) => trace.note(event, thread.name, String(fields?.transactionId ?? '')),
    limits: layout.recovery,
    timers: thread.timers,
  }).start();
  const bus = createPostgresBus({
    apply,
    unmatched: scans.map(
      (scan) => async () =>
        (await scan.unmatchedCallbacks(500)).map(({ eventId, word, ...callback }) => ({
          ...callback,
          callbackId: eventId,
          word: JSON.parse(word) as ProcessorCallback['word'],
          hint: false,
        })),
    ),
    onFailed: (error) => trace.note('callback_matching_failed', thread.name, String(error)),
    everyMs: layout.day ? BUS_EVERY_MS_DAY : BUS_EVERY_MS,
    timers: thread.timers,
  });
  bus.consume(apply).catch((error: unknown) => checker.violate(String(error)));
}

/** Every second merchant has a second processor. */
function hasFallback(merchantId: string): boolean {
  return Number(merchantId.split('_')[1]) % 2 === 0;
}

/** What a merchant has at a processor. */
function accountOf(merchantId: string, processor: ProcessorName): ChargeAccount {
  return { account: `acct_${processor}_${merchantId}`, secretKey: 'unused' };
}

function failureOf(error: unknown) {
  if (error instanceof StorageError) return error.kind;
  throw error;
}
