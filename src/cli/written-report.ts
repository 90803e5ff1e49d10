/**
 * Written report: a run's report in a file, in the form its name ends with.
 *
 * @module
 */
import { accessSync, closeSync, constants, fchmodSync, fstatSync, openSync, writeFileSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import { reportCsv } from '../reconciliation/report-csv.ts';
import { reportPage } from '../reconciliation/report-html.ts';
import { reportJson } from '../reconciliation/report-json.ts';
import type { RunReport } from '../reconciliation/settlement-desk.ts';
import { MisuseError } from './command.ts';
import { printable } from './payments.ts';

const FORMS = {
  '.html': (report: RunReport): string => reportPage(report).html,
  '.json': (report: RunReport): string => `${JSON.stringify(reportJson(report), null, 2)}\n`,
  '.csv': reportCsv,
};

export interface ReportFile {
  readonly path: string;
  readonly render: (report: RunReport) => string;
}

/** Where a report is to be written, and how. A folder that takes none is told before a run of an hour, not after it. */
export function reportFile(path: string): ReportFile {
  const ending = extname(path).toLowerCase();
  if (!Object.hasOwn(FORMS, ending))
    throw new MisuseError(`--report ${printable(path)} ends with none of ${Object.keys(FORMS).join(', ')}`);
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch (error) {
    throw new MisuseError(
      `--report ${printable(path)}: nothing can be written there: ${(error as NodeJS.ErrnoException).code}`,
    );
  }
  return { path, render: FORMS[ending as keyof typeof FORMS] };
}

/** It names merchants and payments: only whoever runs the command may read it. */
export function writeReport({ path, render }: ReportFile, report: RunReport): void {
  try {
    const file = openSync(path, 'w', 0o600);
    try {
      // One that was there keeps what it had.
      if (fstatSync(file).isFile()) fchmodSync(file, 0o600);
      writeFileSync(file, render(report));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new Error(`--report ${path} cannot be written: ${(error as NodeJS.ErrnoException).code}`);
  }
}
