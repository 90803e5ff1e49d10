/**
 * A file that a setting names and that cannot be read stops a start, by the setting's name.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readOptions } from './from-env.ts';
import { unreadableFiles } from './named-files.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-files-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Every setting that names a file, each with its own below the folder. */
function settings(): Record<string, string> {
  const file = (name: string) => join(folder, name);
  return {
    SLUICE_CONTROL_DATABASE_URL: `postgres://u@db/c?sslmode=verify-full&sslrootcert=${file('control')}`,
    SLUICE_VAULT_DATABASE_URL: `postgres://u@db/v?sslmode=verify-full&sslcert=${file('vault')}`,
    SLUICE_SHARD_DATABASE_URLS: `postgres://u@db/s1,postgres://u@db/s2?sslmode=require&sslrootcert=${file('shard')}`,
    SLUICE_REDIS_CA_FILE: file('redis'),
    SLUICE_KAFKA_CA_FILE: file('kafka'),
    SLUICE_KAFKA_USERNAME: 'u',
    SLUICE_KAFKA_PASSWORD_FILE: file('kafka-password'),
    SLUICE_TLS_CERT_FILE: file('cert'),
    SLUICE_TLS_KEY_FILE: file('key'),
    SLUICE_PKCS11_MODULE: '/lib/p11.so',
    SLUICE_PKCS11_PIN_FILE: file('vault-pin'),
    SLUICE_CONFIG_PIN_FILE: file('config-pin'),
  };
}

function found(env: Record<string, string>): Record<string, string> {
  const read = readOptions(env);
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  return Object.fromEntries(unreadableFiles(read.options).map(({ setting, detail }) => [setting, detail]));
}

test('each is named at once, a folder is no file, and what is there is not named', () => {
  const env = settings();
  const names = Object.keys(env).filter((name) => !/USERNAME|MODULE/.test(name));
  const missing = found(env);
  expect(Object.keys(missing).sort()).toEqual(names.sort());
  expect(missing).toMatchObject({
    SLUICE_TLS_KEY_FILE: 'cannot be read: ENOENT',
    SLUICE_SHARD_DATABASE_URLS: 'names in sslrootcert a file that cannot be read: ENOENT',
  });
  expect(found({ ...env, SLUICE_REDIS_CA_FILE: folder }).SLUICE_REDIS_CA_FILE).toBe('cannot be read: EISDIR');
  for (const text of Object.values(env)) {
    const file = /[^=]*$/.exec(text)![0];
    if (file.startsWith(folder)) writeFileSync(file, '');
  }
  expect(found(env)).toEqual({});
});

test('the vault’s PIN is no matter of a process without checkout, and the stand-in has none', () => {
  const env = { ...settings(), SLUICE_PKCS11_PIN_FILE: '/none' };
  expect(found(env)).toEqual({ SLUICE_PKCS11_PIN_FILE: 'cannot be read: ENOENT' });
  expect(found({ ...env, SLUICE_ROLES: 'api', SLUICE_PUBLIC_CHECKOUT_URL: 'https://pay.example' })).toEqual(
    {},
  );
  expect(found({ ...env, SLUICE_PKCS11_MODULE: 'software' })).toEqual({});
});
