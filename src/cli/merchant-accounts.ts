/**
 * Merchant accounts: how commands name processors and are given a merchant's credentials there.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import type { StartOptions } from '../config/options.ts';
import { ACCOUNT_READERS } from '../connectors/accounts.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { bankSide, sandboxAccountsFile } from '../embedded/sandbox-accounts.ts';
import { credentialsFault, readCredentials } from '../setup/credentials.ts';
import type { ProcessorAccount } from '../storage/control.ts';
import { MisuseError } from './command.ts';

/** Whom this version can charge at. */
export const CHARGEABLE = Object.keys(ACCOUNT_READERS) as readonly ProcessorName[];

/** Commands take a processor's name in either case. A merchant of a processor that cannot be charged could take no payment. */
export function processorNamed(option: string, text: string): ProcessorName {
  const name = CHARGEABLE.find((candidate) => candidate === text.toUpperCase());
  if (name === undefined) {
    throw new MisuseError(`${option} ${text}: this version can charge at ${CHARGEABLE.join(', ')} only`);
  }
  return name;
}

/**
 * The account at a processor in a file that an option names. Secrets come from a file, since command lines can be read by every user of
 * the host.
 */
export function readAccount(option: string, file: string, processor: ProcessorName): ProcessorAccount {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError))
      throw new MisuseError(`${option} ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
    throw new MisuseError(`${option} ${file} must be JSON`);
  }
  const read = readCredentials(processor, Array.isArray(parsed) ? bankSide(parsed, processor) : parsed);
  if (!read.ok) throw new MisuseError(`${option} ${file} for ${processor}: ${read.detail}`);
  const fault = credentialsFault(read.account);
  if (fault !== undefined) throw new MisuseError(`${option} ${file}: ${fault}`);
  return read.account;
}

/** The account an embedded profile has at its own sandbox banks. The first of them speaks as every processor but the second. */
export function ownAccount(options: StartOptions, processor: ProcessorName): ProcessorAccount | undefined {
  const sandbox = processor === 'SANDBOX_B' ? 'SANDBOX_B' : 'SANDBOX';
  const file = sandboxAccountsFile(options.dataDir, sandbox);
  return existsSync(file) ? readAccount(processor, file, processor) : undefined;
}
