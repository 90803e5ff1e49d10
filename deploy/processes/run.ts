/**
 * Run: `npm run topology [-- --profile NAME] [--dir FOLDER] [--json]`.
 *
 * Brings up a topology and keeps it until a signal ends it. Its standard input takes one order a line: `kill NAME`, `pause NAME`,
 * `resume NAME`, `restart NAME`, `list`. With `--json` standard output has one line that begins with `{"ready":true` and then one
 * for each order; without it, the same for people. What happens to the processes is said on standard error.
 *
 * Exit codes: 0 stopped by a signal, 1 it did not come up, 2 misused.
 *
 * @module
 */
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { isProfileName, PROFILES, type ProfileName } from './profiles.ts';
import { ORDERS, type Order, type RunningTopology, Topology } from './topology.ts';
import { welcome } from './welcome.ts';

interface Asked {
  readonly profile: ProfileName;
  readonly folder: string;
  readonly json: boolean;
}

process.exit(await main(process.argv.slice(2)));

async function main(words: readonly string[]): Promise<0 | 1 | 2> {
  const asked = readAsked(words);
  if (typeof asked === 'string') {
    complain(
      `${asked}\nusage: npm run topology [-- --profile ${Object.keys(PROFILES).join('|')}] [--dir FOLDER] [--json]`,
    );
    return 2;
  }
  const { folder, json, profile } = asked;
  const signal = untilSignal();
  const topology = new Topology({ profile: PROFILES[profile], folder, say: complain });
  const starting = topology.start();
  const first = await Promise.race([
    starting.then(
      (running) => ({ running }),
      (error: Error) => ({ error }),
    ),
    signal,
  ]);
  if (first !== undefined && 'error' in first) {
    complain(first.error.message);
    return 1;
  }
  if (first !== undefined) {
    say(json ? readyLine(folder, first.running, topology) : welcome(folder, first.running, topology.pids()));
    obeyLines(topology, json);
    await signal;
  }
  complain('stopping');
  await topology.stop();
  return 0;
}

function readAsked(words: readonly string[]): Asked | string {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: {
        profile: { type: 'string', default: 'small' },
        dir: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const { profile, dir, json } = values;
    if (!isProfileName(profile)) return `there is no profile ${profile}`;
    return { profile, json, folder: resolve(dir ?? join('data', `topology-${profile}`)) };
  } catch (error) {
    return (error as Error).message;
  }
}

/** What scripts need: `processes.json` in the folder has the pids as they change. */
function readyLine(folder: string, { urls, demo, brokers }: RunningTopology, topology: Topology): string {
  const { merchantId, secretKey, webhookSecret } = demo;
  const keys = { merchantId, secretKey, webhookSecret };
  return `${JSON.stringify({ ready: true, folder, urls, ...keys, brokers, pids: topology.pids() })}\n`;
}

function obeyLines(topology: Topology, json: boolean): void {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const [order = '', name = ''] = line.trim().split(/\s+/);
    const ok = order === 'list' || (isOrder(order) && topology.order(order, name));
    const pids = topology.pids();
    if (json) say(`${JSON.stringify({ order, name, ok, pids })}\n`);
    else if (order === 'list') for (const [part, pid] of Object.entries(pids)) say(`${part} ${pid}\n`);
    else say(ok ? `${order} ${name}: done\n` : `${line}: no such order, or no such part that runs\n`);
  });
}

function isOrder(word: string): word is Order {
  return (ORDERS as readonly string[]).includes(word);
}

/** The first of SIGTERM, SIGINT and SIGHUP; later ones are heard and change nothing. */
function untilSignal(): Promise<undefined> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => resolve(undefined));
  });
}

function say(text: string): void {
  process.stdout.write(text);
}

function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}
