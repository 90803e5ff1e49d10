/**
 * Rival: the command of a gateway to compare Sluice with: starts its parts and its server, says so, and stops at SIGTERM.
 *
 * It leaves `demo.json` and `run.json` as `sluice start` does, so that the load driver finds address, keys and pids with
 * `SLUICE_DATA_DIR` alone. The line on stdout is `{"ready":true,…}` with the folder, the URLs and the pids. The server is a process of its
 * own with no other children than its workers, so that its CPU time is its own.
 * Exit codes: 0 stopped, 1 failed.
 *
 * @module
 */

import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endChild, startChild } from './child.ts';
import { DEMO_MERCHANT, MERCHANTS } from './merchants.ts';
import { type Parts, type PartsOptions, type Place, startParts } from './parts.ts';

export interface Rival {
  readonly name: string;
  readonly parts: PartsOptions;
  /** What the server finds in its environment, beside its place. */
  readonly env: Readonly<Record<string, string>>;
  /** Path of the server's entry, which calls {@link serve}. */
  readonly server: string;
}

/** A rival that is up. */
export interface RunningRival {
  readonly parts: Parts;
  readonly pids: Readonly<Record<'gatewayPid' | 'postgresPid' | 'sandboxPid' | 'redisPid', number | null>>;
  stop(): Promise<void>;
}

/** Starts parts and server and leaves the files for the driver. */
export async function startRival(rival: Rival): Promise<RunningRival> {
  const parts = await startParts(rival.parts);
  const servers: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map(endChild));
    await parts.stop();
  };
  try {
    const { child } = await startChild(servers, {
      name: rival.name,
      command: process.execPath,
      words: [rival.server],
      // SoftHSM reads its configuration's place from the environment when it is loaded.
      env: {
        ...rival.env,
        BENCH_PLACE: JSON.stringify(parts.place),
        SOFTHSM2_CONF: parts.place.token.confFile,
      },
      readyWhen: '{"ready":true',
    });
    const { postgres, bank, redis } = parts.pids;
    const pids = { gatewayPid: child.pid!, postgresPid: postgres, sandboxPid: bank, redisPid: redis };
    const { apiUrl, bankUrl } = parts.place;
    const urls = { apiUrl, checkoutUrl: apiUrl, sandboxUrl: bankUrl };
    const demo = { ...DEMO_MERCHANT, merchants: MERCHANTS, ...urls };
    writeFileSync(join(parts.folder, 'demo.json'), JSON.stringify(demo), { mode: 0o600 });
    writeFileSync(join(parts.folder, 'run.json'), JSON.stringify(pids));
    return { parts, pids, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The whole command. Resolves when all has stopped. */
export async function runRival(rival: Rival): Promise<void> {
  const asked = untilSignal();
  const running = await startRival(rival);
  const { folder, place } = running.parts;
  const { apiUrl, bankUrl: sandboxUrl } = place;
  const line = { ready: true, name: rival.name, folder, apiUrl, sandboxUrl, ...running.pids };
  process.stdout.write(`${JSON.stringify(line)}\n`);
  await asked;
  await running.stop();
}

/** What a server can do once it is up. */
export interface Serving {
  /** Takes no more requests and lets go of its connections. */
  stop(): Promise<void>;
}

/**
 * The whole of a server's process: starts it at the place it was given, says so, stops it at SIGTERM.
 * @param start resolves when it listens on the place's port
 */
export async function serve(start: (place: Place) => Promise<Serving>): Promise<void> {
  const asked = untilSignal();
  const serving = await start(placeGiven());
  process.stdout.write('{"ready":true}\n');
  await asked;
  await serving.stop();
}

/** The place this process was given by {@link startRival}. */
export function placeGiven(): Place {
  const text = process.env.BENCH_PLACE;
  if (text === undefined) throw new Error('BENCH_PLACE is not set: start the rival by its main.ts');
  return JSON.parse(text) as Place;
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => resolve());
  });
}
