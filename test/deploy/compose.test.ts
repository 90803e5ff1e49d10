/**
 * `compose.yaml` is checked as far as it can be without a container engine: every name refers to something, every container is
 * hardened, the vault is where only checkout gets to, and every service's settings are accepted by the program itself.
 *
 * @module
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { BlockList } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readOptions, readStartOptions, SETTING_NAMES } from '../../src/config/from-env.ts';
import type { Options } from '../../src/config/options.ts';
import { canRun } from '../support/required-servers.ts';
import { deployFiles, documentsOf, imageEnvironment, ROOT, settingsNamed, textOf } from './files.ts';

interface Mount {
  type: 'bind' | 'volume';
  source: string;
  target: string;
  read_only?: boolean;
}

interface Service {
  image: string;
  build?: { context: string; target: string };
  user: string;
  command?: string[];
  environment?: Record<string, string>;
  networks?: string[] | Record<string, { ipv4_address?: string; aliases?: string[] }>;
  network_mode?: string;
  volumes?: Mount[];
  tmpfs?: string[];
  ports?: string[];
  restart: string;
  read_only?: boolean;
  privileged?: boolean;
  cap_add?: string[];
  cap_drop?: string[];
  security_opt?: string[];
  mem_limit?: string;
  pids_limit?: number;
  healthcheck?: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
}

interface Compose {
  services: Record<string, Service>;
  networks: Record<
    string,
    { internal?: boolean; ipam?: { config: { subnet: string; ip_range: string }[] } } | null
  >;
  volumes: Record<string, null>;
}

const compose = documentsOf<Compose>('compose.yaml')[0]!;
const services = Object.entries(compose.services);
/** Those that run the gateway's image: gateways, and one-shot services. */
const ours = services.filter(([, { image }]) => image.startsWith('sluice-gateway:'));
const gateways = ours.filter(([, { restart }]) => restart !== 'no');
const VAULT_USERS = ['checkout-1', 'checkout-2', 'databases', 'migrate', 'postgres-vault', 'tokens'];

let etc: string;

beforeAll(() => {
  etc = mkdtempSync(join(tmpdir(), 'sluice-compose-'));
  for (const name of ['owner', 'superuser', 'gateway', 'checkout']) mkdirSync(join(etc, name));
  makeSecrets();
});

afterAll(() => {
  rmSync(etc, { recursive: true });
});

function makeSecrets(): void {
  execFileSync('sh', [join(ROOT, 'deploy/compose/secrets.sh'), etc]);
}

/** KEY=VALUE lines of a settings file that `secrets` made. */
function settingsFile(zone: string): Record<string, string> {
  const lines = readFileSync(join(etc, zone, 'settings.env'), 'utf8')
    .trim()
    .split('\n');
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2) as [string, string]));
}

/** What the process in a service finds as its environment. */
function environmentOf({ command = [], environment = {} }: Service): Record<string, string> {
  const file = command.join(' ').match(/\/etc\/sluice\/(\w+)\/settings\.env/);
  return { ...imageEnvironment(), ...environment, ...(file === null ? {} : settingsFile(file[1]!)) };
}

function networksOf({ networks = [] }: Service): string[] {
  return Array.isArray(networks) ? networks : Object.keys(networks);
}

function volumesOf({ volumes = [] }: Service): Mount[] {
  return volumes.filter(({ type }) => type === 'volume');
}

function optionsOf(name: string): Options {
  const read = readOptions(environmentOf(compose.services[name]!));
  if (!read.ok) throw new Error(`${name}: ${JSON.stringify(read.errors)}`);
  return read.options;
}

describe('every name refers to something', () => {
  test('services wait for services, mount volumes and join networks that there are', () => {
    for (const [name, service] of services) {
      const { depends_on = {}, network_mode = '' } = service;
      expect(Object.keys(compose.services), name).toEqual(
        expect.arrayContaining([...Object.keys(depends_on), ...namespaceOf(network_mode)]),
      );
      expect(Object.keys(compose.networks), name).toEqual(expect.arrayContaining(networksOf(service)));
      for (const { type, source } of service.volumes ?? []) {
        if (type === 'volume') expect(Object.keys(compose.volumes), name).toContain(source);
        else expect(existsSync(join(ROOT, source)), `${name}: ${source}`).toBe(true);
      }
    }
  });

  test('no volume and no network is left over', () => {
    const mounted = new Set(
      services.flatMap(([, service]) => volumesOf(service).map(({ source }) => source)),
    );
    expect(Object.keys(compose.volumes).filter((name) => !mounted.has(name))).toEqual([]);
    const joined = new Set(services.flatMap(([, service]) => networksOf(service)));
    expect(Object.keys(compose.networks).filter((name) => !joined.has(name))).toEqual([]);
  });

  test('whoever waits for health waits for a service with a health check, and for an end for one that ends', () => {
    for (const [name, { depends_on = {} }] of services) {
      for (const [other, { condition }] of Object.entries(depends_on)) {
        const { image, healthcheck, restart } = compose.services[other]!;
        const checked = healthcheck !== undefined || image.startsWith('sluice-');
        if (condition === 'service_healthy') expect(checked, `${name} waits for ${other}`).toBe(true);
        expect(condition === 'service_completed_successfully', `${name} waits for ${other}`).toBe(
          restart === 'no',
        );
      }
    }
  });

  test('nobody waits in a circle', () => {
    const settled = new Set<string>();
    for (let before = -1; before < settled.size; ) {
      before = settled.size;
      for (const [name, { depends_on = {} }] of services)
        if (Object.keys(depends_on).every((other) => settled.has(other))) settled.add(name);
    }
    expect(services.map(([name]) => name).filter((name) => !settled.has(name))).toEqual([]);
  });

  test('a host in a setting is a service, or an alias of one, that shares a network', () => {
    // `demo` writes the bank's name down for others.
    for (const [name, service] of ours.filter(([one]) => one !== 'demo')) {
      const near = services.filter(([, other]) =>
        networksOf(other).some((one) => networksOf(service).includes(one)),
      );
      const names = near.flatMap(([other, { networks }]) => [
        other,
        ...Object.values(Array.isArray(networks) ? {} : (networks ?? {})).flatMap(
          ({ aliases }) => aliases ?? [],
        ),
      ]);
      if (networksOf(service).length === 0) continue;
      for (const host of hostsIn(environmentOf(service))) expect(names, `${name}: ${host}`).toContain(host);
    }
  });

  test('the balancer’s places are the gateways’ fixed addresses and ports, and every place its configuration names is set', () => {
    const { environment } = compose.services.balancer!;
    const at = (name: string) => {
      const { networks } = compose.services[name]!;
      return (networks as Record<string, { ipv4_address?: string }>).edge!.ipv4_address!;
    };
    for (const n of [1, 2]) {
      expect(environment![`API_${n}`]).toBe(`${at(`gateway-${n}`)}:${optionsOf(`gateway-${n}`).ports.api}`);
      expect(environment![`CHECKOUT_${n}`]).toBe(
        `${at(`checkout-${n}`)}:${optionsOf(`checkout-${n}`).ports.checkout}`,
      );
    }
    const needed = [...textOf('deploy/haproxy/haproxy.cfg').matchAll(/^[^#]*"\$\{(\w+)\}"/gm)].map(
      ([, name]) => name!,
    );
    expect(Object.keys(environment!)).toEqual(expect.arrayContaining(needed));
    for (const [, { environment: own }] of gateways) expect(own!.SLUICE_TRUSTED_PROXIES).toBe(at('balancer'));
  });
});

test('no address that Docker gives out by itself is one that a service has for good', () => {
  const fixed = services.flatMap(([, { networks = [] }]) =>
    Object.entries(Array.isArray(networks) ? {} : networks).flatMap(([name, { ipv4_address: address }]) =>
      address === undefined ? [] : [[name, address] as const],
    ),
  );
  expect(fixed).toHaveLength(5);
  for (const [name, address] of fixed) {
    const [{ subnet, ip_range: given }] = compose.networks[name]!.ipam!.config as [
      { subnet: string; ip_range: string },
    ];
    expect(rangeOf(subnet).check(address), address).toBe(true);
    expect(rangeOf(given).check(address), address).toBe(false);
  }
});

function rangeOf(cidr: string): BlockList {
  const [address, bits] = cidr.split('/');
  const range = new BlockList();
  range.addSubnet(address!, Number(bits));
  return range;
}

describe('every container is hardened', () => {
  test.each(services)(
    '%s has no root, no capability, no way to more, and a root file system nobody writes',
    (_, service) => {
      expect(service.user).toMatch(/^[1-9]\d*:\d+$/);
      expect(service.read_only).toBe(true);
      expect(service.cap_drop).toEqual(['ALL']);
      expect(service.cap_add ?? []).toEqual([]);
      expect(service.privileged ?? false).toBe(false);
      expect(service.security_opt).toEqual(['no-new-privileges:true']);
      expect(service.mem_limit).toMatch(/^\d+[mg]$/);
      expect(service.pids_limit).toBeGreaterThan(0);
      expect(service.image).toMatch(/^[\w./-]+:v?\d+[\w.-]*$/);
    },
  );

  test('only loopback is published', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([]);
    expect(ports).toHaveLength(5);
  });

  test('the gateway’s user is that of the image', () => {
    expect(textOf('Dockerfile')).toContain(`\nUSER ${ours[0]![1].user}\n`);
    expect(new Set(ours.map(([, { user }]) => user)).size).toBe(1);
  });
});

describe('the vault is where only checkout gets to', () => {
  test('its network, its token and the settings that name it are those services’ only', () => {
    const near = services.filter(
      ([, service]) =>
        networksOf(service).includes('vault') ||
        volumesOf(service).some(({ source }) =>
          ['hsm-vault', 'checkout-settings', 'postgres-vault'].includes(source),
        ),
    );
    // `secrets` makes the settings; it has no network at all.
    expect(near.map(([name]) => name).sort()).toEqual([...VAULT_USERS, 'secrets'].sort());
    expect(compose.services.secrets!.network_mode).toBe('none');
    expect(networksOf(compose.services['postgres-vault']!)).toEqual(['vault']);
    expect(compose.networks.vault).toEqual({ internal: true });
  });

  test('a gateway knows no vault, and checkout takes no other role', () => {
    for (const name of ['gateway-1', 'gateway-2']) {
      const { databases, hsm, roles } = optionsOf(name);
      expect([databases.vault, hsm.vault.pinFile, roles.includes('checkout')]).toEqual([
        undefined,
        undefined,
        false,
      ]);
    }
    for (const name of ['checkout-1', 'checkout-2']) expect(optionsOf(name).roles).toEqual(['checkout']);
  });

  test('PINs and settings are read from volumes the service mounts, and settings cannot be changed there', () => {
    for (const [name, service] of gateways) {
      const { hsm } = optionsOf(name);
      const files = [hsm.config.pinFile!, hsm.vault.pinFile, service.command!.join(' ').match(/=(\S+)/)![1]];
      for (const file of files.filter((one) => one !== undefined)) {
        const mount = volumesOf(service).find(({ target }) => file.startsWith(`${target}/`));
        expect(mount, `${name}: ${file}`).toBeDefined();
        // SoftHSM's own files are written by whoever opens a token.
        if (!mount!.source.startsWith('hsm-')) expect(mount!.read_only, `${name}: ${file}`).toBe(true);
      }
    }
  });
});

describe('the program accepts what it is told', () => {
  test.each(gateways)('%s starts with its settings', (name) => {
    const { mode, redis, kafka, drainDelaySeconds } = optionsOf(name);
    expect({ mode, redis: redis.urls.length, kafka: kafka.brokers.length }).toEqual({
      mode: 'test',
      redis: 1,
      kafka: 1,
    });
    expect(drainDelaySeconds).toBeGreaterThanOrEqual(2);
  });

  test.each(ours.filter(([, { command }]) => command?.[0] === 'sluice'))(
    '%s runs with its settings',
    (_, service) => {
      const read = readStartOptions(environmentOf(service));
      expect(read.ok ? [] : read.errors).toEqual([]);
    },
  );

  test('all processes are told the same but their roles and the vault', () => {
    const told = gateways.map(([, { environment }]) => {
      const { SLUICE_ROLES: _, SLUICE_PKCS11_PIN_FILE: __, ...rest } = environment!;
      return rest;
    });
    expect(new Set(told.map((one) => JSON.stringify(one))).size).toBe(1);
  });

  test('the Kafka is that of the tests', () => {
    const { version } = JSON.parse(textOf('scripts/kafka-jars.json')) as { version: string };
    expect(compose.services.kafka!.image).toBe(`apache/kafka:${version}`);
  });

  test('the redis is one that Sluice does not refuse', () => {
    expect(compose.services.redis!.command!.join(' ')).toContain('--maxmemory-policy noeviction');
  });
});

describe('secrets.sh', () => {
  test('run again it changes nothing, and a password that was removed becomes another everywhere', () => {
    const before = [settingsFile('gateway'), settingsFile('checkout')];
    makeSecrets();
    expect([settingsFile('gateway'), settingsFile('checkout')]).toEqual(before);
    rmSync(join(etc, 'owner', 'shard'));
    makeSecrets();
    const { SLUICE_SHARD_DATABASE_URLS: shards, ...rest } = settingsFile('gateway');
    expect(shards).not.toBe(before[0]!.SLUICE_SHARD_DATABASE_URLS);
    expect(settingsFile('checkout').SLUICE_SHARD_DATABASE_URLS).toBe(shards);
    expect(before[0]).toMatchObject(rest);
  });

  test('only the superuser’s password can be read by another user, PostgreSQL’s', () => {
    const modes = ['owner/owner', 'gateway/settings.env', 'checkout/settings.env', 'superuser/password'].map(
      (file) => statSync(join(etc, file)).mode & 0o777,
    );
    expect(modes).toEqual([0o600, 0o600, 0o600, 0o444]);
  });
});

describe.skipIf(!canRun('haproxy', 'whether the balancer’s configurations are HAProxy’s, is'))(
  'haproxy',
  () => {
    test.each(['balancer', 'bank-door'])(
      '%s reads its configuration with the environment it is given',
      (name) => {
        const { volumes, environment = {} } = compose.services[name]!;
        const { source } = volumes!.find(({ target }) => target.endsWith('haproxy.cfg'))!;
        const { status, stdout, stderr } = spawnSync('haproxy', ['-c', '-f', join(ROOT, source)], {
          env: { PATH: process.env.PATH, ...environment },
          encoding: 'utf8',
        });
        expect(status, `${stdout}${stderr}`).toBe(0);
      },
    );
  },
);

test('every setting that packaging names is one', () => {
  const files = ['compose.yaml', 'Dockerfile', ...deployFiles('deploy/**/*.{yml,yaml,cfg,conf,sh,md,json}')];
  const unknown = [...files, 'docs/OPERATING.md', 'docs/RUNBOOK.md'].flatMap((file) =>
    settingsNamed(textOf(file))
      .filter((name) => !SETTING_NAMES.some((known) => known === name || known.startsWith(`${name}_`)))
      .map((name) => `${file}: ${name}`),
  );
  expect(unknown).toEqual([]);
});

function namespaceOf(networkMode: string): string[] {
  return networkMode.startsWith('service:') ? [networkMode.slice('service:'.length)] : [];
}

/** Hosts that a Sluice process connects to by its settings. */
function hostsIn(environment: Record<string, string>): string[] {
  const { SLUICE_KAFKA_BROKERS: brokers = '', SLUICE_PUBLIC_CHECKOUT_URL: _, ...rest } = environment;
  const urls = Object.values(rest).flatMap((value) => value.match(/\b\w+:\/\/[^\s,]+/g) ?? []);
  return [
    ...urls.map((url) => new URL(url).hostname),
    ...brokers.split(',').map((one) => one.split(':')[0]!),
  ].filter((host) => host !== '');
}
