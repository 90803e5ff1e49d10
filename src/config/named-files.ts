/**
 * Named files: files that settings name can be read, said at start by the name of their setting instead of at their first use.
 *
 * @module
 */
import { accessSync, constants, statSync } from 'node:fs';
import type { SettingName } from './from-env.ts';
import type { SettingError, StartOptions } from './options.ts';

/** Who names the two files of the listeners' certificate. */
export const TLS_FILE_SETTINGS = {
  certFile: 'SLUICE_TLS_CERT_FILE',
  keyFile: 'SLUICE_TLS_KEY_FILE',
} as const satisfies Record<string, SettingName>;

/** Parameters of a database's URL that name a file. */
const URL_FILES = ['sslrootcert', 'sslcert', 'sslkey'];

/** One for each file that cannot be read by us, in the order of the settings. */
export function unreadableFiles(options: StartOptions): SettingError[] {
  const errors: SettingError[] = [];
  for (const [setting, file, what] of filesOf(options)) {
    const why = whyUnreadable(file);
    if (why !== null) errors.push({ setting, detail: `${what}cannot be read: ${why}` });
  }
  return errors;
}

type NamedFile = readonly [setting: SettingName, file: string, what: string];

function filesOf({ tls, databases, redis, kafka, hsm, roles }: StartOptions): NamedFile[] {
  const files: NamedFile[] = [];
  const add = (setting: SettingName, file: string | undefined, what = ''): void => {
    if (file !== undefined) files.push([setting, file, what]);
  };
  if (tls.kind === 'files') {
    add(TLS_FILE_SETTINGS.certFile, tls.certFile);
    add(TLS_FILE_SETTINGS.keyFile, tls.keyFile);
  }
  const addOf = (setting: SettingName, url: string | undefined): void => {
    const { searchParams } = new URL(url ?? 'postgres:');
    for (const name of URL_FILES)
      add(setting, searchParams.get(name) ?? undefined, `names in ${name} a file that `);
  };
  addOf('SLUICE_CONTROL_DATABASE_URL', databases?.control);
  addOf('SLUICE_VAULT_DATABASE_URL', databases?.vault);
  for (const shard of databases?.shards ?? []) addOf('SLUICE_SHARD_DATABASE_URLS', shard);
  add('SLUICE_REDIS_CA_FILE', redis.caFile);
  add('SLUICE_KAFKA_CA_FILE', kafka.caFile);
  add('SLUICE_KAFKA_PASSWORD_FILE', kafka.sasl?.passwordFile);
  // The software stand-in makes what it needs.
  if (hsm.module !== undefined && hsm.module !== 'software') {
    add('SLUICE_CONFIG_PIN_FILE', hsm.config.pinFile);
    if (roles.includes('checkout')) add('SLUICE_PKCS11_PIN_FILE', hsm.vault.pinFile);
  }
  return files;
}

/** The system's word for it; null when it can be read. */
function whyUnreadable(file: string): string | null {
  try {
    accessSync(file, constants.R_OK);
    return statSync(file).isFile() ? null : 'EISDIR';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
