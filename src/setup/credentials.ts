/**
 * Credentials: which ones a merchant may be given at a processor.
 *
 * Whoever knows an account's webhook secret is believed about every payment charged there, whosever payment it is. So a second merchant
 * comes to an account only with a webhook secret that one of those who have it has too: the one in use, or in rotation the one before.
 * Each of them came in by this rule, so one that agrees speaks for all, and of a thousand that share an account one seal is opened.
 *
 * @module
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { ACCOUNT_READERS } from '../connectors/accounts.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import type { ConfigSecrets } from '../hsm/hsm.ts';
import {
  accountContext,
  type ControlAdmin,
  type ProcessorAccount,
  type SealedAccount,
  webhookSecretsAt,
} from '../storage/control.ts';

const SECRET_LENGTH_MIN = 8;
/** As long as the column. */
const ACCOUNT_LENGTH_MAX = 100;

/** An account as JSON has it, the bank's side or a merchant's, or what of it is missing or wrong. Says no secret. */
export function readCredentials(
  processor: ProcessorName,
  entry: unknown,
): { ok: true; account: ProcessorAccount } | { ok: false; detail: string } {
  const read = ACCOUNT_READERS[processor];
  if (read === undefined) return { ok: false, detail: `${processor} cannot be charged by this version` };
  if (typeof entry !== 'object' || entry === null) return { ok: false, detail: 'a JSON object is needed' };
  const found = read(entry as Record<string, unknown>);
  return found.ok ? { ok: true, account: { ...found.config, previousWebhookSecret: null } } : found;
}

/** What of credentials is no account, or no secret; undefined: nothing. Says no secret. */
export function credentialsFault({
  account,
  secretKey,
  webhookSecret,
}: ProcessorAccount): string | undefined {
  if (!/^[^\s\p{Cc}]+$/u.test(account) || account.length > ACCOUNT_LENGTH_MAX)
    return `account must be 1 to ${ACCOUNT_LENGTH_MAX} characters without blanks`;
  for (const [name, secret] of Object.entries({ secretKey, webhookSecret })) {
    if (secret.length < SECRET_LENGTH_MIN || secret !== secret.trim())
      return `${name} must have at least ${SECRET_LENGTH_MIN} characters and no blanks at its ends`;
  }
  return undefined;
}

/** Why a merchant may not have this account, as another has it with other credentials; undefined: it may. */
export async function accountConflict(
  { control, secrets }: { control: ControlAdmin; secrets: ConfigSecrets },
  merchantId: string,
  processor: ProcessorName,
  account: ProcessorAccount,
  now: number,
): Promise<string | undefined> {
  const others = await control.findOthersAt(merchantId, processor, account.account);
  if (others.length === 0) return undefined;
  for (const other of others) {
    if (shareSecret(account, await openAccount(secrets, other), now)) return undefined;
  }
  return `${account.account}: another merchant has this account at ${processor} with another webhookSecret`;
}

/** A merchant's account with its credentials open. */
export async function openAccount(
  secrets: ConfigSecrets,
  { merchantId, processor, sealedConfig }: SealedAccount,
): Promise<ProcessorAccount> {
  const text = await secrets.open(sealedConfig, accountContext(merchantId, processor));
  return JSON.parse(Buffer.from(text).toString()) as ProcessorAccount;
}

function shareSecret(one: ProcessorAccount, other: ProcessorAccount, now: number): boolean {
  const theirs = webhookSecretsAt(other, now);
  return webhookSecretsAt(one, now).some((secret) => theirs.some((their) => isSame(secret, their)));
}

/** In a time that tells nothing of either: digests are equally long. */
function isSame(secret: string, other: string): boolean {
  return timingSafeEqual(digestOf(secret), digestOf(other));
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
