/**
 * Services: opens what operators' commands work on, in an embedded profile that runs or on the databases that are named.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Databases, StartOptions } from '../config/options.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { connectEmbedded } from '../embedded/connect.ts';
import { SERVICE_ROLES } from '../embedded/databases.ts';
import type { DemoFile } from '../embedded/demo.ts';
import { readJson } from '../embedded/private-file.ts';
import { openConfigSecrets } from '../hsm/config-secrets.ts';
import type { MerchantServices } from '../setup/merchant.ts';
import type { ServiceRoles } from '../setup/migrations.ts';
import { createControlAdmin } from '../storage/postgres/control-admin.ts';
import { MisuseError } from './command.ts';

/** The databases to migrate, as the owner of their tables, and the roles that get rights on them. */
export interface MigrationTarget {
  readonly owner: Databases;
  readonly roles: ServiceRoles;
}

/** The owner's way in: the embedded owner role, or the named URLs with the user and password of `owner`. */
export function migrationTarget(
  options: StartOptions,
  owner: { readonly user: string; readonly passwordFile: string | undefined } | undefined,
): MigrationTarget {
  const { databases } = options;
  if (databases === undefined) {
    return { owner: connectEmbedded(options).databases.owner, roles: SERVICE_ROLES };
  }
  const shard = databases.shards[0];
  const userOf = (text: string | undefined): string =>
    text === undefined ? '' : decodeURIComponent(new URL(text).username);
  const roles = {
    control: userOf(databases.control),
    vault: userOf(databases.vault),
    shard: userOf(shard),
  };
  if (owner === undefined) return { owner: databases, roles };
  const password = owner.passwordFile === undefined ? '' : readFileSync(owner.passwordFile, 'utf8').trim();
  const as = (text: string): string => {
    const url = new URL(text);
    url.username = encodeURIComponent(owner.user);
    url.password = encodeURIComponent(password);
    return url.href;
  };
  const vault = databases.vault === undefined ? undefined : as(databases.vault);
  return { owner: { control: as(databases.control), vault, shards: databases.shards.map(as) }, roles };
}

/** The control database: the owner's in an embedded profile that runs, or the one that is named. */
export function controlDatabaseUrl(options: StartOptions): string {
  return options.databases?.control ?? connectEmbedded(options).databases.owner.control;
}

/** A person waits, and nobody else: a busy machine is no reason to give up. */
const HSM_CALL_TIMEOUT_MS = 10_000;

/** Control database and config token; close when done. */
export async function openMerchantServices(
  options: StartOptions,
): Promise<MerchantServices & { close(): Promise<void> }> {
  const embedded = options.databases === undefined ? connectEmbedded(options) : undefined;
  const module = embedded?.hsm.module ?? options.hsm.module;
  const pinFile = embedded?.hsm.pinFiles.config ?? options.hsm.config.pinFile;
  const control = embedded?.databases.owner.control ?? options.databases?.control;
  if (module === undefined) throw new MisuseError('SLUICE_PKCS11_MODULE is needed');
  if (pinFile === undefined) throw new MisuseError('SLUICE_CONFIG_PIN_FILE is needed');
  if (control === undefined) throw new MisuseError('SLUICE_CONTROL_DATABASE_URL is needed');
  // SoftHSM reads its configuration's place from the environment when it is loaded.
  if (embedded?.hsm.confFile !== undefined) process.env.SOFTHSM2_CONF = embedded.hsm.confFile;
  const secrets = await openConfigSecrets({
    module,
    tokenLabel: options.hsm.config.tokenLabel,
    pinFile,
    threads: 1,
    pageCardsMax: 1,
    callTimeoutMs: HSM_CALL_TIMEOUT_MS,
    mode: options.mode,
  });
  const admin = createControlAdmin(control);
  return {
    control: admin,
    secrets,
    async close() {
      await admin.close();
      await secrets.close();
    },
  };
}

/** The shard databases: those of the named URLs, or of the embedded profile that runs. */
export function shardDatabaseUrls(options: StartOptions): readonly string[] {
  return (options.databases ?? connectEmbedded(options).databases.services).shards;
}

/** A bank in a box, and where it is reached. */
export interface SandboxPlace {
  /** Whom it speaks as: what plain calls it first. */
  readonly processors: readonly ProcessorName[];
  readonly url: string;
}

/** The banks in a box that are there. A running embedded profile has written down where; one at a port nobody wrote down cannot be found. */
export function sandboxUrls(options: StartOptions): readonly SandboxPlace[] {
  if (!options.sandbox.enabled) return [];
  const demo = readJson(join(options.dataDir, 'demo.json')) as Partial<DemoFile> | undefined;
  const { SANDBOX, SANDBOX_B } = options.processors;
  const [url, urlB] = [demo?.sandboxUrl ?? SANDBOX.baseUrl, demo?.sandboxBUrl ?? SANDBOX_B.baseUrl];
  // A bank takes the port it is given at its start: what the options say of it is where the others are sought as well.
  const speaksAs = SPOKEN.filter((name) => [SANDBOX.baseUrl, url].includes(options.processors[name].baseUrl));
  const places: SandboxPlace[] = [
    { processors: ['SANDBOX', ...speaksAs], url },
    { processors: ['SANDBOX_B'], url: urlB },
  ];
  return places.filter((place) => new URL(place.url).port !== '0');
}

/** Processors a bank in a box can speak as. */
const SPOKEN: readonly ProcessorName[] = ['RAZORPAY', 'PAYU', 'STRIPE'];

/** Where the first sandbox bank is reached; null where there is none. */
export function sandboxUrl(options: StartOptions): string | null {
  return sandboxUrls(options).find(({ processors }) => processors[0] === 'SANDBOX')?.url ?? null;
}
