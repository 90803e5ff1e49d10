/**
 * Load merchants: `load_0001` and so on, made in the local gateway when a run needs more than there are.
 *
 * They are made by the code of `sluice merchant create`, with the sandbox's account, and have the gateway's own limits, which are
 * wide enough (`MERCHANT_RATE_DEFAULT`). Only a digest of an API key is in the database, so the keys are kept in the data folder,
 * readable by its owner alone; a merchant whose key was lost gets a new one.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { loadOptions, MisuseError } from '../src/cli/command.ts';
import { ownAccount } from '../src/cli/merchant-accounts.ts';
import { openMerchantServices } from '../src/cli/services.ts';
import { readJson, writeDurably } from '../src/embedded/private-file.ts';
import {
  EXAMPLE_ORIGINS,
  type MerchantServices,
  sandboxMerchant,
  writeMerchant,
} from '../src/setup/merchant.ts';
import type { ProcessorAccount } from '../src/storage/control.ts';
import type { Merchant } from './wire.ts';

/** `load-merchants.json`. */
interface KeptMerchants {
  /** Digest of what they were made with: with another account their charges would be refused, without the origins their sessions. */
  readonly account: string;
  readonly merchants: readonly Merchant[];
}

const DIGITS = 4;

/**
 * Reads the first `count` merchants, and makes those that are missing.
 * @throws MisuseError naming the setting to mend; EmbeddedError when the data folder's PostgreSQL does not run
 */
export async function ensureLoadMerchants(
  env: NodeJS.ProcessEnv,
  count: number,
  say: (text: string) => void,
): Promise<Merchant[]> {
  const { options } = loadOptions(env, undefined);
  const account = ownAccount(options, 'SANDBOX');
  if (account === undefined)
    throw new MisuseError(
      `SLUICE_DATA_DIR ${options.dataDir} has no sandbox bank yet: \`npm start\` makes it`,
    );
  const file = join(options.dataDir, 'load-merchants.json');
  const digest = createHash('sha256')
    .update(JSON.stringify([account, EXAMPLE_ORIGINS]))
    .digest('hex');
  const kept = keptIn(readJson(file), digest);
  if (kept.length >= count) return kept.slice(0, count);
  say(`making ${count - kept.length} merchants for load runs, once`);
  const services = await openMerchantServices(options);
  try {
    const made = await makeMerchants(services, account, kept.length, count);
    const merchants = [...kept, ...made];
    writeDurably(file, `${JSON.stringify({ account: digest, merchants } satisfies KeptMerchants)}\n`);
    return merchants;
  } finally {
    await services.close();
  }
}

function keptIn(value: unknown, account: string): readonly Merchant[] {
  const kept = value as KeptMerchants | undefined;
  return kept?.account === account && Array.isArray(kept.merchants) ? kept.merchants : [];
}

async function makeMerchants(
  services: MerchantServices,
  account: ProcessorAccount,
  from: number,
  to: number,
): Promise<Merchant[]> {
  const made: Merchant[] = [];
  const now = new Date();
  for (let place = from; place < to; place++) {
    const merchantId = `load_${String(place + 1).padStart(DIGITS, '0')}`;
    const merchant = sandboxMerchant(merchantId, `Load shop ${place + 1}`, account);
    const { secretKey } = await writeMerchant(services, merchant, now);
    made.push({ merchantId, secretKey });
  }
  return made;
}
