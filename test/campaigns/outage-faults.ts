/**
 * The faults of the campaign `outage`: whom each strikes, and how.
 *
 * @module
 */

import type { PartNames } from '../../deploy/processes/topology.ts';

/** One fault. */
export interface Fault {
  name: string;
  /** A pause lasts as long as the campaign says; a restart is of one part after the other. */
  order: 'kill' | 'pause' | 'restart';
  parts: readonly string[];
  /** The database whose merchants alone may notice it; null where everybody may. */
  database: number | null;
}

/** Every fault there is for such a topology, the parts by the seed; the rolling restart comes last. */
export function faultsOf(names: PartNames, random: () => number): Fault[] {
  const one = (parts: readonly string[]): [string] => [parts[Math.floor(random() * parts.length)]!];
  const shard = Math.floor(random() * names.shards.length);
  const targets = [
    { target: "a shard's PostgreSQL", parts: [names.shards[shard]!], database: shard },
    { target: names.redis.length === 1 ? 'Redis' : 'one Redis of three', parts: one(names.redis) },
    { target: names.brokers.length === 1 ? 'the broker' : 'one broker of three', parts: one(names.brokers) },
    ...(names.brokers.length === 1 ? [] : [{ target: 'all brokers', parts: names.brokers }]),
    { target: 'one gateway of two', parts: one(names.gateways) },
    { target: 'one checkout process of two', parts: one(names.checkouts) },
  ];
  const strikes = targets.flatMap(({ target, ...at }) =>
    (['kill', 'pause'] as const).map((order) => ({
      name: order === 'kill' ? `kill -9 of ${target}` : `pause of ${target}`,
      order,
      database: null,
      ...at,
    })),
  );
  const parts = [...names.gateways, ...names.checkouts];
  return [...strikes, { name: 'rolling restart', order: 'restart', parts, database: null }];
}

/** The faults to play: all of them in their order and again from the first, or as few as asked for, by the seed. */
export function planOf(faults: readonly Fault[], count: number, random: () => number): Fault[] {
  if (count >= faults.length) return Array.from({ length: count }, (_, n) => faults[n % faults.length]!);
  const left = [...faults];
  while (left.length > count) left.splice(Math.floor(random() * left.length), 1);
  return left;
}
