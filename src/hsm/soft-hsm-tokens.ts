/**
 * SoftHSM tokens: the `vault` and `config` tokens of the embedded profile, and of containers one by one, each with a PIN of its own.
 *
 * PINs are written and synced before their token is made, and a token without a user PIN is finished by the next
 * run, so an interruption at any point is mended by running again. The module is loaded in a child process, because
 * it reads SOFTHSM2_CONF when it is loaded, and the caller may have loaded it with another.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface SoftHsmTokens {
  /** What SOFTHSM2_CONF must name in the environment of a process before it loads the module. */
  confFile: string;
  /** User PIN of each token, mode 0600. */
  pinFiles: { vault: string; config: string };
}

const CHILD_TIMEOUT_MS = 30_000;
/** Without it a folder is no token. */
const TOKEN_FILE = 'token.object';

/**
 * Makes what is missing. Rejects when the module cannot be loaded or a token cannot be made.
 * @param module path of libsofthsm2.so
 * @param directory absolute; made with mode 0700
 */
export async function ensureSoftHsmTokens(where: {
  module: string;
  directory: string;
}): Promise<SoftHsmTokens> {
  const { module, directory } = where;
  const confFile = writeConf(directory);
  const pinFiles = { vault: join(directory, 'vault.pin'), config: join(directory, 'config.pin') };
  for (const pinFile of Object.values(pinFiles)) {
    ensurePin(pinFile);
    ensurePin(`${pinFile}.so`);
  }
  await makeTokens(module, confFile, pinFiles);
  return { confFile, pinFiles };
}

/**
 * Makes one token whose files, PIN (`pin`) and officer's PIN (`pin.so`) lie in `directory` itself, which is there; its parent is
 * SoftHSM's folder of tokens. Made elsewhere and moved in, the file that makes it a token last: cut short, it is made anew.
 * False when it was there.
 * @param where.module path of libsofthsm2.so
 */
export async function ensureSoftHsmToken(where: {
  module: string;
  label: string;
  directory: string;
}): Promise<boolean> {
  const { module, label, directory } = where;
  const token = join(directory, TOKEN_FILE);
  if (existsSync(token)) return false;
  const pinFile = join(directory, 'pin');
  ensurePin(pinFile);
  ensurePin(`${pinFile}.so`);
  const scratch = mkdtempSync(join(tmpdir(), 'sluice-token-'));
  try {
    const confFile = writeConf(scratch);
    await makeTokens(module, confFile, { [label]: pinFile });
    const tokens = join(scratch, 'tokens');
    const made = join(tokens, readdirSync(tokens)[0]!);
    const others = readdirSync(made).filter((name) => name !== TOKEN_FILE);
    for (const name of others) copyFileSync(join(made, name), join(directory, name));
    copyFileSync(join(made, TOKEN_FILE), `${token}.draft`);
    renameSync(`${token}.draft`, token);
  } finally {
    rmSync(scratch, { recursive: true });
  }
  return true;
}

/** SoftHSM's configuration in `directory`, with its tokens in a folder beside it. Returns its path. */
function writeConf(directory: string): string {
  const tokenDirectory = join(directory, 'tokens');
  mkdirSync(tokenDirectory, { recursive: true, mode: 0o700 });
  const confFile = join(directory, 'softhsm2.conf');
  writeWhole(
    confFile,
    [
      `directories.tokendir = ${tokenDirectory}`,
      'objectstore.backend = file',
      'log.level = ERROR',
      'slots.removable = false',
      '',
    ].join('\n'),
  );
  return confFile;
}

/** PINs go to the child as file names: command lines can be read by every user of the host. */
async function makeTokens(
  module: string,
  confFile: string,
  pinFiles: Readonly<Record<string, string>>,
): Promise<void> {
  const script = fileURLToPath(new URL('./pkcs11/init-tokens.ts', import.meta.url));
  const tokens = Object.entries(pinFiles).flat();
  await promisify(execFile)(process.execPath, [script, module, ...tokens], {
    env: { ...process.env, SOFTHSM2_CONF: confFile },
    timeout: CHILD_TIMEOUT_MS,
  });
}

function ensurePin(file: string): void {
  if (existsSync(file)) return;
  writeWhole(file, `${randomBytes(16).toString('hex')}\n`);
}

function writeWhole(file: string, text: string): void {
  const draft = `${file}.${process.pid}.draft`;
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  renameSync(draft, file);
}
