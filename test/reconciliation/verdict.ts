/**
 * Verdict: what two runs have found and posted against what the plan expects, row by row, entry by entry.
 *
 * Both are read in the order of the report's lines, so that a report of any length is judged in little memory.
 *
 * @module
 */

import pg from 'pg';
import type { SettlementRun } from '../../src/storage/settlement-runs.ts';
import type { Cluster } from '../support/cluster.ts';
import { query, queryShards } from '../support/databases.ts';
import {
  absentClass,
  type Case,
  DAY,
  DAY_BEFORE,
  type ExpectedRow,
  type Movement,
  type Plan,
  type PlannedRow,
  type PlannedTransaction,
  PROCESSOR_OF,
  percentOf,
  planCases,
} from './plan.ts';
import { type NumberedRow, rowsOf } from './report-file.ts';

/** Violations that are told; the rest is counted. */
const TOLD_MAX = 20;

/** What is wrong, a line each, and how many rows of each class there were. */
export interface Verdict {
  violations: string[];
  rows: number;
  classes: Record<string, number>;
}

/** Judges the run of a report (and what it has left in the databases) by the plan. */
export async function judgeRun(
  cluster: Cluster,
  plan: Plan,
  report: PlannedRow['report'],
  run: SettlementRun,
): Promise<Verdict> {
  const { violations, tell, count } = createTelling();
  const expected = createSums();
  const streams = await Promise.all(cluster.owner.shards.map((url) => openPosted(url, run.runId)));
  const badLines: number[] = [];
  const classes: Record<string, number> = {};
  let rows = 0;
  try {
    for (const numbered of rowsOf(plan, report)) {
      rows++;
      const found = await takeLine(streams, numbered.line);
      const { movement, expected: wanted } = numbered.row;
      if (movement === null || wanted === null) {
        badLines.push(numbered.line);
        if (found.length > 0) tell(`line ${numbered.line} cannot be read, and is ${JSON.stringify(found)}`);
        continue;
      }
      classes[wanted.class] = (classes[wanted.class] ?? 0) + 1;
      expected.addRow(wanted, movement);
      for (const fault of faultsOf(numbered, wanted, found, report === 'judged' ? DAY : DAY_BEFORE))
        tell(fault);
    }
    for (const { head } of streams)
      if (head !== null) tell(`there is more than the report has: ${JSON.stringify(head)}`);
  } finally {
    await Promise.all(streams.map((stream) => stream.close()));
  }
  for (const fault of await absentFaults(cluster, plan, report, run, classes, expected)) tell(fault);
  for (const fault of await finalFaults(cluster, plan, report, run)) tell(fault);
  for (const fault of await badLineFaults(cluster, run, badLines)) tell(fault);
  for (const fault of reportFaults(run, expected, rows - badLines.length, badLines.length)) tell(fault);
  count();
  return { violations, rows, classes };
}

function createTelling(): { violations: string[]; tell(fault: string): void; count(): void } {
  const violations: string[] = [];
  let untold = 0;
  return {
    violations,
    tell(fault) {
      if (violations.length < TOLD_MAX) violations.push(fault);
      else untold++;
    },
    count() {
      if (untold > 0) violations.push(`and ${untold} more`);
    },
  };
}

/** What a run has left of a line: its entry, its break, or both. */
interface Posted {
  line: number;
  class: string | null;
  state: string | null;
  kind: string | null;
  transaction: string | null;
  merchant: string | null;
  processor: string | null;
  account: string | null;
  currency: string | null;
  day: string | null;
  postings: string | null;
}

const POSTED_SQL = `
select coalesce(e.line, b.line) as line, b.class, b.state, e.kind, replace(e.transaction_id::text, '-', '') as transaction,
  e.merchant_id as merchant, e.processor, e.processor_account as account, e.currency, e.day::text as day,
  concat_ws(' ', e.processor_receivable, e.processor_fees, e.processor_tax, e.merchant_payable, e.merchant_fees, e.suspense) as postings
from (select * from ledger_entries where run_id = $1) e
full join (select * from settlement_breaks where run_id = $1 and line is not null) b on b.line = e.line
order by 1`;
const PAGE = 10_000;

interface PostedStream {
  head: Posted | null;
  next(): Promise<void>;
  close(): Promise<void>;
}

async function openPosted(url: string, runId: number): Promise<PostedStream> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query('begin');
  await client.query(`declare posted no scroll cursor for ${POSTED_SQL.replaceAll('$1', String(runId))}`);
  let page: Posted[] = [];
  let at = 0;
  const stream: PostedStream = {
    head: null,
    async next() {
      if (at === page.length) {
        page = (await client.query<Posted>(`fetch ${PAGE} from posted`)).rows;
        at = 0;
      }
      stream.head = page[at++] ?? null;
    },
    close: () => client.end(),
  };
  await stream.next();
  return stream;
}

/** Everything the databases have of a line. */
async function takeLine(streams: readonly PostedStream[], line: number): Promise<Posted[]> {
  const found: Posted[] = [];
  for (const stream of streams) {
    while (stream.head !== null && stream.head.line <= line) {
      found.push(stream.head);
      await stream.next();
    }
  }
  return found;
}

/** Classes of rows that are written down as breaks. */
const WRITTEN: ReadonlySet<string> = new Set([
  'failed_there',
  'failed_here',
  'unknown_settled',
  'amount_differs',
  'currency_differs',
  'fee_differs',
  'unknown_here',
  'twice',
]);
const CORRECTED: ReadonlySet<string> = new Set(['failed_there', 'failed_here', 'unknown_settled']);

function faultsOf(
  { line, case: one, row }: NumberedRow,
  wanted: ExpectedRow,
  found: readonly Posted[],
  day: string,
): string[] {
  const { number, kind, transaction } = one;
  const told = (fault: string): string[] => [`line ${line} (case ${number}, ${kind}): ${fault}`];
  if (found.length > 1) return told(`it is there ${found.length} times: ${JSON.stringify(found)}`);
  const posted = found[0];
  const written = WRITTEN.has(wanted.class);
  if (posted === undefined) {
    return written || wanted.entry !== null ? told(`${wanted.class} with ${wanted.entry} was not found`) : [];
  }
  const foundClass = posted.class ?? 'no break';
  if (foundClass !== (written ? wanted.class : 'no break')) return told(`${foundClass}, not ${wanted.class}`);
  if (written && posted.state !== (CORRECTED.has(wanted.class) ? 'correcting' : 'open'))
    return told(`${wanted.class} is ${posted.state}`);
  if (posted.kind !== wanted.entry) return told(`entry ${posted.kind}, not ${wanted.entry}`);
  if (wanted.entry === null) return [];
  const postings = postingsOf(wanted.entry, row.movement!, one);
  if (posted.postings !== postings.join(' '))
    return told(`posted ${posted.postings}, not ${postings.join(' ')}`);
  if (posted.day !== day) return told(`of the day ${posted.day}`);
  if (posted.currency !== row.movement!.currency) return told(`in ${posted.currency}`);
  if (wanted.entry === 'suspense') return [];
  const { merchant, transactionId } = transaction!;
  return posted.transaction === transactionId && posted.merchant === merchant.merchantId
    ? []
    : told(`entry of ${posted.transaction} of ${posted.merchant}`);
}

/** Receivable, fees, tax, payable, merchant's fees, suspense. */
function postingsOf(entry: NonNullable<ExpectedRow['entry']>, movement: Movement, one: Case): bigint[] {
  // What is taken back is what the day before has posted, whatever this row says.
  if (entry === 'reversal')
    return postingsOf('settlement', one.rows[0]!.movement!, one).map((posting) => -posting);
  const [net, fee, tax] = [BigInt(movement.net), BigInt(movement.fee), BigInt(movement.tax)];
  const whole = net + fee + tax;
  if (entry === 'suspense') return [net, fee, tax, 0n, 0n, -whole];
  const merchantFee = BigInt(percentOf(movement.amount, one.transaction!.merchant.feePercent));
  return [net, fee, tax, merchantFee - whole, -merchantFee, 0n];
}

/** Count and money of each class and currency. */
interface Sums {
  byClass: Map<string, { count: number; amount: bigint; net: bigint }>;
  addRow(wanted: ExpectedRow, movement: Movement): void;
  addAbsent(absent: string, transaction: PlannedTransaction): void;
}

function createSums(): Sums {
  const byClass: Sums['byClass'] = new Map();
  const add = (key: string, amount: number, net: number): void => {
    const sum = byClass.get(key) ?? { count: 0, amount: 0n, net: 0n };
    byClass.set(key, {
      count: sum.count + 1,
      amount: sum.amount + BigInt(amount),
      net: sum.net + BigInt(net),
    });
  };
  return {
    byClass,
    addRow: (wanted, { amount, net, currency }) => add(`${wanted.class} ${currency}`, amount, net),
    addAbsent: (absent, { amount, currency }) => add(`${absent} ${currency}`, amount, 0),
  };
}

/** Payments no report has: the missing are breaks, the others are told in the totals only. */
async function absentFaults(
  cluster: Cluster,
  plan: Plan,
  report: PlannedRow['report'],
  run: SettlementRun,
  classes: Record<string, number>,
  sums: Sums,
): Promise<string[]> {
  const caseOf = planCases(plan);
  const missing = new Set<string>();
  for (let number = 0; number < plan.cases; number++) {
    const one = caseOf(number);
    const absent = absentClass(one, report, PROCESSOR_OF[plan.format]);
    if (absent === null) continue;
    classes[absent] = (classes[absent] ?? 0) + 1;
    sums.addAbsent(absent, one.transaction!);
    if (absent === 'missing_there') missing.add(one.transaction!.transactionId);
  }
  const found = await queryShards<{ id: string; class: string; state: string }>(
    { cluster },
    `select replace(transaction_id::text, '-', '') as id, class, state from settlement_breaks where run_id = $1 and line is null`,
    [run.runId],
  );
  const faults = found
    .filter((one) => one.class !== 'missing_there' || !missing.delete(one.id))
    .map((one) => `${one.id} is ${one.class}, ${one.state}, and should not be`);
  return [...faults, ...[...missing].map((id) => `${id} is missing there and was not found`)];
}

/** Final records are compared by number and sum of their transactions: they are made in no order. */
async function finalFaults(
  cluster: Cluster,
  plan: Plan,
  report: PlannedRow['report'],
  run: SettlementRun,
): Promise<string[]> {
  const caseOf = planCases(plan);
  const wanted: Record<string, { count: number; sum: bigint; amount: bigint }> = {};
  for (let number = 0; number < plan.cases; number++) {
    const { rows, transaction } = caseOf(number);
    for (const row of rows) {
      if (row.report !== report || row.expected?.final == null || transaction === null) continue;
      const { count, sum, amount } = wanted[row.expected.final] ?? { count: 0, sum: 0n, amount: 0n };
      wanted[row.expected.final] = {
        count: count + 1,
        // The last 15 digits hold the number of the case.
        sum: sum + BigInt(`0x${transaction.transactionId.slice(-15)}`),
        amount: amount + BigInt(transaction.amount),
      };
    }
  }
  const found = await queryShards<{ status: string; count: number; sum: string; amount: string }>(
    { cluster },
    `select final_status as status, count(*)::int as count, sum(amount) as amount,
       sum(('x' || right(replace(transaction_id::text, '-', ''), 15))::bit(60)::bigint) as sum
     from payment_ledger where run_id = $1 group by 1`,
    [run.runId],
  );
  return ['SUCCESS', 'FAILED'].flatMap((status) => {
    const { count, sum, amount } = wanted[status] ?? { count: 0, sum: 0n, amount: 0n };
    const there = found.filter((one) => one.status === status);
    const total = (name: 'sum' | 'amount'): bigint => there.reduce((all, one) => all + BigInt(one[name]), 0n);
    const rows = there.reduce((all, one) => all + one.count, 0);
    return rows === count && total('sum') === sum && total('amount') === amount
      ? []
      : [`final records ${status}: ${rows} of ${total('amount')}, not ${count} of ${amount}`];
  });
}

async function badLineFaults(
  cluster: Cluster,
  run: SettlementRun,
  lines: readonly number[],
): Promise<string[]> {
  const rows = await query<{ line: number }>(
    cluster.owner.control,
    'select line from settlement_bad_lines where run_id = $1 order by line',
    [run.runId],
  );
  const found = rows.map(({ line }) => line).join();
  return found === lines.join() ? [] : [`bad lines are ${found}, not ${lines.join()}`];
}

/** The run's own word of what it has found. */
function reportFaults(run: SettlementRun, sums: Sums, rows: number, badLines: number): string[] {
  if (run.state !== 'done' || run.report === null) return [`the run is ${run.state}`];
  const { report } = run;
  const faults: string[] = [];
  if (report.rows !== rows || report.badLines !== badLines) {
    faults.push(`it read ${report.rows} rows and ${report.badLines} bad ones, not ${rows} and ${badLines}`);
  }
  const wanted = new Map(sums.byClass);
  for (const total of report.totals) {
    const key = `${total.class} ${total.currency}`;
    const { count, amount, net } = wanted.get(key) ?? { count: 0, amount: 0n, net: 0n };
    wanted.delete(key);
    const absent = total.class === 'missing_there' || total.class === 'not_due';
    if (total.count !== count || BigInt(total.amount) !== amount || (!absent && BigInt(total.net) !== net)) {
      faults.push(
        `${key}: ${total.count} of ${total.amount}, net ${total.net}; not ${count} of ${amount}, net ${net}`,
      );
    }
  }
  faults.push(...[...wanted.keys()].map((key) => `${key} is not in the totals`));
  faults.push(
    ...report.balances
      .filter(({ sum }) => BigInt(sum) !== 0n)
      .map(({ currency, sum }) => `${currency} sums to ${sum}`),
  );
  return faults;
}

/** What merchants are owed by the plan, against the view that the commits keep up; and every currency of the ledger at zero. */
export async function judgePayouts(cluster: Cluster, plan: Plan): Promise<string[]> {
  const wanted = new Map<string, bigint[]>();
  for (const report of ['before', 'judged'] as const) {
    for (const { row, case: planned } of rowsOf(plan, report)) {
      const entry = row.expected?.entry;
      if (entry == null || entry === 'suspense') continue;
      const [, fee, tax, payable, merchantFees] = postingsOf(entry, row.movement!, planned) as [
        bigint,
        bigint,
        bigint,
        bigint,
        bigint,
      ];
      const key = `${report === 'judged' ? DAY : DAY_BEFORE} ${planned.transaction!.merchant.merchantId} ${planned.transaction!.currency}`;
      const sum = wanted.get(key) ?? [0n, 0n, 0n, 0n, 0n, 0n];
      const one = [
        entry === 'reversal' ? -1n : 1n,
        -payable - merchantFees,
        fee,
        tax,
        -merchantFees,
        -payable,
      ];
      wanted.set(
        key,
        sum.map((value, at) => value + one[at]!),
      );
    }
  }
  const found = await queryShards<Record<string, string>>(
    { cluster },
    `select day::text || ' ' || merchant_id || ' ' || currency as key,
       concat_ws(' ', payments, amount, processor_fees, processor_tax, merchant_fees, payable) as sums from merchant_payouts`,
  );
  const faults = found
    .filter(({ key, sums }) => wanted.get(key!)?.join(' ') !== sums)
    .map(({ key, sums }) => `payout ${key}: ${sums}, not ${wanted.get(key!)?.join(' ')}`);
  const there = new Set(found.map(({ key }) => key));
  faults.push(
    ...[...wanted.keys()].filter((key) => !there.has(key)).map((key) => `there is no payout ${key}`),
  );
  const currencies = await queryShards<{ currency: string; sum: string }>(
    { cluster },
    'select currency, sum(amount) as sum from ledger_postings group by 1 having sum(amount) <> 0',
  );
  faults.push(...currencies.map(({ currency, sum }) => `the ledger's ${currency} sums to ${sum}`));
  return faults.slice(0, TOLD_MAX);
}
