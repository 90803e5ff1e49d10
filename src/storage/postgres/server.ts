/**
 * Server: what a connection string says of the way to its server.
 *
 * TLS towards our own databases is 1.3, with the server's name checked against its certificate: `sslmode=verify-full`. The weaker
 * words of libpq that still ask for TLS (`require`, `verify-ca`) mean the same here, `no-verify` is TLS with whoever answers, and
 * no word or `disable` is none. There is no falling back from one to another. pg alone would take every version of TLS.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type pg from 'pg';

/** What of the string we read ourselves. */
const TLS_PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey'] as const;

/**
 * The part of a pg configuration that says which server and how; goes before the rest of it. Reads the files the string names.
 * Throws when one cannot be read or the mode is none of ours.
 */
export function serverOf(connectionString: string): pg.ClientConfig {
  const url = new URL(connectionString);
  const { searchParams } = url;
  const mode = searchParams.get('sslmode') ?? undefined;
  // Nothing said: nothing changed, so that a socket's path in such a string stays as it was written.
  if (mode === undefined && !searchParams.has('sslrootcert')) return { connectionString };
  const ssl = tlsOf(mode ?? 'verify-full', searchParams);
  for (const name of TLS_PARAMETERS) searchParams.delete(name);
  return { connectionString: url.href, ssl };
}

function tlsOf(mode: string, parameters: URLSearchParams): ConnectionOptions | false {
  switch (mode) {
    case 'disable':
      return false;
    case 'require':
    case 'verify-ca':
    case 'verify-full':
      return { ...filesOf(parameters), minVersion: 'TLSv1.3', rejectUnauthorized: true };
    case 'no-verify':
      return { ...filesOf(parameters), minVersion: 'TLSv1.3', rejectUnauthorized: false };
    default:
      throw new Error('sslmode must be disable, require, verify-ca, verify-full or no-verify');
  }
}

/** Authorities to trust instead of the system's, and a certificate of our own where the server asks for one. */
function filesOf(parameters: URLSearchParams): ConnectionOptions {
  const [ca, cert, key] = ['sslrootcert', 'sslcert', 'sslkey'].map((name) => parameters.get(name));
  return {
    ...(ca != null && { ca: readFileSync(ca) }),
    ...(cert != null && { cert: readFileSync(cert) }),
    ...(key != null && { key: readFileSync(key) }),
  };
}
