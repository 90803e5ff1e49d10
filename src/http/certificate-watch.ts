/**
 * Certificate watch: notices that a certificate was renewed, judges it, and hands it on.
 *
 * Files are looked at every few seconds: whoever renews a certificate writes over it, moves a file into its place or, as
 * Kubernetes does, turns a link; all of them change what `stat` says. A change is read once it has stayed for one look, so that two
 * files written one after the other are taken as a pair. What is refused leaves the certificate in use as it is, and is read again
 * when it changes.
 *
 * @module
 */

import { stat } from 'node:fs/promises';
import {
  type Certificate,
  type CertificateFault,
  type CertificateFiles,
  type ReadCertificate,
  readCertificate,
} from './certificate.ts';

/** What a look found: `loaded` is in use now, `refused` is not and why. */
export type CertificateNews =
  | { readonly result: 'loaded'; readonly expiresAt: number }
  | { readonly result: 'refused'; readonly error: CertificateFault | Error };

export interface CertificateWatchOptions {
  files: CertificateFiles;
  /** The one that is in use. */
  inUse: Certificate;
  /** Milliseconds since 1970. */
  now(): number;
  /** Takes the certificate into use. What it throws is a refusal. */
  use(): void;
  /** Hears of every certificate that was taken or refused. */
  onNews(news: CertificateNews): void;
}

export interface CertificateWatch {
  /** Of the certificate in use, milliseconds since 1970. */
  expiresAt(): number;
  /** Looks at the files. To be called every few seconds; a call during a look does nothing. Never rejects. */
  look(): Promise<void>;
  /** Reads the files whether they have changed or not. Never rejects. */
  reload(): Promise<void>;
}

/** Begins with the certificate in use; nothing is looked at by itself. */
export function createCertificateWatch(options: CertificateWatchOptions): CertificateWatch {
  const { files, onNews } = options;
  let { inUse } = options;
  /** Of the files that were read last, and of those seen by the last look. */
  let readMark = '';
  let seenMark = '';
  let looking = false;

  async function read(mark: string): Promise<void> {
    readMark = mark;
    const found = await readCertificate(files, options.now());
    if (!found.ok) onNews({ result: 'refused', error: found.error });
    else if (found.certificate.digest !== inUse.digest) take(found);
  }

  function take({ certificate }: ReadCertificate & { ok: true }): void {
    try {
      options.use();
    } catch (error) {
      onNews({ result: 'refused', error: error as Error });
      return;
    }
    inUse = certificate;
    onNews({ result: 'loaded', expiresAt: certificate.expiresAt });
  }

  return {
    expiresAt: () => inUse.expiresAt,
    async look() {
      if (looking) return;
      looking = true;
      try {
        const mark = await markOf(files);
        const stayed = mark === seenMark;
        seenMark = mark;
        if (stayed && mark !== readMark) await read(mark);
      } finally {
        looking = false;
      }
    },
    async reload() {
      await read(await markOf(files));
    },
  };
}

/** What tells one state of the files from another, links followed. */
async function markOf({ certFile, keyFile }: CertificateFiles): Promise<string> {
  const marks = await Promise.all([certFile, keyFile].map(markOfFile));
  return marks.join(' ');
}

async function markOfFile(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
