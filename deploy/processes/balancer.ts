/**
 * Balancer: HAProxy before the gateways and the checkout processes, with the configuration we deliver (deploy/haproxy/).
 *
 * @module
 */
import { fileURLToPath } from 'node:url';
import { accepts } from './listening.ts';
import type { Program } from './part.ts';

/** A process behind the balancer. */
export interface Backend {
  readonly port: number;
  /** Where `/readyz` is asked. */
  readonly opsPort: number;
}

/** What the balancer stands before. The configuration names two of each. */
export interface BalancerOptions {
  readonly api: { readonly port: number; readonly backends: readonly Backend[] };
  readonly checkout: { readonly port: number; readonly backends: readonly Backend[] };
  readonly statisticsPort: number;
}

const CONFIGURATION = fileURLToPath(new URL('../haproxy/haproxy.cfg', import.meta.url));

/** How it is run. */
export function balancerProgram({ api, checkout, statisticsPort }: BalancerOptions): Program {
  return {
    name: 'balancer',
    executable: 'haproxy',
    args: ['-db', '-f', CONFIGURATION],
    env: {
      // Debian has it where only root looks.
      PATH: `${process.env.PATH}:/usr/sbin`,
      BIND_API: address(api.port),
      BIND_CHECKOUT: address(checkout.port),
      BIND_STATS: address(statisticsPort),
      ...backendSettings('API', api.backends),
      ...backendSettings('CHECKOUT', checkout.backends),
    },
    isReady: async () => (await accepts(api.port)) && (await accepts(checkout.port)),
  };
}

/** Whether the balancer sends requests to a part; false as well when it cannot be asked. */
export async function isBalanced(statisticsUrl: string, part: string): Promise<boolean> {
  const answer = await fetch(`${statisticsUrl}/;csv`).catch(() => null);
  const rows = ((await answer?.text()) ?? '').split('\n').map((line) => line.split(','));
  // Gateways are called by what is behind their door there.
  const server = part.replace(/^gateway-/, 'api-');
  return rows.some((row) => row[SERVER] === server && row[STATUS] === 'UP');
}

/** Columns of HAProxy's statistics (management guide, 9.1). */
const SERVER = 1;
const STATUS = 17;

function backendSettings(name: string, backends: readonly Backend[]): Record<string, string> {
  return Object.fromEntries(
    backends.flatMap(({ port, opsPort }, index) => [
      [`${name}_${index + 1}`, address(port)],
      [`${name}_${index + 1}_OPS`, String(opsPort)],
    ]),
  );
}

function address(port: number): string {
  return `127.0.0.1:${port}`;
}
