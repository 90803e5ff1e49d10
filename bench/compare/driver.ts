/**
 * Driver: one run of the load driver, as a process of its own, and what it reports.
 *
 * @module
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadReport } from '../../load-tests/report.ts';

const ENTRY = join(import.meta.dirname, '../../load-tests/run.ts');
const SCENARIO = 'payment';

/**
 * Loads the contender of a data folder. A report with an audit that found something is a report all the same.
 * @throws Error when there is no report
 */
export async function drive(dataDir: string, words: readonly string[]): Promise<LoadReport> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-load-'));
  const json = join(folder, 'report.json');
  try {
    const child = spawn(process.execPath, [ENTRY, SCENARIO, ...words, '--json', json], {
      env: { PATH: process.env.PATH, SLUICE_DATA_DIR: dataDir },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [code, signal] = await once(child, 'close');
    if (!existsSync(json)) throw new Error(`the load driver ended with ${code ?? signal} and no report`);
    return JSON.parse(readFileSync(json, 'utf8')) as LoadReport;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
