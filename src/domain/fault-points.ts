/**
 * Fault points: the instants of a payment at which a campaign may stop or kill the gateway (design 5).
 *
 * @module
 */

/** Every named instant, in the order a payment passes them. */
export const FAULT_POINTS = [
  'before-commit-a',
  'after-commit-a',
  'before-vault-commit',
  'after-vault-commit',
  'before-commit-b',
  'after-commit-b',
  'before-send',
  'after-send',
  'after-answer',
  'before-commit-d',
  'after-commit-d',
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];
