/**
 * Fetches the processor's report of a day, page by page.
 *
 * Fill in: what is asked for a page, how the end is known, and what names an item within the day. A row that is missing would be taken for
 * unpaid: where pages are numbered or skipped to, have them overlap or hold them to a total. Without an API, `settlements` is null.
 *
 * @module
 */

import type { FetchSettlements } from '../connector.ts';
import { isRecord } from '../json.ts';
import { createFetchSettlements } from '../report-pages.ts';
import type { TemplateConfig } from './config.ts';

/** What the processor gives at most. */
const PAGE_SIZE = 100;

/** Opens the fetch; days are UTC's. */
export function createTemplateSettlements(config: TemplateConfig, pageSize = PAGE_SIZE): FetchSettlements {
  return createFetchSettlements(config, {
    processor: config.name,
    origin: config.baseUrl,
    overlaps: false,
    ask({ account, day }, { last }) {
      const after = last === null ? '' : `&after=${encodeURIComponent(last)}`;
      return {
        method: 'GET',
        path: `/settlements?day=${day}&limit=${pageSize}${after}`,
        headers: { authorization: `Bearer ${account.secretKey}` },
        body: null,
      };
    },
    read(body) {
      if (!isRecord(body) || !Array.isArray(body.rows) || !body.rows.every(isRecord)) return null;
      return typeof body.more === 'boolean' ? { items: body.rows, more: body.more, total: null } : null;
    },
    nameOf: ({ id }) => id,
  });
}
