import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SAMPLE_REPORT } from '../reconciliation/testing/sample-report.ts';
import { reportFile, writeReport } from './written-report.ts';

it('a report is for its owner alone, whatever the file that was there was', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-report-file-'));
  const path = join(folder, 'report.html');
  writeFileSync(path, 'old');
  chmodSync(path, 0o644);
  writeReport(reportFile(path), SAMPLE_REPORT);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  rmSync(folder, { recursive: true });
});

it('a report into a folder that is not there is refused before it is made', () => {
  const path = join(tmpdir(), 'sluice-no-such-folder', 'report.html');
  expect(() => reportFile(path)).toThrow(/^--report .*: nothing can be written there: ENOENT$/);
});
