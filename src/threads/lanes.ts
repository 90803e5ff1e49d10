/**
 * Lanes: the actors of a thread's logical shards, each with its mailbox, its turn loop and its path to one database.
 *
 * They run in shard threads of their own, or beside the API where cores are too few for the hop to pay.
 *
 * @module
 */

import { createPaymentActor } from '../actors/payment-actor.ts';
import { LIMITS } from '../config/limits.ts';
import { type Fact, paymentOf } from '../domain/facts.ts';
import { isFinal } from '../domain/transaction.ts';
import type { ShardReply } from '../messages/replies.ts';
import type { ShardRequest } from '../messages/requests.ts';
import * as clock from '../runtime/clock.ts';
import type { Lane as PlacedLane } from '../runtime/placement.ts';
import { createLane, type Lane, type TurnReport } from '../runtime/turn.ts';
import { failureOf } from '../storage/postgres/errors.ts';
import { createShardStore, type PostgresShardStore } from '../storage/postgres/shard-store.ts';
import type { ShardStore } from '../storage/storage.ts';
import type { GatewayThread } from './gateway.ts';

export interface Lanes {
  /** @param deadline monotonic milliseconds after which the request is not begun */
  submit(shard: number, request: ShardRequest, deadline: number): Promise<ShardReply>;
  /** Commands that wait for a turn. */
  waiting(): number;
  /** Finishes what was taken, then closes the connections. */
  close(): Promise<void>;
}

/** Opens the lanes that the placement gives to a thread. */
export function openLanes(guest: GatewayThread, thread: number): Lanes {
  const { options, faults } = guest.options;
  const { mailboxDepth, laneUp } = guest.metrics;
  const { passPoint } = guest;
  const stores = new Map<number, PostgresShardStore>();
  const lanes = new Map(guest.placement.lanesOf(thread).map((placed) => [placed.index, openLane(placed)]));

  guest.registry.onCollect(() => {
    for (const [index, lane] of lanes) {
      mailboxDepth.of(String(index)).set(lane.depth());
      const isUp = stores.get(index)!.connected() && lane.storage() === 'closed';
      laneUp.of(String(index)).set(isUp ? 1 : 0);
    }
  });

  function openLane(placed: PlacedLane): Lane<ShardRequest, ShardReply> {
    const store = createShardStore({
      connectionString: options.databases.shards[placed.database]!,
      ownShard: placed.shards[0]!,
      applicationName: `sluice lane ${placed.index}`,
      relays: options.kafka.brokers.length > 0,
      onLost: (error) =>
        guest.log('warn', 'database_connection_lost', { lane: placed.index, errorMessage: error.message }),
      onBack: () => guest.log('info', 'database_connection_back', { lane: placed.index }),
    });
    stores.set(placed.index, store);
    const actor = createPaymentActor({
      paymentsMax: LIMITS.paymentsInMemoryMax,
      writeBehindMs: LIMITS.writeBehindMs,
    });
    const limits = {
      mailboxMax: LIMITS.mailboxSlots,
      turnCommandsMax: LIMITS.turnCommandsMax,
      lingerMsMax: LIMITS.turnLingerMs,
      triesMax: LIMITS.turnTriesMax,
      breaker: { silentMs: LIMITS.storageSilentMs, probeMs: LIMITS.storageProbeMs },
    };
    const watched = {
      prefetch: store.prefetch,
      commit: (facts: readonly Fact[]) => commit(store, facts),
      failureOf,
    };
    return createLane(actor, watched, clock, limits, report);
  }

  async function commit(store: ShardStore, facts: readonly Fact[]) {
    passPoints(facts, 'before');
    const effects = await store.commit(facts);
    passPoints(facts, 'after');
    for (const [i, fact] of facts.entries()) {
      const { effective, incident } = effects[i]!;
      if (!effective) continue;
      if (fact.kind === 'attempt-started') guest.metrics.payments.of('SENT').add();
      if (fact.kind === 'attempt-moved') guest.metrics.payments.of(fact.attempt.status).add();
      if (incident === undefined) continue;
      guest.metrics.incidents.of(incident).add();
      guest.log('error', incident, { transactionId: paymentOf(fact) ?? undefined });
    }
    return effects;
  }

  /** The instants at which a campaign may end this thread or the process. */
  function passPoints(facts: readonly Fact[], when: 'before' | 'after'): void {
    if (faults.length === 0) return;
    if (facts.some((fact) => fact.kind === 'intent-created')) passPoint(`${when}-commit-a`);
    if (facts.some((fact) => fact.kind === 'attempt-started')) passPoint(`${when}-commit-b`);
    if (facts.some((fact) => fact.kind === 'attempt-moved' && isFinal(fact.attempt.status))) {
      passPoint(`${when}-commit-d`);
    }
  }

  function report(turn: TurnReport): void {
    guest.metrics.turnCommands.of().observe(turn.commands);
    if (turn.facts > 0) guest.metrics.commitSeconds.of().observe(turn.commitMs / 1000);
  }

  return {
    submit: (shard, request, deadline) =>
      new Promise((resolve) =>
        lanes.get(guest.placement.laneOf(shard).index)!.submit(request, deadline, resolve),
      ),
    waiting: () => [...lanes.values()].reduce((waiting, lane) => waiting + lane.depth(), 0),
    async close() {
      await Promise.all([...lanes.values()].map((lane) => lane.close()));
      await Promise.all([...stores.values()].map((store) => store.close()));
    },
  };
}
