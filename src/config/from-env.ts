/**
 * From env: the environment and the settings file become options, or a list of everything that is wrong with them.
 *
 * All faults are found in one pass and named by setting, so that a start is refused once and mended once. The
 * environment wins over the file. An empty value counts as not set. What was refused is never repeated in the answer, since
 * a value may be a secret.
 *
 * @module
 */
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { DEFAULTS, defaultShardThreads, PROCESSOR_BASE_URLS, ROLES } from './defaults.ts';
import type { Databases, HsmToken, Options, SettingError, StartOptions, Tls } from './options.ts';
import {
  addressRange,
  broker,
  databaseUrl,
  httpUrl,
  integerBetween,
  listenAddress,
  listOf,
  oneOf,
  onOff,
  plainText,
  port,
  type Reader,
  rateLimits,
  someOf,
  url,
} from './setting-values.ts';
import { readSettingsText } from './settings-text.ts';

/** The environment, as `process.env` gives it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The options, or every fault at once. */
export type ReadOptions<T> =
  | { readonly ok: true; readonly options: T }
  | { readonly ok: false; readonly errors: readonly SettingError[] };

/** Every setting there is, with the reader of its text. */
const SETTINGS = {
  SLUICE_MODE: oneOf(['test', 'live']),
  SLUICE_HOST: listenAddress,
  SLUICE_API_PORT: port,
  SLUICE_CHECKOUT_PORT: port,
  SLUICE_OPS_PORT: port,
  SLUICE_SANDBOX_PORT: port,
  SLUICE_SANDBOX_B_PORT: port,
  SLUICE_SANDBOX: onOff,
  SLUICE_SANDBOX_URL: httpUrl,
  SLUICE_SANDBOX_B_URL: httpUrl,
  SLUICE_DATA_DIR: plainText,
  SLUICE_EMBEDDED: onOff,
  SLUICE_EMBEDDED_SHARDS: integerBetween(1, 64),
  SLUICE_PUBLIC_CHECKOUT_URL: httpUrl,
  SLUICE_CONTROL_DATABASE_URL: databaseUrl,
  SLUICE_VAULT_DATABASE_URL: databaseUrl,
  SLUICE_SHARD_DATABASE_URLS: listOf(databaseUrl),
  SLUICE_REDIS_URL: listOf(url(['redis', 'rediss'])),
  SLUICE_KAFKA_BROKERS: listOf(broker),
  SLUICE_KAFKA_PARTITIONS: integerBetween(1, 10_000),
  SLUICE_PKCS11_MODULE: plainText,
  SLUICE_PKCS11_TOKEN_LABEL: plainText,
  SLUICE_PKCS11_PIN_FILE: plainText,
  SLUICE_CONFIG_TOKEN_LABEL: plainText,
  SLUICE_CONFIG_PIN_FILE: plainText,
  SLUICE_TLS: oneOf(['terminated', 'off']),
  SLUICE_TLS_CERT_FILE: plainText,
  SLUICE_TLS_KEY_FILE: plainText,
  SLUICE_TRUSTED_PROXIES: listOf(addressRange),
  SLUICE_ROLES: someOf(ROLES),
  SLUICE_SHARD_THREADS: integerBetween(0, 64),
  SLUICE_HSM_THREADS: integerBetween(1, 32),
  SLUICE_SESSION_TTL_SECONDS: integerBetween(1, 86_400),
  SLUICE_SESSION_GRACE_SECONDS: integerBetween(0, 3600),
  SLUICE_SEND_BEFORE_SECONDS: integerBetween(1, 600),
  SLUICE_NOT_FOUND_PROOF_SECONDS: integerBetween(1, 86_400),
  SLUICE_PROCESSOR_CONNECT_TIMEOUT_MS: integerBetween(50, 60_000),
  SLUICE_PROCESSOR_TIMEOUT_MS: integerBetween(50, 60_000),
  SLUICE_PROCESSOR_IN_FLIGHT_MAX: integerBetween(1, 100_000),
  SLUICE_RETENTION_DAYS: integerBetween(7, 36_500),
  SLUICE_ADMIN_KEY: plainText,
  SLUICE_ALLOW_PRIVATE_WEBHOOKS: onOff,
  SLUICE_RATE_LIMITS: rateLimits,
  SLUICE_RAZORPAY_BASE_URL: httpUrl,
  SLUICE_PAYU_BASE_URL: httpUrl,
  SLUICE_STRIPE_BASE_URL: httpUrl,
  SLUICE_FAULT_POINTS: listOf(plainText),
} as const;

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS;

/** All names, for `help` and for the parent, which hands each on to the gateway. */
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

type ValueOf<R> = R extends Reader<infer T> ? T : never;
type Values = { [Name in SettingName]?: ValueOf<(typeof SETTINGS)[Name]> };

/** A gateway in live mode with a shorter proof than this could close an attempt whose charge is still on its way. */
const LIVE_NOT_FOUND_PROOF_SECONDS_MIN = 60;
const LIVE_ADMIN_KEY_LENGTH_MIN = 16;

const PORT_SETTINGS: Readonly<Record<keyof StartOptions['ports'], SettingName>> = {
  api: 'SLUICE_API_PORT',
  checkout: 'SLUICE_CHECKOUT_PORT',
  ops: 'SLUICE_OPS_PORT',
  sandbox: 'SLUICE_SANDBOX_PORT',
  sandboxB: 'SLUICE_SANDBOX_B_PORT',
};

/** Options of a gateway process: databases and HSM must be named. `file` is the text of a settings file. */
export function readOptions(env: Environment, file?: string): ReadOptions<Options> {
  const read = readStartOptions(env, file);
  const missing = read.ok ? missingServices(read.options) : [];
  if (!read.ok || missing.length > 0) return { ok: false, errors: read.ok ? missing : read.errors };
  return { ok: true, options: read.options as Options };
}

/** Options of `sluice start`: without any database the embedded profile will provide them. */
export function readStartOptions(env: Environment, file?: string): ReadOptions<StartOptions> {
  const errors: SettingError[] = [];
  const values = readValues(settingTexts(env, file, errors), errors);
  errors.push(...relationErrors(values));
  if (errors.length > 0) return { ok: false, errors };
  const options = fillOptions(values);
  errors.push(...safetyErrors(options, values));
  return errors.length > 0 ? { ok: false, errors } : { ok: true, options };
}

/** The settings that are set, file first and environment over it; unknown names are put into `errors`. */
export function settingTexts(
  env: Environment,
  file: string | undefined,
  errors: SettingError[],
): ReadonlyMap<string, string> {
  const fromFile = readSettingsText(file ?? '');
  errors.push(...fromFile.errors);
  const texts = new Map<string, string>();
  for (const [name, text] of fromFile.values) {
    if (!Object.hasOwn(SETTINGS, name))
      errors.push({ setting: name, detail: 'is no setting of Sluice (in the file)' });
    else if (text !== '') texts.set(name, text);
  }
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('SLUICE_') || text === undefined) continue;
    if (!Object.hasOwn(SETTINGS, name)) errors.push({ setting: name, detail: 'is no setting of Sluice' });
    else if (text !== '') texts.set(name, text);
  }
  return texts;
}

function readValues(texts: ReadonlyMap<string, string>, errors: SettingError[]): Values {
  const values: Partial<Record<SettingName, unknown>> = {};
  for (const name of SETTING_NAMES) {
    const text = texts.get(name);
    if (text === undefined) continue;
    const read = SETTINGS[name](text);
    if (read.ok) values[name] = read.value;
    else errors.push({ setting: name, detail: read.detail });
  }
  return values as Values;
}

function relationErrors(values: Values): SettingError[] {
  const errors: SettingError[] = [];
  const { SLUICE_TLS_CERT_FILE: certFile, SLUICE_TLS_KEY_FILE: keyFile, SLUICE_TLS: tls } = values;
  if (certFile !== undefined && keyFile === undefined) {
    errors.push({ setting: 'SLUICE_TLS_KEY_FILE', detail: 'is needed beside SLUICE_TLS_CERT_FILE' });
  }
  if (keyFile !== undefined && certFile === undefined) {
    errors.push({ setting: 'SLUICE_TLS_CERT_FILE', detail: 'is needed beside SLUICE_TLS_KEY_FILE' });
  }
  if (tls !== undefined && (certFile ?? keyFile) !== undefined) {
    errors.push({ setting: 'SLUICE_TLS', detail: 'and SLUICE_TLS_CERT_FILE exclude each other' });
  }
  if (namesDatabases(values)) {
    const checkout = (values.SLUICE_ROLES ?? ROLES).includes('checkout');
    for (const name of databaseNames(checkout)) {
      if (values[name] === undefined)
        errors.push({ setting: name, detail: 'is needed beside the other database URLs' });
    }
  } else if (values.SLUICE_EMBEDDED === false) {
    errors.push({ setting: 'SLUICE_CONTROL_DATABASE_URL', detail: 'is needed with SLUICE_EMBEDDED=off' });
  }
  return errors;
}

function safetyErrors(options: StartOptions, values: Values): SettingError[] {
  const errors: SettingError[] = [];
  if (!isLoopback(options.host) && options.tls.kind === 'none') {
    errors.push({
      setting: 'SLUICE_HOST',
      detail:
        'goes beyond loopback without TLS: set SLUICE_TLS_CERT_FILE and SLUICE_TLS_KEY_FILE, or SLUICE_TLS=terminated',
    });
  }
  if (options.sandbox.enabled && options.tls.kind === 'files') {
    errors.push({
      setting: 'SLUICE_SANDBOX',
      detail: 'is on and posts callbacks over plain http: set SLUICE_SANDBOX=off with SLUICE_TLS_CERT_FILE',
    });
  }
  const owners = new Map<number, string>();
  for (const [name, number] of Object.entries(options.ports)) {
    if (number === 0 || (name.startsWith('sandbox') && !options.sandbox.enabled)) continue;
    const setting = PORT_SETTINGS[name as keyof StartOptions['ports']];
    const owner = owners.get(number);
    if (owner !== undefined) errors.push({ setting, detail: `is the same port as ${owner}` });
    owners.set(number, setting);
  }
  return options.mode === 'live' ? [...errors, ...liveErrors(options, values)] : errors;
}

function liveErrors(options: StartOptions, values: Values): SettingError[] {
  const errors: SettingError[] = [];
  const refuse = (setting: SettingName, detail: string): void => {
    errors.push({ setting, detail: `${detail} with SLUICE_MODE=live` });
  };
  if (options.faultPoints.length > 0) refuse('SLUICE_FAULT_POINTS', 'is refused');
  if (options.sandbox.enabled) refuse('SLUICE_SANDBOX', 'must be off');
  if (options.allowPrivateWebhooks) refuse('SLUICE_ALLOW_PRIVATE_WEBHOOKS', 'must be off');
  if (options.hsm.module === 'software') refuse('SLUICE_PKCS11_MODULE', 'must not be software');
  if (options.payment.notFoundProofSeconds < LIVE_NOT_FOUND_PROOF_SECONDS_MIN) {
    refuse('SLUICE_NOT_FOUND_PROOF_SECONDS', `must be at least ${LIVE_NOT_FOUND_PROOF_SECONDS_MIN}`);
  }
  if (options.adminKey !== undefined && options.adminKey.length < LIVE_ADMIN_KEY_LENGTH_MIN) {
    refuse('SLUICE_ADMIN_KEY', `must have at least ${LIVE_ADMIN_KEY_LENGTH_MIN} characters`);
  }
  const checkoutUrl = values.SLUICE_PUBLIC_CHECKOUT_URL;
  if (
    checkoutUrl !== undefined &&
    !checkoutUrl.startsWith('https://') &&
    !isLoopback(new URL(checkoutUrl).hostname)
  ) {
    refuse('SLUICE_PUBLIC_CHECKOUT_URL', 'must begin with https://');
  }
  return errors;
}

function missingServices(options: StartOptions): SettingError[] {
  const errors: SettingError[] = [];
  const checkout = options.roles.includes('checkout');
  if (options.databases === undefined) {
    for (const setting of databaseNames(checkout)) errors.push({ setting, detail: 'is needed' });
  }
  if (options.hsm.module === undefined) {
    errors.push({
      setting: 'SLUICE_PKCS11_MODULE',
      detail: 'is needed: a PKCS#11 library, or `software` in test mode',
    });
  } else if (options.hsm.module !== 'software') {
    if (options.hsm.config.pinFile === undefined)
      errors.push({ setting: 'SLUICE_CONFIG_PIN_FILE', detail: 'is needed' });
    if (checkout && options.hsm.vault.pinFile === undefined) {
      errors.push({ setting: 'SLUICE_PKCS11_PIN_FILE', detail: 'is needed where the checkout role runs' });
    }
  }
  return errors;
}

function fillOptions(values: Values): StartOptions {
  const mode = values.SLUICE_MODE ?? DEFAULTS.mode;
  const host = values.SLUICE_HOST ?? DEFAULTS.host;
  const roles = values.SLUICE_ROLES ?? ROLES;
  const ports = {
    api: values.SLUICE_API_PORT ?? DEFAULTS.ports.api,
    checkout: values.SLUICE_CHECKOUT_PORT ?? DEFAULTS.ports.checkout,
    ops: values.SLUICE_OPS_PORT ?? DEFAULTS.ports.ops,
    sandbox: values.SLUICE_SANDBOX_PORT ?? DEFAULTS.ports.sandbox,
    sandboxB: values.SLUICE_SANDBOX_B_PORT ?? DEFAULTS.ports.sandboxB,
  };
  const tls = fillTls(values);
  const embedded = values.SLUICE_EMBEDDED ?? !namesDatabases(values);
  const sandbox = values.SLUICE_SANDBOX ?? (embedded && mode === 'test');
  const dataDir = resolve(values.SLUICE_DATA_DIR ?? DEFAULTS.dataDir);
  const scheme = tls.kind === 'files' ? 'https' : 'http';
  return {
    mode,
    host,
    ports,
    dataDir,
    embedded: { enabled: embedded, shards: values.SLUICE_EMBEDDED_SHARDS ?? DEFAULTS.embeddedShards },
    sandbox: { enabled: sandbox },
    publicCheckoutUrl: values.SLUICE_PUBLIC_CHECKOUT_URL ?? `${scheme}://${dialable(host)}:${ports.checkout}`,
    databases: fillDatabases(values),
    redisUrls: values.SLUICE_REDIS_URL ?? [],
    kafka: {
      brokers: values.SLUICE_KAFKA_BROKERS ?? [],
      partitions: values.SLUICE_KAFKA_PARTITIONS ?? DEFAULTS.kafkaPartitions,
    },
    hsm: fillHsm(values, dataDir),
    tls,
    trustedProxies: values.SLUICE_TRUSTED_PROXIES ?? [],
    roles,
    threads: { shards: values.SLUICE_SHARD_THREADS ?? defaultShardThreads(availableParallelism()) },
    session: {
      ttlSeconds: values.SLUICE_SESSION_TTL_SECONDS ?? DEFAULTS.sessionTtlSeconds,
      graceSeconds: values.SLUICE_SESSION_GRACE_SECONDS ?? DEFAULTS.sessionGraceSeconds,
    },
    payment: {
      sendBeforeSeconds: values.SLUICE_SEND_BEFORE_SECONDS ?? DEFAULTS.sendBeforeSeconds,
      notFoundProofSeconds: values.SLUICE_NOT_FOUND_PROOF_SECONDS ?? DEFAULTS.notFoundProofSeconds,
      processorConnectTimeoutMs:
        values.SLUICE_PROCESSOR_CONNECT_TIMEOUT_MS ?? DEFAULTS.processorConnectTimeoutMs,
      processorInFlightMax: values.SLUICE_PROCESSOR_IN_FLIGHT_MAX ?? DEFAULTS.processorInFlightMax,
      processorTimeoutMs: values.SLUICE_PROCESSOR_TIMEOUT_MS ?? DEFAULTS.processorTimeoutMs,
    },
    retentionDays: values.SLUICE_RETENTION_DAYS ?? DEFAULTS.retentionDays,
    adminKey: values.SLUICE_ADMIN_KEY,
    allowPrivateWebhooks: values.SLUICE_ALLOW_PRIVATE_WEBHOOKS ?? (embedded && sandbox),
    rateLimits: values.SLUICE_RATE_LIMITS ?? {},
    processors: fillProcessors(values, ports),
    faultPoints: values.SLUICE_FAULT_POINTS ?? [],
  };
}

function fillTls(values: Values): Tls {
  const { SLUICE_TLS: tls, SLUICE_TLS_CERT_FILE: certFile, SLUICE_TLS_KEY_FILE: keyFile } = values;
  if (certFile !== undefined && keyFile !== undefined) return { kind: 'files', certFile, keyFile };
  return { kind: tls === 'terminated' ? 'terminated' : 'none' };
}

function fillDatabases(values: Values): Databases | undefined {
  const control = values.SLUICE_CONTROL_DATABASE_URL;
  const shards = values.SLUICE_SHARD_DATABASE_URLS;
  if (control === undefined || shards === undefined) return undefined;
  return { control, vault: values.SLUICE_VAULT_DATABASE_URL, shards };
}

function fillHsm(values: Values, dataDir: string): StartOptions['hsm'] {
  const token = (tokenLabel: string, pinFile: string | undefined): HsmToken => {
    // The stand-in has no PIN; its keys lie in a folder named after the file.
    const standIn =
      values.SLUICE_PKCS11_MODULE === 'software' ? join(dataDir, 'hsm', `${tokenLabel}.pin`) : undefined;
    return { tokenLabel, pinFile: pinFile ?? standIn };
  };
  return {
    module: values.SLUICE_PKCS11_MODULE,
    threads: values.SLUICE_HSM_THREADS ?? DEFAULTS.hsmThreads,
    vault: token(values.SLUICE_PKCS11_TOKEN_LABEL ?? DEFAULTS.vaultTokenLabel, values.SLUICE_PKCS11_PIN_FILE),
    config: token(
      values.SLUICE_CONFIG_TOKEN_LABEL ?? DEFAULTS.configTokenLabel,
      values.SLUICE_CONFIG_PIN_FILE,
    ),
  };
}

function fillProcessors(
  values: Values,
  { sandbox, sandboxB }: StartOptions['ports'],
): StartOptions['processors'] {
  return {
    SANDBOX: { baseUrl: values.SLUICE_SANDBOX_URL ?? `http://127.0.0.1:${sandbox}` },
    SANDBOX_B: { baseUrl: values.SLUICE_SANDBOX_B_URL ?? `http://127.0.0.1:${sandboxB}` },
    RAZORPAY: { baseUrl: values.SLUICE_RAZORPAY_BASE_URL ?? PROCESSOR_BASE_URLS.RAZORPAY },
    PAYU: { baseUrl: values.SLUICE_PAYU_BASE_URL ?? PROCESSOR_BASE_URLS.PAYU },
    STRIPE: { baseUrl: values.SLUICE_STRIPE_BASE_URL ?? PROCESSOR_BASE_URLS.STRIPE },
  };
}

function databaseNames(checkout: boolean): SettingName[] {
  const names: SettingName[] = ['SLUICE_CONTROL_DATABASE_URL', 'SLUICE_SHARD_DATABASE_URLS'];
  return checkout ? [...names, 'SLUICE_VAULT_DATABASE_URL'] : names;
}

function namesDatabases(values: Values): boolean {
  return databaseNames(true).some((name) => values[name] !== undefined);
}

/** Whether an address stays on this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** The address under which a listener on `host` is reached from this machine, ready for a URL. */
export function dialable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
