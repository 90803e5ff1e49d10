/**
 * `sluice merchant contract`: shows and changes what processors keep of a merchant's payments by contract, which reconciliation compares
 * their reports with.
 *
 * @module
 */
import { isFeePercent } from '../setup/merchant.ts';
import type { AccountContract, ContractFee, ControlAdmin } from '../storage/control.ts';
import { createControlAdmin } from '../storage/postgres/control-admin.ts';
import { type Command, loadOptions, MisuseError, readWords, required } from './command.ts';
import { processorNamed } from './merchant-accounts.ts';
import { controlDatabaseUrl } from './services.ts';

/** The command. */
export const merchantContract: Command = {
  name: 'merchant contract',
  usage:
    '--id ID [--processor PROCESSOR [--account ACCOUNT] (--fee-percent PERCENT [--fee-tax-percent PERCENT] | --no-fee)] [--config FILE]',
  summary:
    'Print what processors keep of the payments of each account of a merchant, after changing one: percent of the amount, and percent of that as tax. Without it the fees in settlement reports are not compared.',
  async run(words, context) {
    const names = ['id', 'processor', 'account', 'fee-percent', 'fee-tax-percent'] as const;
    const read = readWords(words, names, ['no-fee']);
    const merchantId = required('--id', read.id);
    const change = changeNamed(read);
    const { options } = loadOptions(context.env, read.config);
    const control = createControlAdmin(controlDatabaseUrl(options));
    try {
      if ((await control.findMerchant(merchantId)) === undefined) {
        context.err(`--id ${merchantId}: there is no such merchant`);
        return 1;
      }
      if (change !== undefined) {
        const account = accountAmong(await control.findContracts(merchantId), change);
        await put(control, merchantId, { ...change, account });
      }
      context.out(`${JSON.stringify((await control.findContracts(merchantId)).map(shown), null, 2)}\n`);
      return 0;
    } finally {
      await control.close();
    }
  },
};

/** Of an account by its name, or (undefined) of the only one at the processor. */
type ContractChange = Omit<AccountContract, 'account'> & { account: string | undefined };

function changeNamed(read: {
  processor?: string;
  account?: string;
  'fee-percent'?: string;
  'fee-tax-percent'?: string;
  'no-fee'?: boolean;
}): ContractChange | undefined {
  const contract = contractNamed(read['fee-percent'], read['fee-tax-percent']);
  const isNone = read['no-fee'] === true;
  if (contract !== undefined && isNone) throw new MisuseError('--fee-percent or --no-fee, not both');
  if (contract === undefined && !isNone) {
    const said = read.processor === undefined ? '--account' : '--processor';
    if (read.processor !== undefined || read.account !== undefined)
      throw new MisuseError(`--fee-percent or --no-fee is needed with ${said}`);
    return undefined;
  }
  const processor = processorNamed('--processor', required('--processor', read.processor));
  return { processor, account: read.account, contract: contract ?? null };
}

/** A contract as options name it; undefined: they name none. */
export function contractNamed(fee: string | undefined, tax: string | undefined): ContractFee | undefined {
  for (const [option, text] of [
    ['--fee-percent', fee],
    ['--fee-tax-percent', tax],
  ] as const) {
    if (text !== undefined && !isFeePercent(text))
      throw new MisuseError(`${option} must be a percentage with at most two places`);
  }
  if (fee !== undefined) return { feePercent: fee, feeTaxPercent: tax ?? '0.00' };
  if (tax !== undefined) throw new MisuseError('--fee-percent is needed with --fee-tax-percent');
  return undefined;
}

function accountAmong(contracts: readonly AccountContract[], { processor, account }: ContractChange): string {
  const there = contracts.filter((one) => one.processor === processor).map((one) => one.account);
  if (account !== undefined) {
    if (there.includes(account)) return account;
    throw new MisuseError(`--account ${account}: the merchant has no such account at ${processor}`);
  }
  if (there.length === 1) return there[0]!;
  const why =
    there.length === 0 ? 'the merchant has no account there' : `--account is needed: ${there.join(', ')}`;
  throw new MisuseError(`--processor ${processor}: ${why}`);
}

async function put(control: ControlAdmin, merchantId: string, contract: AccountContract): Promise<void> {
  // An account is never taken away: what was found a moment ago is there.
  if (await control.putContract(merchantId, contract)) return;
  throw new Error(`${contract.account} at ${contract.processor} is there no more`);
}

function shown({ processor, account, contract }: AccountContract): object {
  const { feePercent = null, feeTaxPercent = null } = contract ?? {};
  return { processor, account, feePercent, feeTaxPercent };
}
