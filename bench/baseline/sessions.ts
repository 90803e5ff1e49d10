/**
 * Sessions of the baseline: JSON in Redis for ten minutes, and the copy for the minute of grace (requirements 7.2 and Q9).
 *
 * @module
 */

import type { Redis } from 'ioredis';
import { newSessionId } from '../rival/ids.ts';

export interface Session {
  readonly paymentIntentId: string;
  readonly merchantId: string;
  readonly orderId: string;
  readonly customerId: string | null;
  readonly successUrl: string;
  readonly cancelUrl: string;
  readonly createdAt: string;
}

const TTL_SECONDS = 600;
const GRACE_SECONDS = 60;

export class Sessions {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  async open(session: Session): Promise<{ sessionId: string; expiresAt: string }> {
    const sessionId = newSessionId();
    const text = JSON.stringify(session);
    await Promise.all([
      this.#redis.setex(`session:${sessionId}`, TTL_SECONDS, text),
      this.#redis.setex(`session:expired:${sessionId}`, TTL_SECONDS + GRACE_SECONDS, text),
    ]);
    return { sessionId, expiresAt: new Date(Date.now() + TTL_SECONDS * 1000).toISOString() };
  }

  /** Null when it is unknown or over, its grace too. */
  async load(sessionId: string): Promise<Session | null> {
    const text =
      (await this.#redis.get(`session:${sessionId}`)) ??
      (await this.#redis.get(`session:expired:${sessionId}`));
    return text === null ? null : (JSON.parse(text) as Session);
  }
}
