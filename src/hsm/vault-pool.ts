/**
 * Vault pool: the one pool whose workers touch card keys. Only tokenizer.ts and vault-keys.ts talk to it.
 *
 * @module
 */

import { fileURLToPath } from 'node:url';
import type { HsmOptions } from './hsm.ts';
import type { SessionOptions } from './pkcs11/session.ts';
import type { VaultAnswer, VaultTask } from './vault-tasks.ts';
import { WorkerPool } from './worker-pool.ts';

export type VaultPool = WorkerPool<VaultTask, VaultAnswer>;

/** Openings that may wait for a worker; tokenizing has its own queue before the pool. */
const QUEUE_MAX = 1024;
const ABANDONED_WORKERS_MAX = 3;

/** Starts the workers. @param workerFile another worker, for tests of hangs */
export function createVaultPool(
  options: HsmOptions,
  workerFile: string = fileURLToPath(new URL('./vault-worker.ts', import.meta.url)),
): VaultPool {
  const { module, tokenLabel, pinFile } = options;
  return new WorkerPool({
    workerFile,
    workerData: { module, tokenLabel, pinFile } satisfies SessionOptions,
    threads: options.threads,
    callTimeoutMs: options.callTimeoutMs,
    abandonedWorkersMax: options.abandonedWorkersMax ?? ABANDONED_WORKERS_MAX,
    queueMax: QUEUE_MAX,
  });
}
