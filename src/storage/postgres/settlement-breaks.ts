/**
 * Settlement breaks: what is not as it should be in one shard database, and what becomes of it.
 *
 * @module
 */

import { showBreakId } from '../../domain/break-id.ts';
import { intentIdOf } from '../../domain/ids.ts';
import type { BreakState, SettlementBreak, SettlementClass, SettlementRow } from '../../domain/settlement.ts';
import type { BreakFilter, Correction, OpenBreaks, SettlementStore } from '../settlement-store.ts';
import { StorageError } from '../storage.ts';
import { withoutDashes } from './commit-turn.ts';
import type { SettlementLine } from './settlement-store.ts';
import { acceptBreak } from './statements/accept-break.ts';

type Breaks = Pick<
  SettlementStore,
  | 'breaks'
  | 'openBreaks'
  | 'resolveBreak'
  | 'corrections'
  | 'closeCorrection'
  | 'correctionBacklog'
  | 'correctionsWaiting'
>;

/** @param database its number among the shard databases, from 1 */
export function createSettlementBreaks({ rowsOf, again }: SettlementLine, database: number): Breaks {
  async function breaks(filter: BreakFilter): Promise<SettlementBreak[]> {
    const { text, values } = breaksQuery(filter);
    return (await rowsOf<BreakRow>(text, values)).map((row) => breakOf(row, database));
  }

  async function openBreaks(): Promise<OpenBreaks[]> {
    return await rowsOf(OPEN_BREAKS, []);
  }

  async function resolveBreak(
    id: number,
    as: 'accepted' | 'dismissed',
    { operator, reason, now }: { operator: string; reason: string; now: number },
  ): Promise<SettlementBreak | 'nothing_to_post' | undefined> {
    const [found] = await rowsOf<BreakRow>(
      `select ${BREAK_COLUMNS} from settlement_breaks b where b.id = $1`,
      [id],
    );
    if (found?.state !== 'open') return undefined;
    if (as === 'accepted' && !isAcceptable(found)) return 'nothing_to_post';
    const values = [id, operator, reason, now];
    const closed = await again(async () =>
      as === 'dismissed'
        ? (await rowsOf<BreakRow>(DISMISS, values))[0]
        : await accept([...values, found.subject_id]),
    );
    return typeof closed === 'object' ? breakOf(closed, database) : closed;
  }

  async function accept(values: unknown[]): Promise<BreakRow | 'nothing_to_post' | undefined> {
    const [accepted] = await rowsOf<BreakRow & { fence: number; open: number }>(
      acceptBreak(BREAK_COLUMNS),
      values,
    );
    if (accepted!.fence === 0) {
      throw new StorageError('fenced', 'the payment of this break is not in owned_ranges of this database');
    }
    if (accepted!.id === null) return accepted!.open === 0 ? undefined : 'nothing_to_post';
    return accepted;
  }

  async function corrections(after: number, limit: number): Promise<Correction[]> {
    return (await rowsOf<BreakRow>(CORRECTIONS, [after, limit])).map(correctionOf);
  }

  async function closeCorrection(
    id: number,
    as: 'corrected' | 'refused',
    detail: string,
    now: number,
  ): Promise<void> {
    await again(() =>
      as === 'corrected' ? rowsOf(CORRECTED, [id, detail, now]) : rowsOf(REFUSED, [id, detail]),
    );
  }

  async function correctionBacklog(): Promise<{ waiting: number; oldestAt: number | null }> {
    const [row] = await rowsOf<{ waiting: number; oldestAt: number | null }>(BACKLOG, []);
    return row!;
  }

  async function correctionsWaiting(runId: number): Promise<number> {
    const [row] = await rowsOf<{ count: number }>(WAITING, [runId]);
    return row!.count;
  }

  return {
    ...{ breaks, openBreaks, resolveBreak },
    ...{ corrections, closeCorrection, correctionBacklog, correctionsWaiting },
  };
}

const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;

const BREAK_COLUMNS = `b.id::float8 as id, b.run_id, b.processor, b.account, b.day::text as day, b.class, b.state, b.detail, b.line, b.subject_id,
  b.transaction_id, b.merchant_id, b.reported, b.ours, ${ms('b.found_at')} as found_at, ${ms('b.closed_at')} as closed_at, b.closed_by, b.reason`;

interface BreakRow {
  id: number;
  run_id: number;
  processor: SettlementBreak['scope']['processor'];
  account: string | null;
  day: string;
  class: SettlementClass;
  state: BreakState;
  detail: string;
  line: number | null;
  subject_id: string;
  transaction_id: string | null;
  merchant_id: string | null;
  reported: SettlementRow | null;
  ours: SettlementBreak['ours'];
  found_at: number;
  closed_at: number | null;
  closed_by: string | null;
  reason: string | null;
}

/** Only the conditions that are asked for: each then finds its index. */
function breaksQuery({ states, classes, runId, merchantId, after = 0, limit }: BreakFilter): {
  text: string;
  values: unknown[];
} {
  const values: unknown[] = [after, limit];
  const conditions = ['b.id > $1::bigint'];
  const wanted: Array<[condition: string, value: unknown]> = [
    ['b.state = any ($?::text[])', states],
    ['b.class = any ($?::text[])', classes],
    ['b.run_id = $?::int', runId],
    ['b.merchant_id = $?', merchantId],
  ];
  for (const [condition, value] of wanted) {
    if (value === undefined) continue;
    values.push(value);
    conditions.push(condition.replace('?', String(values.length)));
  }
  const text = `select ${BREAK_COLUMNS} from settlement_breaks b where ${conditions.join(' and ')} order by b.id limit $2::int`;
  return { text, values };
}

const OPEN_BREAKS = `select class, count(*)::int as count, min(${ms('found_at')}) as "oldestAt"
from settlement_breaks where state = 'open' group by class order by class`;

const BACKLOG = `select count(*)::int as waiting, min(${ms('found_at')}) as "oldestAt" from settlement_breaks where state = 'correcting'`;

const DISMISS = `update settlement_breaks b set state = 'dismissed', closed_by = $2, reason = $3, closed_at = to_timestamp($4::float8 / 1000)
where b.id = $1 and b.state = 'open' returning ${BREAK_COLUMNS}`;

const CORRECTIONS = `select ${BREAK_COLUMNS} from settlement_breaks b
where b.state = 'correcting' and b.id > $1::bigint order by b.id limit $2::int`;

const CORRECTED = `update settlement_breaks set state = 'corrected', closed_by = 'reconciliation', reason = $2,
  closed_at = to_timestamp($3::float8 / 1000)
where id = $1 and state = 'correcting'`;

const REFUSED = `update settlement_breaks set state = 'open', detail = $2 where id = $1 and state = 'correcting'`;

const WAITING = `select count(*)::int as count from settlement_breaks where state = 'correcting' and run_id = $1`;

/** Whether accepting it can mean something: its row says that a payment of ours was settled, once. */
function isAcceptable({ class: found, transaction_id, reported }: BreakRow): boolean {
  if (transaction_id === null || reported === null) return false;
  if (found === 'unknown_here' || found === 'twice') return false;
  return reported.outcome === 'settled';
}

function breakOf(row: BreakRow, database: number): SettlementBreak {
  const { reported } = row;
  const transactionId = row.transaction_id === null ? null : withoutDashes(row.transaction_id);
  return {
    breakId: showBreakId({ database, number: row.id }),
    runId: row.run_id,
    scope: { processor: row.processor, account: row.account, day: row.day },
    class: row.class,
    state: row.state,
    detail: row.detail,
    line: row.line,
    transactionId,
    paymentIntentId: transactionId === null ? null : intentIdOf(transactionId),
    merchantId: row.merchant_id,
    processorTxnId: reported?.processorTxnId ?? null,
    reference: reported?.reference ?? null,
    reported:
      reported === null
        ? null
        : {
            amount: reported.amount,
            fee: reported.fee,
            tax: reported.tax,
            net: reported.net,
            currency: reported.currency,
          },
    ours: row.ours,
    foundAt: row.found_at,
    closedAt: row.closed_at,
    closedBy: row.closed_by,
    reason: row.reason,
  };
}

/** Only a row of a transaction is ever corrected. */
function correctionOf({
  id,
  run_id,
  processor,
  account,
  day,
  line,
  transaction_id,
  ...row
}: BreakRow): Correction {
  const { outcome, processorTxnId, amount, currency } = row.reported!;
  return {
    id,
    runId: run_id,
    scope: { processor, account, day },
    line: line!,
    transactionId: withoutDashes(transaction_id!),
    class: row.class as Correction['class'],
    row: { outcome, processorTxnId, account, amount, currency },
  };
}
