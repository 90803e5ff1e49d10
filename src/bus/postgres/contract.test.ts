/**
 * The bus in PostgreSQL against the contract of all buses, over pretended shards.
 *
 * @module
 */

import { callbackBusContract } from '../contract-suite.ts';
import { createPostgresBus } from './callback-bus.ts';

callbackBusContract('PostgreSQL', async () => ({
  openPublisher: (_, apply) => createPostgresBus({ apply }),
  openConsumer: (_, shards) =>
    createPostgresBus({
      apply: shards.apply,
      correct: shards.correct,
      unmatched: [shards.unmatched],
      everyMs: 20,
    }),
  close: async () => undefined,
}));
