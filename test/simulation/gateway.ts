/**
 * Gateway: one process of Sluice in the simulation. Its threads are the real rooms, put together as `src/threads` does:
 * lanes with their actors, the pay flow behind breakers, recovery, the bus; between threads the real peers with their
 * codec. Only what they stand on is simulated.
 *
 * A thread that dies is started again with empty memory, as the supervisor does; so is a gateway.
 *
 * @module
 */

import { createPaymentActor } from '../../src/actors/payment-actor.ts';
import type { CallbackBus, Published } from '../../src/bus/bus.ts';
import { createPostgresBus } from '../../src/bus/postgres/callback-bus.ts';
import { createPay, type Pay, type PayAnswer, type PayRequest } from '../../src/checkout/pay.ts';
import { LIMITS } from '../../src/config/limits.ts';
import { guarded } from '../../src/connectors/charges.ts';
import type { ProcessorCallback } from '../../src/domain/callback.ts';
import { type IntentId, LOGICAL_SHARDS, shardOfId } from '../../src/domain/ids.ts';
import { type OutcomeCode, refusal } from '../../src/domain/outcomes.ts';
import type { AskShard } from '../../src/messages/ask.ts';
import type { ShardReply } from '../../src/messages/replies.ts';
import type { CreateIntent, ShardRequest } from '../../src/messages/requests.ts';
import { createRecovery } from '../../src/recovery/recovery.ts';
import { createPeer, type Peer } from '../../src/runtime/peer.ts';
import { createPlacement, type Placement } from '../../src/runtime/placement.ts';
import { createLane, type Lane } from '../../src/runtime/turn.ts';
import type { ShardRange } from '../../src/storage/control.ts';
import { StorageError } from '../../src/storage/storage.ts';
import { applyCallback } from '../../src/threads/apply-callback.ts';
import { createHost, createThread, type Host, type Thread } from './host.ts';
import { SILENT_METRICS } from './metrics.ts';
import { type Called, call, createChannel } from './network.ts';
import { createTokenizer } from './tokenizer.ts';
import type { World } from './world.ts';

export interface Gateway {
  readonly host: Host;
  /** True where its shard map is right. */
  readonly trueMap: boolean;
  /** Answers as `POST /v1/payment/intent` does: the body of the answer, new or replayed, or the refusal. */
  createIntent(request: (now: number) => Omit<CreateIntent, 'type'>): Promise<Called<IntentAnswer>>;
  pay(request: () => PayRequest): Promise<Called<PayAnswer>>;
  find(intentId: IntentId): Promise<Called<ShardReply>>;
  receiveCallback(callback: ProcessorCallback): Promise<Called<Published>>;
  start(): void;
  /** SIGKILL; it is started again after `ms`. */
  kill(ms: number): void;
  /** One thread ends, chosen by a number from 0 to below 1; the supervisor starts it again. */
  killThread(chosen: number): void;
}

export type IntentAnswer = { ok: true; body: string; replayed: boolean } | { ok: false; code: OutcomeCode };

/** What a merchant has at its processor. */
export function accountOf(merchantId: string): { account: string; secretKey: string } {
  return { account: `acct_${merchantId}`, secretKey: 'unused' };
}

/** A thread that runs, with what others reach in it. */
interface Running {
  thread: Thread;
  lanes: Lanes | null;
  ask: AskShard | null;
  pay: Pay | null;
  bus: CallbackBus | null;
  /** By the name of the thread that runs the lanes. */
  peers: Map<string, Peer>;
}

interface Lanes {
  submit(shard: number, request: ShardRequest, deadline: number): Promise<ShardReply>;
}

const THREAD_RESTART_MS = 300;
const ASKERS = ['api', 'pci', 'background'] as const;
const PEER_LIMITS = {
  pendingRepliesMax: LIMITS.pendingRepliesMax,
  postBatchMessagesMax: LIMITS.postBatchMessagesMax,
};
const BUS_EVERY_MS = 5000;
/** As rarely as a day of it can be simulated in a second. */
const BUS_EVERY_MS_DAY = 60_000;
/** A breaker that opens after fewer calls than in earnest: a run has few. */
const BREAKER = {
  inFlightMax: 64,
  windowMs: 10_000,
  windowCallsMin: 8,
  failureShare: 0.6,
  openMs: 2000,
  openMsMax: 10_000,
};

/** A gateway that is not started yet. */
export function createGateway(
  world: World,
  name: string,
  ranges: readonly ShardRange[],
  trueMap: boolean,
): Gateway {
  const { scheduler, trace, checker, layout } = world;
  const host = createHost(name, scheduler);
  const placement: Placement = createPlacement(ranges, Math.max(1, layout.shardThreads), LOGICAL_SHARDS);
  const running = new Map<string, Running>();
  /** Grows with each death of the process: what was planned for an earlier life is void. */
  let life = 0;

  const laneThread = (index: number): string => (layout.shardThreads === 0 ? 'api' : `shard-${index + 1}`);
  const laneThreads = Array.from({ length: Math.max(1, layout.shardThreads) }, (_, i) => laneThread(i));
  const names = [...new Set([...laneThreads, ...ASKERS])];

  function startThread(threadName: string): void {
    const thread = createThread(`${name}/${threadName}`, host, scheduler);
    const index = laneThreads.indexOf(threadName);
    const lanes = index < 0 ? null : openLanes(thread, index);
    const started: Running = { thread, lanes, ask: null, pay: null, bus: null, peers: new Map() };
    running.set(threadName, started);
    for (const other of running.keys()) {
      connect(threadName, other);
      if (other !== threadName) connect(other, threadName);
    }
    if (ASKERS.some((asker) => asker === threadName)) open(threadName, started);
  }

  /** Gives an asker its channel to a thread with lanes; one to a thread that died is replaced. */
  function connect(from: string, to: string): void {
    const [asker, answerer] = [running.get(from)!, running.get(to)!];
    if (from === to || answerer.lanes === null || !ASKERS.some((one) => one === from)) return;
    // One that is dead is connected again when it is started again.
    if (!asker.thread.alive || !answerer.thread.alive) return;
    const { lanes } = answerer;
    const [left, right] = createChannel(asker.thread, answerer.thread);
    const onFailure = (error: unknown): void => checker.violate(`a peer of ${name} failed: ${String(error)}`);
    const nobodyAsks = (): never => {
      throw new Error('nobody asks this thread');
    };
    asker.peers.set(
      to,
      createPeer(left, {
        name: to,
        limits: PEER_LIMITS,
        handle: nobodyAsks,
        onFailure,
        timing: timingOf(asker.thread),
      }),
    );
    createPeer(right, {
      name: from,
      limits: PEER_LIMITS,
      handle: (ask) => lanes.submit(ask.shard, ask.body as ShardRequest, ask.deadline),
      onFailure,
      timing: timingOf(answerer.thread),
    });
  }

  function timingOf({ timers }: Thread) {
    return {
      monotonicMs: host.monotonicMs,
      schedule: (flush: () => void) => void timers.setImmediate(flush),
    };
  }

  function openLanes(thread: Thread, index: number): Lanes {
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

  function askFrom(asker: Running): AskShard {
    const askLane: AskShard = async (shard, request, deadlineMs) => {
      if (asker.lanes !== null) return asker.lanes.submit(shard, request, host.monotonicMs() + deadlineMs);
      const peer = asker.peers.get(laneThread(placement.threadOf(shard)));
      if (peer === undefined || peer.gone) return threadDied();
      const answer = await peer.ask('shard', shard, request, deadlineMs);
      return answer.ok ? (answer.body as ShardReply) : { type: 'refused', refusal: answer.refusal };
    };
    return async (shard, request, deadlineMs) => {
      const answered = checker.asking(asker.thread, request.type);
      const reply = await askLane(shard, request, deadlineMs);
      answered();
      return reply;
    };
  }

  /** Opens what an asking thread does. */
  function open(threadName: string, started: Running): void {
    const ask = askFrom(started);
    started.ask = ask;
    const apply = applyCallback({ metrics: SILENT_METRICS }, ask, {
      now: host.now,
      randomBytes: world.randomBytes,
    });
    if (threadName === 'api') started.bus = createPostgresBus({ apply, timers: started.thread.timers });
    if (threadName === 'pci') started.pay = openPay(started.thread, ask);
    if (threadName === 'background') openBackground(started.thread, ask, apply);
  }

  function openPay(thread: Thread, ask: AskShard): Pay {
    const charge = guarded(
      'SANDBOX',
      world.bank.chargeFrom(thread),
      { metrics: SILENT_METRICS, monotonicMs: host.monotonicMs, now: host.now },
      BREAKER,
    );
    return createPay({
      ask,
      tokenizer: createTokenizer(world, thread),
      route: async (merchantId) => ({ processor: 'SANDBOX', account: accountOf(merchantId) }),
      chargeOf: () => charge,
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

  function openBackground(thread: Thread, ask: AskShard, apply: ReturnType<typeof applyCallback>): void {
    const scans = world.databases.map((database) => database.scan(thread));
    const query = world.bank.queryFrom(thread);
    createRecovery({
      scans,
      ask,
      askDeadlineMs: LIMITS.replyTimeoutMs,
      queryOf: () => query,
      accountOf: async (merchantId) => accountOf(merchantId),
      now: host.now,
      random: world.random,
      randomBytes: world.randomBytes,
      notFoundProofMs: layout.notFoundProofMs,
      onQuery: () => undefined,
      log: (_, event, fields) => trace.note(event, thread.name, String(fields?.transactionId ?? '')),
      limits: layout.recovery,
      timers: thread.timers,
    }).start();
    const bus = createPostgresBus({
      apply,
      unmatched: async () => {
        const pages = await Promise.all(scans.map((scan) => scan.unmatchedCallbacks(500)));
        return pages.flat().map(({ eventId, word, ...callback }) => ({
          ...callback,
          callbackId: eventId,
          word: JSON.parse(word) as ProcessorCallback['word'],
        }));
      },
      onFailed: (error) => trace.note('callback_matching_failed', thread.name, String(error)),
      everyMs: layout.day ? BUS_EVERY_MS_DAY : BUS_EVERY_MS,
      timers: thread.timers,
    });
    bus.consume(apply).catch((error: unknown) => checker.violate(String(error)));
  }

  const place = (threadName: string) => (): Thread | null => {
    const thread = running.get(threadName)?.thread;
    return thread?.alive ? thread : null;
  };

  return {
    host,
    trueMap,
    createIntent: (request) =>
      call(world, place('api'), async () => {
        const command: CreateIntent = { type: 'create-intent', ...request(host.now()) };
        const shard = shardOfId(command.intent.paymentIntentId);
        const reply = await running.get('api')!.ask!(shard, command, LIMITS.replyTimeoutMs);
        if (reply.type === 'refused') return { ok: false, code: reply.refusal.code };
        if (reply.type !== 'intent-created') throw new Error(`create-intent was answered ${reply.type}`);
        return { ok: true, body: reply.replayed ?? command.answer, replayed: reply.replayed !== null };
      }),
    pay: (request) => call(world, place('pci'), () => running.get('pci')!.pay!.pay(request())),
    find: (intentId) =>
      call(world, place('api'), () =>
        running.get('api')!.ask!(
          shardOfId(intentId),
          { type: 'find-payment', intentId, merchantId: null },
          LIMITS.replyTimeoutMs,
        ),
      ),
    receiveCallback: (callback) =>
      call(world, place('api'), () => running.get('api')!.bus!.publish(callback)),
    start() {
      for (const threadName of names) startThread(threadName);
    },
    kill(ms) {
      trace.note('gateway killed', name);
      const ended = ++life;
      for (const { thread } of running.values()) thread.die();
      running.clear();
      host.resume();
      scheduler.after(ms, () => {
        if (life === ended) for (const threadName of names) startThread(threadName);
      });
    },
    killThread(chosen) {
      const threadName = names[Math.floor(chosen * names.length)]!;
      const killed = running.get(threadName);
      if (killed === undefined || !killed.thread.alive) return;
      trace.note('thread killed', killed.thread.name);
      killed.thread.die();
      const now = life;
      scheduler.after(THREAD_RESTART_MS, () => {
        if (life === now) startThread(threadName);
      });
    },
  };
}

function failureOf(error: unknown) {
  if (error instanceof StorageError) return error.kind;
  throw error;
}

function threadDied(): ShardReply {
  return { type: 'refused', refusal: refusal('thread_died', 'The thread is being started again') };
}
