/**
 * App of the baseline: Fastify with checked bodies and compiled answers, over Redis and PostgreSQL.
 *
 * @module
 */

import formbody from '@fastify/formbody';
import { fastify } from 'fastify';
import { Redis } from 'ioredis';
import type { Place } from '../rival/parts.ts';
import type { Serving } from '../rival/rival.ts';
import { openVaultKey } from '../rival/vault-key.ts';
import { mountApi } from './api.ts';
import { mountCallbacks } from './callbacks.ts';
import { mountCheckout } from './checkout.ts';
import { openDatabase } from './database.ts';
import { Merchants } from './merchants.ts';
import { Payments } from './payments.ts';
import { Processor } from './processor.ts';
import { Sessions } from './sessions.ts';

const BODY_BYTES_MAX = 64 * 1024;

/** Resolves when it listens on the place's port. */
export async function startApp(place: Place): Promise<Serving> {
  const database = openDatabase(place);
  const redis = new Redis(place.redisPort!, '127.0.0.1', { enableAutoPipelining: true });
  const processor = new Processor(place);
  const merchants = new Merchants(database);
  const payments = new Payments(database);
  const sessions = new Sessions(redis);
  const app = fastify({ bodyLimit: BODY_BYTES_MAX });
  await app.register(formbody);
  mountApi(app, { place, redis, merchants, payments, sessions });
  mountCheckout(app, { merchants, payments, sessions, processor, seal: openVaultKey(place) });
  await app.register((scope) => mountCallbacks(scope, { place, payments }));
  await app.listen({ port: place.port, host: '127.0.0.1' });
  return {
    async stop() {
      await app.close();
      await Promise.all([processor.close(), redis.quit(), database.close()]);
    },
  };
}
