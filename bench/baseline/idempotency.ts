/**
 * Idempotency of the baseline, as the requirements have it (Q5): looked for in Redis, and set when the work is done.
 *
 * Between the two a second request with the key does the work again, and Redis may forget: that is what Sluice does otherwise.
 * One GET does what EXISTS and GET would.
 *
 * @module
 */

import type { Redis } from 'ioredis';

const TTL_SECONDS = 86_400;

/** Answers from the store when the key is there, else works and stores. Without a key it only works. */
export async function once<Answer>(
  redis: Redis,
  scope: string,
  key: string | undefined,
  work: () => Promise<Answer>,
): Promise<Answer> {
  if (key === undefined) return work();
  const name = `idempotency:${scope}:${key}`;
  const stored = await redis.get(name);
  if (stored !== null) return JSON.parse(stored) as Answer;
  const answer = await work();
  await redis.setex(name, TTL_SECONDS, JSON.stringify(answer));
  return answer;
}
