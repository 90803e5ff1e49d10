/**
 * Merchants of the baseline: whose API key it is, and which processor charges for whom, each read once a minute.
 *
 * @module
 */

import { type Database, digestOf } from './database.ts';

const KEPT_MS = 60_000;

export class Merchants {
  readonly #database: Database;
  readonly #ids = new Map<string, { value: Promise<string | null>; untilMs: number }>();
  readonly #processors = new Map<string, { value: Promise<string | null>; untilMs: number }>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** The merchant of `Authorization: Bearer …`, or null. */
  authenticate(authorization: string | undefined): Promise<string | null> {
    const secretKey = /^Bearer (\S{1,200})$/.exec(authorization ?? '')?.[1];
    if (secretKey === undefined) return Promise.resolve(null);
    return kept(this.#ids, secretKey, async () => {
      const rows = await this.#database.query<{ merchant_id: string }>(
        'find_api_key',
        'select merchant_id from api_keys where digest = $1',
        [digestOf(secretKey)],
      );
      return rows[0]?.merchant_id ?? null;
    });
  }

  /** The preferred processor, or null for a merchant without one. */
  processorOf(merchantId: string): Promise<string | null> {
    return kept(this.#processors, merchantId, async () => {
      const rows = await this.#database.query<{ preferred_processor: string }>(
        'find_preference',
        'select preferred_processor from merchant_preferences where merchant_id = $1',
        [merchantId],
      );
      return rows[0]?.preferred_processor ?? null;
    });
  }
}

function kept(
  cache: Map<string, { value: Promise<string | null>; untilMs: number }>,
  key: string,
  read: () => Promise<string | null>,
): Promise<string | null> {
  const now = Date.now();
  const known = cache.get(key);
  if (known !== undefined && known.untilMs > now) return known.value;
  const value = read();
  cache.set(key, { value, untilMs: now + KEPT_MS });
  return value;
}
