/**
 * Merchant accounts: how commands name processors and are given a merchant's credentials there.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import type { StartOptions } from '../config/options.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { sandboxAccountsFile } from '../embedded/sandbox-accounts.ts';
import { credentialsFault, readCredentials } from '../setup/credentials.ts';
import type { ProcessorAccount } from '../storage/control.ts';
import { MisuseError } from './command.ts';

/** Whom this version can charge at: `connectors/registry.ts`, held to it by a test. */
export const CHARGEABLE: readonly ProcessorName[] = ['SANDBOX', 'SANDBOX_B'];

/** Commands take a processor's name in either case. A merchant of a processor that cannot be charged could take no payment. */
export function processorNamed(option: string, text: string): ProcessorName {
  const name = CHARGEABLE.find((candidate) => candidate === text.toUpperCase());
  if (name === undefined) {
    throw new MisuseError(`${option} ${text}: this version can charge at ${CHARGEABLE.join(', ')} only`);
  }
  return name;
}

/** The account in a file that an option names. Secrets come from a file, since command lines can be read by every user of the host. */
export function readAccount(option: string, file: string): ProcessorAccount {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError))
      throw new MisuseError(`${option} ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  // One account, or the first of a list as a sandbox bank has it.
  const account = readCredentials(Array.isArray(parsed) ? parsed[0] : parsed);
  if (account === undefined) {
    throw new MisuseError(`${option} ${file} must be JSON {"account", "secretKey", "webhookSecret"}`);
  }
  const fault = credentialsFault(account);
  if (fault !== undefined) throw new MisuseError(`${option} ${file}: ${fault}`);
  return account;
}

/** The account an embedded profile has at its own sandbox banks; undefined at all others. */
export function ownAccount(options: StartOptions, processor: ProcessorName): ProcessorAccount | undefined {
  if (processor !== 'SANDBOX' && processor !== 'SANDBOX_B') return undefined;
  const file = sandboxAccountsFile(options.dataDir, processor);
  return existsSync(file) ? readAccount(processor, file) : undefined;
}
