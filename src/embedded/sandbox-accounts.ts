/**
 * Sandbox accounts: the banks in a box and, for each, the bank's side of the accounts the profile has there.
 *
 * The first bank speaks as every processor, so it has an account of each. `accounts.json` in a bank's folder is read by the bank at its
 * start, and by commands that give a merchant one of these accounts.
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

/** The banks in a box: `name` is that of the process and of its folder in the data folder; the first of `speaks` is plain. */
export const SANDBOXES = {
  SANDBOX: { name: 'sandbox', speaks: ['SANDBOX', 'RAZORPAY', 'PAYU', 'STRIPE'] },
  SANDBOX_B: { name: 'sandbox-b', speaks: ['SANDBOX_B'] },
} as const satisfies Partial<
  Record<ProcessorName, { readonly name: string; readonly speaks: readonly ProcessorName[] }>
>;

/** A bank in a box, by its name as a processor. */
export type SandboxName = keyof typeof SANDBOXES;

/** The bank's file of accounts, its plain one, and all that this version can charge at. */
export interface SandboxAccounts {
  readonly file: string;
  readonly account: ProcessorAccount;
  readonly ofProcessors: ReadonlyMap<ProcessorName, ProcessorAccount>;
}

/** Where a bank keeps its accounts. */
export function sandboxAccountsFile(dataDir: string, sandbox: SandboxName): string {
  return join(dataDir, SANDBOXES[sandbox].name, 'accounts.json');
}

/** The bank's side of the account it has for a processor, in its list of accounts. */
export function bankSide(accounts: readonly unknown[], processor: ProcessorName): unknown {
  const dialect = DIALECTS[processor];
  return accounts.find((entry) => ((Object(entry) as { dialect?: unknown }).dialect ?? 'plain') === dialect);
}

/** What a bank in a box calls the way a processor speaks. */
const DIALECTS: Readonly<Record<ProcessorName, string>> = {
  SANDBOX: 'plain',
  SANDBOX_B: 'plain',
  RAZORPAY: 'razorpay',
  PAYU: 'payu',
  STRIPE: 'stripe',
};

/** Reads or makes the bank's side of its accounts; the callback addresses follow the ports of this run. */
export function ensureSandboxAccounts(
  dataDir: string,
  sandbox: SandboxName,
  apiUrl: string,
): SandboxAccounts {
  mkdirSync(join(dataDir, SANDBOXES[sandbox].name), { recursive: true, mode: 0o700 });
  const file = sandboxAccountsFile(dataDir, sandbox);
  const before: unknown = readJson(file);
  const entries = SANDBOXES[sandbox].speaks.map((processor) => {
    const kept = Array.isArray(before) ? bankSide(before, processor) : undefined;
    const isKept = readCredentials(processor, kept).ok;
    // New secrets leave the demo merchant's sealed copy stale. Without demo.json it is written again, whenever that may be.
    if (!isKept && processor === 'SANDBOX') rmSync(join(dataDir, 'demo.json'), { force: true });
    return withCallbackUrl(processor, isKept ? (kept as object) : NEW_ACCOUNTS[processor](), apiUrl);
  });
  writeDurably(file, `${JSON.stringify(entries)}\n`);
  const plain = readCredentials(sandbox, entries[0]);
  if (!plain.ok) throw new Error(`the account made for ${sandbox} is none: ${plain.detail}`);
  return { file, account: plain.account, ofProcessors: readAll(sandbox, entries) };
}

function readAll(
  sandbox: SandboxName,
  entries: readonly unknown[],
): ReadonlyMap<ProcessorName, ProcessorAccount> {
  return new Map(
    SANDBOXES[sandbox].speaks.flatMap((processor, index) => {
      const read = readCredentials(processor, entries[index]);
      return read.ok ? [[processor, read.account] as const] : [];
    }),
  );
}

/** The bank's side of new accounts, of the shape each processor's have. */
const NEW_ACCOUNTS: Readonly<Record<ProcessorName, () => object>> = {
  SANDBOX: () => plainAccount('acct_demo'),
  SANDBOX_B: () => plainAccount('acct_demo_b'),
  RAZORPAY: () => ({
    dialect: DIALECTS.RAZORPAY,
    account: `acc_${alphanumerics()}`,
    keyId: `rzp_test_${alphanumerics()}`,
    secretKey: secret(12),
    webhookSecret: secret(16),
  }),
  PAYU: () => {
    const salt = secret(16);
    return { dialect: DIALECTS.PAYU, account: secret(3), secretKey: salt, webhookSecret: salt };
  },
  STRIPE: () => ({
    dialect: DIALECTS.STRIPE,
    account: `acct_1${alphanumerics()}`,
    secretKey: `sk_test_${secret(24)}`,
    webhookSecret: `whsec_${secret(16)}`,
  }),
};

function plainAccount(account: string): object {
  return {
    account,
    secretKey: `bank_sk_${secret(24)}`,
    webhookSecret: `bank_whsec_${secret(32)}`,
  };
}

function secret(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

/** Fourteen, as ids at processors have. */
function alphanumerics(): string {
  return secret(7);
}

/** Callbacks name the account, as operators register them: one that does not is tried against every account there is. */
function withCallbackUrl(processor: ProcessorName, entry: object, apiUrl: string): object {
  const { account } = entry as { account: string };
  const url = `${apiUrl}/webhooks/${processor.toLowerCase()}`;
  return { ...entry, callbackUrl: DIALECTS[processor] === 'plain' ? url : `${url}?account=${account}` };
}
