/**
 * World: what the parts of one run share.
 *
 * @module
 */

import type { Bank, BankName } from './bank.ts';
import type { Checker } from './checker.ts';
import type { Database } from './database.ts';
import type { Faults, Layout } from './faults.ts';
import type { Gateway } from './gateway.ts';
import type { Reports } from './reports.ts';
import type { Scheduler } from './scheduler.ts';
import type { Trace } from './trace.ts';

export interface World {
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  /** From 0 to below 1, by the seed: the only chance there is. */
  readonly random: () => number;
  readonly checker: Checker;
  readonly layout: Layout;
  /** What goes wrong now. */
  faults: Faults;
  readonly databases: Database[];
  readonly gateways: Gateway[];
  readonly banks: Readonly<Record<BankName, Bank>>;
  readonly reports: Reports;
  /** Shoppers, merchants and readers that are not done. */
  clients: number;
  randomBytes(length: number): Buffer;
  /** A number from the first to below the second. */
  between(range: readonly [number, number]): number;
  happens(chance: number): boolean;
  sleep(ms: number): Promise<void>;
}
