/**
 * Disk: PostgreSQL's disk fills up under load, the one with its data and the one with its log in turn.
 *
 * One trial is one filling. While nothing can be written, every payment that comes is refused with 503 and Retry-After,
 * and none is half there; when there is room again the gateway that saw it goes on by itself. PostgreSQL may end over a full log:
 * then it is started again, as the parent would, once there is room.
 *
 * Needs root to mount a small disk. Where it cannot be mounted the campaign says so and makes no trial; with CI=true that
 * is a failure.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { ClusterOptions } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import type { World } from '../support/world.ts';
import type { Campaign, CampaignReport, CampaignRun } from './campaign.ts';
import { allFinal, openCase } from './judgement.ts';
import { createLoggedShop, type Told } from './logged-shop.ts';
import { inWorld, SHORT_TIMES } from './setting.ts';
import { paidMore, type Shoppers, startShoppers } from './shoppers.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';

type Kind = 'data' | 'log';

const KINDS: readonly Kind[] = ['data', 'log'];
/** An empty cluster of ours is some 150 MB without its log, which keeps segments of 16 MB. */
const DISK_MEBIBYTES = 512;
const SHOPPERS = 12;
const PAYMENTS_BETWEEN = 20;
/** Refusals that are looked at while the disk is full. */
const REFUSALS = 20;
const SEGMENTS_MAX = 200;
/** How soon a gateway takes payments once there is room, or once PostgreSQL is back. */
const BACK_WITHIN_MS = 30_000;
/** Beyond every deadline of the gateway: whoever hears nothing by then was left without an answer. */
const PATIENCE_MS = 30_000;

export const disk: Campaign = {
  name: 'disk',
  summary: 'a full disk under PostgreSQL’s data or log; one trial is one filling (needs root)',
  countDefault: 6,
  async run(run) {
    const half = Math.ceil(run.count / 2);
    const reports: CampaignReport[] = [];
    for (const [index, kind] of KINDS.entries()) {
      const count = index === 0 ? half : run.count - half;
      if (count > 0) reports.push(await onSmallDisk(kind, { ...run, count }));
    }
    return {
      trials: reports.reduce((sum, { trials }) => sum + trials, 0),
      figures: Object.assign({}, ...reports.map(({ figures }) => figures)),
      violations: reports.flatMap(({ violations }) => violations),
    };
  },
};

/** Why the campaign makes no trial here; null: it can. */
export function whyNoDisk(): string | null {
  let why: string | null = null;
  mountSmallDisk(1, (told) => {
    why = told;
  })?.unmount();
  return why;
}

async function onSmallDisk(kind: Kind, run: CampaignRun): Promise<CampaignReport> {
  let why = '';
  const small = mountSmallDisk(DISK_MEBIBYTES, (told) => {
    why = told;
  });
  if (small === null) return skipped(kind, why, run);
  try {
    // One server, whatever the profile says: its disk is everybody's.
    const cluster: ClusterOptions = { servers: 'one' };
    if (kind === 'data') cluster.dataDir = join(small.folder, 'postgres');
    return await inWorld({ cluster }, async (world) => {
      const { folder } = world.cluster;
      if (kind === 'data') await moveLog(world, join(small.folder, 'postgres'), join(folder, 'wal'));
      else await moveLog(world, join(folder, 'postgres'), join(small.folder, 'wal'));
      // The server's last checkpoint needs room.
      return await fillDisk(kind, small, world, run).finally(() => small.empty());
    });
  } finally {
    small.unmount();
  }
}

function skipped(kind: Kind, why: string, run: CampaignRun): CampaignReport {
  const sentence = `SKIPPED: no disk for the ${kind} could be mounted (${why}); run the campaign as root`;
  if (process.env.CI === 'true') throw new Error(sentence);
  run.tell(sentence);
  return { trials: 0, figures: { [`${kind}: skipped`]: 1 }, violations: [] };
}

/** Moves PostgreSQL's log (WAL) to a folder of its own, as an operator does with a second disk. */
function moveLog(world: World, dataDir: string, target: string): Promise<void> {
  return world.cluster.restart(() => {
    const log = join(dataDir, 'cluster/pg_wal');
    // With its owner: the server is another user when we are root.
    execFileSync('cp', ['-a', log, target]);
    rmSync(log, { recursive: true });
    symlinkSync(target, log);
  });
}

/** What the gateway answers while the disk is full. */
interface Witness {
  watching: boolean;
  refusals: number;
  violations: string[];
}

async function fillDisk(
  kind: Kind,
  small: SmallDisk,
  world: World,
  run: CampaignRun,
): Promise<CampaignReport> {
  const gateway = await world.startGateway(SHORT_TIMES);
  const { log, judge } = openCase(world);
  const witness: Witness = { watching: false, refusals: 0, violations: [] };
  const shop = createLoggedShop(world, gateway, {
    log,
    patienceMs: PATIENCE_MS,
    hear: (told) => hear(kind, witness, told),
  });
  const shoppers = startShoppers([shop], SHOPPERS, run.random);
  let ended = 0;
  let trials = 0;
  try {
    for (; trials < run.count; trials++) {
      await paidMore(shoppers, PAYMENTS_BETWEEN);
      const refusedBefore = witness.refusals;
      witness.watching = true;
      small.fill(0);
      if (kind === 'log') await useUpLog(world);
      await eventually(() => assert.ok(witness.refusals >= refusedBefore + REFUSALS, 'writes go on'), {
        withinMs: 60_000,
      });
      // Every second time the log stays full until PostgreSQL has tried to recover without room, and ended.
      if (kind === 'log' && trials % 2 === 0)
        await eventually(() => assert.ok(!world.cluster.running()), { withinMs: 60_000 });
      witness.watching = false;
      small.empty();
      if (await backAgain(world, shoppers)) ended++;
      run.tell(`  ${kind} full: ${witness.refusals - refusedBefore} refused, then payments again`);
    }
  } finally {
    await shoppers.leave();
  }
  await allFinal(world);
  const judgement = await judge();
  const figures = {
    ...judgement.figures,
    trials,
    refused: witness.refusals,
    'PostgreSQL started again': ended,
  };
  return {
    trials,
    figures: Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${kind}: ${name}`, value])),
    violations: [...witness.violations, ...judgement.violations],
  };
}

/** Whoever comes while nothing can be written hears when to come again. */
function hear(kind: Kind, witness: Witness, told: Told): void {
  if (!witness.watching) return;
  if (told === null) {
    witness.violations.push(`${kind} full: a request was left without an answer`);
    return;
  }
  // Sessions are not durable: those of a PostgreSQL that ended are over, and their shoppers hear so.
  if (told.status < 400 || told.status === 410) return;
  witness.refusals++;
  if (told.status === 503 && told.headers.get('retry-after') !== null) return;
  witness.violations.push(
    `${kind} full: answered ${told.status} ${told.body.code}, not 503 and when to come again`,
  );
}

/** Closes segments of the log until the next one finds no room: within seconds what a busy day would do. */
async function useUpLog({ cluster }: World): Promise<void> {
  const client = new pg.Client({ connectionString: cluster.postgres.adminUrl('postgres') });
  // The server that cannot write its log ends the connection.
  client.on('error', () => undefined);
  try {
    await client.connect();
    for (let segments = 0; segments < SEGMENTS_MAX; segments++) {
      await client.query('select pg_logical_emit_message(true, $1, $2), pg_switch_wal()', ['campaign', 'x']);
    }
  } catch {
    // Full.
    return;
  } finally {
    await client.end().catch(() => undefined);
  }
  throw new Error(`${SEGMENTS_MAX} segments of the log found room on a full disk`);
}

/** Resolves when payments go through again; with true when PostgreSQL had ended and was started again. */
async function backAgain({ cluster }: World, shoppers: Shoppers): Promise<boolean> {
  const wanted = shoppers.paid() + PAYMENTS_BETWEEN;
  let ended = false;
  await eventually(
    async () => {
      if (!cluster.running()) {
        ended = true;
        await cluster.again();
      }
      assert.ok(shoppers.paid() >= wanted, 'no payment goes through although there is room');
    },
    { withinMs: BACK_WITHIN_MS, everyMs: 100 },
  );
  return ended;
}
