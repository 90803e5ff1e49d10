/**
 * Certificate: reads and judges the two files of a listener's certificate before they are used.
 *
 * @module
 */

import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** PEM files: the certificate with those between it and its authority, its own first; the key without a passphrase. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate that can be used. */
export interface Certificate {
  /** Digest of both files' bytes. */
  readonly digest: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** What is wrong, and with which of the files. */
export interface CertificateFault {
  readonly file: keyof CertificateFiles;
  readonly fault:
    | 'unreadable'
    | 'no_certificate'
    | 'broken_certificate'
    | 'no_private_key'
    | 'not_its_key'
    | 'not_yet_valid'
    | 'expired';
}

export type ReadCertificate =
  | { readonly ok: true; readonly certificate: Certificate }
  | { readonly ok: false; readonly error: CertificateFault };

/** Each fault as it goes on after the name of the file. */
export const CERTIFICATE_FAULTS: Readonly<Record<CertificateFault['fault'], string>> = {
  unreadable: 'cannot be read',
  no_certificate: 'holds no certificate in PEM',
  broken_certificate: 'holds a certificate that cannot be read',
  no_private_key: 'holds no private key in PEM without a passphrase',
  not_its_key: 'holds a key that is not that of the certificate',
  not_yet_valid: 'holds a certificate that is not valid yet',
  expired: 'holds a certificate that has expired',
};

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** A certificate that was made a moment ago is good, though our clock be behind that of its authority. */
const CLOCK_SLACK_MS = 60_000;

/** Reads both files. Never rejects. */
export async function readCertificate(
  { certFile, keyFile }: CertificateFiles,
  nowMs: number,
): Promise<ReadCertificate> {
  const [certText, keyText] = await Promise.all([textOf(certFile), textOf(keyFile)]);
  if (certText === null) return refused('certFile', 'unreadable');
  if (keyText === null) return refused('keyFile', 'unreadable');
  const chain = certText.match(CERTIFICATE) ?? [];
  if (chain.length === 0) return refused('certFile', 'no_certificate');
  const certificates = chain.map(certificateOf);
  const [own] = certificates;
  if (own == null || certificates.includes(null)) return refused('certFile', 'broken_certificate');
  const key = keyOf(keyText);
  if (key === null) return refused('keyFile', 'no_private_key');
  if (!own.checkPrivateKey(key)) return refused('keyFile', 'not_its_key');
  if (own.validFromDate.getTime() > nowMs + CLOCK_SLACK_MS) return refused('certFile', 'not_yet_valid');
  const expiresAt = own.validToDate.getTime();
  if (expiresAt <= nowMs) return refused('certFile', 'expired');
  const digest = createHash('sha256').update(certText).update('\0').update(keyText).digest('base64url');
  return { ok: true, certificate: { digest, expiresAt } };
}

function textOf(file: string): Promise<string | null> {
  return readFile(file, 'utf8').catch(() => null);
}

function certificateOf(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

function keyOf(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}

function refused(file: CertificateFault['file'], fault: CertificateFault['fault']): ReadCertificate {
  return { ok: false, error: { file, fault } };
}
