/**
 * Sandbox accounts: the banks in a box and, for each, the bank's side of the account the profile has there.
 *
 * `accounts.json` in a bank's folder is read by the bank at its start, and by commands that give a merchant this account.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessorName } from '../domain/processor-word.ts';
import { readCredentials } from '../setup/credentials.ts';
import type { ProcessorAccount } from '../storage/control.ts';
import { readJson, writeDurably } from './private-file.ts';

/** The banks in a box: `name` is that of the process and of its folder in the data folder. */
export const SANDBOXES = {
  SANDBOX: { name: 'sandbox', account: 'acct_demo' },
  SANDBOX_B: { name: 'sandbox-b', account: 'acct_demo_b' },
} as const satisfies Partial<Record<ProcessorName, { readonly name: string; readonly account: string }>>;

/** A bank in a box, by its name as a processor. */
export type SandboxName = keyof typeof SANDBOXES;

/** The bank's file of accounts. */
export interface SandboxAccounts {
  readonly file: string;
  readonly account: ProcessorAccount;
}

/** Where a bank keeps its accounts. */
export function sandboxAccountsFile(dataDir: string, sandbox: SandboxName): string {
  return join(dataDir, SANDBOXES[sandbox].name, 'accounts.json');
}

/** Reads or makes the bank's side of the account; the callback address follows the ports of this run. */
export function ensureSandboxAccounts(
  dataDir: string,
  sandbox: SandboxName,
  apiUrl: string,
): SandboxAccounts {
  mkdirSync(join(dataDir, SANDBOXES[sandbox].name), { recursive: true, mode: 0o700 });
  const file = sandboxAccountsFile(dataDir, sandbox);
  const kept: unknown = readJson(file);
  const found = Array.isArray(kept) ? readCredentials(kept[0]) : undefined;
  // New secrets leave the demo merchant's sealed copy stale. Without demo.json it is written again, whenever that may be.
  if (found === undefined && sandbox === 'SANDBOX') rmSync(join(dataDir, 'demo.json'), { force: true });
  const account = found ?? {
    account: SANDBOXES[sandbox].account,
    secretKey: `bank_sk_${randomBytes(24).toString('hex')}`,
    webhookSecret: `bank_whsec_${randomBytes(32).toString('hex')}`,
    previousWebhookSecret: null,
  };
  const { previousWebhookSecret: _, ...bankSide } = account;
  const callbackUrl = `${apiUrl}/webhooks/${sandbox.toLowerCase()}`;
  writeDurably(file, `${JSON.stringify([{ ...bankSide, callbackUrl }])}\n`);
  return { file, account };
}
