/**
 * Main: one gateway process. Reads the options, places the shards, starts the threads, obeys signals. No request work.
 *
 * @module
 */

import { readOptions, settingsToDrop, settingTexts } from './config/from-env.ts';
import { assertLimits, LIMITS } from './config/limits.ts';
import { TLS_FILE_SETTINGS, unreadableFiles } from './config/named-files.ts';
import type { Options, SettingError } from './config/options.ts';
import { FAULT_POINTS } from './domain/fault-points.ts';
import { holdModule } from './hsm/hold-module.ts';
import { CERTIFICATE_FAULTS, readCertificate } from './http/certificate.ts';
import { createLog, errorFields } from './metrics/log.ts';
import { createMetrics } from './metrics/metrics.ts';
import { createMetricRegistry } from './metrics/registry.ts';
import { type ArmedPoint, armFaultPoints } from './runtime/fault-points.ts';
import { endProcess, Supervisor, type ThreadSpec } from './runtime/supervisor.ts';
import { threadEntry } from './runtime/thread-entry.ts';
import type { ShardRange } from './storage/control.ts';
import { createControlReader } from './storage/postgres/control-reader.ts';
import { surveyShard } from './storage/postgres/shard-survey.ts';
import { placementFaults } from './storage/shard-map.ts';

const read = readOptions(process.env);
if (!read.ok) refuse(read.errors);
const { options } = read;
const fileErrors = [...unreadableFiles(options), ...(await certificateErrors(options))];
if (fileErrors.length > 0) refuse(fileErrors);
const log = createLog('main');
for (const setting of settingsToDrop(options, settingTexts(process.env, undefined, []))) {
  // Threads inherit the environment.
  delete process.env[setting];
  log('warn', 'setting_dropped', { setting, detail: 'is for the checkout role, which does not run here' });
}
assertLimits();
await run(options).catch((error: unknown) => {
  log('fatal', 'gateway_failed', errorFields(error));
  process.exitCode = 1;
});

/** Says all that is wrong with the settings, and ends. */
function refuse(errors: readonly SettingError[]): never {
  for (const { setting, detail } of errors) process.stderr.write(`${setting} ${detail}\n`);
  process.exit(2);
}

async function certificateErrors({ tls }: Options): Promise<SettingError[]> {
  if (tls.kind !== 'files') return [];
  const read = await readCertificate(tls, Date.now());
  // What cannot be read has been said.
  if (read.ok || read.error.fault === 'unreadable') return [];
  return [{ setting: TLS_FILE_SETTINGS[read.error.file], detail: CERTIFICATE_FAULTS[read.error.fault] }];
}

async function run(options: Options): Promise<void> {
  const faults = armFaultPoints(FAULT_POINTS, options.faultPoints, options.mode);
  const ranges = await readShardMap(options);
  await checkShards(options, ranges);
  holdModule(options.hsm.module);
  const registry = createMetricRegistry('main');
  const supervisor = new Supervisor({
    specs: threadSpecs(options, ranges, faults.armed),
    log,
    metrics: createMetrics(registry),
    collectOwn: () => registry.collect(),
    endProcess,
  });
  let stopping = false;
  const stop = (signal: string): void => {
    log('info', 'stopping', { signal });
    // Whoever asks twice does not want to wait for the balancer.
    if (stopping) {
      supervisor.hurry();
      return;
    }
    stopping = true;
    void supervisor
      .stop(LIMITS.drainTimeoutMs, options.drainDelaySeconds * 1000)
      .then(({ clean, listenersOpen }) => endProcess(clean ? 0 : 1, listenersOpen));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // Without a certificate to read anew the signal keeps its meaning: the terminal is gone.
  if (options.tls.kind === 'files') process.on('SIGHUP', () => supervisor.reload());
  await supervisor.start();
  faults.begin();
  log('info', 'gateway_ready', { pid: process.pid, mode: options.mode });
  // The parent, and whoever else started this process, waits for this line.
  process.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid })}\n`);
}

/**
 * The threads of the options' roles. Whoever runs the lanes starts first and is drained last: everyone relies on them. The api thread
 * is drained right before, since it answers operators, and it opens the exclusive ops port before the pci thread opens the checkout
 * port, so that a stray second gateway shares nothing.
 */
function threadSpecs(
  options: Options,
  ranges: readonly ShardRange[],
  faults: readonly ArmedPoint[],
): ThreadSpec[] {
  const start = { options, ranges, faults };
  const shards = options.threads.shards;
  const lanes = shards === 0 ? 'api' : 'shard';
  const spec = (kind: string, startPhase: number, drainPhase: number): ThreadSpec => ({
    kind,
    entry: threadEntry(kind),
    peers: kind === lanes ? [] : [lanes],
    holdsListener: kind === 'api' || kind === 'pci',
    startPhase,
    drainPhase,
    options: start,
  });
  const specs = [spec('api', 1, 2)];
  if (shards > 0) specs.unshift({ ...spec('shard', 0, 3), count: shards });
  if (options.roles.includes('checkout')) specs.push(spec('pci', 2, 0));
  if (options.roles.includes('background')) specs.push(spec('background', 2, 1));
  return specs;
}

/**
 * A gateway does not start on databases that are not those of its map, or whose clocks differ from this host's by more than five
 * seconds: deadlines and ids would lie (design 4). One that cannot be reached is not waited for: its merchants are refused until it
 * is back, and whatever it is then, it changes nothing that it does not own.
 */
async function checkShards(options: Options, ranges: readonly ShardRange[]): Promise<void> {
  const surveyed = await Promise.all(options.databases.shards.map(surveyShard));
  const surveys = surveyed.map((one) => (one.reached ? one.survey : null));
  for (const [index, one] of surveyed.entries()) {
    if (!one.reached) log('warn', 'shard_database_unreachable', { database: index + 1, detail: one.detail });
  }
  const clocks = surveys.flatMap((survey, index) => {
    if (survey === null || Math.abs(survey.hostAheadMs) <= LIMITS.clockDifferenceMsMax) return [];
    return `the clock of this host differs by ${Math.round(survey.hostAheadMs / 1000)} s from that of database ${index + 1} of SLUICE_SHARD_DATABASE_URLS; set one right`;
  });
  const faults = [...placementFaults(ranges, surveys), ...clocks];
  if (faults.length > 0) throw new Error(faults.join('; '));
}

async function readShardMap(options: Options): Promise<ShardRange[]> {
  const control = createControlReader({ connectionString: options.databases.control });
  try {
    return await control.shardMap();
  } finally {
    await control.close();
  }
}
