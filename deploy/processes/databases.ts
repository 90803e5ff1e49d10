/**
 * Databases: a PostgreSQL server for control data and the vault, and one for each shard.
 *
 * @module
 */
import { join } from 'node:path';
import { type EmbeddedDatabases, ensureDatabases, SERVICE_ROLES } from '../../src/embedded/databases.ts';
import { migrateAll } from '../../src/setup/migrations.ts';
import { type Part, type PartSurroundings, postgresPart } from './part.ts';
import type { Ports } from './ports.ts';

/** The servers, and how their databases are reached once they run. */
export interface DatabaseServers {
  readonly parts: readonly Part[];
  /** Brings the databases to the tables of this version and tells their connection strings. Call it when all parts have started. */
  migrate(): Promise<EmbeddedDatabases>;
}

/** The first of `names` has control data and vault, each of the others a shard. */
export function databaseServers(
  names: readonly string[],
  folder: string,
  ports: Ports,
  surroundings: PartSurroundings,
): DatabaseServers {
  const made = new Map<string, EmbeddedDatabases>();
  const parts = names.map((name, index) => {
    const dataDir = join(folder, name);
    return postgresPart(
      {
        name,
        dataDir,
        port: ports(name),
        // Every server gets the roles; those of shards get a control and a vault database that stay empty.
        prepare: async (postgres) => {
          made.set(name, await ensureDatabases(postgres, dataDir, index === 0 ? 0 : 1));
        },
      },
      surroundings,
    );
  });
  return {
    parts,
    async migrate() {
      const [first, ...shards] = names.map((name) => made.get(name)!);
      const join = (role: 'owner' | 'services'): EmbeddedDatabases['owner'] => ({
        control: first![role].control,
        vault: first![role].vault,
        shards: shards.flatMap((server) => server[role].shards),
      });
      const databases = { owner: join('owner'), services: join('services') };
      await migrateAll(databases.owner, SERVICE_ROLES);
      return databases;
    },
  };
}
