/**
 * Topology: what compose.yaml runs in containers, as processes of this machine in one folder, on loopback.
 *
 * A balancer, gateways, separate checkout processes (they alone are given the vault), PostgreSQL for control data and vault and a
 * server of its own for each shard, Redis, Kafka, the two banks in a box with the demo shop. Every process is started again when it
 * ends, and each may be killed, paused and restarted by its name. A start on the folder of an earlier run finds its data, and first stops
 * what that run has left behind.
 *
 * @module
 */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '../../src/config/limits.ts';
import { type DataDirLock, lockDataDir } from '../../src/embedded/data-dir-lock.ts';
import type { EmbeddedDatabases } from '../../src/embedded/databases.ts';
import { type DemoFile, ensureDemo } from '../../src/embedded/demo.ts';
import { findPkcs11Module } from '../../src/embedded/pkcs11-module.ts';
import { readJson, writeDurably } from '../../src/embedded/private-file.ts';
import { asIdentity, signalProcess, waitForEnd } from '../../src/embedded/process-identity.ts';
import { ensureSandboxAccounts, SANDBOXES } from '../../src/embedded/sandbox-accounts.ts';
import { openConfigSecrets } from '../../src/hsm/config-secrets.ts';
import { ensureSoftHsmTokens, type SoftHsmTokens } from '../../src/hsm/soft-hsm-tokens.ts';
import { createControlAdmin } from '../../src/storage/postgres/control-admin.ts';
import { type Backend, balancerProgram } from './balancer.ts';
import { bankProgram } from './banks.ts';
import { brokerListeners, brokerPrograms } from './brokers.ts';
import { databaseServers } from './databases.ts';
import {
  apiOf,
  checkoutOf,
  checkoutProgram,
  type GatewaySurroundings,
  gatewayListeners,
  gatewayProgram,
  opsOf,
} from './gateways.ts';
import { type Part, type PartSurroundings, type Program, programPart } from './part.ts';
import { choosePorts, type Ports } from './ports.ts';
import { CHECKOUTS, GATEWAYS, namesOf, type Profile } from './profiles.ts';
import { joinCluster, redisListeners, redisPrograms } from './redis.ts';

/** What a topology is told. */
export interface TopologyOptions {
  readonly profile: Profile;
  /** Absolute; made when missing. PostgreSQL's own user must be able to walk to it when we are root. */
  readonly folder: string;
  /** More settings of gateways and checkout processes. */
  readonly gatewaySettings?: Readonly<Record<string, string>>;
  /** Tells people what happens, one line each. */
  readonly say: (text: string) => void;
}

/** What may be done to a part. `restart` asks it to end in order; it is started again like one that died. */
export const ORDERS = ['kill', 'pause', 'resume', 'restart'] as const;
export type Order = (typeof ORDERS)[number];

/** The names of the parts, by kind. */
export interface PartNames {
  readonly gateways: readonly string[];
  readonly checkouts: readonly string[];
  readonly redis: readonly string[];
  readonly brokers: readonly string[];
  /** In the order of the shard numbers. */
  readonly shards: readonly string[];
}

/** Where a topology that runs is reached. */
export interface TopologyUrls {
  /** Through the balancer. */
  readonly api: string;
  /** Through the balancer. */
  readonly checkout: string;
  /** The balancer's statistics, for people. */
  readonly statistics: string;
  readonly bank: string;
  readonly bankB: string;
  /** `/readyz` and `/metrics` of each gateway and checkout process, by name. */
  readonly ops: Readonly<Record<string, string>>;
}

/** A topology that is up. */
export interface RunningTopology {
  readonly urls: TopologyUrls;
  readonly demo: DemoFile;
  readonly databases: EmbeddedDatabases;
  readonly brokers: readonly string[];
  /** Settings for operators' commands, also in the file `settings` of the folder. */
  readonly settings: Readonly<Record<string, string>>;
}

const CONTROL_SERVER = 'postgres-control';
/** Brokers that end all at once have nobody to hand their partitions to, and would wait for that. */
const STOP_TIMEOUT_MS = 5000;
const HSM_CALL_TIMEOUT_MS = 10_000;

/** One topology of one folder. `start` once; `stop` at any moment, also while it starts. */
export class Topology {
  readonly names: PartNames;
  readonly #given: TopologyOptions;
  readonly #parts = new Map<string, Part>();
  #lock: DataDirLock | undefined;
  #starting: Promise<RunningTopology> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(given: TopologyOptions) {
    this.#given = given;
    const { profile } = given;
    this.names = {
      gateways: namesOf('gateway', GATEWAYS),
      checkouts: namesOf('checkout', CHECKOUTS),
      redis: namesOf('redis', profile.redis),
      brokers: namesOf('kafka', profile.brokers),
      shards: namesOf('postgres-shard', profile.shards),
    };
  }

  /** Brings everything up; resolves when the balancer stands before gateways that are ready. On failure stops what it had started and rejects. */
  async start(): Promise<RunningTopology> {
    this.#starting = this.#startAll();
    try {
      return await this.#starting;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Whoever asks ends before whoever is asked. Nothing is left behind. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  /** The pids of the parts that run now, by name. */
  pids(): Record<string, number> {
    return Object.fromEntries(
      [...this.#parts].flatMap(([name, part]) => {
        const identity = part.identity();
        return identity === undefined ? [] : [[name, identity.pid]];
      }),
    );
  }

  /** Does it to the part's process and to those that one has started. False when there is no such part, or it is down. */
  order(order: Order, name: string): boolean {
    const part = this.#parts.get(name);
    const [first, ...others] = part?.processes() ?? [];
    if (part === undefined || first === undefined) return false;
    if (order === 'restart') return signalProcess(first, part.endSignal);
    signalProcess(first, SIGNALS[order]);
    // One that stands still starts no more; of one that is dead the system no longer knows what it had started.
    const children = order === 'kill' ? others : part.processes().slice(1);
    for (const child of children) signalProcess(child, SIGNALS[order]);
    return true;
  }

  async #startAll(): Promise<RunningTopology> {
    const { folder } = this.#given;
    makeFolder(folder);
    this.#lock = await lockDataDir(folder);
    await stopStrays(join(folder, 'processes.json'));
    const ports = await choosePorts(join(folder, 'ports.json'), this.#listeners());
    const module = findPkcs11Module(undefined);
    const tokens = await ensureSoftHsmTokens({ module, directory: join(folder, 'hsm') });
    const databases = await this.#startStores(ports);
    const urls = urlsOf(this.names, ports);
    const demo = await this.#startBanks(ports, urls, databases, module, tokens);
    const brokers = this.names.brokers.map((name) => `127.0.0.1:${ports(name)}`);
    await this.#startGateways({
      folder,
      ports,
      databases: databases.services,
      module,
      tokens,
      redisUrls: this.names.redis.map((name) => `redis://127.0.0.1:${ports(name)}`),
      brokers,
      checkoutUrl: urls.checkout,
      bankUrl: urls.bank,
      bankBUrl: urls.bankB,
      more: this.#given.gatewaySettings ?? {},
    });
    await this.#startPrograms([this.#balancer(ports)]);
    const settings = operatorSettings(folder, urls, databases, module, tokens);
    return { urls, demo, databases, brokers, settings };
  }

  #listeners(): string[] {
    const { gateways, checkouts, redis, brokers, shards } = this.names;
    return [
      'api',
      'checkout',
      'statistics',
      ...Object.values(SANDBOXES).map(({ name }) => name),
      CONTROL_SERVER,
      ...shards,
      ...redisListeners(redis),
      ...brokerListeners(brokers),
      ...gatewayListeners([...gateways, ...checkouts]),
    ];
  }

  /** PostgreSQL, Redis and Kafka, all at once. */
  async #startStores(ports: Ports): Promise<EmbeddedDatabases> {
    const { folder } = this.#given;
    const { brokers, redis, shards } = this.names;
    const servers = databaseServers([CONTROL_SERVER, ...shards], folder, ports, this.#surroundings());
    const startBrokers = async (): Promise<void> => {
      await this.#startPrograms(await brokerPrograms({ names: brokers, folder, ports }));
    };
    const startRedis = async (): Promise<void> => {
      await this.#startPrograms(redisPrograms(redis, folder, ports));
      await joinCluster(redis, ports);
    };
    await settleAll([this.#startParts(servers.parts), startRedis(), startBrokers()]);
    return await servers.migrate();
  }

  async #startBanks(
    ports: Ports,
    urls: TopologyUrls,
    databases: EmbeddedDatabases,
    module: string,
    tokens: SoftHsmTokens,
  ): Promise<DemoFile> {
    const { folder } = this.#given;
    const accounts = ensureSandboxAccounts(folder, 'SANDBOX', urls.api);
    const accountsB = ensureSandboxAccounts(folder, 'SANDBOX_B', urls.api);
    const control = createControlAdmin(databases.owner.control);
    // SoftHSM reads its configuration's place from the environment when it is loaded.
    process.env.SOFTHSM2_CONF = tokens.confFile;
    const openSecrets = () =>
      openConfigSecrets({
        module,
        tokenLabel: 'config',
        pinFile: tokens.pinFiles.config,
        threads: 1,
        pageCardsMax: 1,
        callTimeoutMs: HSM_CALL_TIMEOUT_MS,
        mode: 'test',
      });
    const demoUrls = {
      apiUrl: urls.api,
      checkoutUrl: urls.checkout,
      opsUrl: urls.ops[this.names.gateways[0]!]!,
      sandboxUrl: urls.bank,
      sandboxBUrl: urls.bankB,
    };
    try {
      const demo = await ensureDemo(folder, demoUrls, accounts, control, openSecrets, new Date());
      await this.#startPrograms([
        bankProgram('SANDBOX', accounts, folder, ports(SANDBOXES.SANDBOX.name)),
        bankProgram('SANDBOX_B', accountsB, folder, ports(SANDBOXES.SANDBOX_B.name)),
      ]);
      return demo;
    } finally {
      await control.close();
    }
  }

  async #startGateways(given: GatewaySurroundings): Promise<void> {
    const { checkouts, gateways } = this.names;
    await this.#startPrograms([
      ...gateways.map((name) => gatewayProgram(name, given)),
      ...checkouts.map((name) => checkoutProgram(name, given)),
    ]);
  }

  #balancer(ports: Ports): Program {
    const behind = (names: readonly string[], listener: (name: string) => string): Backend[] =>
      names.map((name) => ({ port: ports(listener(name)), opsPort: ports(opsOf(name)) }));
    return balancerProgram({
      statisticsPort: ports('statistics'),
      api: { port: ports('api'), backends: behind(this.names.gateways, apiOf) },
      checkout: { port: ports('checkout'), backends: behind(this.names.checkouts, checkoutOf) },
    });
  }

  #startPrograms(programs: readonly Program[]): Promise<void> {
    const surroundings = this.#surroundings();
    return this.#startParts(programs.map((program) => programPart(program, surroundings)));
  }

  async #startParts(parts: readonly Part[]): Promise<void> {
    if (this.#stopped !== undefined) throw new Error('the topology was stopped while it started');
    for (const part of parts) this.#parts.set(part.name, part);
    await settleAll(parts.map((part) => part.start()));
  }

  #surroundings(): PartSurroundings {
    const { folder, say } = this.#given;
    return { logDir: join(folder, 'log'), say, onChange: () => this.#record() };
  }

  async #stopAll(): Promise<void> {
    const { gateways, checkouts, redis, brokers, shards } = this.names;
    const banks = Object.values(SANDBOXES).map(({ name }) => name);
    await this.#stopParts([...gateways, ...checkouts], LIMITS.drainTimeoutMs);
    await this.#stopParts(['balancer'], STOP_TIMEOUT_MS);
    await this.#stopParts(banks, STOP_TIMEOUT_MS);
    await this.#stopParts([...brokers, ...redis, CONTROL_SERVER, ...shards], STOP_TIMEOUT_MS);
    await Promise.allSettled([this.#starting]);
    if (this.#lock === undefined) return;
    rmSync(join(this.#given.folder, 'processes.json'), { force: true });
    await this.#lock.release();
  }

  async #stopParts(names: readonly string[], timeoutMs: number): Promise<void> {
    await Promise.all(names.map((name) => this.#parts.get(name)?.stop(timeoutMs)));
  }

  /** For people, and for the next start should this process be killed. */
  #record(): void {
    const running = [...this.#parts].map(([name, part]) => [name, part.identity()]);
    writeDurably(
      join(this.#given.folder, 'processes.json'),
      `${JSON.stringify(Object.fromEntries(running), null, 2)}\n`,
    );
  }
}

const SIGNALS = { kill: 'SIGKILL', pause: 'SIGSTOP', resume: 'SIGCONT' } as const;

/** Waits for all of them, whatever becomes of each: none may go on behind the back of a stop. Throws the first fault. */
async function settleAll(started: readonly Promise<void>[]): Promise<void> {
  const settled = await Promise.allSettled(started);
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** 0711 when we are root: PostgreSQL then runs as another user, who must be able to walk through to its own folders. */
function makeFolder(folder: string): void {
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  mkdirSync(folder, { recursive: true, mode });
  chmodSync(folder, mode);
  mkdirSync(join(folder, 'log'), { recursive: true, mode: 0o700 });
}

/** Ends what a topology that was killed has left behind on its folder. */
async function stopStrays(file: string): Promise<void> {
  const recorded = Object.values(Object(readJson(file) ?? {}) as Record<string, unknown>);
  const strays = recorded.flatMap((value) => asIdentity(value) ?? []);
  await Promise.all(
    strays.map(async (stray) => {
      signalProcess(stray, 'SIGCONT');
      signalProcess(stray, 'SIGTERM');
      if (await waitForEnd(stray, STOP_TIMEOUT_MS)) return;
      signalProcess(stray, 'SIGKILL');
      await waitForEnd(stray, STOP_TIMEOUT_MS);
    }),
  );
}

function urlsOf({ gateways, checkouts }: PartNames, ports: Ports): TopologyUrls {
  const url = (listener: string): string => `http://127.0.0.1:${ports(listener)}`;
  return {
    api: url('api'),
    checkout: url('checkout'),
    statistics: url('statistics'),
    bank: url(SANDBOXES.SANDBOX.name),
    bankB: url(SANDBOXES.SANDBOX_B.name),
    ops: Object.fromEntries([...gateways, ...checkouts].map((name) => [name, url(opsOf(name))])),
  };
}

/** Written for `npm run -s sluice -- COMMAND --config FILE`. */
function operatorSettings(
  folder: string,
  urls: TopologyUrls,
  { owner }: EmbeddedDatabases,
  module: string,
  tokens: SoftHsmTokens,
): Record<string, string> {
  const settings = {
    SLUICE_DATA_DIR: folder,
    SLUICE_CONTROL_DATABASE_URL: owner.control,
    SLUICE_VAULT_DATABASE_URL: owner.vault,
    SLUICE_SHARD_DATABASE_URLS: owner.shards.join(','),
    SLUICE_PKCS11_MODULE: module,
    SLUICE_PKCS11_PIN_FILE: tokens.pinFiles.vault,
    SLUICE_CONFIG_PIN_FILE: tokens.pinFiles.config,
    SLUICE_SANDBOX: 'on',
    SLUICE_SANDBOX_URL: urls.bank,
    SLUICE_SANDBOX_B_URL: urls.bankB,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(folder, 'settings'), lines.join(''), { mode: 0o600 });
  return settings;
}
