/**
 * Config secrets: merchant and processor secrets, sealed by a key of the `config` token.
 *
 * Outside the PCI zone: every role may use it, with a PIN that opens no card key. Its own small pool makes the calls.
 *
 * @module
 */

import { fileURLToPath } from 'node:url';
import type { ConfigTask } from './config-worker.ts';
import type { ConfigSecrets, HsmOptions } from './hsm.ts';

export type { ConfigSecrets };

import { admitModule } from './software/software-keyring.ts';
import { WorkerPool } from './worker-pool.ts';

const QUEUE_MAX = 1024;
const ABANDONED_WORKERS_MAX = 3;
const PROBE_CONTEXT = 'start-up probe';

/**
 * Starts the pool and proves that it opens what it seals.
 * Rejects with HsmError when module, token or PIN fail. `pageCardsMax` and `keySealsMax` are not used.
 */
export async function openConfigSecrets(options: HsmOptions): Promise<ConfigSecrets> {
  admitModule(options.module, options.mode ?? 'test');
  const { module, tokenLabel, pinFile } = options;
  const pool = new WorkerPool<ConfigTask, Uint8Array>({
    workerFile: fileURLToPath(new URL('./config-worker.ts', import.meta.url)),
    workerData: { module, tokenLabel, pinFile },
    threads: options.threads,
    callTimeoutMs: options.callTimeoutMs,
    abandonedWorkersMax: options.abandonedWorkersMax ?? ABANDONED_WORKERS_MAX,
    queueMax: QUEUE_MAX,
  });
  const secrets: ConfigSecrets = {
    // Sealing may make the first key, so a call that hung is not repeated.
    seal: (plain, context) => pool.run('once', () => ({ task: { type: 'seal', bytes: plain, context } })),
    open: (sealed, context) => pool.run('repeat', () => ({ task: { type: 'open', bytes: sealed, context } })),
    close: () => pool.close(),
  };
  try {
    const probe = new TextEncoder().encode('probe');
    await secrets.open(await secrets.seal(probe, PROBE_CONTEXT), PROBE_CONTEXT);
    return secrets;
  } catch (error) {
    await pool.close();
    throw error;
  }
}
