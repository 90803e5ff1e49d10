/**
 * A small disk: a tmpfs of a few megabytes that can be filled to the last byte and emptied again.
 *
 * Mounting needs root.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  folder: string;
  /** Bytes that ordinary users can still write. */
  freeBytes(): number;
  /** Fills it with ballast until only so many bytes are free. */
  fill(leaveBytes: number): void;
  /** Takes the ballast away. */
  empty(): void;
  unmount(): void;
}

const MEBIBYTE = 1024 * 1024;

/** Mounts a disk. Null: this system does not let us, for the reason that `told` hears. */
export function mountSmallDisk(mebibytes: number, told: (why: string) => void): SmallDisk | null {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0711`, 'tmpfs', folder], {
    encoding: 'utf8',
  });
  if (mounted.status !== 0) {
    rmdirSync(folder);
    told(mounted.error?.message ?? mounted.stderr.trim());
    return null;
  }
  chmodSync(folder, 0o711);
  const ballast = join(folder, 'ballast');
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  };
  return {
    folder,
    freeBytes,
    fill(leaveBytes) {
      const file = openSync(ballast, 'a', 0o600);
      try {
        const block = Buffer.alloc(MEBIBYTE);
        for (let left = freeBytes() - leaveBytes; left > 0; left = freeBytes() - leaveBytes) {
          writeSync(file, block, 0, Math.min(left, block.length));
        }
      } catch (error) {
        // Somebody else wrote the last bytes meanwhile: full is what was asked for.
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        closeSync(file);
      }
    },
    empty: () => rmSync(ballast, { force: true }),
    unmount() {
      const { status, stderr } = spawnSync('umount', [folder], { encoding: 'utf8' });
      if (status !== 0) throw new Error(`${folder} could not be unmounted: ${stderr.trim()}`);
      rmdirSync(folder);
    },
  };
}
