/**
 * A certificate is judged before it is used, and a renewed one is noticed however it was put in place.
 *
 * @module
 */

import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Certificates, makeCertificates } from '../../test/support/certificates.ts';
import { type CertificateFiles, readCertificate } from './certificate.ts';
import { type CertificateNews, type CertificateWatch, createCertificateWatch } from './certificate-watch.ts';

let folder: string;
let certificates: Certificates;
let [one, two, expired]: CertificateFiles[] = [];

beforeAll(() => {
  certificates = makeCertificates();
  folder = certificates.folder;
  [one, two, expired] = [issue('one', 2), issue('two', 3), issue('old', -1)];
});
afterAll(() => certificates.remove());

function issue(name: string, days: number): CertificateFiles {
  const { certificate, key } = certificates.issue(name, days);
  return { certFile: certificate, keyFile: key };
}

const DAY_MS = 86_400_000;

function written(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

test('a pair that belongs together is taken, with the certificates of its authorities behind it', async () => {
  const chain = [one!.certFile, certificates.ca].map((file) => readFileSync(file, 'utf8')).join('');
  for (const certFile of [one!.certFile, written('chain.crt', `Subject: x\n${chain}`)]) {
    const read = await readCertificate({ ...one!, certFile }, Date.now());
    expect(read.ok && Math.round((read.certificate.expiresAt - Date.now()) / DAY_MS)).toBe(2);
  }
});

test.each<[string, () => Partial<CertificateFiles>, object]>([
  ['no certificate file', () => ({ certFile: '/none' }), { file: 'certFile', fault: 'unreadable' }],
  ['no key file', () => ({ keyFile: '/none' }), { file: 'keyFile', fault: 'unreadable' }],
  [
    'a file without a certificate',
    () => ({ certFile: one!.keyFile }),
    { file: 'certFile', fault: 'no_certificate' },
  ],
  ['a file without a key', () => ({ keyFile: one!.certFile }), { file: 'keyFile', fault: 'no_private_key' }],
  ['another’s key', () => ({ keyFile: two!.keyFile }), { file: 'keyFile', fault: 'not_its_key' }],
  ['an expired one', () => expired!, { file: 'certFile', fault: 'expired' }],
  [
    'a broken one in its chain',
    () => ({
      certFile: written(
        'broken.crt',
        `${readFileSync(one!.certFile, 'utf8')}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
      ),
    }),
    { file: 'certFile', fault: 'broken_certificate' },
  ],
])('%s is refused by name', async (_, more, error) => {
  expect(await readCertificate({ ...one!, ...more() }, Date.now())).toEqual({ ok: false, error });
});

test('one that begins to be valid later is refused until then, but for what clocks differ by', async () => {
  const early = await readCertificate(one!, Date.now() - DAY_MS);
  expect(early).toEqual({ ok: false, error: { file: 'certFile', fault: 'not_yet_valid' } });
  expect(await readCertificate(one!, Date.now() - 30_000)).toMatchObject({ ok: true });
});

let used = 0;
let refusesUse = false;
let news: CertificateNews[] = [];
let live: CertificateFiles;

beforeEach(() => {
  [used, refusesUse, news] = [0, false, []];
  live = { certFile: join(folder, 'live.crt'), keyFile: join(folder, 'live.key') };
});

function put(files: CertificateFiles, target = live): void {
  copyFileSync(files.certFile, target.certFile);
  copyFileSync(files.keyFile, target.keyFile);
}

async function watching(): Promise<CertificateWatch> {
  const read = await readCertificate(live, Date.now());
  if (!read.ok) throw new Error(read.error.fault);
  return createCertificateWatch({
    files: live,
    inUse: read.certificate,
    now: Date.now,
    use: () => {
      if (refusesUse) throw new Error('App construction failed');
      used++;
    },
    onNews: (one) => news.push(one),
  });
}

async function looks(watch: CertificateWatch, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await watch.look();
}

test('files that stay, and files written anew with the same bytes, are no news', async () => {
  put(one!);
  const watch = await watching();
  await looks(watch, 4);
  put(one!);
  await looks(watch, 4);
  await watch.reload();
  expect([used, news]).toEqual([0, []]);
});

test('a pair written over the old one is used once it has stayed for a look', async () => {
  put(one!);
  const watch = await watching();
  await looks(watch, 3);
  // The first file alone would be refused: it is not looked at before the second has followed.
  copyFileSync(two!.certFile, live.certFile);
  await watch.look();
  copyFileSync(two!.keyFile, live.keyFile);
  await watch.look();
  expect([used, news]).toEqual([0, []]);
  await looks(watch, 3);
  expect([used, news.map(({ result }) => result)]).toEqual([1, ['loaded']]);
  expect(Math.round((watch.expiresAt() - Date.now()) / DAY_MS)).toBe(3);
});

test('a link turned as Kubernetes turns it is noticed', async () => {
  const mount = mkdtempSync(join(folder, 'mount-'));
  const version = (name: string, files: CertificateFiles): void => {
    mkdirSync(join(mount, name));
    put(files, { certFile: join(mount, name, 'tls.crt'), keyFile: join(mount, name, 'tls.key') });
    symlinkSync(name, join(mount, '..data_tmp'));
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
  };
  version('..1', one!);
  for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(mount, name));
  live = { certFile: join(mount, 'tls.crt'), keyFile: join(mount, 'tls.key') };
  const watch = await watching();
  await looks(watch, 3);
  version('..2', two!);
  rmSync(join(mount, '..1'), { recursive: true });
  await looks(watch, 2);
  expect([used, news.map(({ result }) => result)]).toEqual([1, ['loaded']]);
});

test('a bad pair is told once and leaves what is in use; a good one after it is used', async () => {
  put(one!);
  const watch = await watching();
  await looks(watch, 3);
  copyFileSync(two!.keyFile, live.keyFile);
  await looks(watch, 4);
  expect(news).toEqual([{ result: 'refused', error: { file: 'keyFile', fault: 'not_its_key' } }]);
  rmSync(live.keyFile);
  await looks(watch, 4);
  expect(news[1]).toEqual({ result: 'refused', error: { file: 'keyFile', fault: 'unreadable' } });
  expect(Math.round((watch.expiresAt() - Date.now()) / DAY_MS)).toBe(2);
  put(two!);
  await looks(watch, 2);
  expect([used, news.length, news[2]?.result]).toEqual([1, 3, 'loaded']);
});

test('what the listener cannot use is a refusal, and a reload by hand tries once more', async () => {
  put(one!);
  const watch = await watching();
  put(two!);
  refusesUse = true;
  await watch.reload();
  expect(news).toEqual([{ result: 'refused', error: expect.any(Error) }]);
  await looks(watch, 3);
  expect(news).toHaveLength(1);
  refusesUse = false;
  await watch.reload();
  expect([used, news[1]?.result]).toEqual([1, 'loaded']);
});
