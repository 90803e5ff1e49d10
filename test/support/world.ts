/**
 * A world of real parts for a test file: PostgreSQL, SoftHSM, the bank in a box, and as many gateways on them as wanted.
 *
 * Everything is in one temporary folder, on free ports of loopback, and gone after `stop`. What else there is, the run's profile says.
 *
 * @module
 */

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ProcessorName } from '../../src/domain/processor-word.ts';
import { findPkcs11Module } from '../../src/embedded/pkcs11-module.ts';
import { type ConfigSecrets, openConfigSecrets } from '../../src/hsm/config-secrets.ts';
import { ensureSoftHsmTokens } from '../../src/hsm/soft-hsm-tokens.ts';
import { type NewMerchant, sandboxMerchant, writeMerchant } from '../../src/setup/merchant.ts';
import type { ProcessorAccount } from '../../src/storage/control.ts';
import { createControlAdmin } from '../../src/storage/postgres/control-admin.ts';
import { type Cluster, type ClusterOptions, startCluster } from './cluster.ts';
import { type OpenSessions, sessionsInRedis, sessionsInSql } from './open-sessions.ts';
import { freePort } from './ports.ts';
import { PROFILE, startProfileServers } from './profile.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Two processes on Kafka that start at once took over 60 s where ten others wanted each core. */
const READY_MS = 120_000;
const START_TRIES = 6;

export interface RunningProcess {
  pid: number;
  /** Resolves with the exit code, or the signal's name. */
  ended: Promise<number | string>;
  kill(signal: NodeJS.Signals): void;
  /** Tells it something; only one that was started with fault points on message listens. */
  send(message: string): void;
  /** What it wrote to stderr so far. */
  log(): string;
}

export interface Gateway extends RunningProcess {
  /** How many it is, which the profile says. */
  processes: 1 | 2;
  apiUrl: string;
  checkoutUrl: string;
  opsUrl: string;
  /** Of the process that shoppers and banks speak to, where it is two. */
  checkoutOpsUrl: string;
  /** The page of metrics of its process; of both, one after the other, where it is two. */
  metrics(): Promise<string>;
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
  banks(): ReadonlyArray<{ processors: readonly ProcessorName[]; url: string }>;
  startGateway(env?: Record<string, string>): Promise<Gateway>;
  /** A gateway of one process, whatever the profile says. */
  startOne(env?: Record<string, string>): Promise<Gateway>;
  /** Its checkout sessions, where its profile keeps them. */
  sessions: OpenSessions;
  /** Makes another merchant and resolves with its API key. */
  addMerchant(merchantId: string, more?: MerchantTraits): Promise<string>;
  /** The config token, as an operator's commands open it. The world closes it. */
  configSecrets(): Promise<ConfigSecrets>;
  /** What a process needs to open the vault and the config token. */
  hsmEnv: Record<string, string>;
  stop(): Promise<void>;
}

/** What a merchant has that others have not. */
export interface MerchantTraits {
  /** Its charges may go on to the second bank. */
  fallback?: boolean;
  /** Where its charges go: to the first bank, in its own dialect or another's. Default: SANDBOX. */
  processor?: BankProcessor;
  /** What of its account at the first bank is not the world's. The bank itself knows the world's account alone. */
  account?: Partial<ProcessorAccount>;
}

/** Whom the first bank speaks as. */
export type BankProcessor = 'SANDBOX' | 'RAZORPAY' | 'PAYU' | 'STRIPE';

export interface WorldOptions {
  shards?: number;
  /** Where the API is for the bank's callbacks, as a balancer's port. Default: the first gateway's. */
  callbackPort?: number;
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
  const cluster = await startCluster(options.shards ?? PROFILE.shards, {
    servers: PROFILE.servers,
    ...options.cluster,
  });
  const services = await startProfileServers(PROFILE);
  const redisUrls = services.env.SLUICE_REDIS_URL;
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
  const accounts = { ...accountsOfOthers(), SANDBOX: account };
  const accountB = { ...account, account: 'acct_b', secretKey: `bank_sk_${randomBytes(12).toString('hex')}` };
  const bankUrl = `http://127.0.0.1:${bankPort}`;
  const bankBUrl = `http://127.0.0.1:${bankBPort}`;
  const children = new Set<RunningProcess>();
  let bank: RunningProcess;
  let bankB: RunningProcess | undefined;
  let opened: Promise<ConfigSecrets> | undefined;
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
    known: Readonly<Partial<Record<ProcessorName, ProcessorAccount>>>,
  ): Promise<RunningProcess> {
    const bankSides = Object.entries(known).map(([processor, one]) =>
      bankSideOf(processor as ProcessorName, one, `http://127.0.0.1:${options.callbackPort ?? firstApiPort}`),
    );
    const dataDir = join(folder, name);
    mkdirSync(dataDir, { recursive: true });
    return await start(name, 'sandbox/main.ts', {
      SANDBOX_PORT: String(port),
      SANDBOX_DATA_DIR: dataDir,
      SANDBOX_ACCOUNTS: JSON.stringify(bankSides),
      SANDBOX_CALLBACK_DELAY_MS: String(options.callbackDelayMs ?? 20),
      ...options.bankEnv,
    });
  }

  async function startBank(): Promise<void> {
    bank = await startOneBank('bank', bankPort, accounts);
  }

  async function startBankB(): Promise<void> {
    bankB = await startOneBank('bank-b', bankBPort, { SANDBOX_B: accountB });
  }

  async function startGateway(env: Record<string, string> = {}): Promise<Gateway> {
    // Taken before anything is waited for: gateways may be started at once.
    const ports = await portsOf(knownApiPorts.pop());
    return PROFILE.twins ? await startTwins(ports, await portsOf(), env) : await startOn(ports, env);
  }

  async function startOne(env: Record<string, string> = {}): Promise<Gateway> {
    return await startOn(await portsOf(knownApiPorts.pop()), env);
  }

  /** One hears what merchants ask and the other shoppers and banks; neither lives without the other. */
  async function startTwins(hearing: Ports, asked: Ports, env: Record<string, string>): Promise<Gateway> {
    const both = { ...env, SLUICE_PUBLIC_CHECKOUT_URL: `http://127.0.0.1:${hearing.checkout}` };
    const starts = await Promise.allSettled([startOn(asked, both), startOn(hearing, both)]);
    const [first, second] = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
    if (first !== undefined && second !== undefined)
      return twinsOf(first, second, (changed = env) => startTwins(hearing, asked, changed));
    first?.kill('SIGKILL');
    throw starts.find((start) => start.status === 'rejected')!.reason;
  }

  async function startOn(ports: Ports, env: Record<string, string>): Promise<Gateway> {
    const running = await startAsParentDoes({
      SLUICE_API_PORT: String(ports.api),
      SLUICE_CHECKOUT_PORT: String(ports.checkout),
      SLUICE_OPS_PORT: String(ports.ops),
      SLUICE_SANDBOX_PORT: String(bankPort),
      SLUICE_SANDBOX_URL: bankUrl,
      SLUICE_SANDBOX_B_URL: bankBUrl,
      SLUICE_RAZORPAY_BASE_URL: bankUrl,
      SLUICE_PAYU_BASE_URL: bankUrl,
      SLUICE_STRIPE_BASE_URL: bankUrl,
      SLUICE_DATA_DIR: folder,
      SLUICE_CONTROL_DATABASE_URL: cluster.services.control,
      SLUICE_VAULT_DATABASE_URL: cluster.services.vault,
      SLUICE_SHARD_DATABASE_URLS: cluster.services.shards.join(','),
      ...services.env,
      ...hsmEnv,
      ...env,
    });
    return {
      ...running,
      processes: 1,
      apiUrl: `http://127.0.0.1:${ports.api}`,
      checkoutUrl: `http://127.0.0.1:${ports.checkout}`,
      opsUrl: `http://127.0.0.1:${ports.ops}`,
      checkoutOpsUrl: `http://127.0.0.1:${ports.ops}`,
      metrics: async () => (await fetch(`http://127.0.0.1:${ports.ops}/metrics`)).text(),
      stop: () => {
        running.kill('SIGTERM');
        return running.ended;
      },
      again: (changed = env) => startOn(ports, changed),
    };
  }

  /**
   * SoftHSM rewrites a token's file at every login; a process that loads the module at that very moment (about one in a hundred of
   * ten that start at once) does not see the token and ends; so does one that makes the first keys at the very moment that another does, and does not see those; so does
   * one whose first call takes over two seconds, on a busy machine. `sluice start` then starts it again, and so does this.
   */
  async function startAsParentDoes(env: Record<string, string>): Promise<RunningProcess> {
    for (let tries = 1; ; tries++) {
      try {
        return await start('gateway', 'src/main.ts', env);
      } catch (error) {
        if (tries === START_TRIES || !/token_not_found|key_missing|call_timed_out/.test(String(error)))
          throw error;
      }
    }
  }

  /** Opened once: pools that open and close side by side would unload the PKCS#11 module under each other. */
  function configSecrets(): Promise<ConfigSecrets> {
    opened ??= openConfigSecrets({
      module,
      tokenLabel: 'config',
      pinFile: tokens.pinFiles.config,
      threads: 1,
      pageCardsMax: 1,
      callTimeoutMs: 30_000,
    });
    return opened;
  }

  async function addMerchant(merchantId: string, more: MerchantTraits = {}): Promise<string> {
    const control = createControlAdmin(cluster.owner.control);
    const secrets = await configSecrets();
    const { processor = 'SANDBOX' } = more;
    const own = { ...accounts[processor], ...more.account };
    const example = {
      ...sandboxMerchant(merchantId, `Shop ${merchantId}`, own),
      preferredProcessor: processor,
    };
    const redirectOrigins = [...example.redirectOrigins, ...(options.redirectOrigins ?? [])];
    const fallback: Partial<NewMerchant> =
      more.fallback === true ? { fallbackProcessor: 'SANDBOX_B', fallbackAccount: accountB } : {};
    const merchant = { ...example, redirectOrigins, ...fallback };
    const { secretKey } = await writeMerchant({ control, secrets }, merchant, new Date());
    await control.close();
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
      { processors: ['SANDBOX', 'RAZORPAY', 'PAYU', 'STRIPE'], url: bankUrl },
      ...(bankB === undefined ? [] : [{ processors: ['SANDBOX_B' as const], url: bankBUrl }]),
    ],
    startGateway,
    startOne,
    sessions:
      redisUrls === undefined ? sessionsInSql(cluster.owner.control) : sessionsInRedis(redisUrls.split(',')),
    addMerchant,
    configSecrets,
    hsmEnv,
    async stop() {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all([...children].map(({ ended }) => ended));
      await Promise.all([(await opened)?.close(), services.stop(), cluster.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Ports {
  api: number;
  checkout: number;
  ops: number;
}

async function portsOf(api?: number): Promise<Ports> {
  return { api: api ?? (await freePort()), checkout: await freePort(), ops: await freePort() };
}

/** Two processes as one gateway: signals and messages go to both, and when one has ended so does the other. */
function twinsOf(
  first: Gateway,
  second: Gateway,
  again: (env?: Record<string, string>) => Promise<Gateway>,
): Gateway {
  const kill = (signal: NodeJS.Signals): void => {
    first.kill(signal);
    second.kill(signal);
  };
  let stopping = false;
  for (const one of [first, second])
    void one.ended.then(() => {
      if (!stopping) kill('SIGKILL');
    });
  const ended = Promise.all([first.ended, second.ended]).then(
    (codes) => codes.find((code) => code !== 0) ?? 0,
  );
  return {
    pid: first.pid,
    processes: 2,
    apiUrl: first.apiUrl,
    checkoutUrl: second.checkoutUrl,
    opsUrl: first.opsUrl,
    checkoutOpsUrl: second.opsUrl,
    ended,
    kill,
    send(message) {
      first.send(message);
      second.send(message);
    },
    log: () => first.log() + second.log(),
    metrics: async () => (await Promise.all([first.metrics(), second.metrics()])).join(''),
    stop() {
      stopping = true;
      kill('SIGTERM');
      return ended;
    },
    again,
  };
}

/** Credentials at the processors the bank speaks as, of the shape they have there. */
function accountsOfOthers(): Record<Exclude<BankProcessor, 'SANDBOX'>, ProcessorAccount> {
  const secret = (): string => randomBytes(16).toString('hex');
  const salt = secret();
  return {
    RAZORPAY: {
      account: 'acc_SluiceWorld001',
      secretKey: `rzp_test_SluiceWorld001:${secret()}`,
      webhookSecret: secret(),
      previousWebhookSecret: null,
    },
    PAYU: { account: 'sluicekey', secretKey: salt, webhookSecret: salt, previousWebhookSecret: null },
    STRIPE: {
      account: 'acct_1SluiceWorld0001',
      secretKey: `sk_test_${secret()}`,
      webhookSecret: `whsec_${secret()}`,
      previousWebhookSecret: null,
    },
  };
}

/** An account as the bank has it; its callbacks name it, as operators register them. */
function bankSideOf(
  processor: ProcessorName,
  { account, secretKey, webhookSecret }: ProcessorAccount,
  apiUrl: string,
): object {
  const callbackUrl = `${apiUrl}/webhooks/${processor.toLowerCase()}`;
  if (processor === 'SANDBOX' || processor === 'SANDBOX_B')
    return { account, secretKey, webhookSecret, callbackUrl };
  const [keyId, ...key] = secretKey.split(':');
  return {
    dialect: processor.toLowerCase(),
    account,
    ...(processor === 'RAZORPAY' ? { keyId, secretKey: key.join(':') } : { secretKey }),
    webhookSecret,
    callbackUrl: `${callbackUrl}?account=${account}`,
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
  // Its own file, and no pipe that is read later: what it has said before it ends is there when it has ended.
  const logFd = openSync(logFile, 'w');
  const child = spawn(process.execPath, [entry], {
    cwd: ROOT,
    env: { ...inherited, ...env },
    // Fault points are armed by message.
    stdio: ['ignore', 'pipe', logFd, ...(env.SLUICE_FAULT_POINTS === 'on-message' ? (['ipc'] as const) : [])],
  });
  closeSync(logFd);
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
  return {
    pid: child.pid!,
    ended,
    kill: (signal) => void child.kill(signal),
    // One that has ended hears nothing.
    send: (message) => void child.send(message, () => undefined),
    log,
  };
}
