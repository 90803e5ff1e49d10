/**
 * HAProxy for tests: a balancer in front of gateways, from a configuration that the test writes.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServerControl, startServer } from './server-process.ts';

export interface Haproxy extends ServerControl {
  /** Of its `bind 127.0.0.1:PORT` lines, in their order. */
  readonly ports: readonly number[];
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/**
 * Starts it; resolves when it listens at every port it binds.
 * @param environment what the configuration names as "${NAME}"
 * @throws Error with HAProxy's own words when it refuses the configuration
 */
export async function startHaproxy(
  configText: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Haproxy> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-haproxy-'));
  const configFile = join(folder, 'haproxy.cfg');
  writeFileSync(configFile, configText);
  const ports = [...configText.matchAll(/^\s*bind 127\.0\.0\.1:(\d+)/gm)].map(([, port]) => Number(port));
  try {
    checkConfig(configFile, environment);
    const control = await startServer({
      program: 'haproxy',
      // In the foreground.
      args: ['-db', '-f', configFile],
      logFile: join(folder, 'log.txt'),
      answers: () => Promise.all(ports.map(checkListens)),
      environment,
    });
    return Object.assign(control, {
      ports,
      stop: async () => {
        await control.kill();
        rmSync(folder, { recursive: true, force: true });
      },
    });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function checkConfig(configFile: string, environment: Readonly<Record<string, string>>): void {
  const env = { ...process.env, ...environment };
  const checked = spawnSync('haproxy', ['-c', '-f', configFile], { encoding: 'utf8', env });
  if (checked.error !== undefined) throw checked.error;
  if (checked.status !== 0) throw new Error(`haproxy refuses its configuration:\n${checked.stderr}`);
}

async function checkListens(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}
