/**
 * Gateways: processes of the roles api, callbacks and background, and those of the role checkout, which alone are given the vault.
 *
 * @module
 */
import { fileURLToPath } from 'node:url';
import type { EmbeddedDatabases } from '../../src/embedded/databases.ts';
import type { SoftHsmTokens } from '../../src/hsm/soft-hsm-tokens.ts';
import type { Program } from './part.ts';
import type { Ports } from './ports.ts';

/** What all of them are told. */
export interface GatewaySurroundings {
  readonly folder: string;
  readonly ports: Ports;
  readonly databases: EmbeddedDatabases['services'];
  readonly module: string;
  readonly tokens: SoftHsmTokens;
  readonly redisUrls: readonly string[];
  readonly brokers: readonly string[];
  readonly checkoutUrl: string;
  readonly bankUrl: string;
  readonly bankBUrl: string;
  /** More settings, over these. */
  readonly more: Readonly<Record<string, string>>;
}

/** The listeners of a gateway or checkout process. */
export function gatewayListeners(names: readonly string[]): string[] {
  return names.flatMap((name) => [apiOf(name), checkoutOf(name), opsOf(name)]);
}

/** Listens for merchants and processors. */
export function gatewayProgram(name: string, given: GatewaySurroundings): Program {
  return program(name, given, { SLUICE_ROLES: 'api,callbacks,background' });
}

/** Listens for shoppers. */
export function checkoutProgram(name: string, given: GatewaySurroundings): Program {
  return program(name, given, {
    SLUICE_ROLES: 'checkout',
    SLUICE_VAULT_DATABASE_URL: given.databases.vault,
    SLUICE_PKCS11_PIN_FILE: given.tokens.pinFiles.vault,
  });
}

/** Names of its listeners among the ports. */
export const apiOf = (name: string): string => `${name}-api`;
export const checkoutOf = (name: string): string => `${name}-checkout`;
export const opsOf = (name: string): string => `${name}-ops`;

const ENTRY = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

function program(
  name: string,
  { folder, ports, databases, module, tokens, redisUrls, brokers, ...given }: GatewaySurroundings,
  ofRole: Readonly<Record<string, string>>,
): Program {
  return {
    name,
    executable: process.execPath,
    args: [ENTRY],
    env: {
      ...withoutSettings(process.env),
      SOFTHSM2_CONF: tokens.confFile,
      SLUICE_DATA_DIR: folder,
      SLUICE_API_PORT: String(ports(apiOf(name))),
      SLUICE_CHECKOUT_PORT: String(ports(checkoutOf(name))),
      SLUICE_OPS_PORT: String(ports(opsOf(name))),
      SLUICE_PUBLIC_CHECKOUT_URL: given.checkoutUrl,
      SLUICE_TRUSTED_PROXIES: '127.0.0.1',
      // Longer than the balancer needs to see that `/readyz` says no.
      SLUICE_DRAIN_DELAY_SECONDS: '2',
      SLUICE_CONTROL_DATABASE_URL: databases.control,
      SLUICE_SHARD_DATABASE_URLS: databases.shards.join(','),
      SLUICE_REDIS_URL: redisUrls.join(','),
      SLUICE_KAFKA_BROKERS: brokers.join(','),
      SLUICE_KAFKA_PARTITIONS: '12',
      SLUICE_PKCS11_MODULE: module,
      SLUICE_CONFIG_PIN_FILE: tokens.pinFiles.config,
      SLUICE_SANDBOX: 'on',
      SLUICE_SANDBOX_URL: given.bankUrl,
      SLUICE_SANDBOX_B_URL: given.bankBUrl,
      // The demo shop is on this machine.
      SLUICE_ALLOW_PRIVATE_WEBHOOKS: 'on',
      ...ofRole,
      ...given.more,
    },
  };
}

/** Settings in the environment of who starts a topology are for other gateways than these. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(SLUICE_|SANDBOX_|VITEST|NODE_OPTIONS)/.test(name)),
  );
}
