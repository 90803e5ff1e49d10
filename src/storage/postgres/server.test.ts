/**
 * TLS to PostgreSQL, against a server that speaks it: the embedded build can, `ssl = on` is all it takes.
 *
 * @module
 */

import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Certificates, makeCertificates } from '../../../test/support/certificates.ts';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { serveTls } from '../../../test/support/postgres-tls.ts';
import { clockDifferenceMs } from '../../embedded/connect.ts';
import { connectOnce } from './connection.ts';
import { createControlAdmin } from './control-admin.ts';
import { migrateDatabase } from './migrate.ts';
import { serverOf } from './server.ts';
import { createVaultStore } from './vault.ts';
import { createWebhookEndpointStore } from './webhook-endpoints.ts';

let certificates: Certificates;
let cluster: Cluster;

beforeAll(async () => {
  certificates = makeCertificates();
  cluster = await startCluster(1);
  await serve();
});
afterAll(async () => {
  await cluster?.stop();
  certificates?.remove();
});

/** Another certificate of the server's. */
function serve(names?: string, settings?: Record<string, string>): Promise<void> {
  return serveTls(cluster, certificates.issue('database', 1, names), settings);
}

/** The shard's URL with parameters, at `localhost` or at another name of it. */
function urlOf(parameters: string, host = 'localhost', of = cluster.services.shards[0]!): string {
  const url = new URL(of);
  url.hostname = host;
  url.search = parameters;
  return url.href;
}

const trusted = () => `sslmode=verify-full&sslrootcert=${certificates.ca}`;

/** The version of TLS the server sees; null for none. */
async function versionSeen(parameters: string, host?: string): Promise<string | null> {
  const client = await connectOnce({
    connectionString: urlOf(parameters, host),
    applicationName: 'tls test',
  });
  try {
    const { rows } = await client.query('select version from pg_stat_ssl where pid = pg_backend_pid()');
    return rows[0].version;
  } finally {
    await client.end();
  }
}

test('verify-full is TLS 1.3 with the name checked, also when the name is an address', async () => {
  expect(await versionSeen(trusted())).toBe('TLSv1.3');
  expect(await versionSeen(trusted(), '127.0.0.1')).toBe('TLSv1.3');
});

test.each(['require', 'verify-ca'])('%s is no weaker', async (mode) => {
  expect(await versionSeen(`sslmode=${mode}&sslrootcert=${certificates.ca}`)).toBe('TLSv1.3');
  await expect(versionSeen(`sslmode=${mode}`)).rejects.toMatchObject({
    code: expect.stringMatching(/UNABLE_TO|SELF_SIGNED/),
  });
});

test('no-verify encrypts for whoever answers; disable and nothing are plain', async () => {
  expect(await versionSeen('sslmode=no-verify')).toBe('TLSv1.3');
  expect(await versionSeen('sslmode=disable')).toBeNull();
  expect(await versionSeen('')).toBeNull();
});

test('a certificate of another authority is refused', async () => {
  await expect(
    versionSeen(`sslmode=verify-full&sslrootcert=${certificates.strangeCa}`),
  ).rejects.toMatchObject({
    code: expect.stringMatching(/UNABLE_TO_VERIFY|SIGNATURE/),
  });
});

test('a certificate of another name is refused, by name and by address', async () => {
  await serve('DNS:other.example');
  for (const host of ['localhost', '127.0.0.1']) {
    await expect(versionSeen(trusted(), host), host).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  }
  // An address is not "localhost".
  await serve('DNS:localhost');
  await expect(versionSeen(trusted(), '127.0.0.1')).rejects.toMatchObject({
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
  await serve();
  expect(await versionSeen(trusted())).toBe('TLSv1.3');
});

test('a server that cannot speak 1.3 is refused', async () => {
  await serve(undefined, { ssl_max_protocol_version: 'TLSv1.2' });
  await expect(versionSeen(trusted())).rejects.toMatchObject({
    code: expect.stringMatching(/^ERR_SSL|^EPROTO/),
  });
  await serve(undefined, { ssl_max_protocol_version: '' });
  expect(await versionSeen(trusted())).toBe('TLSv1.3');
});

test('a server without TLS gets no password in the clear', async () => {
  const heard: Buffer[] = [];
  const plain: Server = createServer((socket) => {
    socket.on('data', (bytes) => {
      heard.push(bytes);
      socket.write('N');
    });
  });
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  try {
    const url = new URL(urlOf(trusted()));
    url.port = String((plain.address() as { port: number }).port);
    const opened = connectOnce({ connectionString: url.href, applicationName: 'tls test' });
    await expect(opened).rejects.toThrow('does not support SSL');
    // Eight bytes: the question for TLS, and nothing after its refusal.
    expect(Buffer.concat(heard).length).toBe(8);
  } finally {
    plain.close();
  }
});

test('every way in of ours takes it, and finds the server refused without the authority', async () => {
  const { control, vault } = cluster.services;
  const owner = cluster.owner.control;
  const ways = (parameters: string): Record<string, () => Promise<unknown>> => ({
    admin: async () => {
      const store = createControlAdmin(urlOf(parameters, 'localhost', control));
      await store.findMerchant('nobody').finally(() => store.close());
    },
    vault: async () => {
      const store = createVaultStore(urlOf(parameters, 'localhost', vault));
      await store.currentKeyVersion().finally(() => store.close());
    },
    webhooks: async () => {
      const store = createWebhookEndpointStore(urlOf(parameters, 'localhost', control));
      await store.list('nobody').finally(() => store.close());
    },
    migrate: () =>
      migrateDatabase({
        connectionString: urlOf(parameters, 'localhost', owner),
        kind: 'control',
        serviceRole: new URL(control!).username,
      }),
    clock: () => clockDifferenceMs(urlOf(parameters, 'localhost', control)),
  });
  for (const [name, way] of Object.entries(ways(trusted()))) await expect(way(), name).resolves.not.toThrow();
  for (const [name, way] of Object.entries(ways('sslmode=verify-full'))) {
    await expect(way(), name).rejects.toThrow();
  }
});

test('what a string says else is left as it is, and nonsense is refused', () => {
  const plain = 'postgres://u:p%40@127.0.0.1/db?options=-c%20jit%3Doff';
  expect(serverOf(plain)).toEqual({ connectionString: plain });
  expect(serverOf(`${plain}&sslmode=no-verify`).connectionString).toBe(
    'postgres://u:p%40@127.0.0.1/db?options=-c+jit%3Doff',
  );
  expect(() => serverOf(`${plain}&sslmode=prefer`)).toThrow('sslmode must be');
  expect(() => serverOf(`${plain}&sslmode=verify-full&sslrootcert=/none`)).toThrow('ENOENT');
});
