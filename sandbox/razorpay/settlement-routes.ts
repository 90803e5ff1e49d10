/**
 * `/v1/settlements`: payouts, and the report of the payments in them.
 *
 * @module
 */
import { type Answer, jsonOf } from '../answers.ts';
import type { Charge } from '../book.ts';
import type { Call, Counter } from './counter.ts';
import { integerOf } from './fields.ts';
import { readListPage, showList } from './parameters.ts';
import { badInput, type Problem, refusal, unknownId } from './problems.ts';
import { dayOf, reconRowsOf, type Settlement, settlementsOf, showSettlement } from './settlements.ts';

const RECON_COUNT_MAX = 1000;

/** `GET /v1/settlements`: newest first. */
export async function listSettlements(counter: Counter, call: Call): Promise<Answer> {
  const read = readListPage(call.query);
  if (!read.ok) return refusal(read.problem);
  const { count, skip, from, to } = read.page;
  const wanted = (await settlementsOfCall(counter, call)).filter(({ createdAt }) => {
    const second = Math.floor(createdAt / 1000);
    return second >= from && second <= to;
  });
  const page = wanted.toReversed().slice(skip, skip + count);
  return jsonOf(200, showList(page.map(showSettlement)));
}

/** `GET /v1/settlements/:id`. */
export async function showOneSettlement(counter: Counter, call: Call): Promise<Answer> {
  const settlement = (await settlementsOfCall(counter, call)).find(({ id }) => id === call.id);
  return settlement === undefined ? refusal(unknownId) : jsonOf(200, showSettlement(settlement));
}

/** `GET /v1/settlements/recon/combined`: of a month or a day, oldest first. */
export async function reconcile(counter: Counter, call: Call): Promise<Answer> {
  const period = readPeriod(call.query);
  if (!period.ok) return refusal(period.problem);
  const read = readListPage(call.query, RECON_COUNT_MAX);
  if (!read.ok) return refusal(read.problem);
  const { count, skip } = read.page;
  const isWithin = ({ decidedAt }: Charge) => dayOf(decidedAt).startsWith(period.prefix);
  const rows = (await settlementsOfCall(counter, call, isWithin)).flatMap(reconRowsOf);
  return jsonOf(200, showList(rows.slice(skip, skip + count)));
}

async function settlementsOfCall(
  { desk }: Counter,
  { account: { account } }: Call,
  isWanted: (charge: Charge) => boolean = () => true,
): Promise<Settlement[]> {
  const charges = [...desk.book.ofAccount(account)].filter(isWanted);
  for (const { written } of charges) await written;
  return settlementsOf(account, desk.settled(charges));
}

type Period =
  | { readonly ok: true; readonly prefix: string }
  | { readonly ok: false; readonly problem: Problem };

function readPeriod(query: URLSearchParams): Period {
  const year = integerOf(query.get('year'));
  if (year === null || year < 2000 || year > 9999) return unfit('year', 'The year is not a valid year.');
  const month = integerOf(query.get('month'));
  if (month === null || month < 1 || month > 12) return unfit('month', 'The month is not a valid month.');
  const ofMonth = `${year}-${String(month).padStart(2, '0')}-`;
  if (!query.has('day')) return { ok: true, prefix: ofMonth };
  const day = integerOf(query.get('day'));
  if (day === null || day < 1 || day > 31) return unfit('day', 'The day is not a valid day.');
  return { ok: true, prefix: `${ofMonth}${String(day).padStart(2, '0')}` };
}

function unfit(field: string, description: string): Period {
  return { ok: false, problem: badInput(field, description) };
}
