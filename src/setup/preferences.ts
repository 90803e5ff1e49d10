/**
 * Preferences: changes where a merchant's charges go, with which credentials, and what it is charged for them.
 *
 * An account is never taken away. The one a merchant leaves stays where it was, so that its open attempts are asked about and its
 * callbacks believed; new credentials of the same account take the place of the old, and callbacks signed with the old webhook secret are
 * believed for three days more. Everything is checked before anything is written, accounts are written before the preferences that name
 * them, and the same change may be made again.
 *
 * @module
 */
import { keyModeFault } from '../connectors/accounts.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import type { MerchantPreferences, Mode, ProcessorAccount } from '../storage/control.ts';
import { accountConflict, credentialsFault, openAccount } from './credentials.ts';
import { isFeePercent, isSandbox, type MerchantServices, putAccount } from './merchant.ts';

/** A processor and credentials there; what is left out is as it was. */
export interface PlaceChange {
  readonly processor?: ProcessorName | undefined;
  /** Credentials at that processor, or how to read them for it. */
  readonly account?: ProcessorAccount | ((processor: ProcessorName) => ProcessorAccount) | undefined;
}

/** What is to change; what is left out stays. */
export interface PreferencesChange {
  readonly preferred?: PlaceChange | undefined;
  /** Null: charges go nowhere else from now on. */
  readonly fallback?: PlaceChange | null | undefined;
  /** Decimal text with at most two places, 0.00 to 100.00. */
  readonly transactionFeePercent?: string | undefined;
}

/** What of a change is wrong. */
export type PreferencesPart = 'merchant' | 'processor' | 'account' | 'fallback' | 'fallbackAccount' | 'fee';

/** The preferences as they are now, or what kept them as they were. */
export type ChangedPreferences =
  | { readonly ok: true; readonly preferences: MerchantPreferences }
  | { readonly ok: false; readonly part: PreferencesPart; readonly detail: string };

/** An account at a processor; `fresh` when its credentials are to be written. */
interface Place {
  readonly processor: ProcessorName;
  readonly account: string;
  readonly fresh: ProcessorAccount | null;
}

type Fault = Extract<ChangedPreferences, { ok: false }>;

/** What a merchant would have after a change. */
interface Wanted {
  readonly preferred: Place;
  readonly fallback: Place | null;
  readonly transactionFeePercent: string;
}

/** The account of a processor that this installation brings itself, for merchants that have none there. */
export type OwnAccount = (processor: ProcessorName) => ProcessorAccount | undefined;

/** Makes the change, or tells what of it cannot be. */
export async function changePreferences(
  services: MerchantServices,
  merchantId: string,
  change: PreferencesChange,
  ownAccount: OwnAccount,
  now: Date,
): Promise<ChangedPreferences> {
  const { control } = services;
  const merchant = await control.findMerchant(merchantId);
  if (merchant === undefined) return fault('merchant', `${merchantId}: there is no such merchant`);
  const wanted = wantedBy(change, await control.findPreferences(merchantId), ownAccount);
  if ('part' in wanted) return wanted;
  const refused = faultOf(wanted, merchant.mode);
  if (refused !== undefined) return refused;
  const { preferred, fallback, transactionFeePercent } = wanted;
  const fresh: { processor: ProcessorName; account: ProcessorAccount }[] = [];
  for (const [part, place] of [
    ['account', preferred],
    ['fallbackAccount', fallback],
  ] as const) {
    if (!place?.fresh) continue;
    const { processor } = place;
    const account = await withPrevious(services, merchantId, processor, place.fresh, now.getTime());
    const conflict = await accountConflict(services, merchantId, processor, account, now.getTime());
    if (conflict !== undefined) return fault(part, conflict);
    fresh.push({ processor, account });
  }
  for (const { processor, account } of fresh) await putAccount(services, merchantId, processor, account);
  await control.putPreferences({
    merchantId,
    preferredProcessor: preferred.processor,
    preferredAccount: preferred.account,
    fallbackProcessor: fallback?.processor ?? null,
    fallbackAccount: fallback?.account ?? null,
    transactionFeePercent,
  });
  return { ok: true, preferences: (await control.findPreferences(merchantId))! };
}

function wantedBy(
  change: PreferencesChange,
  before: MerchantPreferences | undefined,
  ownAccount: OwnAccount,
): Wanted | Fault {
  const now = { preferred: preferredPlace(before), fallback: fallbackPlace(before) };
  const present = [now.preferred, now.fallback].filter((place) => place !== null);
  const preferred = placeAfter(now.preferred, change.preferred, present, ownAccount);
  if (preferred === null || preferred === 'processor') return fault('processor', 'is needed');
  if (preferred === 'account') return fault('account', 'is needed');
  const fallback = placeAfter(now.fallback, change.fallback, present, ownAccount);
  if (fallback === 'processor') return fault('fallback', 'is needed');
  if (fallback === 'account') return fault('fallbackAccount', 'is needed');
  const transactionFeePercent = change.transactionFeePercent ?? before?.transactionFeePercent ?? '0.00';
  return { preferred, fallback, transactionFeePercent };
}

function faultOf({ preferred, fallback, transactionFeePercent }: Wanted, mode: Mode): Fault | undefined {
  if (fallback?.processor === preferred.processor)
    return fault('fallback', `must be another processor than ${preferred.processor}`);
  if (mode === 'live' && isSandbox(preferred.processor))
    return fault('processor', `${preferred.processor} takes no live merchants`);
  if (mode === 'live' && fallback !== null && isSandbox(fallback.processor))
    return fault('fallback', `${fallback.processor} takes no live merchants`);
  for (const [part, place] of [
    ['account', preferred],
    ['fallbackAccount', fallback],
  ] as const) {
    if (!place?.fresh) continue;
    const { processor, fresh } = place;
    const detail = credentialsFault(fresh) ?? keyModeFault(processor, fresh, mode);
    if (detail !== undefined) return fault(part, detail);
  }
  if (!isFeePercent(transactionFeePercent))
    return fault('fee', `${transactionFeePercent} must be a percentage from 0.00 to 100.00`);
  return undefined;
}

function fault(part: PreferencesPart, detail: string): Fault {
  return { ok: false, part, detail };
}

function preferredPlace(preferences: MerchantPreferences | undefined): Place | null {
  if (preferences === undefined) return null;
  const { preferredProcessor, preferredAccount } = preferences;
  return { processor: preferredProcessor, account: preferredAccount, fresh: null };
}

function fallbackPlace(preferences: MerchantPreferences | undefined): Place | null {
  const { fallbackProcessor = null, fallbackAccount = null } = preferences ?? {};
  if (fallbackProcessor === null || fallbackAccount === null) return null;
  return { processor: fallbackProcessor, account: fallbackAccount, fresh: null };
}

/** The place after a change, or which of the two words for it is missing. */
function placeAfter(
  before: Place | null,
  change: PlaceChange | null | undefined,
  present: readonly Place[],
  ownAccount: OwnAccount,
): Place | null | 'processor' | 'account' {
  if (change === undefined) return before;
  if (change === null) return null;
  const { processor = before?.processor, account } = change;
  if (processor === undefined) return 'processor';
  const there = present.find((place) => place.processor === processor);
  if (account === undefined && there !== undefined) return there;
  const fresh = typeof account === 'function' ? account(processor) : (account ?? ownAccount(processor));
  return fresh === undefined ? 'account' : { processor, account: fresh.account, fresh };
}

/**
 * As long as any processor goes on sending an event: Stripe for three days, Razorpay for one, signed as when it was made. Not longer, for
 * a secret may be changed because somebody has it.
 */
const PREVIOUS_SECRET_MS = 3 * 24 * 60 * 60 * 1000;

/** An account's new credentials; of those it had, the webhook secret is believed for a while. */
async function withPrevious(
  { control, secrets }: MerchantServices,
  merchantId: string,
  processor: ProcessorName,
  account: ProcessorAccount,
  now: number,
): Promise<ProcessorAccount> {
  const sealed = await control.findAccount(merchantId, processor, account.account);
  if (sealed === undefined) return account;
  const before = await openAccount(secrets, sealed);
  if (before.webhookSecret === account.webhookSecret) return { ...before, secretKey: account.secretKey };
  const until = now + PREVIOUS_SECRET_MS;
  return { ...account, previousWebhookSecret: before.webhookSecret, previousWebhookSecretUntil: until };
}
