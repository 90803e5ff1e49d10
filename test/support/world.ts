/**
 * A world of real parts for a test file: PostgreSQL, SoftHSM, the bank in a box, and as many gateways on them as wanted.
 *
 * Everything is in one temporary folder, on free ports of loopback, and gone after `stop`.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findPkcs11Module } from '../../src/embedded/pkcs11-module.ts';
import { openConfigSecrets } from '../../src/hsm/config-secrets.ts';
import { ensureSoftHsmTokens } from '../../src/hsm/soft-hsm-tokens.ts';
import { type NewMerchant, sandboxMerchant, writeMerchant } from '../../src/setup/merchant.ts';
import type { ProcessorAccount } from '../../src/storage/control.ts';
import { createControlAdmin } from '../../src/storage/postgres/control-admin.ts';
import { type Cluster, type ClusterOptions, startCluster } from './cluster.ts';
import { freePort } from './ports.ts';

const ROOT = join(import.meta.dirname, '../..');
const READY_MS = 60_000;

export interface RunningProcess {
  child: ChildProcess;
  pid: number;
  /** Resolves with the exit code, or the signal's name. */
  ended: Promise<number | string>;
  kill(signal: NodeJS.Signals): void;
  /** What it wrote to stderr so far. */
  log(): string;
}

export interface Gateway extends RunningProcess {
  apiUrl: string;
  checkoutUrl: string;
  opsUrl: string;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | string>;
  /** Starts it again on the same ports, after it has ended. */
  again(env?: Record<string, string>): Promise<Gateway>;
}

export interface World {
  folder: string;
  cluster: Cluster;
  merchantId: string;
  secretKey: string;
  bankUrl: string;
  bankSecret: string;
  webhookSecret: string;
  bank(): RunningProcess;
  startBank(): Promise<void>;
  /** The second bank; it is there only after `startBankB`. */
  bankBUrl: string;
  bankB(): RunningProcess;
  startBankB(): Promise<void>;
  /** Those that were started. */
  banks(): ReadonlyArray<{ processor: 'SANDBOX' | 'SANDBOX_B'; url: string }>;
  startGateway(env?: Record<string, string>): Promise<Gateway>;
  /** Makes another merchant and resolves with its API key. */
  addMerchant(merchantId: string, more?: MerchantTraits): Promise<string>;
  /** What a process needs to open the vault and the config token. */
  hsmEnv: Record<string, string>;
  stop(): Promise<void>;
}

/** What a merchant has that others have not. */
export interface MerchantTraits {
  /** Its charges may go on to the second bank. */
  fallback?: boolean;
  /** What of its account at the first bank is not the world's. The bank itself knows the world's account alone. */
  account?: Partial<ProcessorAccount>;
}

export interface WorldOptions {
  shards?: number;
  /** Callback delay of the bank. Default 20. */
  callbackDelayMs?: number;
  cluster?: ClusterOptions;
  /** More for the environment of the bank; a gateway is given its own at its start. */
  bankEnv?: Record<string, string>;
  /** Where its merchants may send shoppers back to, beside the example shops. */
  redirectOrigins?: readonly string[];
}

/** Starts everything but gateways. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-world-'));
  const cluster = await startCluster(options.shards, options.cluster);
  const module = findPkcs11Module(undefined);
  const tokens = await ensureSoftHsmTokens({ module, directory: join(folder, 'hsm') });
  process.env.SOFTHSM2_CONF = tokens.confFile;
  const hsmEnv = {
    SOFTHSM2_CONF: tokens.confFile,
    SLUICE_PKCS11_MODULE: module,
    SLUICE_PKCS11_PIN_FILE: tokens.pinFiles.vault,
    SLUICE_CONFIG_PIN_FILE: tokens.pinFiles.config,
  };
  const [bankPort, bankBPort, firstApiPort] = [await freePort(), await freePort(), await freePort()];
  const account = {
    account: 'acct_demo',
    secretKey: `bank_sk_${randomBytes(12).toString('hex')}`,
    webhookSecret: randomBytes(24).toString('hex'),
    previousWebhookSecret: null,
  };
  const accountB = { ...account, account: 'acct_b', secretKey: `bank_sk_${randomBytes(12).toString('hex')}` };
  const bankUrl = `http://127.0.0.1:${bankPort}`;
  const bankBUrl = `http://127.0.0.1:${bankBPort}`;
  const children = new Set<RunningProcess>();
  let bank: RunningProcess;
  let bankB: RunningProcess | undefined;
  /** For the first gateway, which hears the bank's callbacks. */
  const knownApiPorts = [firstApiPort];

  async function start(name: string, entry: string, env: Record<string, string>): Promise<RunningProcess> {
    const running = await startProcess(name, entry, env, folder);
    children.add(running);
    void running.ended.then(() => children.delete(running));
    return running;
  }

  async function startOneBank(
    name: string,
    port: number,
    { account: id, secretKey, webhookSecret }: typeof account,
  ): Promise<RunningProcess> {
    const processor = name === 'bank' ? 'sandbox' : 'sandbox_b';
    const callbackUrl = `http://127.0.0.1:${firstApiPort}/webhooks/${processor}`;
    const dataDir = join(folder, name);
    mkdirSync(dataDir, { recursive: true });
    return await start(name, 'sandbox/main.ts', {
      SANDBOX_PORT: String(port),
      SANDBOX_DATA_DIR: dataDir,
      SANDBOX_ACCOUNTS: JSON.stringify([{ account: id, secretKey, webhookSecret, callbackUrl }]),
      SANDBOX_CALLBACK_DELAY_MS: String(options.callbackDelayMs ?? 20),
      ...options.bankEnv,
    });
  }

  async function startBank(): Promise<void> {
    bank = await startOneBank('bank', bankPort, account);
  }

  async function startBankB(): Promise<void> {
    bankB = await startOneBank('bank-b', bankBPort, accountB);
  }

  async function startGateway(env: Record<string, string> = {}): Promise<Gateway> {
    const ports = {
      // Taken before anything is waited for: gateways may be started at once.
      api: knownApiPorts.pop() ?? (await freePort()),
      checkout: await freePort(),
      ops: await freePort(),
    };
    return await startOn(ports, env);
  }

  async function startOn(
    ports: { api: number; checkout: number; ops: number },
    env: Record<string, string>,
  ): Promise<Gateway> {
    const running = await startAsParentDoes({
      SLUICE_API_PORT: String(ports.api),
      SLUICE_CHECKOUT_PORT: String(ports.checkout),
      SLUICE_OPS_PORT: String(ports.ops),
      SLUICE_SANDBOX_PORT: String(bankPort),
      SLUICE_SANDBOX_URL: bankUrl,
      SLUICE_SANDBOX_B_URL: bankBUrl,
      SLUICE_DATA_DIR: folder,
      SLUICE_CONTROL_DATABASE_URL: cluster.services.control,
      SLUICE_VAULT_DATABASE_URL: cluster.services.vault,
      SLUICE_SHARD_DATABASE_URLS: cluster.services.shards.join(','),
      ...hsmEnv,
      ...env,
    });
    return {
      ...running,
      apiUrl: `http://127.0.0.1:${ports.api}`,
      checkoutUrl: `http://127.0.0.1:${ports.checkout}`,
      opsUrl: `http://127.0.0.1:${ports.ops}`,
      stop: () => {
        running.kill('SIGTERM');
        return running.ended;
      },
      again: (changed = env) => startOn(ports, changed),
    };
  }

  /**
   * SoftHSM rewrites a token's file at every login; a process that loads the module at that very moment (about one in a hundred of
   * ten that start at once) does not see the token and ends. `sluice start` then starts it again, and so does this.
   */
  async function startAsParentDoes(env: Record<string, string>): Promise<RunningProcess> {
    for (let tries = 1; ; tries++) {
      try {
        return await start('gateway', 'src/main.ts', env);
      } catch (error) {
        if (tries === 3 || !String(error).includes('token_not_found')) throw error;
      }
    }
  }

  async function addMerchant(merchantId: string, more: MerchantTraits = {}): Promise<string> {
    const control = createControlAdmin(cluster.owner.control);
    const secrets = await openConfigSecrets({
      module,
      tokenLabel: 'config',
      pinFile: tokens.pinFiles.config,
      threads: 1,
      pageCardsMax: 1,
      callTimeoutMs: 5000,
    });
    const own = { ...account, ...more.account };
    const example = sandboxMerchant(merchantId, `Shop ${merchantId}`, own);
    const redirectOrigins = [...example.redirectOrigins, ...(options.redirectOrigins ?? [])];
    const fallback: Partial<NewMerchant> =
      more.fallback === true ? { fallbackProcessor: 'SANDBOX_B', fallbackAccount: accountB } : {};
    const merchant = { ...example, redirectOrigins, ...fallback };
    const { secretKey } = await writeMerchant({ control, secrets }, merchant, new Date());
    await Promise.all([secrets.close(), control.close()]);
    return secretKey;
  }

  const secretKey = await addMerchant('merchant_demo');
  await startBank();
  return {
    folder,
    cluster,
    merchantId: 'merchant_demo',
    secretKey,
    bankUrl,
    bankSecret: account.secretKey,
    webhookSecret: account.webhookSecret,
    bank: () => bank,
    startBank,
    bankBUrl,
    bankB: () => bankB!,
    startBankB,
    banks: () => [
      { processor: 'SANDBOX', url: bankUrl },
      ...(bankB === undefined ? [] : [{ processor: 'SANDBOX_B' as const, url: bankBUrl }]),
    ],
    startGateway,
    addMerchant,
    hsmEnv,
    async stop() {
      for (const { child } of children) child.kill('SIGKILL');
      await Promise.all([...children].map(({ ended }) => ended));
      await cluster.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

let started = 0;

/** Starts a process that prints a line with `"ready":true` and resolves when it has. */
async function startProcess(
  name: string,
  entry: string,
  env: Record<string, string>,
  folder: string,
): Promise<RunningProcess> {
  const logFile = join(folder, `${name}-${++started}.log`);
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^(SLUICE_|SANDBOX_|VITEST|NODE_)/.test(key)),
  );
  const child = spawn(process.execPath, [entry], {
    cwd: ROOT,
    env: { ...inherited, ...env },
    // Fault points are armed by message.
    stdio: [
      'ignore',
      'pipe',
      'pipe',
      ...(env.SLUICE_FAULT_POINTS === 'on-message' ? (['ipc'] as const) : []),
    ],
  });
  child.stderr!.pipe(createWriteStream(logFile));
  const ended = new Promise<number | string>((resolve) =>
    child.on('exit', (code, signal) => resolve(code ?? signal ?? 'gone')),
  );
  const log = (): string => readFileSync(logFile, 'utf8');
  const ready = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line.startsWith('{"ready":true')) resolve();
    });
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, READY_MS, 'not ready in time');
  });
  const failure = await Promise.race([ready.then(() => null), ended, late]);
  clearTimeout(timer);
  if (failure !== null) {
    child.kill('SIGKILL');
    throw new Error(`${name} did not start (${failure}): ${log().slice(-2000)}`);
  }
  return { child, pid: child.pid!, ended, kill: (signal) => child.kill(signal), log };
}
