/**
 * The one verb by which other rooms reach the shard actors.
 *
 * @module
 */

import type { OutcomeCode } from '../domain/outcomes.ts';
import type { ShardReply } from './replies.ts';
import type { ShardRequest } from './requests.ts';

/**
 * Sends a request to the actor of a logical shard and resolves with its reply. Never rejects: a full mailbox,
 * a passed deadline or a dead thread is a `Refused` with its code ({@link UNCERTAIN} tells what may have happened).
 *
 * @param shard logical shard, 0 to 1023 (`shardOfId`)
 * @param deadlineMs how long the request may wait to begin; once begun, it is answered or its thread died
 */
export type AskShard = (shard: number, request: ShardRequest, deadlineMs: number) => Promise<ShardReply>;

/** Refusals after which the change may nevertheless have been made. All others changed nothing: `shard_unavailable` was not begun. */
export const UNCERTAIN: ReadonlySet<OutcomeCode> = new Set<OutcomeCode>([
  'thread_died',
  'storage_unavailable',
]);
