/**
 * Options read as sentences: what is set, what is refused, and that all refusals come at once.
 *
 * @module
 */
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultShardThreads } from './defaults.ts';
import { readOptions, readStartOptions, settingsToDrop, settingTexts } from './from-env.ts';

const DATABASES = {
  SLUICE_CONTROL_DATABASE_URL: 'postgres://sluice_control:x@127.0.0.1:5432/control',
  SLUICE_VAULT_DATABASE_URL: 'postgres://sluice_vault:x@127.0.0.1:5432/vault',
  SLUICE_SHARD_DATABASE_URLS:
    'postgres://sluice_shard:x@127.0.0.1:5432/shard_1, postgres://sluice_shard:x@127.0.0.1:5432/shard_2',
};

function refusals(env: Record<string, string>, file?: string): Record<string, string> {
  const read = readStartOptions(env, file);
  return read.ok ? {} : Object.fromEntries(read.errors.map((error) => [error.setting, error.detail]));
}

function started(env: Record<string, string>, file?: string) {
  const read = readStartOptions(env, file);
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  return read.options;
}

describe('defaults', () => {
  it('are the embedded profile on loopback', () => {
    const options = started({ PATH: '/bin', SLUICE_MODE: '' });
    expect(options).toMatchObject({
      mode: 'test',
      host: '127.0.0.1',
      ports: { api: 8080, checkout: 8081, ops: 9464, sandbox: 9400, sandboxB: 0 },
      dataDir: resolve('data'),
      embedded: { enabled: true, shards: 2 },
      sandbox: { enabled: true },
      publicCheckoutUrl: 'http://127.0.0.1:8081',
      databases: undefined,
      tls: { kind: 'none' },
      roles: ['api', 'checkout', 'callbacks', 'background'],
      session: { ttlSeconds: 600, graceSeconds: 60 },
      payment: {
        sendBeforeSeconds: 30,
        notFoundProofSeconds: 120,
        processorConnectTimeoutMs: 2000,
        processorTimeoutMs: 10_000,
        processorInFlightMax: 2048,
      },
      retentionDays: 400,
      reconcile: { atMinutes: undefined, deadlineDays: 3 },
      allowPrivateWebhooks: true,
      processors: { SANDBOX: { baseUrl: 'http://127.0.0.1:9400' } },
    });
  });

  it('follow the number of cores', () => {
    expect([1, 2, 4, 6, 64].map(defaultShardThreads)).toEqual([0, 0, 2, 3, 8]);
  });

  it('follow other settings', () => {
    const options = started({ ...DATABASES, SLUICE_SANDBOX_PORT: '9500', SLUICE_CHECKOUT_PORT: '9501' });
    expect(options.embedded.enabled).toBe(false);
    expect(options.sandbox.enabled).toBe(false);
    expect(options.allowPrivateWebhooks).toBe(false);
    expect(options.processors.SANDBOX.baseUrl).toBe('http://127.0.0.1:9500');
    expect(options.publicCheckoutUrl).toBe('http://127.0.0.1:9501');
    expect(options.databases?.shards).toHaveLength(2);
  });

  it('of the second sandbox are its own: a free port, and an address that follows it or is named', () => {
    const url = (env: Record<string, string>) => started(env).processors.SANDBOX_B.baseUrl;
    expect(url({ SLUICE_SANDBOX_B_PORT: '9501', SLUICE_SANDBOX_PORT: '9500' })).toBe('http://127.0.0.1:9501');
    expect(url({ SLUICE_SANDBOX_B_URL: 'http://bank-b.internal:9400/' })).toBe('http://bank-b.internal:9400');
  });
});

it('the limits of a processor are options', () => {
  const { payment } = started({
    SLUICE_PROCESSOR_CONNECT_TIMEOUT_MS: '750',
    SLUICE_PROCESSOR_IN_FLIGHT_MAX: '1',
  });
  expect(payment).toMatchObject({
    processorConnectTimeoutMs: 750,
    processorInFlightMax: 1,
    processorTimeoutMs: 10_000,
  });
});

describe('refusals', () => {
  it('come all at once, by name, and never repeat a value', () => {
    const env = {
      SLUICE_API_PROT: '1',
      SLUICE_API_PORT: '80800',
      SLUICE_MODE: 'prod',
      SLUICE_ROLES: 'api,shopkeeper',
      SLUICE_CONTROL_DATABASE_URL: 'mysql://root:hunter2@db/control',
      SLUICE_RATE_LIMITS: 'merchant=many',
      SLUICE_TLS_CERT_FILE: '/tls/cert.pem',
    };
    const found = refusals(env);
    expect(Object.keys(found).sort()).toEqual([
      'SLUICE_API_PORT',
      'SLUICE_API_PROT',
      'SLUICE_CONTROL_DATABASE_URL',
      'SLUICE_MODE',
      'SLUICE_RATE_LIMITS',
      'SLUICE_ROLES',
      'SLUICE_TLS_KEY_FILE',
    ]);
    expect(JSON.stringify(found)).not.toContain('hunter2');
  });

  it.each([
    ['SLUICE_HOST', 'db.example.com'],
    ['SLUICE_OPS_PORT', '-1'],
    ['SLUICE_SANDBOX', 'maybe'],
    ['SLUICE_PUBLIC_CHECKOUT_URL', 'pay.example.com'],
    ['SLUICE_PUBLIC_CHECKOUT_URL', 'https://pay.example.com/?x=1'],
    ['SLUICE_REDIS_URL', 'http://127.0.0.1'],
    ['SLUICE_KAFKA_BROKERS', 'kafka'],
    ['SLUICE_SHARD_DATABASE_URLS', 'postgres://u@db/one?sslmode=prefer'],
    ['SLUICE_SHARD_DATABASE_URLS', 'postgres://u@db/one?sslmode=verify-full&sslmode=disable'],
    ['SLUICE_SHARD_DATABASE_URLS', 'postgres://u@db/one?ssl=true'],
    ['SLUICE_SHARD_DATABASE_URLS', 'postgres://u@db/one?sslmode=require&uselibpqcompat=true'],
    ['SLUICE_KAFKA_PARTITIONS', '0'],
    ['SLUICE_TLS', 'on'],
    ['SLUICE_TRUSTED_PROXIES', '10.0.0.0/33'],
    ['SLUICE_TRUSTED_PROXIES', '0.0.0.0/0'],
    ['SLUICE_TRUSTED_PROXIES', '10.0.0.1,::/0'],
    ['SLUICE_SHARD_THREADS', '1.5'],
    ['SLUICE_RETENTION_DAYS', '6'],
    ['SLUICE_RECONCILE_AT', '24:00'],
    ['SLUICE_RECONCILE_AT', '6:30'],
    ['SLUICE_SETTLEMENT_DEADLINE_DAYS', '31'],
    ['SLUICE_SESSION_TTL_SECONDS', '10m'],
    ['SLUICE_STRIPE_BASE_URL', 'ftp://api.stripe.com'],
    ['SLUICE_RATE_LIMITS', 'galaxy=3'],
    ['SLUICE_SANDBOX_B_PORT', '65536'],
    ['SLUICE_SANDBOX_B_URL', 'bank-b'],
    ['SLUICE_PROCESSOR_CONNECT_TIMEOUT_MS', '49'],
    ['SLUICE_PROCESSOR_IN_FLIGHT_MAX', '0'],
  ])('%s=%s', (setting, value) => {
    expect(Object.keys(refusals({ ...DATABASES, [setting]: value }))).toEqual([setting]);
  });

  it('two listeners on one port', () => {
    expect(refusals({ SLUICE_OPS_PORT: '8080' })).toEqual({
      SLUICE_OPS_PORT: 'is the same port as SLUICE_API_PORT',
    });
    expect(refusals({ SLUICE_OPS_PORT: '0', SLUICE_API_PORT: '0' })).toEqual({});
    expect(refusals({ SLUICE_SANDBOX_B_PORT: '9400' })).toEqual({
      SLUICE_SANDBOX_B_PORT: 'is the same port as SLUICE_SANDBOX_PORT',
    });
    expect(refusals({ SLUICE_SANDBOX_B_PORT: '8080', SLUICE_SANDBOX: 'off' })).toEqual({});
  });

  it('one database URL without the others', () => {
    const { SLUICE_CONTROL_DATABASE_URL } = DATABASES;
    expect(Object.keys(refusals({ SLUICE_CONTROL_DATABASE_URL })).sort()).toEqual([
      'SLUICE_SHARD_DATABASE_URLS',
      'SLUICE_VAULT_DATABASE_URL',
    ]);
    expect(refusals({ ...DATABASES, SLUICE_VAULT_DATABASE_URL: '', SLUICE_ROLES: 'api' })).toEqual({});
  });
});

describe('beyond loopback', () => {
  it.each(['0.0.0.0', '::', '10.1.2.3'])('%s is refused without TLS', (host) => {
    expect(Object.keys(refusals({ SLUICE_HOST: host }))).toEqual(['SLUICE_HOST']);
    expect(refusals({ SLUICE_HOST: host, SLUICE_TLS: 'terminated' })).toEqual({});
    const files = { SLUICE_TLS_CERT_FILE: 'cert.pem', SLUICE_TLS_KEY_FILE: 'key.pem' };
    expect(refusals({ SLUICE_HOST: host, SLUICE_SANDBOX: 'off', ...files })).toEqual({});
    expect(Object.keys(refusals({ SLUICE_HOST: host, SLUICE_TLS: 'off' }))).toEqual(['SLUICE_HOST']);
  });

  it.each(['127.0.0.1', '127.8.0.1', '::1', 'localhost'])('%s needs none', (host) => {
    expect(refusals({ SLUICE_HOST: host })).toEqual({});
  });
});

it('the sandbox is refused where we end TLS: it posts callbacks over plain http', () => {
  const files = { SLUICE_TLS_CERT_FILE: 'cert.pem', SLUICE_TLS_KEY_FILE: 'key.pem' };
  const detail =
    'is on and posts callbacks over plain http: set SLUICE_SANDBOX=off with SLUICE_TLS_CERT_FILE';
  expect(refusals(files)).toEqual({ SLUICE_SANDBOX: detail });
  expect(refusals({ ...DATABASES, ...files, SLUICE_SANDBOX: 'on' })).toEqual({ SLUICE_SANDBOX: detail });
  expect(refusals({ ...DATABASES, ...files })).toEqual({});
  expect(started({ ...DATABASES, ...files }).publicCheckoutUrl).toBe('https://127.0.0.1:8081');
});

describe('live mode', () => {
  it('refuses every development stand-in', () => {
    const found = refusals({
      SLUICE_MODE: 'live',
      SLUICE_FAULT_POINTS: 'after_commit_b',
      SLUICE_SANDBOX: 'on',
      SLUICE_ALLOW_PRIVATE_WEBHOOKS: 'on',
      SLUICE_PKCS11_MODULE: 'software',
      SLUICE_NOT_FOUND_PROOF_SECONDS: '5',
      SLUICE_ADMIN_KEY: 'short',
      SLUICE_PUBLIC_CHECKOUT_URL: 'http://pay.example.com',
    });
    expect(Object.keys(found)).toHaveLength(7);
    expect(refusals({ SLUICE_MODE: 'live' })).toEqual({});
    expect(started({ SLUICE_MODE: 'live' }).sandbox.enabled).toBe(false);
  });
});

describe('services beyond loopback', () => {
  const FAR = {
    SLUICE_CONTROL_DATABASE_URL: 'postgres://u:pw2@db.internal/control',
    SLUICE_VAULT_DATABASE_URL: 'postgres://u:pw2@10.0.0.2/vault?sslmode=no-verify',
    SLUICE_SHARD_DATABASE_URLS:
      'postgres://u:pw2@db1.internal/s?sslmode=verify-full,postgres://u:pw2@db2.internal/s?sslmode=require',
    SLUICE_REDIS_URL: 'redis://127.0.0.1,redis://cache2.internal',
    SLUICE_KAFKA_BROKERS: '127.0.0.1:9092,kafka.internal:9092',
  };
  const NEAR = {
    ...DATABASES,
    SLUICE_REDIS_URL: 'redis://127.0.0.1,redis://[::1]:6380',
    SLUICE_KAFKA_BROKERS: 'localhost:9092,[::1]:9092',
  };
  const VERIFIED = {
    SLUICE_CONTROL_DATABASE_URL: 'postgres://u@db.internal/control?sslmode=verify-full&sslrootcert=/ca.pem',
    SLUICE_VAULT_DATABASE_URL: 'postgres://u@db.internal/vault?sslmode=verify-full',
    SLUICE_SHARD_DATABASE_URLS: 'postgres://u@db1.internal/s?sslmode=verify-full',
    SLUICE_REDIS_URL: 'rediss://cache1.internal',
    SLUICE_KAFKA_BROKERS: 'kafka.internal:9092',
    SLUICE_KAFKA_TLS: 'on',
  };

  it('are refused without verified TLS in live mode, or where it is required, each by name', () => {
    const wanted = ' with SLUICE_SERVICE_TLS=required: ';
    const strict: Record<string, string>[] = [{ SLUICE_MODE: 'live' }, { SLUICE_SERVICE_TLS: 'required' }];
    for (const more of strict) {
      const found = refusals({ ...FAR, ...more });
      expect(found).toEqual({
        SLUICE_CONTROL_DATABASE_URL: `goes beyond loopback${wanted}say sslmode=verify-full`,
        SLUICE_VAULT_DATABASE_URL: `goes beyond loopback${wanted}say sslmode=verify-full`,
        SLUICE_SHARD_DATABASE_URLS: `goes beyond loopback${wanted}say sslmode=verify-full`,
        SLUICE_REDIS_URL: `goes beyond loopback${wanted}begin with rediss://`,
        SLUICE_KAFKA_BROKERS: `goes beyond loopback${wanted}set SLUICE_KAFKA_TLS=on`,
      });
      expect(JSON.stringify(found)).not.toContain('pw2');
      expect(refusals({ ...NEAR, ...more })).toEqual({});
      expect(refusals({ ...VERIFIED, ...more })).toEqual({});
    }
  });

  it('are refused where one word says that a Redis cluster has TLS and another that it has not', () => {
    // The second one's TLS would be forgotten, though each by itself may be named.
    const SLUICE_REDIS_URL = 'redis://127.0.0.1,rediss://cache2.internal';
    for (const mode of ['live', 'test']) {
      expect(refusals({ ...VERIFIED, SLUICE_MODE: mode, SLUICE_REDIS_URL })).toEqual({
        SLUICE_REDIS_URL: 'must begin with rediss:// throughout or nowhere',
      });
    }
  });

  it('are taken as they are in test mode, or where it is optional', () => {
    expect(refusals(FAR)).toEqual({});
    expect(refusals({ ...FAR, SLUICE_MODE: 'live', SLUICE_SERVICE_TLS: 'optional' })).toEqual({});
  });

  it('are those a URL leads to in the end', () => {
    const at = (query: string, host = '127.0.0.1') =>
      Object.keys(
        refusals({
          ...DATABASES,
          SLUICE_SERVICE_TLS: 'required',
          SLUICE_CONTROL_DATABASE_URL: `postgres://u@${host}/c?${query}`,
        }),
      );
    expect(at('host=db.internal')).toEqual(['SLUICE_CONTROL_DATABASE_URL']);
    expect(at('host=localhost&host=db.internal')).toEqual(['SLUICE_CONTROL_DATABASE_URL']);
    expect(at('host=/run/postgresql', 'db.internal')).toEqual([]);
  });
});

describe('PayU, whose keys do not tell test from live', () => {
  it.each([
    ['test', 'https://secure.payu.in', 'https://info.payu.in'],
    ['live', 'https://test.payu.in', 'https://test.payu.in/'],
  ])('has its hosts of the other mode refused in %s mode', (mode, charges, commands) => {
    const other = mode === 'live' ? 'test' : 'live';
    const refused = `is PayU's in ${other} mode, with SLUICE_MODE=${mode}`;
    const env = { SLUICE_MODE: mode, SLUICE_PAYU_BASE_URL: charges, SLUICE_PAYU_INFO_URL: commands };
    expect(refusals(env)).toEqual({ SLUICE_PAYU_BASE_URL: refused, SLUICE_PAYU_INFO_URL: refused });
  });

  it('is asked at the host of its commands also where the one of its charges is written out', () => {
    const live = { SLUICE_MODE: 'live', SLUICE_PAYU_BASE_URL: 'https://secure.payu.in' };
    expect(started(live).payuInfoUrl).toBe('https://info.payu.in');
    expect(started({ SLUICE_PAYU_BASE_URL: 'http://127.0.0.1:9' }).payuInfoUrl).toBe('http://127.0.0.1:9');
  });

  it('takes the hosts of its own mode', () => {
    const live = {
      SLUICE_PAYU_BASE_URL: 'https://secure.payu.in',
      SLUICE_PAYU_INFO_URL: 'https://info.payu.in',
    };
    expect(refusals({ SLUICE_MODE: 'live', ...live })).toEqual({});
    expect(refusals({ SLUICE_PAYU_BASE_URL: 'https://test.payu.in' })).toEqual({});
  });
});

it('reports are fetched at a time of the day, or never', () => {
  expect(started({ SLUICE_RECONCILE_AT: '06:30' }).reconcile.atMinutes).toBe(390);
  expect(started({ SLUICE_RECONCILE_AT: '00:00' }).reconcile.atMinutes).toBe(0);
  expect(started({ SLUICE_RECONCILE_AT: 'off' }).reconcile.atMinutes).toBeUndefined();
});

describe('the file', () => {
  it('has lines of KEY=VALUE, and the environment wins', () => {
    const file = '# ports\nSLUICE_API_PORT=9001\n\nexport SLUICE_OPS_PORT = "9002"\n';
    expect(started({ SLUICE_API_PORT: '9003' }, file).ports).toMatchObject({ api: 9003, ops: 9002 });
  });

  it('or is JSON of the same keys', () => {
    const file = JSON.stringify({
      SLUICE_API_PORT: 9001,
      SLUICE_SANDBOX: false,
      SLUICE_ROLES: ['api', 'callbacks'],
    });
    const options = started({}, file);
    expect([options.ports.api, options.sandbox.enabled, options.roles]).toEqual([
      9001,
      false,
      ['api', 'callbacks'],
    ]);
  });

  it('is refused with unknown keys, lines that are no setting, and keys that stand twice', () => {
    const file = 'PORT=1\nSLUICE_MODE\nSLUICE_HOST=::1\nSLUICE_HOST=::1';
    expect(Object.keys(refusals({}, file)).sort()).toEqual(['--config line 2', 'PORT', 'SLUICE_HOST']);
    expect(Object.keys(refusals({}, '{"SLUICE_MODE":'))).toEqual(['--config']);
    expect(Object.keys(refusals({}, '{"SLUICE_MODE":{}}'))).toEqual(['SLUICE_MODE']);
  });
});

describe('a gateway', () => {
  it('must know its databases and its HSM', () => {
    const read = readOptions({});
    expect(read.ok ? [] : read.errors.map((error) => error.setting)).toEqual([
      'SLUICE_CONTROL_DATABASE_URL',
      'SLUICE_SHARD_DATABASE_URLS',
      'SLUICE_VAULT_DATABASE_URL',
      'SLUICE_PKCS11_MODULE',
    ]);
    const withModule = readOptions({
      ...DATABASES,
      SLUICE_PKCS11_MODULE: '/lib/p11.so',
      SLUICE_ROLES: 'api',
    });
    expect(withModule.ok ? [] : withModule.errors.map((error) => error.setting)).toEqual([
      'SLUICE_CONFIG_PIN_FILE',
      'SLUICE_PUBLIC_CHECKOUT_URL',
    ]);
    expect(readOptions({ ...DATABASES, SLUICE_PKCS11_MODULE: 'software' }).ok).toBe(true);
  });

  it.each([
    [['checkout'], []],
    [['api', 'checkout'], []],
    [['api'], ['SLUICE_VAULT_DATABASE_URL', 'SLUICE_PKCS11_PIN_FILE']],
    [
      ['callbacks', 'background'],
      ['SLUICE_VAULT_DATABASE_URL', 'SLUICE_PKCS11_PIN_FILE'],
    ],
  ])('of the roles %j drops what opens the vault: %j', (roles, dropped) => {
    const env = {
      ...DATABASES,
      SLUICE_PKCS11_MODULE: '/lib/p11.so',
      SLUICE_PKCS11_PIN_FILE: '/pins/vault',
      SLUICE_CONFIG_PIN_FILE: '/pins/config',
      SLUICE_PUBLIC_CHECKOUT_URL: 'https://pay.example.com',
      SLUICE_ROLES: roles.join(','),
    };
    const read = readOptions(env);
    if (!read.ok) throw new Error(JSON.stringify(read.errors));
    const has = dropped.length === 0;
    expect(JSON.stringify(read.options).includes('/pins/vault')).toBe(has);
    expect(JSON.stringify(read.options).includes(DATABASES.SLUICE_VAULT_DATABASE_URL)).toBe(has);
    expect(settingsToDrop(read.options, settingTexts(env, undefined, []))).toEqual(dropped);
  });
  it('reads rate limits, brokers and proxies', () => {
    const options = started({
      SLUICE_RATE_LIMITS: 'merchant=500, ip=20/60',
      SLUICE_KAFKA_BROKERS: 'k1:9092,[::1]:9092',
      SLUICE_TRUSTED_PROXIES: '10.0.0.0/8,::1',
    });
    expect(options.rateLimits).toEqual({
      merchant: { count: 500, perSeconds: 1 },
      ip: { count: 20, perSeconds: 60 },
    });
    expect(options.kafka.brokers).toEqual(['k1:9092', '[::1]:9092']);
    expect(options.trustedProxies).toEqual(['10.0.0.0/8', '::1']);
  });
});
