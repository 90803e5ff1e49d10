/**
 * What every kind of job lease must do; run by each kind's own test on a real server.
 *
 * @module
 */

import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Job, JobLease } from './job-leases.ts';
import { StorageError } from './storage.ts';

export interface JobLeasesUnderTest {
  /** The lease of a job, on a connection of its own. The test closes it. */
  open(job: Job): JobLease;
  /** Takes the server away. */
  breakServer(): Promise<void>;
  close(): Promise<void>;
}

const LONG_MS = 60_000;

export function jobLeasesContract(
  name: string,
  job: Job,
  another: Job,
  start: () => Promise<JobLeasesUnderTest>,
): void {
  describe(`job leases: ${name}`, () => {
    let under: JobLeasesUnderTest;
    let lease: JobLease;
    let other: JobLease;

    beforeAll(async () => {
      under = await start();
      lease = under.open(job);
      other = under.open(job);
    });
    afterAll(async () => {
      await Promise.all([lease?.close(), other?.close()]);
      await under?.close();
    });
    beforeEach(async () => {
      await lease.release('old');
      await lease.release('new');
    });

    test('one holds it and may hold on; another has it once it is given back', async () => {
      expect(await lease.hold('old', LONG_MS)).toBe(true);
      expect(await other.hold('new', LONG_MS)).toBe(false);
      expect(await lease.hold('old', LONG_MS)).toBe(true);
      await other.release('new');
      expect(await other.hold('new', LONG_MS)).toBe(false);
      await lease.release('old');
      expect(await other.hold('new', LONG_MS)).toBe(true);
      expect(await lease.hold('old', LONG_MS)).toBe(false);
    });

    test('another has it when its time is over, without a word of who had it', async () => {
      expect(await lease.hold('old', 300)).toBe(true);
      expect(await other.hold('new', LONG_MS)).toBe(false);
      await vi.waitFor(async () => expect(await other.hold('new', LONG_MS)).toBe(true), { timeout: 10_000 });
      expect(await lease.hold('old', LONG_MS)).toBe(false);
    });

    test('of two that ask at once one gets it', async () => {
      for (let i = 0; i < 20; i++) {
        const got = await Promise.all([lease.hold('old', LONG_MS), other.hold('new', LONG_MS)]);
        expect(got.toSorted()).toEqual([false, true]);
        await Promise.all([lease.release('old'), other.release('new')]);
      }
    });

    test('the jobs of a database have nothing to do with each other', async () => {
      const apart = under.open(another);
      expect(await lease.hold('old', LONG_MS)).toBe(true);
      expect(await apart.hold('new', LONG_MS)).toBe(true);
      await apart.release('new');
      expect(await other.hold('new', LONG_MS)).toBe(false);
      await apart.close();
    });

    test('without its server nobody is told that it is his', async () => {
      await under.breakServer();
      await expect(lease.hold('old', LONG_MS)).rejects.toBeInstanceOf(StorageError);
      await expect(lease.release('old')).rejects.toBeInstanceOf(StorageError);
    });
  });
}
