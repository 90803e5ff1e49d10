/**
 * Fetches a day of `settlements/recon/combined`, a thousand items at a time.
 *
 * A page begins with the last item of the one before: were the order another, or had an item come between, rows would be missing
 * without a sign. Pages are asked for until one brings nothing new, for Razorpay may give fewer than it is asked for.
 *
 * @module
 */

import type { FetchSettlements } from '../connector.ts';
import { createFetchSettlements } from '../report-pages.ts';
import type { RazorpayConfig } from './config.ts';
import { fieldsOf } from './status.ts';

/** What Razorpay gives at most. */
const PAGE_SIZE = 1000;

/**
 * Opens the fetch; days are India's.
 * @param pageSize from 2 to 1000
 */
export function createRazorpaySettlements(config: RazorpayConfig, pageSize = PAGE_SIZE): FetchSettlements {
  return createFetchSettlements(config, {
    processor: 'RAZORPAY',
    origin: new URL(config.baseUrl).origin,
    overlaps: true,
    ask({ account, day: date }, { items }) {
      const [year, month, day] = date.split('-').map(Number);
      const page = `count=${pageSize}&skip=${Math.max(0, items - 1)}`;
      return {
        method: 'GET',
        path: `/v1/settlements/recon/combined?year=${year}&month=${month}&day=${day}&${page}`,
        headers: { authorization: `Basic ${Buffer.from(account.secretKey).toString('base64')}` },
        body: null,
      };
    },
    read(body) {
      const { entity, items, count } = fieldsOf(body);
      if (entity !== 'collection' || !Array.isArray(items) || count !== items.length) return null;
      return { items: items.map(fieldsOf), more: null, total: null };
    },
    nameOf: ({ entity_id: id }) => id,
  });
}
