/**
 * A real HAProxy with the configuration we deliver (deploy/haproxy/haproxy.cfg), before gateways of a test.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { startHaproxy } from './haproxy.ts';
import { freePort } from './ports.ts';
import type { Gateway } from './world.ts';

const CONFIG = join(import.meta.dirname, '../../deploy/haproxy/haproxy.cfg');

export interface Balancer {
  apiUrl: string;
  checkoutUrl: string;
  /** Servers and whether requests go there, as `api/api-1` → `UP`. */
  states(): Promise<Record<string, string>>;
  /** Waits until each of these servers is in this state. */
  become(state: 'UP' | 'DOWN', servers: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** Ports that are known before there are gateways: their public URLs are the balancer's. */
export interface BalancerPorts {
  api: number;
  checkout: number;
}

/** Starts it before two gateways; resolves when its statistics answer. */
export async function startBalancer(
  ports: BalancerPorts,
  gateways: readonly [Gateway, Gateway],
): Promise<Balancer> {
  const statsPort = await freePort();
  const env: Record<string, string> = {
    BIND_API: `127.0.0.1:${ports.api}`,
    BIND_CHECKOUT: `127.0.0.1:${ports.checkout}`,
    BIND_STATS: `127.0.0.1:${statsPort}`,
  };
  for (const [i, { apiUrl, checkoutUrl, opsUrl }] of gateways.entries()) {
    env[`API_${i + 1}`] = new URL(apiUrl).host;
    env[`CHECKOUT_${i + 1}`] = new URL(checkoutUrl).host;
    env[`API_${i + 1}_OPS`] = new URL(opsUrl).port;
    env[`CHECKOUT_${i + 1}_OPS`] = new URL(opsUrl).port;
  }
  const haproxy = await startHaproxy(readFileSync(CONFIG, 'utf8'), env);

  async function states(): Promise<Record<string, string>> {
    const answer = await fetch(`http://127.0.0.1:${statsPort}/;csv`);
    const [head = '', ...lines] = (await answer.text()).trimEnd().split('\n');
    const status = head.split(',').indexOf('status');
    const rows = lines.map((line) => line.split(','));
    return Object.fromEntries(rows.map((row) => [`${row[0]}/${row[1]}`, row[status]!]));
  }

  await eventually(states);
  return {
    apiUrl: `http://127.0.0.1:${ports.api}`,
    checkoutUrl: `http://127.0.0.1:${ports.checkout}`,
    states,
    async become(state, servers) {
      await eventually(async () => {
        const found = await states();
        const others = servers.filter((server) => found[server] !== state);
        if (others.length > 0) throw new Error(`not ${state}: ${others.join(', ')}`);
      });
    },
    stop: haproxy.stop,
  };
}
