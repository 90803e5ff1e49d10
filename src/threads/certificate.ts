/**
 * Certificate of a thread's listeners: read anew while they serve.
 *
 * @module
 */

import { TLS_FILE_SETTINGS } from '../config/named-files.ts';
import { CERTIFICATE_FAULTS, readCertificate } from '../http/certificate.ts';
import { type CertificateNews, createCertificateWatch } from '../http/certificate-watch.ts';
import type { HttpServer } from '../http/server.ts';
import type { GatewayThread } from './gateway.ts';

/** A change is in use two looks after it was made. */
const LOOK_MS = 2000;

/**
 * Watches the files of the certificate, where there are any. Called before the listeners open, so that no change is missed.
 * @param servers the thread's listeners, as they are when a certificate was renewed
 */
export async function followCertificate(guest: GatewayThread, servers: readonly HttpServer[]): Promise<void> {
  const { tls } = guest.options.options;
  if (tls.kind !== 'files') return;
  const first = await readCertificate(tls, Date.now());
  if (!first.ok) {
    const { file, fault } = first.error;
    throw new Error(`${TLS_FILE_SETTINGS[file]} ${CERTIFICATE_FAULTS[fault]}`);
  }
  const watch = createCertificateWatch({
    files: tls,
    inUse: first.certificate,
    now: Date.now,
    use: () => {
      for (const server of servers) server.useCertificate(tls);
    },
    onNews: (news) => tellNews(guest, news),
  });
  setInterval(() => void watch.look(), LOOK_MS).unref();
  guest.onReload(() => void watch.reload());
  guest.registry.onCollect(() => {
    guest.metrics.certificateSecondsLeft.of('listeners').set((watch.expiresAt() - Date.now()) / 1000);
  });
}

function tellNews(guest: GatewayThread, news: CertificateNews): void {
  guest.metrics.certificateReloads.of(news.result).add();
  if (news.result === 'loaded') {
    guest.log('info', 'certificate_loaded', { detail: `until ${new Date(news.expiresAt).toISOString()}` });
    return;
  }
  const { error } = news;
  if (error instanceof Error) {
    guest.log('error', 'certificate_refused', { errorMessage: error.message });
    return;
  }
  guest.log('error', 'certificate_refused', {
    setting: TLS_FILE_SETTINGS[error.file],
    reason: CERTIFICATE_FAULTS[error.fault],
  });
}
