/**
 * Profiles: how many of each part a topology has.
 *
 * @module
 */

/** Counts of parts that differ. */
export interface Profile {
  readonly shards: number;
  /** One stands alone; three are the masters of a cluster. */
  readonly redis: 1 | 3;
  readonly brokers: 1 | 3;
}

/** As many as deploy/haproxy/ has lines for. */
export const GATEWAYS = 2;
export const CHECKOUTS = 2;

/** `small` is the least that has every kind of part; `large` survives the loss of any one Redis or broker. */
export const PROFILES = {
  small: { shards: 3, redis: 1, brokers: 1 },
  large: { shards: 3, redis: 3, brokers: 3 },
} as const satisfies Record<string, Profile>;

/** What `--profile` takes. */
export type ProfileName = keyof typeof PROFILES;

/** Whether there is such a profile. */
export function isProfileName(name: string): name is ProfileName {
  return Object.hasOwn(PROFILES, name);
}

/** `gateway-1`, `gateway-2` and so on; a part there is one of has its plain name. */
export function namesOf(name: string, count: number): string[] {
  if (count === 1) return [name];
  return Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);
}
