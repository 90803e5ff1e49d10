/**
 * `sluice merchant preferences`: shows and changes where a merchant's charges go.
 *
 * @module
 */
import type { StartOptions } from '../config/options.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { isFeePercent } from '../setup/merchant.ts';
import {
  changePreferences,
  type PlaceChange,
  type PreferencesChange,
  type PreferencesPart,
} from '../setup/preferences.ts';
import type { MerchantPreferences } from '../storage/control.ts';
import { createControlAdmin } from '../storage/postgres/control-admin.ts';
import { type Command, loadOptions, MisuseError, readWords, required } from './command.ts';
import { ownAccount, processorNamed, readAccount } from './merchant-accounts.ts';
import { controlDatabaseUrl, openMerchantServices } from './services.ts';

/** The option that says each part. */
const OPTIONS: Readonly<Record<PreferencesPart, string>> = {
  merchant: '--id',
  processor: '--processor',
  account: '--account-file',
  fallback: '--fallback',
  fallbackAccount: '--fallback-account-file',
  fee: '--fee',
};

/** The command. */
export const merchantPreferences: Command = {
  name: 'merchant preferences',
  usage:
    '--id ID [--processor PROCESSOR] [--account-file FILE] [--fallback PROCESSOR | --no-fallback] [--fallback-account-file FILE] [--fee PERCENT] [--config FILE]',
  summary:
    'Print where the charges of a merchant go, after changing it. FILE is JSON {account, secretKey, webhookSecret}: another account, or new credentials of the one there is, whose old webhook secret is believed for three days more.',
  async run(words, context) {
    const names = ['id', 'processor', 'account-file', 'fallback', 'fallback-account-file', 'fee'] as const;
    const read = readWords(words, names, ['no-fallback']);
    const merchantId = required(OPTIONS.merchant, read.id);
    const { options } = loadOptions(context.env, read.config);
    const change: PreferencesChange = {
      preferred: placeNamed([OPTIONS.processor, read.processor], [OPTIONS.account, read['account-file']]),
      fallback: fallbackNamed(read),
      transactionFeePercent: read.fee === undefined ? undefined : feeNamed(read.fee),
    };
    const unchanged = Object.values(change).every((part) => part === undefined);
    const preferences = unchanged
      ? await findPreferences(merchantId, options)
      : await makeChange(merchantId, change, options);
    if (typeof preferences === 'string') {
      context.err(preferences);
      return 1;
    }
    context.out(`${JSON.stringify(preferences, null, 2)}\n`);
    return 0;
  },
};

/** The preferences, or what to tell when there are none. */
async function findPreferences(
  merchantId: string,
  options: StartOptions,
): Promise<MerchantPreferences | string> {
  const control = createControlAdmin(controlDatabaseUrl(options));
  try {
    const found = await control.findPreferences(merchantId);
    return found ?? `${OPTIONS.merchant} ${merchantId}: there is no such merchant`;
  } finally {
    await control.close();
  }
}

async function makeChange(
  merchantId: string,
  change: PreferencesChange,
  options: StartOptions,
): Promise<MerchantPreferences | string> {
  const services = await openMerchantServices(options);
  try {
    const own = (processor: ProcessorName) => ownAccount(options, processor);
    const changed = await changePreferences(services, merchantId, change, own, new Date());
    if (changed.ok) return changed.preferences;
    const fault = `${OPTIONS[changed.part]} ${changed.detail}`;
    if (changed.part === 'merchant') return fault;
    throw new MisuseError(fault);
  } finally {
    await services.close();
  }
}

type Word = readonly [option: string, text: string | undefined];

function placeNamed([option, name]: Word, [fileOption, file]: Word): PlaceChange | undefined {
  if (name === undefined && file === undefined) return undefined;
  const processor = name === undefined ? undefined : processorNamed(option, name);
  if (file === undefined) return { processor };
  // Which fields the file has is the processor's: the one named, else the one there is.
  return {
    processor,
    account:
      processor === undefined
        ? (present) => readAccount(fileOption, file, present)
        : readAccount(fileOption, file, processor),
  };
}

function fallbackNamed(read: {
  fallback?: string;
  'fallback-account-file'?: string;
  'no-fallback'?: boolean;
}): PlaceChange | null | undefined {
  const file = read['fallback-account-file'];
  if (read['no-fallback'] !== true)
    return placeNamed([OPTIONS.fallback, read.fallback], [OPTIONS.fallbackAccount, file]);
  if (read.fallback !== undefined) throw new MisuseError('--no-fallback and --fallback exclude each other');
  if (file !== undefined)
    throw new MisuseError('--no-fallback and --fallback-account-file exclude each other');
  return null;
}

function feeNamed(text: string): string {
  if (!isFeePercent(text))
    throw new MisuseError(`${OPTIONS.fee} ${text} must be a percentage from 0.00 to 100.00`);
  return text;
}
