/**
 * `sluice merchant create`: makes a merchant and prints its secrets, once.
 *
 * @module
 */
import type { StartOptions } from '../config/options.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { createMerchant, type NewMerchant } from '../setup/merchant.ts';
import type { ProcessorAccount } from '../storage/control.ts';
import { checkWebhookUrl } from '../webhooks/address.ts';
import { type Command, loadOptions, MisuseError, readWords, required } from './command.ts';
import { ownAccount, processorNamed, readAccount } from './merchant-accounts.ts';
import { contractNamed } from './merchant-contract.ts';
import { originsNamed } from './merchant-origins.ts';
import { openMerchantServices } from './services.ts';

/** The option that gives each account. */
const ACCOUNT_OPTIONS = { account: '--account-file', fallbackAccount: '--fallback-account-file' } as const;

/** The command. */
export const merchantCreate: Command = {
  name: 'merchant create',
  usage:
    '--id ID --name NAME --processor PROCESSOR [--account-file FILE] [--fallback PROCESSOR [--fallback-account-file FILE]] [--fee PERCENT] [--fee-percent PERCENT [--fee-tax-percent PERCENT]] [--redirect-origin ORIGIN]… [--webhook-url URL] [--config FILE]',
  summary:
    'Make a merchant and print its secrets once. FILE is JSON {account, secretKey, webhookSecret} of the merchant at its processor; --fee is what the merchant pays for a payment, --fee-percent what its processor keeps of it by contract. ORIGIN is where its shoppers go after checkout; URL hears of its payments.',
  async run(words, context) {
    const names = [
      'id',
      'name',
      'processor',
      'fallback',
      'fee',
      'fee-percent',
      'fee-tax-percent',
      'account-file',
      'fallback-account-file',
      'webhook-url',
    ] as const;
    const read = readWords(words, names, [], ['redirect-origin']);
    const { options } = loadOptions(context.env, read.config);
    const preferredProcessor = processorNamed('--processor', required('--processor', read.processor));
    const merchant: NewMerchant = {
      merchantId: required('--id', read.id),
      name: required('--name', read.name),
      mode: options.mode,
      preferredProcessor,
      ...fallbackNamed(read.fallback, read['fallback-account-file'], options),
      transactionFeePercent: read.fee ?? '0.00',
      contract: contractNamed(read['fee-percent'], read['fee-tax-percent']),
      redirectOrigins: originsNamed('--redirect-origin', read['redirect-origin'], options.mode),
      webhookUrl: webhookUrlNamed(read['webhook-url'], options),
      account: accountNamed(ACCOUNT_OPTIONS.account, read['account-file'], preferredProcessor, options),
    };
    const services = await openMerchantServices(options);
    try {
      const created = await createMerchant(services, merchant, new Date());
      if (!created.ok) {
        const option = created.code === 'account_conflict' ? `${ACCOUNT_OPTIONS[created.part]} ` : '';
        context.err(`${created.code}: ${option}${created.detail}`);
        return created.code === 'merchant_invalid' ? 2 : 1;
      }
      const { secretKey, webhookSecret } = created;
      context.out(
        `${JSON.stringify({ merchantId: merchant.merchantId, secretKey, webhookSecret }, null, 2)}\n`,
      );
      context.err('these secrets are shown once: keep them now');
      if (merchant.redirectOrigins.length === 0) {
        context.err(
          `no checkout can be opened yet: sluice merchant origins --id ${merchant.merchantId} --add ORIGIN`,
        );
      }
      return 0;
    } finally {
      await services.close();
    }
  },
};

/** A URL that can never hear anything is told now, not at the first payment. */
function webhookUrlNamed(text: string | undefined, options: StartOptions): string | null {
  if (text === undefined) return null;
  const verdict = checkWebhookUrl(text, { allowPrivate: options.allowPrivateWebhooks });
  if (!verdict.ok) throw new MisuseError(`--webhook-url ${verdict.reason}`);
  return verdict.url.href;
}

/** Without a file: the sandbox's own. */
function accountNamed(
  option: string,
  file: string | undefined,
  processor: ProcessorName,
  options: StartOptions,
): ProcessorAccount {
  const account = file === undefined ? ownAccount(options, processor) : readAccount(option, file, processor);
  if (account === undefined) throw new MisuseError(`${option} is needed`);
  return account;
}

/** The place charges may go on to, with the account there. */
function fallbackNamed(
  name: string | undefined,
  file: string | undefined,
  options: StartOptions,
): Pick<NewMerchant, 'fallbackProcessor' | 'fallbackAccount'> {
  if (name !== undefined) {
    const fallbackProcessor = processorNamed('--fallback', name);
    const fallbackAccount = accountNamed(ACCOUNT_OPTIONS.fallbackAccount, file, fallbackProcessor, options);
    return { fallbackProcessor, fallbackAccount };
  }
  if (file !== undefined) throw new MisuseError('--fallback is needed with --fallback-account-file');
  return { fallbackProcessor: null, fallbackAccount: null };
}
