/**
 * Parent: `sluice start`. Starts, watches and stops the processes of one data folder, and does no payment work itself.
 *
 * Without database URLs it brings the whole profile: PostgreSQL, SoftHSM tokens, two sandbox banks, the demo merchant and the
 * gateway. With them it keeps the gateway alone (and the sandboxes where they are on). Every child has a session of its own, so that a
 * signal to the terminal's group reaches only this process and children outlive its death; the next start adopts PostgreSQL
 * and stops the gateway and sandboxes left behind. It promises to be gone, with all children, 15 s after SIGTERM.
 *
 * @module
 */
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dialable, settingsToDrop } from '../config/from-env.ts';
import { LIMITS } from '../config/limits.ts';
import type { StartOptions } from '../config/options.ts';
import { openConfigSecrets } from '../hsm/config-secrets.ts';
import { ensureSoftHsmTokens } from '../hsm/soft-hsm-tokens.ts';
import { migrateAll } from '../setup/migrations.ts';
import { createControlAdmin } from '../storage/postgres/control-admin.ts';
import type { EmbeddedHsm, RunningProfile } from './connect.ts';
import { type DataDirLock, lockDataDir } from './data-dir-lock.ts';
import { ensureDatabases, SERVICE_ROLES } from './databases.ts';
import { type DemoFile, type DemoUrls, ensureDemo } from './demo.ts';
import { EmbeddedError } from './embedded-error.ts';
import { KeptPostgres } from './kept-postgres.ts';
import { KeptProcess } from './kept-process.ts';
import { chooseListenPorts } from './listen-ports.ts';
import { findPkcs11Module } from './pkcs11-module.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { type Retirement, startRetirement } from './retirement.ts';
import { forgetProcesses, type RunningProcesses, recordProcesses, stopStrays } from './run-files.ts';
import {
  ensureSandboxAccounts,
  SANDBOXES,
  type SandboxAccounts,
  type SandboxName,
} from './sandbox-accounts.ts';

/** What a parent is told. */
export interface ParentOptions {
  readonly options: StartOptions;
  /** The texts of all settings that were set, handed on to the gateway. */
  readonly settings: ReadonlyMap<string, string>;
  /** The environment children inherit; its SLUICE_ names are replaced by `settings`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Tells people what happens, one line each. */
  readonly say: (text: string) => void;
}

/** A run that is up. */
export interface EmbeddedRun {
  /** Undefined without the embedded profile or without the sandbox. */
  readonly demo: DemoFile | undefined;
}

const SANDBOX_READY_TIMEOUT_MS = 120_000;
const GATEWAY_READY_TIMEOUT_MS = 120_000;
const SANDBOX_STOP_TIMEOUT_MS = 2000;
const GATEWAY_ENTRY = fileURLToPath(new URL('../main.ts', import.meta.url));
const SANDBOX_ENTRY = fileURLToPath(new URL('../../sandbox/main.ts', import.meta.url));

/** One parent of one data folder. `start` once; `stop` at any moment, also while it starts. */
export class EmbeddedParent {
  readonly #given: ParentOptions;
  #lock: DataDirLock | undefined;
  #postgres: KeptPostgres | undefined;
  readonly #sandboxes: KeptProcess[] = [];
  #gateway: KeptProcess | undefined;
  #retirement: Retirement | undefined;
  #running: RunningProcesses = {};
  #stopped: Promise<void> | undefined;

  constructor(given: ParentOptions) {
    this.#given = given;
  }

  /** Brings everything up; resolves when the gateway is ready. On failure stops what it had started and rejects. */
  async start(): Promise<EmbeddedRun> {
    try {
      return await this.#startAll();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Gateway first, so that no payment loses its database or a bank under way; then all of these. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #startAll(): Promise<EmbeddedRun> {
    const { options, say } = this.#given;
    makeDataDir(options.dataDir);
    this.#lock = await lockDataDir(options.dataDir);
    for (const name of await stopStrays(options.dataDir, LIMITS.drainTimeoutMs)) {
      say(`stopped the ${name} an earlier run had left behind`);
    }
    const ports = await chooseListenPorts(options);
    const urls = reachedAt(options, ports);
    const profile = options.databases === undefined ? await this.#startProfile() : undefined;
    this.#checkNotStopped();
    let demo: DemoFile | undefined;
    if (options.sandbox.enabled) {
      const accounts = ensureSandboxAccounts(options.dataDir, 'SANDBOX', urls.apiUrl);
      const accountsB = ensureSandboxAccounts(options.dataDir, 'SANDBOX_B', urls.apiUrl);
      if (profile !== undefined) demo = await this.#ensureDemo(profile, urls, accounts);
      await Promise.all([
        this.#startSandbox('SANDBOX', ports.sandbox, accounts, (sandbox) => this.#record({ sandbox })),
        this.#startSandbox('SANDBOX_B', ports.sandboxB, accountsB, (sandboxB) => this.#record({ sandboxB })),
      ]);
    }
    this.#checkNotStopped();
    await this.#startGateway(this.#gatewaySettings(ports, urls, profile));
    this.#checkNotStopped();
    if (profile !== undefined) {
      this.#retirement = startRetirement(
        profile.databases.owner,
        { retentionDays: options.retentionDays, relays: options.kafka.brokers.length > 0 },
        say,
      );
    }
    return { demo };
  }

  async #startProfile(): Promise<RunningProfile> {
    const { options, say } = this.#given;
    const hsm = await prepareHsm(options);
    if (hsm.module === 'software') {
      say(
        'WARNING: cards are sealed by the software stand-in, not by an HSM (SLUICE_PKCS11_MODULE=software)',
      );
    }
    this.#checkNotStopped();
    const postgresDir = join(options.dataDir, 'postgres');
    this.#postgres = new KeptPostgres({
      dataDir: postgresDir,
      restartDelayMs: LIMITS.restartDelayMs,
      restartDelayMsMax: LIMITS.restartDelayMsMax,
      onChange: (postgres) => this.#record({ postgres: postgres.identity }),
      say,
    });
    const postgres = await this.#postgres.start();
    if (postgres.adopted) say(`adopted the PostgreSQL an earlier run had left, pid ${postgres.pid}`);
    const databases = await ensureDatabases(postgres, postgresDir, options.embedded.shards);
    for (const { database, applied } of await migrateAll(databases.owner, SERVICE_ROLES)) {
      if (applied.length > 0) say(`database ${database}: applied ${applied.join(', ')}`);
    }
    return { databases, hsm };
  }

  async #ensureDemo(profile: RunningProfile, urls: DemoUrls, accounts: SandboxAccounts): Promise<DemoFile> {
    const control = createControlAdmin(profile.databases.owner.control);
    try {
      const openSecrets = () => this.#openConfigSecrets(profile.hsm);
      return await ensureDemo(this.#given.options.dataDir, urls, accounts, control, openSecrets, new Date());
    } finally {
      await control.close();
    }
  }

  #openConfigSecrets(hsm: EmbeddedHsm) {
    // SoftHSM reads its configuration's place from the environment when it is loaded.
    if (hsm.confFile !== undefined) process.env.SOFTHSM2_CONF = hsm.confFile;
    return openConfigSecrets({
      module: hsm.module,
      tokenLabel: this.#given.options.hsm.config.tokenLabel,
      pinFile: hsm.pinFiles.config,
      threads: 1,
      pageCardsMax: 1,
      callTimeoutMs: LIMITS.hsmCallTimeoutMs,
      mode: this.#given.options.mode,
    });
  }

  async #startSandbox(
    sandbox: SandboxName,
    port: number,
    accounts: SandboxAccounts,
    onChange: (identity: ProcessIdentity | undefined) => void,
  ): Promise<void> {
    const { dataDir } = this.#given.options;
    const { name } = SANDBOXES[sandbox];
    const environment = {
      ...withoutSluice(this.#given.environment),
      SANDBOX_HOST: '127.0.0.1',
      SANDBOX_PORT: String(port),
      SANDBOX_DATA_DIR: join(dataDir, name),
      SANDBOX_ACCOUNTS: `@${accounts.file}`,
      // Where the shop reads its keys, once there are some; the second bank has none.
      SANDBOX_SHOP_FILE: sandbox === 'SANDBOX' ? join(dataDir, 'demo.json') : undefined,
    };
    const kept = this.#keep(name, SANDBOX_ENTRY, environment, SANDBOX_READY_TIMEOUT_MS, onChange);
    this.#sandboxes.push(kept);
    await kept.start();
  }

  async #startGateway(environment: Readonly<Record<string, string | undefined>>): Promise<void> {
    this.#gateway = this.#keep('gateway', GATEWAY_ENTRY, environment, GATEWAY_READY_TIMEOUT_MS, (identity) =>
      this.#record({ gateway: identity }),
    );
    await this.#gateway.start();
  }

  #keep(
    name: string,
    entry: string,
    env: Readonly<Record<string, string | undefined>>,
    readyTimeoutMs: number,
    onChange: (identity: ProcessIdentity | undefined) => void,
  ): KeptProcess {
    return new KeptProcess({
      name,
      executable: process.execPath,
      args: [entry],
      env,
      logFile: join(this.#given.options.dataDir, 'log', `${name}.log`),
      readyTimeoutMs,
      restartDelayMs: LIMITS.restartDelayMs,
      restartDelayMsMax: LIMITS.restartDelayMsMax,
      restartHealthyMs: LIMITS.restartHealthyMs,
      onChange,
      say: this.#given.say,
    });
  }

  #gatewaySettings(
    ports: StartOptions['ports'],
    urls: DemoUrls,
    profile: RunningProfile | undefined,
  ): Record<string, string | undefined> {
    const { environment, options, settings } = this.#given;
    const dropped = Object.fromEntries(settingsToDrop(options, settings).map((name) => [name, undefined]));
    const common = {
      ...withoutSluice(environment),
      ...Object.fromEntries(settings),
      ...dropped,
      SLUICE_API_PORT: String(ports.api),
      SLUICE_CHECKOUT_PORT: String(ports.checkout),
      SLUICE_OPS_PORT: String(ports.ops),
      SLUICE_SANDBOX_PORT: String(ports.sandbox),
      SLUICE_SANDBOX_B_PORT: String(ports.sandboxB),
      SLUICE_DATA_DIR: options.dataDir,
      SLUICE_SANDBOX: options.sandbox.enabled ? 'on' : 'off',
      SLUICE_PUBLIC_CHECKOUT_URL: settings.get('SLUICE_PUBLIC_CHECKOUT_URL') ?? urls.checkoutUrl,
    };
    if (profile === undefined) return common;
    const { databases, hsm } = profile;
    const checkout = options.roles.includes('checkout');
    return {
      ...common,
      SLUICE_EMBEDDED: 'on',
      SLUICE_CONTROL_DATABASE_URL: databases.services.control,
      SLUICE_VAULT_DATABASE_URL: checkout ? databases.services.vault : undefined,
      SLUICE_SHARD_DATABASE_URLS: databases.services.shards.join(','),
      SLUICE_PKCS11_MODULE: hsm.module,
      SLUICE_PKCS11_PIN_FILE: checkout ? hsm.pinFiles.vault : undefined,
      SLUICE_CONFIG_PIN_FILE: hsm.pinFiles.config,
      SOFTHSM2_CONF: hsm.confFile ?? environment.SOFTHSM2_CONF,
    };
  }

  async #stopAll(): Promise<void> {
    const deadline = performance.now() + LIMITS.stopTimeoutMs;
    await this.#gateway?.stop(LIMITS.drainTimeoutMs);
    // A second is kept for what follows; PostgreSQL stopped roughly has lost nothing, it replays its log at the next start.
    const leftMs = Math.max(500, deadline - performance.now() - 1000);
    await Promise.all([
      ...this.#sandboxes.map((sandbox) => sandbox.stop(Math.min(leftMs, SANDBOX_STOP_TIMEOUT_MS))),
      this.#postgres?.stop(leftMs),
      this.#retirement?.stop(),
    ]);
    if (this.#lock === undefined) return;
    forgetProcesses(this.#given.options.dataDir);
    await this.#lock.release();
  }

  #record(changed: RunningProcesses): void {
    this.#running = { ...this.#running, ...changed };
    recordProcesses(this.#given.options.dataDir, this.#running);
  }

  #checkNotStopped(): void {
    if (this.#stopped !== undefined) throw new EmbeddedError('stopped', 'was stopped while it started');
  }
}

/**
 * 0700, or 0711 when we are root: PostgreSQL then runs as another user, who must be able to walk through to its
 * own folder but to list nothing. All folders below are 0700.
 */
function makeDataDir(dataDir: string): void {
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  try {
    mkdirSync(join(dataDir, 'log'), { recursive: true, mode: 0o700 });
    chmodSync(dataDir, mode);
    chmodSync(join(dataDir, 'log'), 0o700);
  } catch (error) {
    const detail = `the data folder ${dataDir} (SLUICE_DATA_DIR) cannot be used: ${(error as Error).message}`;
    throw new EmbeddedError('data_dir_unusable', detail, { cause: error });
  }
}

/** SoftHSM's tokens under the data folder; a module the operator names comes with tokens and PINs of the operator's. */
async function prepareHsm(options: StartOptions): Promise<EmbeddedHsm> {
  const directory = join(options.dataDir, 'hsm');
  const module = findPkcs11Module(options.hsm.module);
  const { vault, config } = options.hsm;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (module === 'software' || (vault.pinFile !== undefined && config.pinFile !== undefined)) {
    const pinFiles = {
      vault: vault.pinFile ?? join(directory, 'vault.pin'),
      config: config.pinFile ?? join(directory, 'config.pin'),
    };
    return { module, confFile: undefined, pinFiles };
  }
  if (!module.includes('softhsm')) {
    throw new EmbeddedError(
      'setting_refused',
      'SLUICE_PKCS11_MODULE is not SoftHSM: its PINs are needed too, in SLUICE_PKCS11_PIN_FILE and SLUICE_CONFIG_PIN_FILE',
    );
  }
  return { module, ...(await ensureSoftHsmTokens({ module, directory })) };
}

function reachedAt(options: StartOptions, ports: StartOptions['ports']): DemoUrls {
  const host = dialable(options.host);
  const scheme = options.tls.kind === 'files' ? 'https' : 'http';
  return {
    apiUrl: `${scheme}://${host}:${ports.api}`,
    checkoutUrl: `${scheme}://${host}:${ports.checkout}`,
    opsUrl: `${scheme}://${host}:${ports.ops}`,
    sandboxUrl: `http://127.0.0.1:${ports.sandbox}`,
    sandboxBUrl: `http://127.0.0.1:${ports.sandboxB}`,
  };
}

function withoutSluice(environment: ParentOptions['environment']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('SLUICE_')));
}
