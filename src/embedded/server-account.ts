/**
 * Server account: the user PostgreSQL runs as.
 *
 * PostgreSQL refuses to run as root. When we are root, the account `postgres` runs it, and is made if the system has
 * none; otherwise our own user does. That account must be able to walk to the binaries and to the data
 * folder, which is checked here with a message rather than left to a "Permission denied" in a log.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { EmbeddedError } from './embedded-error.ts';

/** Numeric user and group a server process runs as; undefined means as ourselves. */
export interface ServerAccount {
  readonly uid: number;
  readonly gid: number;
}

/** Finds the account PostgreSQL shall run as, and makes `postgres` when we are root and there is none. */
export function findServerAccount(): ServerAccount | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const found = lookUpAccount('postgres');
  if (found !== undefined) return found;
  spawnSync('useradd', [
    '--system',
    '--user-group',
    '--no-create-home',
    '--shell',
    '/usr/sbin/nologin',
    'postgres',
  ]);
  const made = lookUpAccount('postgres');
  if (made !== undefined) return made;
  throw new EmbeddedError(
    'postgres_account_missing',
    'PostgreSQL does not run as root and the user `postgres` could not be made: run `useradd --system --user-group postgres`, or start sluice as another user',
  );
}

/** Throws when the account cannot walk down to `path`; names the folder that is in the way. */
export function checkReachable(account: ServerAccount | undefined, path: string): void {
  if (account === undefined) return;
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    if (!mayEnter(account, folder)) {
      throw new EmbeddedError(
        'folder_not_reachable',
        `PostgreSQL runs as user id ${account.uid} and cannot enter ${folder}: run \`chmod o+x ${folder}\`, or move the checkout and SLUICE_DATA_DIR elsewhere`,
      );
    }
    if (folder === dirname(folder)) return;
  }
}

function mayEnter(account: ServerAccount, folder: string): boolean {
  const { uid, gid, mode } = statSync(folder);
  if (uid === account.uid) return (mode & 0o100) !== 0;
  if (gid === account.gid) return (mode & 0o010) !== 0;
  return (mode & 0o001) !== 0;
}

function lookUpAccount(name: string): ServerAccount | undefined {
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [account, , uid, gid] = line.split(':');
    if (account === name) return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}
