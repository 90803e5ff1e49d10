/**
 * Data dir lock: one parent process per data folder.
 *
 * Node has no flock. Two things stand in for it. A listening socket in Linux's abstract namespace, named after the folder's device
 * and inode, is taken by one process only and given back by the kernel at its death, whatever it died of: that
 * is the lock. The file `lock` says to people and to the next start who holds it, and holds off a second parent
 * where the socket cannot (another network namespace): it is made in one step with its content
 * (link, which like O_EXCL fails on an existing name), and counts only while exactly that process runs, by pid and kernel start time.
 *
 * @module
 */
import { linkSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { EmbeddedError } from './embedded-error.ts';
import { readJson, writeDurably } from './private-file.ts';
import { asIdentity, identifyProcess, isRunning, type ProcessIdentity } from './process-identity.ts';

/** A held lock. */
export interface DataDirLock {
  release(): Promise<void>;
}

/** Locks the folder for this process, or throws `data_dir_locked` naming the pid that has it. */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const file = join(dataDir, 'lock');
  const socket = await listenAbstract(socketName(dataDir));
  if (socket === undefined) throw locked(dataDir, lockHolder(file));
  const holder = lockHolder(file);
  if (holder !== undefined && isRunning(holder)) {
    await closed(socket);
    throw locked(dataDir, holder);
  }
  takeFile(file);
  return {
    async release() {
      rmSync(file, { force: true });
      await closed(socket);
    },
  };
}

/** Who the lock file names, alive or not. */
export function lockHolder(file: string): ProcessIdentity | undefined {
  return asIdentity(readJson(file));
}

function takeFile(file: string): void {
  const self = identifyProcess(process.pid);
  if (self === undefined)
    throw new EmbeddedError('data_dir_unusable', '/proc is not readable: the embedded profile needs Linux');
  const aside = `${file}.${process.pid}`;
  writeDurably(aside, `${JSON.stringify(self)}\n`);
  // Only the holder of the socket comes here, so what stands in the way is of the dead.
  rmSync(file, { force: true });
  linkSync(aside, file);
  rmSync(aside);
}

function socketName(dataDir: string): string {
  const { dev, ino } = statSync(dataDir);
  return `\0sluice-data-${dev}-${ino}`;
}

function listenAbstract(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(name, () => {
      server.unref();
      resolve(server);
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function locked(dataDir: string, holder: ProcessIdentity | undefined): EmbeddedError {
  const who = holder === undefined ? 'another process that is just starting' : `process ${holder.pid}`;
  return new EmbeddedError(
    'data_dir_locked',
    `the data folder ${dataDir} (SLUICE_DATA_DIR) is in use by ${who}: stop it, or choose another folder`,
  );
}
