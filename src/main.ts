/**
 * Main: one gateway process. Reads the options, places the shards, starts the threads, obeys signals. No request work.
 *
 * @module
 */

import { readOptions } from './config/from-env.ts';
import { assertLimits, LIMITS } from './config/limits.ts';
import type { Options } from './config/options.ts';
import { FAULT_POINTS } from './domain/fault-points.ts';
import { createLog, errorFields } from './metrics/log.ts';
import { createMetrics } from './metrics/metrics.ts';
import { createMetricRegistry } from './metrics/registry.ts';
import { type ArmedPoint, armFaultPoints } from './runtime/fault-points.ts';
import { endProcess, Supervisor, type ThreadSpec } from './runtime/supervisor.ts';
import { threadEntry } from './runtime/thread-entry.ts';
import type { ShardRange } from './storage/control.ts';
import { createControlReader } from './storage/postgres/control-reader.ts';
import { createRecoveryScan } from './storage/postgres/recovery-scan.ts';

const read = readOptions(process.env);
if (!read.ok) {
  for (const { setting, detail } of read.errors) process.stderr.write(`${setting} ${detail}\n`);
  process.exit(2);
}
const { options } = read;
const log = createLog('main');
assertLimits();
await run(options).catch((error: unknown) => {
  log('fatal', 'gateway_failed', errorFields(error));
  process.exitCode = 1;
});

async function run(options: Options): Promise<void> {
  const faults = armFaultPoints(FAULT_POINTS, options.faultPoints, options.mode);
  await checkClocks(options);
  const ranges = await readShardMap(options);
  const registry = createMetricRegistry('main');
  const supervisor = new Supervisor({
    specs: threadSpecs(options, ranges, faults.armed),
    log,
    metrics: createMetrics(registry),
    collectOwn: () => registry.collect(),
    endProcess,
  });
  const stop = (signal: string): void => {
    log('info', 'stopping', { signal });
    void supervisor
      .stop(LIMITS.drainTimeoutMs)
      .then(({ clean, listenersOpen }) => endProcess(clean ? 0 : 1, listenersOpen));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  await supervisor.start();
  faults.begin();
  log('info', 'gateway_ready', { pid: process.pid, mode: options.mode });
  // The parent, and whoever else started this process, waits for this line.
  process.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid })}\n`);
}

/**
 * The threads of the options' roles. Whoever runs the lanes starts first and is drained last: everyone relies on them. The api
 * thread opens the exclusive ops port before the pci thread opens the checkout port, so that a stray second gateway shares
 * nothing.
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
  const specs = [spec('api', 1, shards === 0 ? 2 : 0)];
  if (shards > 0) specs.unshift({ ...spec('shard', 0, 2), count: shards });
  if (options.roles.includes('checkout')) specs.push(spec('pci', 2, 0));
  if (options.roles.includes('background')) specs.push(spec('background', 2, 1));
  return specs;
}

/** Deadlines and ids would lie if the clocks of host and databases differed by more than five seconds (design 4). */
async function checkClocks(options: Options): Promise<void> {
  for (const [index, connectionString] of options.databases.shards.entries()) {
    const scan = createRecoveryScan(connectionString);
    try {
      const aheadMs = Date.now() - (await scan.clock()).getTime();
      if (Math.abs(aheadMs) > LIMITS.clockDifferenceMsMax) {
        throw new Error(
          `the clock of this host differs by ${Math.round(aheadMs / 1000)} s from that of database ${index + 1} of SLUICE_SHARD_DATABASE_URLS; set one right`,
        );
      }
    } finally {
      await scan.close();
    }
  }
}

async function readShardMap(options: Options): Promise<ShardRange[]> {
  const control = createControlReader({ connectionString: options.databases.control });
  try {
    return await control.shardMap();
  } finally {
    await control.close();
  }
}
