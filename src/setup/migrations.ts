/**
 * Migrations: brings all databases of an installation to the tables of this version and places the logical shards on them.
 *
 * Used by `sluice migrate` and by the embedded profile at each start; a second run changes nothing. The shard map is written
 * once: ranges already placed are never moved by a migration, and no database is given any then. One that came later, or that a wrong
 * URL leads to, owns nothing, so that no start takes it for one that has payments.
 *
 * @module
 */
import type { Databases } from '../config/options.ts';
import type { ShardRange } from '../storage/control.ts';
import { createControlAdmin } from '../storage/postgres/control-admin.ts';
import { migrateDatabase } from '../storage/postgres/migrate.ts';
import { explained } from '../storage/postgres/operator-desk.ts';
import { evenShardMap } from '../storage/shard-map.ts';

/** The login roles that get the rights on the tables. */
export interface ServiceRoles {
  readonly control: string;
  readonly vault: string;
  readonly shard: string;
}

/** What was applied to one database. */
export interface DatabaseMigration {
  readonly database: string;
  readonly applied: readonly string[];
}

/** Migrates every database named in `owner` (connection strings of the role that owns the tables). */
export async function migrateAll(
  owner: Databases,
  roles: ServiceRoles,
): Promise<readonly DatabaseMigration[]> {
  const done: DatabaseMigration[] = [];
  const control = await migrateDatabase({
    connectionString: owner.control,
    kind: 'control',
    serviceRole: roles.control,
  });
  done.push({ database: 'control', applied: control.applied });
  if (owner.vault !== undefined) {
    const vault = await migrateDatabase({
      connectionString: owner.vault,
      kind: 'vault',
      serviceRole: roles.vault,
    });
    done.push({ database: 'vault', applied: vault.applied });
  }
  const isNew = (await placedRanges(owner.control)).length === 0;
  const ranges = isNew ? evenShardMap(owner.shards.length) : [];
  for (const [index, connectionString] of owner.shards.entries()) {
    const range = ranges[index];
    const shard = await migrateDatabase({
      connectionString,
      kind: 'shard',
      serviceRole: roles.shard,
      ...(range !== undefined && { range: { low: range.low, high: range.high } }),
    }).catch((error: unknown) => {
      throw explained(connectionString, error);
    });
    done.push({ database: `shard ${index + 1}`, applied: shard.applied });
  }
  if (isNew) await placeShards(owner.control, ranges);
  return done;
}

async function placedRanges(connectionString: string): Promise<readonly ShardRange[]> {
  const admin = createControlAdmin(connectionString);
  try {
    return await admin.findShardMap();
  } finally {
    await admin.close();
  }
}

async function placeShards(connectionString: string, ranges: readonly ShardRange[]): Promise<void> {
  const admin = createControlAdmin(connectionString);
  try {
    await admin.putShardMap(ranges);
  } finally {
    await admin.close();
  }
}
