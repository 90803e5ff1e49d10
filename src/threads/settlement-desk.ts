/**
 * Settlement desk: what operators and merchants may ask this thread about settlement.
 *
 * @module
 */

import { LIMITS } from '../config/limits.ts';
import { createAdminGate } from '../http/admin-key.ts';
import { adminSettlementRoutes } from '../http/endpoints/admin-settlement.ts';
import type { ListPayoutsDeps } from '../http/endpoints/list-payouts.ts';
import type { Route } from '../http/routes.ts';
import { reportCsv } from '../reconciliation/report-csv.ts';
import { REPORT_POLICY, reportPage } from '../reconciliation/report-html.ts';
import { breakJson, reportJson, runJson } from '../reconciliation/report-json.ts';
import { createSettlementDesk, TooManyPayouts } from '../reconciliation/settlement-desk.ts';
import { createSettlementRuns } from '../storage/postgres/settlement-runs.ts';
import { createSettlementStores } from '../storage/postgres/settlement-store.ts';
import { StorageError } from '../storage/storage.ts';
import type { GatewayThread } from './gateway.ts';

export interface ThreadSettlementDesk {
  /** The admin API; none where there is no admin key. */
  adminRoutes(): Route[];
  /** What the merchants' payouts need. */
  payouts: Omit<ListPayoutsDeps, 'gate'>;
  close(): Promise<void>;
}

/** Its connections are opened when they are needed. */
export function openSettlementDesk(guest: GatewayThread): ThreadSettlementDesk {
  const { databases, adminKey } = guest.options.options;
  const runs = createSettlementRuns(databases.control);
  const stores = createSettlementStores(databases.shards);
  const desk = createSettlementDesk({ runs, stores });
  const outage = {
    isOutage: (error: unknown) => error instanceof StorageError,
    onOutage: (error: unknown) =>
      guest.log('error', 'settlement_desk_outage', { errorMessage: String(error) }),
  };
  return {
    adminRoutes() {
      if (adminKey === undefined) return [];
      return adminSettlementRoutes({
        gate: createAdminGate(adminKey),
        desk,
        forms: {
          ...{ runJson, reportJson, reportCsv, breakJson },
          reportPage: (report) => ({ html: reportPage(report).html, policy: REPORT_POLICY }),
        },
        bodyLimitBytes: LIMITS.apiBodyBytesMax,
        isTooMuch: (error) => error instanceof TooManyPayouts,
        ...outage,
      });
    },
    payouts: { payouts: desk.payouts, ...outage },
    async close() {
      await Promise.allSettled([runs.close(), ...stores.map((store) => store.end())]);
    },
  };
}
