/**
 * What every thread of a gateway is started with, and how it reaches the lanes.
 *
 * @module
 */

import { LIMITS } from '../config/limits.ts';
import type { Options } from '../config/options.ts';
import { FAULT_POINTS, type FaultPoint, type ThreadPoint } from '../domain/fault-points.ts';
import { LOGICAL_SHARDS } from '../domain/ids.ts';
import { refusal } from '../domain/outcomes.ts';
import type { AskShard } from '../messages/ask.ts';
import type { ShardReply } from '../messages/replies.ts';
import type { ShardRequest } from '../messages/requests.ts';
import { monotonicMs } from '../runtime/clock.ts';
import { type ArmedPoint, createPassPoint, type PassPoint } from '../runtime/fault-points.ts';
import { createPeer, type Peer, type PeerOptions } from '../runtime/peer.ts';
import { createPlacement, type Placement } from '../runtime/placement.ts';
import { enterThread, type ThreadGuest } from '../runtime/thread-guest.ts';
import type { ShardRange } from '../storage/control.ts';
import type { Lanes } from './lanes.ts';

/** What main hands to each thread. */
export interface GatewayStart {
  options: Options;
  /** Which database holds which logical shards, as the control database says at start. */
  ranges: readonly ShardRange[];
  /** The instants at which a campaign ends a thread or the process; none in live mode. */
  faults: readonly ArmedPoint[];
}

export interface GatewayThread extends ThreadGuest<GatewayStart> {
  placement: Placement;
  passPoint: PassPoint<FaultPoint>;
}

/** Enters a thread of the gateway. */
export function enterGatewayThread(): GatewayThread {
  const guest = enterThread<GatewayStart>();
  const { options, ranges, faults } = guest.options;
  const passPoint = createPassPoint<FaultPoint>(FAULT_POINTS, faults, (error) => {
    guest.fail(error);
    // Nothing after the point may happen.
    throw error;
  });
  passOften(faults, `thread-${guest.kind}` as ThreadPoint, passPoint);
  // Without shard threads the api thread runs the lanes: one thread, whatever it is called.
  const threads = Math.max(1, options.threads.shards);
  return { ...guest, placement: createPlacement(ranges, threads, LOGICAL_SHARDS), passPoint };
}

const PASSING_MS = 50;

/** Passes a point of the thread itself for as long as the thread lives, where a campaign may strike. */
export function passOften(
  faults: readonly ArmedPoint[],
  point: ThreadPoint,
  passPoint: PassPoint<FaultPoint>,
): void {
  if (faults.length > 0) setInterval(passPoint, PASSING_MS, point).unref();
}

const PEER_LIMITS = {
  pendingRepliesMax: LIMITS.pendingRepliesMax,
  postBatchMessagesMax: LIMITS.postBatchMessagesMax,
};

/** Lets other threads ask these lanes. */
export function answerAsks(guest: GatewayThread, lanes: Lanes): void {
  takePeers(guest, (ask) => lanes.submit(ask.shard, ask.body as ShardRequest, ask.deadline));
}

/** The way to lanes of this very thread: a call instead of a message. */
export function askLanes(lanes: Lanes): AskShard {
  return (shard, request, deadlineMs) => lanes.submit(shard, request, monotonicMs() + deadlineMs);
}

/** The way to the lanes of other threads. */
export function askShards(guest: GatewayThread): AskShard {
  const peers = takePeers(guest, () => {
    throw new Error(`nobody asks the ${guest.name} thread`);
  });
  const inApi = guest.options.options.threads.shards === 0;
  return async (shard, request, deadlineMs) => {
    const peer = peers.get(inApi ? 'api' : `shard-${guest.placement.threadOf(shard) + 1}`);
    if (peer === undefined || peer.gone) return threadDied();
    const answer = await peer.ask('shard', shard, request, deadlineMs);
    // The codec has checked the shape of the envelope; the body is our own thread's.
    return answer.ok ? (answer.body as ShardReply) : { type: 'refused', refusal: answer.refusal };
  };
}

/** Takes in the channels to other threads; `handle` answers what they ask. */
function takePeers(guest: GatewayThread, handle: PeerOptions['handle']): Map<string, Peer> {
  const peers = new Map<string, Peer>();
  guest.registry.onCollect(() => {
    for (const [name, peer] of peers) guest.metrics.pendingAsks.of(name).set(peer.pending);
  });
  guest.onPeer(({ name }, port) => {
    const peer = createPeer(port, {
      name,
      limits: PEER_LIMITS,
      handle,
      onFailure: (error) => guest.log('error', 'ask_failed', { peer: name, errorMessage: String(error) }),
    });
    peers.set(name, peer);
  });
  return peers;
}

function threadDied(): ShardReply {
  return {
    type: 'refused',
    refusal: refusal('thread_died', 'The shard’s thread is being started again'),
  };
}
