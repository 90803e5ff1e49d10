/**
 * Site: a gateway as it is spread in a big installation, each role a process of its own and each kind of database a server of its own,
 * so that what a process uses is what a role costs.
 *
 * One shard database, so that all its figures are those of one shard. Sessions are in PostgreSQL, callbacks go to their actor at once:
 * Redis and Kafka have benches of their own.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/support/ports.ts';
import { startWorld } from '../../test/support/world.ts';

/** What a site's processes do; `front` is the PostgreSQL server of control and vault, `shard` that of the shard. */
export const ROLE_PROCESSES = ['api', 'checkout', 'background'] as const;
export type RoleProcess = (typeof ROLE_PROCESSES)[number];

export interface Site {
  /** Where the load driver finds it. */
  readonly dataDir: string;
  readonly gateways: Readonly<Record<RoleProcess, { readonly pid: number; readonly opsUrl: string }>>;
  readonly servers: { readonly front: SiteServer; readonly shard: SiteServer };
  /** Of the owner of the tables. */
  readonly databaseUrls: { readonly control: string; readonly vault: string; readonly shard: string };
  stop(): Promise<void>;
}

export interface SiteServer {
  readonly postmasterPid: number;
}

const MERCHANTS = 4;

/** Starts one. The process that does so holds its HSM: one site a process. */
export async function startSite(): Promise<Site> {
  const apiPort = await freePort();
  const world = await startWorld({ shards: 1, callbackPort: apiPort, cluster: { servers: 'each' } });
  try {
    const own = { SLUICE_ALLOW_PRIVATE_WEBHOOKS: 'on', SLUICE_SHARD_THREADS: '0' };
    const checkout = await world.startGateway({ ...own, SLUICE_ROLES: 'checkout' });
    const reachable = { ...own, SLUICE_PUBLIC_CHECKOUT_URL: checkout.checkoutUrl };
    const api = await world.startGateway({
      ...reachable,
      SLUICE_ROLES: 'api,callbacks',
      SLUICE_API_PORT: String(apiPort),
    });
    const background = await world.startGateway({ ...reachable, SLUICE_ROLES: 'background' });
    const merchants = [{ merchantId: world.merchantId, secretKey: world.secretKey }];
    for (let n = merchants.length; n < MERCHANTS; n++) {
      const merchantId = `merchant_${n}`;
      merchants.push({ merchantId, secretKey: await world.addMerchant(merchantId) });
    }
    writeFileSync(
      join(world.folder, 'demo.json'),
      JSON.stringify({
        apiUrl: `http://127.0.0.1:${apiPort}`,
        checkoutUrl: checkout.checkoutUrl,
        sandboxUrl: world.bankUrl,
        merchants,
      }),
    );
    const { owner, server, shardServers } = world.cluster;
    return {
      dataDir: world.folder,
      gateways: { api, checkout, background },
      servers: {
        front: { postmasterPid: postmasterOf(server.dataDir) },
        shard: { postmasterPid: postmasterOf(shardServers[0]!.dataDir) },
      },
      databaseUrls: { control: owner.control, vault: owner.vault, shard: owner.shards[0]! },
      stop: () => world.stop(),
    };
  } catch (error) {
    await world.stop();
    throw error;
  }
}

function postmasterOf(dataDir: string): number {
  return Number(readFileSync(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
}
