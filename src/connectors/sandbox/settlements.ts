/**
 * Fetches a day of the sandbox bank's settlement report, a thousand rows at a time.
 *
 * @module
 */

import type { FetchSettlements } from '../connector.ts';
import { isRecord } from '../json.ts';
import { createFetchSettlements } from '../report-pages.ts';
import type { SandboxConfig } from './config.ts';

/** What the bank gives at most. */
const PAGE_SIZE = 1000;

/** Opens the fetch; days are UTC's. */
export function createSandboxSettlements(config: SandboxConfig, pageSize = PAGE_SIZE): FetchSettlements {
  return createFetchSettlements(config, {
    processor: config.name,
    origin: config.baseUrl,
    overlaps: false,
    ask({ account, day }, { last }) {
      const after = last === null ? '' : `&starting_after=${encodeURIComponent(last)}`;
      return {
        method: 'GET',
        path: `/v1/charges/settled?day=${day}&limit=${pageSize}${after}`,
        headers: { authorization: `Bearer ${account.secretKey}` },
        body: null,
      };
    },
    read(body) {
      if (!isRecord(body)) return null;
      const { rows, has_more: more, total } = body;
      if (!Array.isArray(rows) || !rows.every(isRecord) || typeof more !== 'boolean') return null;
      return Number.isSafeInteger(total) ? { items: rows, more, total: total as number } : null;
    },
    nameOf: ({ movement_id: id }) => id,
  });
}
