/**
 * Defaults: what each setting is when nobody sets it. `options.ts` says what each one means.
 *
 * @module
 */
import type { ProcessorName } from '../domain/processor-word.ts';
import type { Role } from './options.ts';

/** All roles, in the order in which they are listed to people. */
export const ROLES: readonly Role[] = ['api', 'checkout', 'callbacks', 'background'];

/** Values that depend on nothing else. */
export const DEFAULTS = {
  mode: 'test',
  host: '127.0.0.1',
  ports: { api: 8080, checkout: 8081, ops: 9464, sandbox: 9400, sandboxB: 0 },
  dataDir: './data',
  embeddedShards: 2,
  kafkaPartitions: 24,
  hsmThreads: 1,
  vaultTokenLabel: 'vault',
  configTokenLabel: 'config',
  sessionTtlSeconds: 600,
  sessionGraceSeconds: 60,
  sendBeforeSeconds: 30,
  notFoundProofSeconds: 120,
  processorConnectTimeoutMs: 2000,
  processorTimeoutMs: 10_000,
  processorInFlightMax: 2048,
  retentionDays: 400,
} as const;

/** The processors' public addresses; the sandboxes have none of their own. */
export const PROCESSOR_BASE_URLS: Readonly<Record<Exclude<ProcessorName, 'SANDBOX' | 'SANDBOX_B'>, string>> =
  {
    RAZORPAY: 'https://api.razorpay.com',
    PAYU: 'https://info.payu.in',
    STRIPE: 'https://api.stripe.com',
  };

/** None where two cores are shared with everything else: the hop between threads costs more than it gives. Else half the cores, at most eight. */
export function defaultShardThreads(cores: number): number {
  return cores <= 2 ? 0 : Math.min(8, Math.floor(cores / 2));
}
