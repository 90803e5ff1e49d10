/**
 * Fetches a day by `get_settlement_details`, a page of so many rows at a time.
 *
 * `msg` says how many transactions were settled. Whether of the day or of the page is unverified: the number must be one of the two.
 *
 * @module
 */

import type { FetchSettlements } from '../connector.ts';
import { isRecord } from '../json.ts';
import { createFetchSettlements, type ReportPage } from '../report-pages.ts';
import { commandRequest } from './command.ts';
import type { PayuConfig } from './config.ts';

/** Below PayU's own 2000, so that a page that is not full is the last. */
const PAGE_SIZE = 1000;
const COMMAND = 'get_settlement_details';

/** Opens the fetch; days are India's. */
export function createPayuSettlements(config: PayuConfig, pageSize = PAGE_SIZE): FetchSettlements {
  return createFetchSettlements(config, {
    processor: 'PAYU',
    origin: config.infoUrl,
    overlaps: false,
    ask: ({ account, day }, { pages }) =>
      commandRequest(account, COMMAND, [day, String(pages + 1), String(pageSize)]),
    read: (body) => readDetails(body, pageSize),
    // A payment may move more than once in a day; each movement has an id of its own.
    nameOf: ({ requestid: id }) => (typeof id === 'number' ? String(id) : id),
  });
}

function readDetails(body: unknown, pageSize: number): ReportPage | string | null {
  if (!isRecord(body)) return null;
  const { status, msg, Txn_details: details } = body;
  if (String(status) === '0') return 'the command was refused';
  const rows = Array.isArray(details) ? details : isRecord(details) ? Object.values(details) : null;
  if (String(status) !== '1' || rows === null || !rows.every(isRecord)) return null;
  const [said] = /^[0-9]+(?= )/.exec(typeof msg === 'string' ? msg : '') ?? [];
  const total = said === undefined || Number(said) === rows.length ? null : Number(said);
  return { items: rows, more: rows.length < pageSize ? false : null, total };
}
