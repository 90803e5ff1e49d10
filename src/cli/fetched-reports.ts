/**
 * Fetched reports: settlement reports asked of a processor, account by account.
 *
 * @module
 */
import type { StartOptions } from '../config/options.ts';
import type { Connector } from '../connectors/connector.ts';
import { connectors } from '../connectors/registry.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { type OpenOptions, type OpenReport, openItems } from '../reconciliation/open-report.ts';
import { openAccount } from '../setup/credentials.ts';
import type { SealedAccount } from '../storage/control.ts';
import { createControlReader } from '../storage/postgres/control-reader.ts';
import { MisuseError } from './command.ts';
import { controlDatabaseUrl, openMerchantServices, sandboxUrls } from './services.ts';

/** What is asked for. */
export interface FetchRequest {
  readonly processor: ProcessorName;
  /** Null: every account that merchants have there. */
  readonly account: string | null;
  readonly day: string;
}

/** An account's report, asked for when it is opened. */
export interface FetchedReport {
  readonly account: string;
  /** Rejects with ReportRefused, or SettlementsUnavailable. */
  open(): Promise<OpenReport>;
}

/** Does the work with the reports of the accounts that merchants have at the processor, which may be none. */
export async function withFetchedReports<Result>(
  options: StartOptions,
  { processor, account, day }: FetchRequest,
  openOptions: OpenOptions,
  work: (reports: readonly FetchedReport[]) => Promise<Result>,
): Promise<Result> {
  const fetch = connectorOf(options, processor).settlements;
  if (fetch === null)
    throw new MisuseError(`--fetch: the reports of ${processor} come as files only; give the FILE`);
  const accounts = await accountsAt(options, processor, account);
  const services = await openMerchantServices(options);
  try {
    return await work(
      accounts.map((sealed) => ({
        account: sealed.account,
        open: async () =>
          openItems(fetch({ account: await openAccount(services.secrets, sealed), day }), openOptions),
      })),
    );
  } finally {
    await services.close();
  }
}

/** The processor, where the embedded profile has it: its bank takes the port it is given. */
function connectorOf(options: StartOptions, processor: ProcessorName): Connector {
  const bank = sandboxUrls(options).find(({ processors }) => processors.includes(processor));
  const baseUrl = bank?.url ?? options.processors[processor].baseUrl;
  const processors = { ...options.processors, [processor]: { baseUrl } };
  return connectors({ ...options, processors }).find(({ name }) => name === processor)!;
}

const PAGE = 500;

/** One merchant of each account; whose credentials are used makes no difference. */
async function accountsAt(
  options: StartOptions,
  processor: ProcessorName,
  account: string | null,
): Promise<SealedAccount[]> {
  const control = createControlReader({ connectionString: controlDatabaseUrl(options) });
  try {
    const found: SealedAccount[] = [];
    let after: Pick<SealedAccount, 'processor' | 'account'> | null = null;
    for (;;) {
      const page: SealedAccount[] = await control.accountsAfter(after, PAGE);
      found.push(
        ...page.filter((one) => one.processor === processor && (account === null || one.account === account)),
      );
      if (page.length < PAGE) return found;
      after = page.at(-1)!;
    }
  } finally {
    await control.close();
  }
}
