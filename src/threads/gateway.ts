/**
 * What every thread of a gateway is started with, and how it reaches the shard threads.
 *
 * @module
 */

import { LIMITS } from '../config/limits.ts';
import type { Options } from '../config/options.ts';
import { LOGICAL_SHARDS } from '../domain/ids.ts';
import { refusal } from '../domain/outcomes.ts';
import type { AskShard } from '../messages/ask.ts';
import type { ShardReply } from '../messages/replies.ts';
import { createPeer, type Peer } from '../runtime/peer.ts';
import { createPlacement, type Placement } from '../runtime/placement.ts';
import { enterThread, type ThreadGuest } from '../runtime/thread-guest.ts';
import type { ShardRange } from '../storage/control.ts';

/** What main hands to each thread. */
export interface GatewayStart {
  options: Options;
  /** Which database holds which logical shards, as the control database says at start. */
  ranges: readonly ShardRange[];
}

export interface GatewayThread extends ThreadGuest<GatewayStart> {
  placement: Placement;
}

/** Enters a thread of the gateway. */
export function enterGatewayThread(): GatewayThread {
  const guest = enterThread<GatewayStart>();
  const { options, ranges } = guest.options;
  return { ...guest, placement: createPlacement(ranges, options.threads.shards, LOGICAL_SHARDS) };
}

const PEER_LIMITS = {
  pendingRepliesMax: LIMITS.pendingRepliesMax,
  postBatchMessagesMax: LIMITS.postBatchMessagesMax,
};

/** Takes in the channels to other threads; `handle` answers what they ask. */
export function takePeers(
  guest: GatewayThread,
  handle: Parameters<typeof createPeer>[1]['handle'],
): Map<string, Peer> {
  const peers = new Map<string, Peer>();
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

/** The way to the shard actors, for threads that only ask. */
export function askShards(guest: GatewayThread): AskShard {
  const peers = takePeers(guest, () => {
    throw new Error(`nobody asks the ${guest.name} thread`);
  });
  return async (shard, request, deadlineMs) => {
    const peer = peers.get(`shard-${guest.placement.threadOf(shard) + 1}`);
    if (peer === undefined || peer.gone) return threadDied();
    const answer = await peer.ask('shard', shard, request, deadlineMs);
    // The codec has checked the shape of the envelope; the body is our own shard thread's.
    return answer.ok ? (answer.body as ShardReply) : { type: 'refused', refusal: answer.refusal };
  };
}

function threadDied(): ShardReply {
  return { type: 'refused', refusal: refusal('thread_died', 'The shard’s thread is being started again') };
}
