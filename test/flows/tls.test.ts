/**
 * A gateway that ends TLS itself, its databases behind TLS too: the certificate is renewed under load.
 *
 * @module
 */

import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SCRIPT_PATH } from '../../src/checkout/script.ts';
import { type CertificateFiles, type Certificates, makeCertificates } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { serveTls, verifiedUrl } from '../support/postgres-tls.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

let world: World;
let certificates: Certificates;
let live: CertificateFiles;
let gateway: Gateway;
let listeners: ReadonlyArray<{ port: number; path: string }>;

beforeAll(async () => {
  world = await startWorld({ shards: 1, cluster: { servers: 'one' } });
  certificates = makeCertificates();
  const { folder } = certificates;
  live = { certificate: join(folder, 'live.pem'), key: join(folder, 'live.key.pem') };
  put(certificates.issue('first', 2));
  const { cluster } = world;
  await serveTls(cluster, certificates.server);
  const verified = (url: string): string => verifiedUrl(url, certificates.ca);
  gateway = await world.startGateway({
    SLUICE_SERVICE_TLS: 'required',
    // A profile's own speak no TLS.
    SLUICE_REDIS_URL: '',
    SLUICE_KAFKA_BROKERS: '',
    SLUICE_CONTROL_DATABASE_URL: verified(cluster.services.control),
    SLUICE_VAULT_DATABASE_URL: verified(cluster.services.vault!),
    SLUICE_SHARD_DATABASE_URLS: cluster.services.shards.map(verified).join(','),
    SLUICE_TLS_CERT_FILE: live.certificate,
    SLUICE_TLS_KEY_FILE: live.key,
  });
  listeners = [
    { port: portOf(gateway.apiUrl), path: '/openapi.json' },
    { port: portOf(gateway.checkoutUrl), path: SCRIPT_PATH },
    { port: portOf(gateway.opsUrl), path: '/healthz' },
  ];
});
afterAll(async () => {
  await world?.stop();
  certificates?.remove();
});

function put(files: CertificateFiles): void {
  copyFileSync(files.certificate, live.certificate);
  copyFileSync(files.key, live.key);
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function get(
  { port, path }: { port: number; path: string },
  agent: Agent = new Agent(),
): Promise<{ status: number; body: string; transport: string | undefined }> {
  return new Promise((resolve, reject) => {
    const ca = readFileSync(certificates.ca);
    const asked = request({ host: '127.0.0.1', servername: 'localhost', ca, port, path, agent }, (answer) => {
      let body = '';
      answer.on('data', (chunk) => {
        body += chunk;
      });
      const transport = answer.headers['strict-transport-security'];
      answer.on('end', () => resolve({ status: answer.statusCode!, body, transport }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** The names of the certificates that new connections to the three listeners see. */
function namesSeen(): Promise<string[]> {
  return Promise.all(
    listeners.map(async ({ port }) => {
      const socket = connectTls({
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: readFileSync(certificates.ca),
      });
      await once(socket, 'secureConnect');
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return String(CN);
    }),
  );
}

async function metric(name: string): Promise<number[]> {
  const { body } = await get({ ...listeners[2]!, path: '/metrics' });
  const lines = body.split('\n').filter((line) => line.startsWith(`${name}{`));
  return lines.map((line) => Number(line.split(' ').at(-1)));
}

const allThree = (name: string): string[] => [name, name, name];

test('the listeners speak TLS and tell browsers so; plain requests are shut out and the gateway goes on', async () => {
  for (const listener of listeners) {
    const { status, transport } = await get(listener);
    expect([listener.path, status, transport]).toEqual([
      listener.path,
      200,
      expect.stringContaining('max-age'),
    ]);
    await expect(fetch(`http://127.0.0.1:${listener.port}${listener.path}`)).rejects.toThrow();
  }
  expect(await namesSeen()).toEqual(allThree('first'));
});

test('every connection to a database is TLS 1.3', async () => {
  const admin = new pg.Client(world.cluster.postgres.adminUrl('postgres'));
  await admin.connect();
  try {
    await eventually(async () => {
      const { rows } = await admin.query<{ database: string; version: string | null }>(
        "select datname as database, version from pg_stat_ssl join pg_stat_activity using (pid) where usename like 'sluice_%'",
      );
      const databases = new Set(rows.map(({ database }) => database));
      expect([...databases].sort()).toEqual(['control', 'shard_1', 'vault']);
      expect(rows.filter(({ version }) => version !== 'TLSv1.3')).toEqual([]);
    });
  } finally {
    await admin.end();
  }
});

test('a renewed certificate is served by all listeners, noticed or by SIGHUP, and no request fails', async () => {
  const kept = new Agent({ keepAlive: true, maxSockets: 6 });
  const failures: unknown[] = [];
  let answered = 0;
  let over = false;
  const load = listeners.flatMap((listener) =>
    [kept, undefined].map(async (agent) => {
      while (!over) {
        const status = await get(listener, agent).then((answer) => answer.status, String);
        if (status === 200) answered++;
        else failures.push(status);
      }
    }),
  );
  put(certificates.issue('second', 3));
  await eventually(async () => expect(await namesSeen()).toEqual(allThree('second')));
  put(certificates.issue('third', 4));
  gateway.kill('SIGHUP');
  await eventually(async () => expect(await namesSeen()).toEqual(allThree('third')));
  const sofar = answered;
  await eventually(() => expect(answered).toBeGreaterThan(sofar + 100));
  over = true;
  await Promise.all(load);
  expect(failures).toEqual([]);
  kept.destroy();
  // Each of the two threads with listeners has its own.
  expect((await metric('sluice_certificate_seconds_left')).map((left) => Math.round(left / 86_400))).toEqual([
    4, 4,
  ]);
  expect(await metric('sluice_certificate_reloads_total')).toEqual([2, 2]);
});

test('a bad pair is refused by name and counted, and the old one goes on', async () => {
  const other = certificates.issue('fourth');
  copyFileSync(other.key, live.key);
  gateway.kill('SIGHUP');
  await eventually(async () => {
    expect((await metric('sluice_certificate_reloads_total')).sort()).toEqual([1, 1, 2, 2]);
  });
  expect(gateway.log()).toMatch(
    /"setting":"SLUICE_TLS_KEY_FILE","reason":"holds a key that is not that of the certificate"/,
  );
  expect(await namesSeen()).toEqual(allThree('third'));
  copyFileSync(other.certificate, live.certificate);
  await eventually(async () => expect(await namesSeen()).toEqual(allThree('fourth')));
});

test('it is drained as any other, and does not start on a bad pair', async () => {
  expect(await gateway.stop()).toBe(0);
  expect(gateway.log()).not.toMatch(/"level":"(error|fatal)"(?!.*certificate_refused)/);
  put(certificates.expired);
  await expect(gateway.again()).rejects.toThrow(
    /\(2\)[\s\S]*SLUICE_TLS_CERT_FILE holds a certificate that has expired/,
  );
});
