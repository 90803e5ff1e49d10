/**
 * `sluice doctor`: looks at everything a start needs and says, line by line, what is well and what to do about the rest.
 *
 * @module
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readOptions, settingsToDrop } from '../config/from-env.ts';
import { LIMITS } from '../config/limits.ts';
import type { Role, StartOptions } from '../config/options.ts';
import { clockDifferenceMs, connectEmbedded } from '../embedded/connect.ts';
import { EmbeddedError } from '../embedded/embedded-error.ts';
import { chooseListenPorts } from '../embedded/listen-ports.ts';
import { findPkcs11Module } from '../embedded/pkcs11-module.ts';
import { findRunningPostgres } from '../embedded/postgres.ts';
import { isRunning } from '../embedded/process-identity.ts';
import { recordedProcesses } from '../embedded/run-files.ts';
import { type Command, loadOptions, readWords } from './command.ts';

/** What one look found: a fact when well, else what to do. */
type Finding = { readonly ok: boolean; readonly detail: string };

/** A slower disk than this keeps every commit, and so every answer, waiting. */
const DISK_SYNC_MS_MAX = 20;
const INSTALL = 'run `node scripts/bootstrap.mjs install`';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PRIVATE_FILES = [
  'demo.json',
  'sandbox/accounts.json',
  'sandbox-b/accounts.json',
  'postgres/password',
  'postgres/roles.json',
  'hsm/vault.pin',
  'hsm/vault.pin.so',
  'hsm/config.pin',
  'hsm/config.pin.so',
];
const PRIVATE_FOLDERS = ['hsm', 'log', 'postgres', 'sandbox', 'sandbox-b'];

/** The command. */
export const doctor: Command = {
  name: 'doctor',
  usage: '[--config FILE]',
  summary: 'Check everything a start needs, one line each, with what to do.',
  async run(words, context) {
    const { config } = readWords(words, []);
    const { options, settings } = loadOptions(context.env, config);
    const checks: readonly (readonly [string, () => Finding | Promise<Finding>])[] = [
      ['node', checkNode],
      ['packages', checkPackages],
      ['pkcs11js', () => checkLoads('pkcs11js')],
      ['uWebSockets.js', () => checkLoads('uWebSockets.js')],
      ['pkcs11 module', () => ({ ok: true, detail: findPkcs11Module(options.hsm.module) })],
      ['roles', () => checkRoles(options, settings)],
      ['postgres', () => checkDatabases(options)],
      ['ports', () => checkPorts(options)],
      ['disk', () => checkDisk(options)],
      ['file modes', () => checkModes(options)],
    ];
    let well = true;
    for (const [name, check] of checks) {
      const { ok, detail } = await finding(check);
      well &&= ok;
      context.out(`${ok ? 'ok  ' : 'fail'} ${name}: ${detail}\n`);
    }
    return well ? 0 : 1;
  },
};

async function finding(check: () => Finding | Promise<Finding>): Promise<Finding> {
  try {
    return await check();
  } catch (error) {
    return { ok: false, detail: (error as Error).message };
  }
}

function checkNode(): Finding {
  const well = process.versions.node.startsWith('22.');
  const advice = well ? '' : '; run through `npm run -s sluice --`, which uses the pinned Node 22';
  return { ok: well, detail: `${process.versions.node}${advice}` };
}

function checkPackages(): Finding {
  const installed = join(ROOT, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return { ok: false, detail: `not installed: ${INSTALL}` };
  const lock = join(ROOT, 'package-lock.json');
  // In the image they are part of it.
  const stale = existsSync(lock) && statSync(installed).mtimeMs < statSync(lock).mtimeMs;
  return stale
    ? { ok: false, detail: `older than package-lock.json: ${INSTALL}` }
    : { ok: true, detail: 'installed' };
}

async function checkLoads(name: string): Promise<Finding> {
  try {
    await import(name);
    return { ok: true, detail: 'loads' };
  } catch (error) {
    const why = (error as Error).message.split('\n')[0] ?? '';
    return { ok: false, detail: `${why}: run \`npm rebuild ${name}\`, or ${INSTALL}` };
  }
}

/** What each role listens at and must be given beside the databases of payments and the config token. */
const ROLE_NEEDS: Readonly<Record<Role, string>> = {
  api: 'api (API port)',
  checkout: 'checkout (checkout port, vault)',
  callbacks: 'callbacks (API port)',
  background: 'background',
};

function checkRoles(options: StartOptions, settings: ReadonlyMap<string, string>): Finding {
  const detail = options.roles.map((role) => ROLE_NEEDS[role]).join(', ');
  // The embedded profile gives each process what it needs.
  if (options.databases === undefined) return { ok: true, detail };
  const dropped = settingsToDrop(options, settings);
  if (dropped.length > 0) {
    return {
      ok: false,
      detail: `${dropped.join(', ')}: take them off this host, only the checkout role is to open the vault`,
    };
  }
  const read = readOptions(Object.fromEntries(settings));
  if (read.ok) return { ok: true, detail };
  return { ok: false, detail: read.errors.map(({ setting, detail }) => `${setting} ${detail}`).join('; ') };
}

async function checkDatabases(options: StartOptions): Promise<Finding> {
  const embedded = options.databases === undefined;
  if (embedded && findRunningPostgres(join(options.dataDir, 'postgres')) === undefined) {
    return { ok: true, detail: 'embedded, not running: `npm start` starts it' };
  }
  const databases = options.databases ?? connectEmbedded(options).databases.services;
  const named = [
    ['control', databases.control] as const,
    // Nobody else is to reach it.
    ['vault', options.roles.includes('checkout') ? databases.vault : undefined] as const,
    ...databases.shards.map((url, index) => [`shard ${index + 1}`, url] as const),
  ];
  const differences: number[] = [];
  for (const [name, url] of named) {
    if (url === undefined) continue;
    try {
      differences.push(Math.abs(await clockDifferenceMs(url)));
    } catch (error) {
      return {
        ok: false,
        detail: `${name} cannot be reached: ${(error as Error).message}; see its URL and its server`,
      };
    }
  }
  const worst = Math.round(Math.max(...differences));
  const well = worst <= LIMITS.clockDifferenceMsMax;
  const advice = well ? '' : `, more than ${LIMITS.clockDifferenceMsMax} ms: set both clocks by NTP`;
  return {
    ok: well,
    detail: `${differences.length} databases reached, clocks differ by ${worst} ms${advice}`,
  };
}

async function checkPorts(options: StartOptions): Promise<Finding> {
  const { gateway } = recordedProcesses(options.dataDir);
  if (gateway !== undefined && isRunning(gateway)) {
    return { ok: true, detail: `in use by this data folder's own gateway, pid ${gateway.pid}` };
  }
  try {
    await chooseListenPorts(options);
    return { ok: true, detail: 'free' };
  } catch (error) {
    if (error instanceof EmbeddedError) return { ok: false, detail: error.message };
    throw error;
  }
}

/** The median of 21 writes of a page, each synced: what one commit costs at least where the databases are in the data folder. */
function checkDisk(options: StartOptions): Finding {
  if (options.databases !== undefined)
    return { ok: true, detail: 'commits go to the disks of the databases' };
  const folder = mkdtempSync(join(existsSync(options.dataDir) ? options.dataDir : tmpdir(), 'doctor-'));
  try {
    const file = openSync(join(folder, 'sync'), 'w', 0o600);
    const page = Buffer.alloc(8192);
    const timesMs = Array.from({ length: 21 }, () => {
      const from = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      return performance.now() - from;
    });
    closeSync(file);
    const medianMs = timesMs.sort((a, b) => a - b)[10] ?? 0;
    const well = medianMs <= DISK_SYNC_MS_MAX;
    const advice = well ? '' : ': every commit waits for it, use a faster disk for SLUICE_DATA_DIR';
    return { ok: well, detail: `a synced write takes ${medianMs.toFixed(2)} ms${advice}` };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function checkModes(options: StartOptions): Finding {
  if (!existsSync(options.dataDir)) return { ok: true, detail: 'no data folder yet' };
  const open = [
    ...PRIVATE_FILES.filter((file) => permits(join(options.dataDir, file), 0o177)),
    ...PRIVATE_FOLDERS.filter((folder) => permits(join(options.dataDir, folder), 0o077)),
  ];
  if (open.length === 0) return { ok: true, detail: 'secrets are readable by their owner only' };
  return {
    ok: false,
    detail: `others may read ${open.join(', ')} in ${options.dataDir}: run \`chmod go= …\` on each`,
  };
}

function permits(path: string, bits: number): boolean {
  return existsSync(path) && (statSync(path).mode & bits) !== 0;
}
