/**
 * Server process of the baseline: a node cluster.
 *
 * Workers are started one after the other: SoftHSM rewrites a token's file at every login, and a process that loads the module at that
 * moment does not see the token.
 *
 * @module
 */

import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import type { Place } from '../rival/parts.ts';
import { placeGiven, type Serving, serve } from '../rival/rival.ts';
import { createVaultKey } from '../rival/vault-key.ts';
import { startApp } from './app.ts';
import { createTables } from './database.ts';

if (cluster.isPrimary) await serve(startCluster);
else await startWorker();

async function startCluster(place: Place): Promise<Serving> {
  const count = workersAsked();
  await createTables(place);
  createVaultKey(place);
  const workers: Worker[] = [];
  for (let n = 0; n < count; n++) {
    const worker = cluster.fork();
    await once(worker, 'listening');
    worker.once('exit', (code, signal) => {
      if (!worker.exitedAfterDisconnect) throw new Error(`a worker ended with ${code ?? signal}`);
    });
    workers.push(worker);
  }
  return {
    async stop() {
      const ended = workers.map((worker) => once(worker, 'exit'));
      for (const worker of workers) worker.disconnect();
      await Promise.all(ended);
    },
  };
}

function workersAsked(): number {
  const text = process.env.BENCH_BASELINE_WORKERS ?? '';
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new Error(`BENCH_BASELINE_WORKERS is a whole number from 1 to 99, not ${text}`);
}

async function startWorker(): Promise<void> {
  // A signal to the whole group is the primary's affair.
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => undefined);
  const app = await startApp(placeGiven());
  process.once('disconnect', () => void app.stop());
}
