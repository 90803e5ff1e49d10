/**
 * TLS for a test's PostgreSQL: the embedded build speaks it once it has a certificate.
 *
 * @module
 */

import { chownSync, copyFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { CertificateFiles } from './certificates.ts';
import type { Cluster } from './cluster.ts';
import { eventually } from './eventually.ts';

/**
 * Gives the server a certificate and settings, for its next connections; plain ones stay allowed.
 * @param settings by name, as `ssl_max_protocol_version`
 */
export async function serveTls(
  cluster: Cluster,
  { certificate, key }: CertificateFiles,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  const admin = new pg.Client(cluster.postgres.adminUrl('postgres'));
  await admin.connect();
  try {
    const own = {
      ssl_cert_file: copyFor(cluster, certificate, 'server.crt'),
      ssl_key_file: copyFor(cluster, key, 'server.key'),
    };
    for (const [name, value] of Object.entries({ ...own, ssl: 'on', ...settings })) {
      await admin.query(`alter system set ${name} = '${value}'`);
    }
    const loadedAt = async () => (await admin.query('select pg_conf_load_time() as at')).rows[0].at as Date;
    const before = await loadedAt();
    await admin.query('select pg_reload_conf()');
    await eventually(async () => {
      if (Number(await loadedAt()) === Number(before))
        throw new Error('PostgreSQL did not load its settings');
    });
  } finally {
    await admin.end();
  }
}

/** The server runs as another user when we are root, and refuses a key that is not its own. */
function copyFor(cluster: Cluster, file: string, name: string): string {
  const copy = join(cluster.folder, name);
  copyFileSync(file, copy);
  const { uid, gid } = statSync(join(cluster.folder, 'postgres'));
  chownSync(copy, uid, gid);
  return copy;
}

/** A database's URL at `localhost`, verified. */
export function verifiedUrl(url: string, caFile: string): string {
  const verified = new URL(url);
  verified.hostname = 'localhost';
  verified.search = `sslmode=verify-full&sslrootcert=${caFile}`;
  return verified.href;
}
