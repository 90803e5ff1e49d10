/**
 * Gateway: one process of Sluice in the simulation, put together of real rooms (`rooms.ts`) as `src/threads` does, with
 * the real peers and their codec between its threads. Only what they stand on is simulated.
 *
 * A thread that dies is started again with empty memory, as the supervisor does; so is a gateway.
 *
 * @module
 */

import type { CallbackBus, Published } from '../../src/bus/bus.ts';
import { createPostgresBus } from '../../src/bus/postgres/callback-bus.ts';
import type { Pay, PayAnswer, PayRequest } from '../../src/checkout/pay.ts';
import { LIMITS } from '../../src/config/limits.ts';
import type { ProcessorCallback } from '../../src/domain/callback.ts';
import {
  type IntentId,
  LOGICAL_SHARDS,
  makeId,
  shardOfId,
  type TransactionId,
} from '../../src/domain/ids.ts';
import { type OutcomeCode, refusal } from '../../src/domain/outcomes.ts';
import type { ProcessorWord } from '../../src/domain/processor-word.ts';
import type { AskShard } from '../../src/messages/ask.ts';
import type { ShardReply } from '../../src/messages/replies.ts';
import type { CreateIntent, HearSettlement, ShardRequest } from '../../src/messages/requests.ts';
import { createPeer, type Peer } from '../../src/runtime/peer.ts';
import { createPlacement, type Placement } from '../../src/runtime/placement.ts';
import type { ShardRange } from '../../src/storage/control.ts';
import { applyCallback } from '../../src/threads/apply-callback.ts';
import { createHost, createThread, type Host, type Thread } from './host.ts';
import { SILENT_METRICS } from './metrics.ts';
import { type Called, call, createChannel } from './network.ts';
import { type Lanes, openBackground, openLanes, openPay } from './rooms.ts';
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
  /** As the background thread asks for a correction; the word is of now. */
  hearSettlement(transactionId: TransactionId, word: ProcessorWord): Promise<Called<ShardReply>>;
  start(): void;
  /** SIGKILL; it is started again after `ms`. */
  kill(ms: number): void;
  /** One thread ends, chosen by a number from 0 to below 1; the supervisor starts it again. */
  killThread(chosen: number): void;
}

export type IntentAnswer = { ok: true; body: string; replayed: boolean } | { ok: false; code: OutcomeCode };

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

const THREAD_RESTART_MS = 300;
const ASKERS = ['api', 'pci', 'background'] as const;
const PEER_LIMITS = {
  pendingRepliesMax: LIMITS.pendingRepliesMax,
  postBatchMessagesMax: LIMITS.postBatchMessagesMax,
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
    const lanes = index < 0 ? null : openLanes(world, thread, placement, index);
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
    if (threadName === 'pci') started.pay = openPay(world, started.thread, ask);
    if (threadName === 'background') openBackground(world, started.thread, ask, apply);
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
    hearSettlement: (transactionId, word) =>
      call(world, place('background'), () => {
        const shard = shardOfId(transactionId);
        const now = host.now();
        const command: HearSettlement = {
          type: 'hear-settlement',
          transactionId,
          word: { ...word, at: now },
          operator: 'reconciliation',
          reason: word.detail,
          eventId: makeId(now, shard, world.randomBytes(8)),
          now,
        };
        return running.get('background')!.ask!(shard, command, LIMITS.replyTimeoutMs);
      }),
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

function threadDied(): ShardReply {
  return { type: 'refused', refusal: refusal('thread_died', 'The thread is being started again') };
}
