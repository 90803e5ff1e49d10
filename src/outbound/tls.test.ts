/**
 * Whom we talk to outside is who its certificate says, or nothing is said.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type CertificateFiles,
  type Certificates,
  makeCertificates,
} from '../../test/support/certificates.ts';

let certificates: Certificates;
const closers: Array<() => void> = [];
const requests: string[] = [];

beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => {
  for (const close of closers) close();
  certificates.remove();
});

/** The origin of a server with this certificate. */
async function serve(name: string, files: CertificateFiles, more: ServerOptions = {}): Promise<string> {
  const server = createServer(
    { ...more, cert: readFileSync(files.certificate), key: readFileSync(files.key) },
    (request, answer) => {
      requests.push(name);
      request.resume();
      answer.end('{}');
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function outcomesOf(origins: string[], env: Record<string, string>): Promise<unknown[]> {
  const script = join(import.meta.dirname, 'testing/post-each.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...origins], {
    env: { ...process.env, ...env },
  });
  return JSON.parse(stdout);
}

const notSent = (detail: string) => ({ kind: 'not_sent', reason: 'unreachable', detail });

test('an authority is added by NODE_EXTRA_CA_CERTS; expired, misnamed and outdated servers get not a byte', async () => {
  const valid = certificates.server;
  const origins = [
    await serve('valid', valid),
    await serve('of TLS 1.2', valid, { maxVersion: 'TLSv1.2' }),
    await serve('expired', certificates.expired),
    await serve('misnamed', certificates.issue('misnamed', 30, 'DNS:other.example')),
    await serve('outdated', valid, {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL:@SECLEVEL=0',
    }),
  ];
  const refused = [
    notSent('CERT_HAS_EXPIRED'),
    notSent('ERR_TLS_CERT_ALTNAME_INVALID'),
    { ...notSent(''), detail: expect.stringMatching(/^ERR_SSL|EPROTO|ECONNRESET/) },
  ];
  const trusting = { NODE_EXTRA_CA_CERTS: certificates.ca };
  expect(await outcomesOf(origins, trusting)).toEqual([200, 200, ...refused]);
  // Nor does the environment talk us out of it.
  const careless = {
    ...trusting,
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
    NODE_OPTIONS: '--tls-min-v1.0 --tls-cipher-list=ALL:@SECLEVEL=0',
  };
  expect(await outcomesOf(origins, careless)).toEqual([200, 200, ...refused]);
  const stranger = notSent('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  expect((await outcomesOf(origins, {})).slice(0, 2)).toEqual([stranger, stranger]);
  expect(requests.sort()).toEqual(['of TLS 1.2', 'of TLS 1.2', 'valid', 'valid']);
});
