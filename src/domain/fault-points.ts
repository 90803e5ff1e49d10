/**
 * Fault points: the instants at which a campaign may stop or kill the gateway, or end one of its threads.
 *
 * @module
 */

/** Every named instant, in the order a payment passes them (design 5). */
export const PAYMENT_POINTS = [
  'before-commit-a',
  'after-commit-a',
  'before-vault-commit',
  'after-vault-commit',
  'before-commit-b',
  'after-commit-b',
  'before-send',
  'after-send',
  'after-answer',
  'before-commit-b2',
  'after-commit-b2',
  'before-commit-d',
  'after-commit-d',
] as const;

/**
 * A moment of each kind of thread that no payment chooses: passed twenty times a second. `thread-hsm` is passed by the pci thread,
 * and what ends there is a worker of the HSM pool.
 */
export const THREAD_POINTS = [
  'thread-api',
  'thread-pci',
  'thread-shard',
  'thread-background',
  'thread-hsm',
] as const;

export const FAULT_POINTS = [...PAYMENT_POINTS, ...THREAD_POINTS] as const;

export type PaymentPoint = (typeof PAYMENT_POINTS)[number];
export type ThreadPoint = (typeof THREAD_POINTS)[number];
export type FaultPoint = (typeof FAULT_POINTS)[number];
