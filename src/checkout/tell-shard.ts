/**
 * Tell shard: a processor's word goes to the shard of its transaction, again and again until it is heard.
 *
 * A word that is lost costs a query of recovery, no money.
 *
 * @module
 */

import { makeId, shardOfId, type TransactionId } from '../domain/ids.ts';
import type { ProcessorWord } from '../domain/processor-word.ts';
import type { AskShard } from '../messages/ask.ts';

export interface TellShardDeps {
  ask: AskShard;
  askDeadlineMs: number;
  /** Milliseconds since 1970. */
  now(): number;
  randomBytes(length: number): Uint8Array;
  /** Resolves after a while: the pause between two tries. */
  pause(ms: number): Promise<void>;
  /** Hears why a word was given up. */
  onLost(detail: string): void;
}

const WORD_TRIES = 10;
const PAUSE_FIRST_MS = 50;
const PAUSE_MAX_MS = 2000;

/** Resolves when the word was heard or given up. */
export async function tellShard(
  deps: TellShardDeps,
  transactionId: TransactionId,
  word: ProcessorWord,
): Promise<void> {
  const shard = shardOfId(transactionId);
  const eventId = makeId(deps.now(), shard, deps.randomBytes(8));
  for (let tries = 1; ; tries++) {
    const heard = { type: 'hear-word', transactionId, word, eventId, now: deps.now() } as const;
    const reply = await deps.ask(shard, heard, deps.askDeadlineMs);
    if (reply.type === 'word-heard') return;
    if (tries === WORD_TRIES) {
      deps.onLost(reply.type === 'refused' ? reply.refusal.code : reply.type);
      return;
    }
    await deps.pause(pauseMs(tries));
  }
}

/** Between two tries at the shard, in milliseconds. */
export function pauseMs(tries: number): number {
  return Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** (tries - 1));
}
