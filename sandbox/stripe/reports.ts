/**
 * Reports: CSV of what moved the balance, in decimals of the major unit. Source: processors.md 3e.
 * @module
 */
import { feeOf, type Movement, netOf } from './balance.ts';
import { majorUnits } from './currencies.ts';
import { invalidRequest, type StripeError } from './errors.ts';
import { type FormMap, listAt, textAt } from './form.ts';
import { factsOf } from './intents.ts';
import { checkParams, integer, listOf, nested, type Rules, text } from './params.ts';

/** A report that was ordered. Times in ms. */
export type ReportRun = {
  readonly id: string;
  readonly account: string;
  readonly reportType: string;
  readonly createdAt: number;
  /** Unix seconds. */
  readonly intervalStart: number;
  readonly intervalEnd: number;
  readonly columns: readonly string[];
  readonly timezone: string;
};

type Column = (movement: Movement) => string;

const CORE = {
  balance_transaction_id: ({ id }) => id,
  created_utc: ({ createdAt }) => utc(createdAt),
  created: ({ createdAt }) => utc(createdAt),
  available_on_utc: ({ availableAt }) => utc(availableAt),
  available_on: ({ availableAt }) => utc(availableAt),
  currency: ({ currency }) => currency,
  gross: ({ amount, currency }) => majorUnits(amount, currency),
  fee: (movement) => majorUnits(feeOf(movement), movement.currency),
  net: (movement) => majorUnits(netOf(movement), movement.currency),
  reporting_category: ({ type }) => (type === 'payout' ? 'payout' : 'charge'),
  source_id: ({ source }) => source,
  description: ({ description }) => description ?? '',
  customer_facing_amount: ({ charge, amount, currency }) =>
    charge === undefined ? '' : majorUnits(amount, currency),
  customer_facing_currency: ({ charge, currency }) => (charge === undefined ? '' : currency),
  automatic_payout_id: ({ payout }) => payout?.id ?? '',
  automatic_payout_effective_at_utc: ({ payout }) => (payout === undefined ? '' : utc(payout.at)),
  automatic_payout_effective_at: ({ payout }) => (payout === undefined ? '' : utc(payout.at)),
  customer_id: () => '',
  charge_id: ({ charge }) => charge?.id ?? '',
  payment_intent_id: ({ charge }) => (charge === undefined ? '' : factsOf(charge).intent.id),
  charge_created_utc: ({ charge }) => (charge === undefined ? '' : utc(charge.createdAt)),
  invoice_id: () => '',
  payment_method_type: ({ charge }) => (charge === undefined ? '' : factsOf(charge).method.type),
  card_brand: ({ charge }) => (charge === undefined ? '' : factsOf(charge).method.brand),
  card_funding: ({ charge }) => (charge === undefined || charge.method === 'upi' ? '' : charge.method),
  card_country: ({ charge }) =>
    charge === undefined || charge.method === 'upi' ? '' : factsOf(charge).method.country,
  statement_descriptor: () => '',
  dispute_reason: () => '',
} as const satisfies Readonly<Record<string, Column>>;

const COLUMNS: Readonly<Record<string, Readonly<Record<string, Column>>>> = {
  'balance_change_from_activity.itemized.3': CORE,
  'payout_reconciliation.itemized.5': {
    ...CORE,
    trace_id: ({ payout }) => payout?.id.slice('po_'.length) ?? '',
    trace_id_status: ({ payout }) => (payout === undefined ? '' : 'supported'),
  },
};

/** The merchant's own metadata are columns where they are asked for. */
const METADATA_COLUMN = /^payment_metadata\[(.{1,40})\]$/;

const RULES: Rules = {
  report_type: text(),
  parameters: nested(
    {
      interval_start: integer(0),
      interval_end: integer(0),
      columns: listOf(text()),
      timezone: text(),
    },
    ['interval_start', 'interval_end'],
  ),
};

/** What an order of a report asks for. */
export type ReportOrder = Omit<ReportRun, 'id' | 'account' | 'createdAt'>;

/** Reads the order of a report. Times are shown in UTC, whatever time zone is named. */
export function readReportOrder(
  params: FormMap,
): { readonly ok: true; readonly order: ReportOrder } | { readonly ok: false; readonly error: StripeError } {
  const problem = checkParams(params, RULES, ['report_type', 'parameters']);
  if (problem !== undefined) return { ok: false, error: problem };
  const reportType = textAt(params, 'report_type')!;
  const columns = Object.hasOwn(COLUMNS, reportType) ? COLUMNS[reportType] : undefined;
  if (columns === undefined) {
    const message = `Unknown report type: ${reportType.slice(0, 60)}`;
    return { ok: false, error: invalidRequest(message, { param: 'report_type' }) };
  }
  const wanted = listAt(params, 'parameters', 'columns');
  const unknown = wanted.find((name) => !Object.hasOwn(columns, name) && !METADATA_COLUMN.test(name));
  if (unknown !== undefined) {
    const message = `Invalid column: ${unknown.slice(0, 60)}`;
    return { ok: false, error: invalidRequest(message, { param: 'parameters[columns]' }) };
  }
  const intervalStart = Number(textAt(params, 'parameters', 'interval_start'));
  const intervalEnd = Number(textAt(params, 'parameters', 'interval_end'));
  if (intervalEnd <= intervalStart) {
    const param = 'parameters[interval_end]';
    return { ok: false, error: invalidRequest('interval_end must be after interval_start.', { param }) };
  }
  return {
    ok: true,
    order: {
      reportType,
      intervalStart,
      intervalEnd,
      columns: wanted,
      timezone: textAt(params, 'parameters', 'timezone') ?? 'Etc/UTC',
    },
  };
}

/** The CSV of a report: a head, then a line per movement, oldest first. */
export function writeReport(run: ReportRun, movements: readonly Movement[]): string {
  const known = COLUMNS[run.reportType]!;
  const names = run.columns.length > 0 ? run.columns : Object.keys(known);
  const rows = movements.filter((movement) => isOf(run, movement)).toReversed();
  const lines = rows.map((movement) =>
    names.map((name) => quoted(known[name]?.(movement) ?? metadataOf(name, movement))).join(','),
  );
  return `${[names.map(quoted).join(','), ...lines].join('\n')}\n`;
}

/** The run as Stripe shows it. `result` is there once it has succeeded. */
export function showRun(run: ReportRun, result: object | null): object {
  return {
    id: run.id,
    object: 'reporting.report_run',
    created: Math.floor(run.createdAt / 1000),
    error: null,
    livemode: false,
    parameters: {
      ...(run.columns.length === 0 ? {} : { columns: run.columns }),
      interval_end: run.intervalEnd,
      interval_start: run.intervalStart,
      timezone: run.timezone,
    },
    report_type: run.reportType,
    result,
    status: result === null ? 'pending' : 'succeeded',
    succeeded_at: result === null ? null : Math.floor(run.createdAt / 1000),
  };
}

/** Activity is dated by itself, what is reconciled by its payout. Payouts themselves are no activity. */
function isOf(run: ReportRun, { createdAt, payout, type }: Movement): boolean {
  const reconciles = run.reportType.startsWith('payout_');
  const at = reconciles ? payout?.at : createdAt;
  if (type === 'payout' || at === undefined) return false;
  return at >= run.intervalStart * 1000 && at < run.intervalEnd * 1000;
}

function metadataOf(name: string, { charge }: Movement): string {
  const key = METADATA_COLUMN.exec(name)?.[1];
  return key === undefined || charge === undefined ? '' : (factsOf(charge).intent.metadata[key] ?? '');
}

/** `2026-08-01 09:30:00` */
function utc(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

function quoted(value: string): string {
  return /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
