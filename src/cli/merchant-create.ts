/**
 * `sluice merchant create`: makes a merchant and prints its secrets, once.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import type { StartOptions } from '../config/options.ts';
import type { ProcessorName } from '../domain/transaction.ts';
import { createMerchant, type NewMerchant } from '../setup/merchant.ts';
import type { ProcessorAccount } from '../storage/control.ts';
import { checkWebhookUrl } from '../webhooks/address.ts';
import { type Command, loadOptions, MisuseError, readWords, required } from './command.ts';
import { originsNamed } from './merchant-origins.ts';
import { openMerchantServices, sandboxAccountsFile } from './services.ts';

/** Whom this version can charge at: `connectors/registry.ts`, held to it by a test. */
export const CHARGEABLE: readonly ProcessorName[] = ['SANDBOX', 'SANDBOX_B'];

/** The command. */
export const merchantCreate: Command = {
  name: 'merchant create',
  usage:
    '--id ID --name NAME --processor PROCESSOR [--account-file FILE] [--fallback PROCESSOR [--fallback-account-file FILE]] [--fee PERCENT] [--redirect-origin ORIGIN]… [--webhook-url URL] [--config FILE]',
  summary:
    'Make a merchant and print its secrets once. FILE is JSON {account, secretKey, webhookSecret} of the merchant at its processor; ORIGIN is where its shoppers go after checkout; URL hears of its payments.',
  async run(words, context) {
    const names = [
      'id',
      'name',
      'processor',
      'fallback',
      'fee',
      'account-file',
      'fallback-account-file',
      'webhook-url',
    ] as const;
    const read = readWords(words, names, [], ['redirect-origin']);
    const { options } = loadOptions(context.env, read.config);
    const preferredProcessor = processorNamed('--processor', required('--processor', read.processor));
    const fallbackProcessor =
      read.fallback === undefined ? null : processorNamed('--fallback', read.fallback);
    const merchant: NewMerchant = {
      merchantId: required('--id', read.id),
      name: required('--name', read.name),
      mode: options.mode,
      preferredProcessor,
      fallbackProcessor,
      transactionFeePercent: read.fee ?? '0.00',
      redirectOrigins: originsNamed('--redirect-origin', read['redirect-origin'], options.mode),
      webhookUrl: webhookUrlNamed(read['webhook-url'], options),
      account: readAccount(read['account-file'], preferredProcessor, options),
      fallbackAccount:
        fallbackProcessor === null
          ? null
          : readAccount(read['fallback-account-file'], fallbackProcessor, options),
    };
    const services = await openMerchantServices(options);
    try {
      const created = await createMerchant(services, merchant, new Date());
      if (!created.ok) {
        context.err(`${created.code}: ${created.detail}`);
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

/** Commands take a processor's name in either case. A merchant of a processor that cannot be charged could take no payment. */
function processorNamed(option: string, text: string): ProcessorName {
  const name = CHARGEABLE.find((candidate) => candidate === text.toUpperCase());
  if (name === undefined) {
    throw new MisuseError(`${option} ${text}: this version can charge at ${CHARGEABLE.join(', ')} only`);
  }
  return name;
}

/** Secrets come from a file, since command lines can be read by every user of the host. Without one: the sandbox's own. */
export function readAccount(
  file: string | undefined,
  processor: ProcessorName,
  options: StartOptions,
): ProcessorAccount {
  const shared = sandboxAccountsFile(options);
  const source = file ?? (processor === 'SANDBOX' && existsSync(shared) ? shared : undefined);
  if (source === undefined) throw new MisuseError('--account-file is needed');
  const found = parseAccount(source);
  if (found === undefined) {
    throw new MisuseError(`--account-file ${source} must be JSON {"account", "secretKey", "webhookSecret"}`);
  }
  return found;
}

function parseAccount(file: string): ProcessorAccount | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw new MisuseError(`--account-file ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  const entry: unknown = Array.isArray(parsed) ? parsed[0] : parsed;
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { account, secretKey, webhookSecret } = entry as Record<string, unknown>;
  if (typeof account !== 'string' || typeof secretKey !== 'string' || typeof webhookSecret !== 'string')
    return undefined;
  return { account, secretKey, webhookSecret, previousWebhookSecret: null };
}
