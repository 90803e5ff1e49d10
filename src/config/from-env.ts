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
import {
  DEFAULTS,
  defaultShardThreads,
  PROCESSOR_ORIGINS,
  type ProcessorOrigins,
  ROLES,
} from './defaults.ts';
import { LIMITS } from './limits.ts';
import type {
  Databases,
  HsmToken,
  KafkaOptions,
  Mode,
  Options,
  SettingError,
  StartOptions,
  Tls,
} from './options.ts';
import {
  addressRange,
  broker,
  dailyTime,
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
  topicPrefix,
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
  SLUICE_REDIS_CA_FILE: plainText,
  SLUICE_KAFKA_BROKERS: listOf(broker),
  SLUICE_KAFKA_PARTITIONS: integerBetween(1, 10_000),
  SLUICE_KAFKA_REPLICATION: integerBetween(1, 10),
  SLUICE_KAFKA_PREFIX: topicPrefix,
  SLUICE_KAFKA_TLS: onOff,
  SLUICE_KAFKA_CA_FILE: plainText,
  SLUICE_KAFKA_USERNAME: plainText,
  SLUICE_KAFKA_PASSWORD_FILE: plainText,
  SLUICE_PKCS11_MODULE: plainText,
  SLUICE_PKCS11_TOKEN_LABEL: plainText,
  SLUICE_PKCS11_PIN_FILE: plainText,
  SLUICE_CONFIG_TOKEN_LABEL: plainText,
  SLUICE_CONFIG_PIN_FILE: plainText,
  SLUICE_TLS: oneOf(['terminated', 'off']),
  SLUICE_TLS_CERT_FILE: plainText,
  SLUICE_TLS_KEY_FILE: plainText,
  SLUICE_SERVICE_TLS: oneOf(['required', 'optional']),
  SLUICE_TRUSTED_PROXIES: listOf(addressRange),
  SLUICE_ROLES: someOf(ROLES),
  SLUICE_DRAIN_DELAY_SECONDS: integerBetween(0, LIMITS.drainDelayMsMax / 1000),
  SLUICE_SHARD_THREADS: integerBetween(0, 64),
  SLUICE_HSM_THREADS: integerBetween(1, 32),
  SLUICE_SESSION_TTL_SECONDS: integerBetween(1, 86_400),
  SLUICE_SESSION_GRACE_SECONDS: integerBetween(0, 3600),
  SLUICE_SEND_BEFORE_SECONDS: integerBetween(1, 600),
  SLUICE_NOT_FOUND_PROOF_SECONDS: integerBetween(1, 86_400),
  SLUICE_AMBIGUOUS_FAILURE_SECONDS: integerBetween(1, 432_000),
  SLUICE_PROCESSOR_CONNECT_TIMEOUT_MS: integerBetween(50, 60_000),
  SLUICE_PROCESSOR_TIMEOUT_MS: integerBetween(50, 60_000),
  SLUICE_PROCESSOR_IN_FLIGHT_MAX: integerBetween(1, 100_000),
  SLUICE_RETENTION_DAYS: integerBetween(7, 36_500),
  SLUICE_RECONCILE_AT: dailyTime,
  SLUICE_SETTLEMENT_DEADLINE_DAYS: integerBetween(1, 30),
  SLUICE_ADMIN_KEY: plainText,
  SLUICE_ALLOW_PRIVATE_WEBHOOKS: onOff,
  SLUICE_RATE_LIMITS: rateLimits,
  SLUICE_RAZORPAY_BASE_URL: httpUrl,
  SLUICE_PAYU_BASE_URL: httpUrl,
  SLUICE_PAYU_INFO_URL: httpUrl,
  SLUICE_STRIPE_BASE_URL: httpUrl,
  SLUICE_STRIPE_VERSION: plainText,
  SLUICE_STRIPE_ABANDONED_SECONDS: integerBetween(60, 604_800),
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
/** Cards and keys go there. */
const PROCESSOR_URL_SETTINGS = [
  'SLUICE_RAZORPAY_BASE_URL',
  'SLUICE_PAYU_BASE_URL',
  'SLUICE_PAYU_INFO_URL',
  'SLUICE_STRIPE_BASE_URL',
] as const;

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
  if (!read.ok) return read;
  const missing = [
    ...missingServices(read.options),
    ...missingCheckout(read.options, settingTexts(env, file, [])),
  ];
  if (missing.length > 0) return { ok: false, errors: missing };
  return { ok: true, options: withoutVault(read.options as Options) };
}

/** What opens the vault. Where the checkout role does not run it goes to nobody, though it be set. */
const VAULT_SETTINGS = [
  'SLUICE_VAULT_DATABASE_URL',
  'SLUICE_PKCS11_TOKEN_LABEL',
  'SLUICE_PKCS11_PIN_FILE',
] as const satisfies readonly SettingName[];

/** The names among the settings that are set which a process of these roles must not have, and drops. */
export function settingsToDrop(
  { roles }: Pick<Options, 'roles'>,
  settings: ReadonlyMap<string, string>,
): readonly SettingName[] {
  return roles.includes('checkout') ? [] : VAULT_SETTINGS.filter((name) => settings.has(name));
}

function withoutVault(options: Options): Options {
  if (options.roles.includes('checkout')) return options;
  const { databases, hsm } = options;
  return {
    ...options,
    databases: { ...databases, vault: undefined },
    hsm: { ...hsm, vault: { ...hsm.vault, pinFile: undefined } },
  };
}

/** The default is this process's own checkout, which would be a lie where there is none. */
function missingCheckout({ roles }: StartOptions, settings: ReadonlyMap<string, string>): SettingError[] {
  const needed = roles.includes('api') && !roles.includes('checkout');
  if (!needed || settings.has('SLUICE_PUBLIC_CHECKOUT_URL')) return [];
  const detail = 'is needed where the api role runs without checkout: shoppers are sent there';
  return [{ setting: 'SLUICE_PUBLIC_CHECKOUT_URL', detail }];
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
  const { SLUICE_KAFKA_USERNAME: username, SLUICE_KAFKA_PASSWORD_FILE: passwordFile } = values;
  if (username !== undefined && passwordFile === undefined) {
    errors.push({ setting: 'SLUICE_KAFKA_PASSWORD_FILE', detail: 'is needed beside SLUICE_KAFKA_USERNAME' });
  }
  if (passwordFile !== undefined && username === undefined) {
    errors.push({ setting: 'SLUICE_KAFKA_USERNAME', detail: 'is needed beside SLUICE_KAFKA_PASSWORD_FILE' });
  }
  const redisSchemes = new Set((values.SLUICE_REDIS_URL ?? []).map((url) => new URL(url).protocol));
  // A cluster is spoken to in one way: the first word would be taken for all, also `redis:` for another's `rediss:`.
  if (redisSchemes.size > 1) {
    errors.push({ setting: 'SLUICE_REDIS_URL', detail: 'must begin with rediss:// throughout or nowhere' });
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
  if (options.serviceTls === 'required') errors.push(...serviceTlsErrors(options));
  const owners = new Map<number, string>();
  for (const [name, number] of Object.entries(options.ports)) {
    if (number === 0 || (name.startsWith('sandbox') && !options.sandbox.enabled)) continue;
    const setting = PORT_SETTINGS[name as keyof StartOptions['ports']];
    const owner = owners.get(number);
    if (owner !== undefined) errors.push({ setting, detail: `is the same port as ${owner}` });
    owners.set(number, setting);
  }
  errors.push(...payuOriginErrors(options));
  return options.mode === 'live' ? [...errors, ...liveErrors(options, values)] : errors;
}

/** Services beyond loopback that could be spoken to in the clear, or be someone else's. */
function serviceTlsErrors({ databases, redis, kafka }: StartOptions): SettingError[] {
  const errors: SettingError[] = [];
  const refuse = (setting: SettingName, needed: string): void => {
    errors.push({ setting, detail: `goes beyond loopback with SLUICE_SERVICE_TLS=required: ${needed}` });
  };
  const named: [SettingName, readonly (string | undefined)[]][] = [
    ['SLUICE_CONTROL_DATABASE_URL', [databases?.control]],
    ['SLUICE_VAULT_DATABASE_URL', [databases?.vault]],
    ['SLUICE_SHARD_DATABASE_URLS', databases?.shards ?? []],
  ];
  for (const [setting, urls] of named) {
    if (urls.some((url) => url !== undefined && !isVerified(url))) refuse(setting, 'say sslmode=verify-full');
  }
  if (redis.urls.some((url) => url.startsWith('redis:') && !isLoopback(new URL(url).hostname))) {
    refuse('SLUICE_REDIS_URL', 'begin with rediss://');
  }
  const isNear = (broker: string): boolean => isLoopback(broker.slice(0, broker.lastIndexOf(':')));
  if (!kafka.tls && !kafka.brokers.every(isNear)) refuse('SLUICE_KAFKA_BROKERS', 'set SLUICE_KAFKA_TLS=on');
  return errors;
}

/** A database on this machine, or one whose certificate and name are checked. `host` in the query wins, and may be a socket's path. */
function isVerified(databaseUrl: string): boolean {
  const { hostname, searchParams } = new URL(databaseUrl);
  const hosts = searchParams.has('host') ? searchParams.getAll('host') : [hostname];
  const isNear = hosts.every((host) => host.startsWith('/') || isLoopback(host));
  return isNear || searchParams.get('sslmode') === 'verify-full';
}

/** Which of PayU's two worlds a charge is made in is told by the host alone: the other mode's is refused. */
function payuOriginErrors({ mode, processors, payuInfoUrl }: StartOptions): SettingError[] {
  const otherMode = mode === 'live' ? 'test' : 'live';
  const { payu, payuInfo } = PROCESSOR_ORIGINS[otherMode];
  const others = [payu, payuInfo];
  const detail = `is PayU's in ${otherMode} mode, with SLUICE_MODE=${mode}`;
  const named: [SettingName, string][] = [
    ['SLUICE_PAYU_BASE_URL', processors.PAYU.baseUrl],
    ['SLUICE_PAYU_INFO_URL', payuInfoUrl],
  ];
  return named.filter(([, url]) => others.includes(url)).map(([setting]) => ({ setting, detail }));
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
  for (const setting of PROCESSOR_URL_SETTINGS) {
    if (values[setting]?.startsWith('https://') === false) refuse(setting, 'must begin with https://');
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
  const processorOrigins = originsOf(values, mode, sandbox, ports.sandbox);
  return {
    mode,
    host,
    ports,
    dataDir,
    embedded: { enabled: embedded, shards: values.SLUICE_EMBEDDED_SHARDS ?? DEFAULTS.embeddedShards },
    sandbox: { enabled: sandbox },
    publicCheckoutUrl: values.SLUICE_PUBLIC_CHECKOUT_URL ?? `${scheme}://${dialable(host)}:${ports.checkout}`,
    databases: fillDatabases(values),
    redis: { urls: values.SLUICE_REDIS_URL ?? [], caFile: values.SLUICE_REDIS_CA_FILE },
    kafka: fillKafka(values),
    hsm: fillHsm(values, dataDir),
    tls,
    serviceTls: values.SLUICE_SERVICE_TLS ?? (mode === 'live' ? 'required' : 'optional'),
    trustedProxies: values.SLUICE_TRUSTED_PROXIES ?? [],
    roles,
    drainDelaySeconds: values.SLUICE_DRAIN_DELAY_SECONDS ?? DEFAULTS.drainDelaySeconds,
    threads: { shards: values.SLUICE_SHARD_THREADS ?? defaultShardThreads(availableParallelism()) },
    session: {
      ttlSeconds: values.SLUICE_SESSION_TTL_SECONDS ?? DEFAULTS.sessionTtlSeconds,
      graceSeconds: values.SLUICE_SESSION_GRACE_SECONDS ?? DEFAULTS.sessionGraceSeconds,
    },
    payment: {
      sendBeforeSeconds: values.SLUICE_SEND_BEFORE_SECONDS ?? DEFAULTS.sendBeforeSeconds,
      notFoundProofSeconds: values.SLUICE_NOT_FOUND_PROOF_SECONDS ?? DEFAULTS.notFoundProofSeconds,
      ambiguousFailureSeconds: values.SLUICE_AMBIGUOUS_FAILURE_SECONDS ?? DEFAULTS.ambiguousFailureSeconds,
      processorConnectTimeoutMs:
        values.SLUICE_PROCESSOR_CONNECT_TIMEOUT_MS ?? DEFAULTS.processorConnectTimeoutMs,
      processorInFlightMax: values.SLUICE_PROCESSOR_IN_FLIGHT_MAX ?? DEFAULTS.processorInFlightMax,
      processorTimeoutMs: values.SLUICE_PROCESSOR_TIMEOUT_MS ?? DEFAULTS.processorTimeoutMs,
    },
    retentionDays: values.SLUICE_RETENTION_DAYS ?? DEFAULTS.retentionDays,
    reconcile: {
      atMinutes: values.SLUICE_RECONCILE_AT === 'off' ? undefined : values.SLUICE_RECONCILE_AT,
      deadlineDays: values.SLUICE_SETTLEMENT_DEADLINE_DAYS ?? DEFAULTS.settlementDeadlineDays,
    },
    adminKey: values.SLUICE_ADMIN_KEY,
    allowPrivateWebhooks: values.SLUICE_ALLOW_PRIVATE_WEBHOOKS ?? (embedded && sandbox),
    rateLimits: values.SLUICE_RATE_LIMITS ?? {},
    processors: fillProcessors(values, ports, processorOrigins),
    payuInfoUrl: payuInfoOf(values, processorOrigins),
    stripe: {
      version: values.SLUICE_STRIPE_VERSION ?? DEFAULTS.stripeVersion,
      abandonedSeconds: values.SLUICE_STRIPE_ABANDONED_SECONDS ?? DEFAULTS.stripeAbandonedSeconds,
    },
    faultPoints: values.SLUICE_FAULT_POINTS ?? [],
  };
}

function fillTls(values: Values): Tls {
  const { SLUICE_TLS: tls, SLUICE_TLS_CERT_FILE: certFile, SLUICE_TLS_KEY_FILE: keyFile } = values;
  if (certFile !== undefined && keyFile !== undefined) return { kind: 'files', certFile, keyFile };
  return { kind: tls === 'terminated' ? 'terminated' : 'none' };
}

function fillKafka(values: Values): KafkaOptions {
  const brokers = values.SLUICE_KAFKA_BROKERS ?? [];
  const { SLUICE_KAFKA_USERNAME: username, SLUICE_KAFKA_PASSWORD_FILE: passwordFile } = values;
  const named = username !== undefined && passwordFile !== undefined;
  return {
    brokers,
    partitions: values.SLUICE_KAFKA_PARTITIONS ?? DEFAULTS.kafkaPartitions,
    replication:
      values.SLUICE_KAFKA_REPLICATION ?? Math.max(1, Math.min(brokers.length, DEFAULTS.kafkaReplicationMax)),
    prefix: values.SLUICE_KAFKA_PREFIX ?? '',
    tls: values.SLUICE_KAFKA_TLS ?? false,
    caFile: values.SLUICE_KAFKA_CA_FILE,
    sasl: named ? { username, passwordFile } : undefined,
  };
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
  own: ProcessorOrigins,
): StartOptions['processors'] {
  return {
    SANDBOX: { baseUrl: values.SLUICE_SANDBOX_URL ?? loopbackUrl(sandbox) },
    SANDBOX_B: { baseUrl: values.SLUICE_SANDBOX_B_URL ?? loopbackUrl(sandboxB) },
    RAZORPAY: { baseUrl: values.SLUICE_RAZORPAY_BASE_URL ?? own.razorpay },
    PAYU: { baseUrl: values.SLUICE_PAYU_BASE_URL ?? own.payu },
    STRIPE: { baseUrl: values.SLUICE_STRIPE_BASE_URL ?? own.stripe },
  };
}

/** PayU's commands have a host of their own where charges go to PayU itself; any other host stands for both. */
function payuInfoOf(values: Values, own: ProcessorOrigins): string {
  const { SLUICE_PAYU_BASE_URL: charges = own.payu, SLUICE_PAYU_INFO_URL: commands } = values;
  return commands ?? (charges === own.payu ? own.payuInfo : charges);
}

/** Where the three processors are in this run: the bank in a box speaks as all of them. */
function originsOf(values: Values, mode: Mode, sandbox: boolean, port: number): ProcessorOrigins {
  if (!sandbox) return PROCESSOR_ORIGINS[mode];
  const bank = values.SLUICE_SANDBOX_URL ?? loopbackUrl(port);
  return { razorpay: bank, payu: bank, payuInfo: bank, stripe: bank };
}

function loopbackUrl(port: number): string {
  return `http://127.0.0.1:${port}`;
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
