/**
 * Settlement: opens what `sluice reconcile …` works on.
 *
 * @module
 */
import type { StartOptions } from '../config/options.ts';
import { connectEmbedded } from '../embedded/connect.ts';
import { createSettlementDesk, type SettlementDesk } from '../reconciliation/settlement-desk.ts';
import { createSettlementRuns } from '../storage/postgres/settlement-runs.ts';
import { createSettlementStores } from '../storage/postgres/settlement-store.ts';
import type { SettlementRuns } from '../storage/settlement-runs.ts';
import type { SettlementStore } from '../storage/settlement-store.ts';
import { StorageError } from '../storage/storage.ts';
import type { ExitCode } from './command.ts';

export interface Settlement {
  readonly runs: SettlementRuns;
  readonly stores: readonly SettlementStore[];
  readonly desk: SettlementDesk;
}

/** Does the work with runs and stores of their own, which connect when they are needed. */
export async function withSettlement(
  options: StartOptions,
  work: (settlement: Settlement) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { control, shards } = options.databases ?? connectEmbedded(options).databases.services;
  const runs = createSettlementRuns(control);
  const stores = createSettlementStores(shards);
  try {
    return await work({ runs, stores, desk: createSettlementDesk({ runs, stores }) });
  } catch (error) {
    throw error instanceof StorageError ? explained(error) : error;
  } finally {
    await Promise.allSettled([runs.close(), ...stores.map((store) => store.end())]);
  }
}

/** What broke, and what to look at. What was committed stands, whatever it was. */
function explained(error: StorageError): Error {
  const { cause } = error;
  const why = cause instanceof Error ? ` (${cause.message})` : '';
  const places = 'SLUICE_CONTROL_DATABASE_URL and SLUICE_SHARD_DATABASE_URLS';
  return new Error(`${error.message}${why}: see ${places}; the same command may be given again`, {
    cause: error,
  });
}
