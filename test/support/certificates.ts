/**
 * Certificates for tests: a small authority, what it signed, and what must be refused. PEM files in a folder, made by openssl.
 *
 * @module
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** PEM files of one who shows a certificate. The key is PKCS #8, not encrypted. */
export interface CertificateFiles {
  certificate: string;
  key: string;
}

/** What a listener of a test's server shows, and whom it lets in. */
export interface ServerTls extends CertificateFiles {
  /** PEM file of the authority whose clients are let in. */
  ca: string;
  /** A client must show a certificate. Default false. */
  clientCertificates?: boolean;
}

export interface Certificates {
  /** PEM file of the authority of all but `stranger`. */
  ca: string;
  /** Of localhost and 127.0.0.1. */
  server: CertificateFiles;
  /** As `server`, with another key: what it is replaced by. */
  renewed: CertificateFiles;
  /** As `server`, over since yesterday. */
  expired: CertificateFiles;
  client: CertificateFiles;
  /** PEM file of an authority nobody trusts. */
  strangeCa: string;
  /** Of localhost and 127.0.0.1, by the strange authority. */
  stranger: CertificateFiles;
  /**
   * Signs another, over an earlier one of that name.
   * @param days from now; negative: over since then. Default 1
   * @param names whose it is. Default: of localhost and 127.0.0.1
   */
  issue(name: string, days?: number, names?: string): CertificateFiles;
  /** Where all of these are. */
  folder: string;
  remove(): void;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Makes them all, in a quarter of a second. They are good for a day. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-certificates-'));
  const authority = makeAuthority(folder, 'authority');
  const strange = makeAuthority(folder, 'strange-authority');
  return {
    folder,
    ca: authority.certificate,
    server: sign(folder, 'server', authority),
    renewed: sign(folder, 'renewed', authority),
    expired: sign(folder, 'expired', authority, -1),
    client: sign(folder, 'client', authority),
    strangeCa: strange.certificate,
    stranger: sign(folder, 'stranger', strange),
    issue: (name, days, names) => sign(folder, name, authority, days, names),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function makeAuthority(folder: string, name: string): CertificateFiles {
  const files = filesOf(folder, name);
  const extensions = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  const out = ['-keyout', files.key, '-out', files.certificate];
  openssl('req', '-x509', ...NEW_KEY, '-days', '1', '-subj', `/CN=${name}`, ...extensions, ...out);
  return files;
}

function sign(
  folder: string,
  name: string,
  authority: CertificateFiles,
  days = 1,
  names = 'DNS:localhost,IP:127.0.0.1',
): CertificateFiles {
  const files = filesOf(folder, name);
  const request = join(folder, `${name}.request.pem`);
  const extensions = [
    ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-addext', `subjectAltName=${names}`],
  ];
  openssl('req', ...NEW_KEY, '-subj', `/CN=${name}`, ...extensions, '-keyout', files.key, '-out', request);
  const by = ['-CA', authority.certificate, '-CAkey', authority.key, '-CAcreateserial'];
  const inOut = ['-in', request, '-out', files.certificate];
  openssl('x509', '-req', ...by, '-copy_extensions', 'copy', '-days', String(days), ...inOut);
  return files;
}

function filesOf(folder: string, name: string): CertificateFiles {
  return { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key.pem`) };
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
