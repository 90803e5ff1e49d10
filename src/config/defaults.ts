/**
 * Defaults: what each setting is when nobody sets it. `options.ts` says what each one means.
 *
 * @module
 */
import type { Mode, Role } from './options.ts';

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
  kafkaReplicationMax: 3,
  drainDelaySeconds: 0,
  hsmThreads: 1,
  vaultTokenLabel: 'vault',
  configTokenLabel: 'config',
  sessionTtlSeconds: 600,
  sessionGraceSeconds: 60,
  sendBeforeSeconds: 30,
  notFoundProofSeconds: 120,
  ambiguousFailureSeconds: 900,
  stripeVersion: '2026-07-29.dahlia',
  stripeAbandonedSeconds: 1800,
  processorConnectTimeoutMs: 2000,
  processorTimeoutMs: 10_000,
  processorInFlightMax: 2048,
  retentionDays: 400,
  settlementDeadlineDays: 3,
} as const;

/** Where the processors are. */
export interface ProcessorOrigins {
  readonly razorpay: string;
  readonly payu: string;
  /** PayU's commands. */
  readonly payuInfo: string;
  readonly stripe: string;
}

/** The processors' public origins: two of them tell test from live by the key, PayU by the host. */
export const PROCESSOR_ORIGINS: Readonly<Record<Mode, ProcessorOrigins>> = {
  test: {
    razorpay: 'https://api.razorpay.com',
    payu: 'https://test.payu.in',
    payuInfo: 'https://test.payu.in',
    stripe: 'https://api.stripe.com',
  },
  live: {
    razorpay: 'https://api.razorpay.com',
    payu: 'https://secure.payu.in',
    payuInfo: 'https://info.payu.in',
    stripe: 'https://api.stripe.com',
  },
};

/** None where two cores are shared with everything else: the hop between threads costs more than it gives. Else half the cores, at most eight. */
export function defaultShardThreads(cores: number): number {
  return cores <= 2 ? 0 : Math.min(8, Math.floor(cores / 2));
}
