/**
 * Open breaks: how many of each class a person is to look at, over all shard databases, and since when the oldest is.
 *
 * @module
 */

import type { SettlementClass } from '../domain/settlement.ts';
import type { OpenBreaks, SettlementStore } from '../storage/settlement-store.ts';

export type OpenOfClass = Omit<OpenBreaks, 'class'>;

/** @param stores one for each shard database */
export function createOpenBreaks(stores: readonly Pick<SettlementStore, 'openBreaks'>[]): {
  /** Never rejects: a database that does not answer counts as it was last seen. */
  look(): Promise<Map<SettlementClass, OpenOfClass>>;
} {
  const known: OpenBreaks[][] = stores.map(() => []);
  return {
    async look() {
      const looks = stores.map(async (store, database) => {
        known[database] = await store.openBreaks();
      });
      await Promise.allSettled(looks);
      return openByClass(known.flat());
    },
  };
}

/** The breaks of all databases as one. */
export function openByClass(found: readonly OpenBreaks[]): Map<SettlementClass, OpenOfClass> {
  const sums = new Map<SettlementClass, OpenOfClass>();
  for (const { class: kind, count, oldestAt } of found) {
    const sum = sums.get(kind);
    sums.set(kind, {
      count: count + (sum?.count ?? 0),
      oldestAt: Math.min(oldestAt, sum?.oldestAt ?? oldestAt),
    });
  }
  return sums;
}
