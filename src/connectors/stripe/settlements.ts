/**
 * Fetches the balance transactions of a day (UTC, by `created`), a hundred at a time, each with its charge: that names our reference.
 *
 * Payouts move the balance to the merchant's bank and are none of what happened in it: they are left out, as they are in Stripe's own
 * report of activity.
 *
 * @module
 */

import type { FetchSettlements } from '../connector.ts';
import { isRecord } from '../json.ts';
import { createFetchSettlements } from '../report-pages.ts';
import { stripeHeaders } from './client.ts';
import type { StripeConfig } from './config.ts';

/** What Stripe gives at most. */
const PAGE_SIZE = 100;
const DAY_SECONDS = 24 * 60 * 60;
/** `type` of what a payout and its return are. */
const PAYOUTS: ReadonlySet<unknown> = new Set(['payout', 'payout_cancel', 'payout_failure']);

/** Opens the fetch; days are UTC's. */
export function createStripeSettlements(config: StripeConfig, pageSize = PAGE_SIZE): FetchSettlements {
  return createFetchSettlements(config, {
    processor: 'STRIPE',
    origin: config.baseUrl,
    overlaps: false,
    ask({ account, day }, { last }) {
      const from = Date.parse(day) / 1000;
      const created = `created[gte]=${from}&created[lt]=${from + DAY_SECONDS}`;
      const after = last === null ? '' : `&starting_after=${encodeURIComponent(last)}`;
      return {
        method: 'GET',
        path: `/v1/balance_transactions?${created}&limit=${pageSize}&expand[]=data.source${after}`,
        headers: stripeHeaders(config, account),
        body: null,
      };
    },
    read(body) {
      if (!isRecord(body)) return null;
      const { object, data, has_more: more } = body;
      if (object !== 'list' || !Array.isArray(data) || !data.every(isRecord)) return null;
      return typeof more === 'boolean' ? { items: data, more, total: null } : null;
    },
    nameOf: ({ id }) => id,
    isOfReport: ({ type }) => !PAYOUTS.has(type),
  });
}
