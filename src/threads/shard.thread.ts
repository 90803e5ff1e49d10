/**
 * Shard thread: the actors of its logical shards and the one write path of each lane.
 *
 * @module
 */

import { createPaymentActor } from '../actors/payment-actor.ts';
import { LIMITS } from '../config/limits.ts';
import type { Fact } from '../domain/facts.ts';
import { FAULT_POINTS, type FaultPoint } from '../domain/fault-points.ts';
import { isFinal } from '../domain/transaction.ts';
import type { ShardReply } from '../messages/replies.ts';
import type { ShardRequest } from '../messages/requests.ts';
import * as clock from '../runtime/clock.ts';
import { createFaultPoints } from '../runtime/fault-points.ts';
import type { Lane as PlacedLane } from '../runtime/placement.ts';
import { createLane, type Lane, type TurnReport } from '../runtime/turn.ts';
import { failureOf } from '../storage/postgres/errors.ts';
import { createShardStore } from '../storage/postgres/shard-store.ts';
import type { ShardStore } from '../storage/storage.ts';
import { enterGatewayThread, takePeers } from './gateway.ts';

const guest = enterGatewayThread();
const { options } = guest.options;
const passPoint = createFaultPoints<FaultPoint>(FAULT_POINTS, options.faultPoints, options.mode);
const { commitSeconds, mailboxDepth, payments, turnCommands } = guest.metrics;

const stores: ShardStore[] = [];
const lanes = new Map<number, Lane<ShardRequest, ShardReply>>(
  guest.placement.lanesOf(guest.index).map((placed) => [placed.index, openLane(placed)]),
);

takePeers(guest, (ask) => {
  const lane = lanes.get(guest.placement.laneOf(ask.shard).index)!;
  return new Promise<ShardReply>((resolve) => lane.submit(ask.body as ShardRequest, ask.deadline, resolve));
});
guest.onHeartbeat(() => {
  let waiting = 0;
  for (const [index, lane] of lanes) {
    mailboxDepth.of(String(index)).set(lane.depth());
    waiting += lane.depth();
  }
  return { waiting };
});
guest.onDrain(async () => {
  await Promise.all([...lanes.values()].map((lane) => lane.close()));
  await Promise.all(stores.map((store) => store.close()));
});
guest.ready();

function openLane(placed: PlacedLane): Lane<ShardRequest, ShardReply> {
  const store = createShardStore({
    connectionString: options.databases.shards[placed.database]!,
    ownShard: placed.shards[0]!,
    applicationName: `sluice lane ${placed.index}`,
    onLost: (error) =>
      guest.log('warn', 'database_connection_lost', { lane: placed.index, errorMessage: error.message }),
  });
  stores.push(store);
  const actor = createPaymentActor({
    paymentsMax: LIMITS.paymentsInMemoryMax,
    writeBehindMs: LIMITS.writeBehindMs,
  });
  const turnStore = {
    prefetch: store.prefetch,
    commit: (facts: readonly Fact[]) => commit(store, facts),
    failureOf,
  };
  const limits = {
    mailboxMax: LIMITS.mailboxSlots,
    turnCommandsMax: LIMITS.turnCommandsMax,
    lingerMsMax: LIMITS.turnLingerMs,
    triesMax: LIMITS.turnTriesMax,
  };
  return createLane(actor, turnStore, clock, limits, report);
}

async function commit(store: ShardStore, facts: readonly Fact[]) {
  passPoints(facts, 'before');
  const effects = await store.commit(facts);
  passPoints(facts, 'after');
  for (const fact of facts) {
    if (fact.kind === 'attempt-started') payments.of('SENT').add();
    else if (fact.kind === 'attempt-moved') payments.of(fact.attempt.status).add();
  }
  return effects;
}

/** The instants at which a campaign may stop or kill this process. */
function passPoints(facts: readonly Fact[], when: 'before' | 'after'): void {
  if (options.faultPoints.length === 0) return;
  if (facts.some((fact) => fact.kind === 'intent-created')) passPoint(`${when}-commit-a`);
  if (facts.some((fact) => fact.kind === 'attempt-started')) passPoint(`${when}-commit-b`);
  if (facts.some((fact) => fact.kind === 'attempt-moved' && isFinal(fact.attempt.status)))
    passPoint(`${when}-commit-d`);
}

function report(turn: TurnReport): void {
  turnCommands.of().observe(turn.commands);
  if (turn.facts > 0) commitSeconds.of().observe(turn.commitMs / 1000);
}
