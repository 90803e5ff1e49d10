/**
 * Contenders: what is compared. Each is started fresh, in a folder of its own, on free ports, with everything it needs.
 *
 * @module
 */

import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseline } from '../baseline/baseline.ts';
import { floor } from '../floor/floor.ts';
import { endChild, startChild } from '../rival/child.ts';
import { type Rival, startRival } from '../rival/rival.ts';

export const CONTENDER_NAMES = ['sluice', 'floor', 'baseline'] as const;
export type ContenderName = (typeof CONTENDER_NAMES)[number];

/** A contender that is up. */
export interface Started {
  /** Where the load driver finds it. */
  readonly dataDir: string;
  stop(): Promise<void>;
}

const SLUICE = join(import.meta.dirname, '../../src/cli/sluice.ts');

/** Starts one. Rejects when it does not come up; nothing is left of it then. */
export function startContender(name: ContenderName): Promise<Started> {
  switch (name) {
    case 'sluice':
      return startSluice();
    case 'floor':
      return startRivalFresh(floor);
    case 'baseline':
      return startRivalFresh(baseline);
  }
}

async function startRivalFresh(rival: Rival): Promise<Started> {
  const { parts, stop } = await startRival(rival);
  return { dataDir: parts.folder, stop };
}

/** The embedded profile as `npm start` brings it, with all its defaults but folder and ports. */
async function startSluice(): Promise<Started> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  // PostgreSQL runs as another user when we are root.
  chmodSync(dataDir, 0o711);
  const children: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(endChild));
    rmSync(dataDir, { recursive: true, force: true });
  };
  const ports = ['API', 'CHECKOUT', 'OPS', 'SANDBOX'].map((part) => [`SLUICE_${part}_PORT`, '0']);
  try {
    await startChild(children, {
      name: 'sluice',
      command: process.execPath,
      words: [SLUICE, 'start'],
      env: { SLUICE_DATA_DIR: dataDir, ...Object.fromEntries(ports) },
      readyWhen: 'Sluice is ready',
    });
    return { dataDir, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
