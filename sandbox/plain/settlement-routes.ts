/**
 * Plain's settlement reports over HTTP: pages of JSON for an account, the whole as CSV for the operator.
 * @module
 */
import type { ServerResponse } from 'node:http';
import { answer, answerError, answerJson } from '../answers.ts';
import type { Charge } from '../book.ts';
import type { Account, Desk } from '../dialect.ts';
import { decidedOn, isDay, lineOf, type SettlementLine, writeReport } from './settlements.ts';

const LIMIT_MAX = 1000;

/** `GET /v1/charges/settled?day=[&limit=][&starting_after=]`: a page of an account's rows, oldest first. */
export async function answerSettled(
  desk: Desk,
  { account }: Account,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const day = dayAsked(query, response);
  if (day === null) return;
  const limit = query.get('limit') ?? String(LIMIT_MAX);
  if (!/^[1-9][0-9]{0,3}$/.test(limit) || Number(limit) > LIMIT_MAX) {
    return answerError(response, 400, 'field_value', `limit must be from 1 to ${LIMIT_MAX}`, 'limit');
  }
  const lines = await linesOf(desk, desk.book.ofAccount(account), day);
  const after = query.get('starting_after');
  const at = after === null ? -1 : lines.findIndex(({ movement_id: id }) => id === after);
  if (after !== null && at < 0) {
    return answerError(response, 400, 'field_value', 'no movement of this day has this id', 'starting_after');
  }
  const rows = lines.slice(at + 1, at + 1 + Number(limit));
  const hasMore = at + 1 + rows.length < lines.length;
  answerJson(response, 200, { day, total: lines.length, rows, has_more: hasMore });
}

/** `GET /_bank/settlements?day=[&account=]`: the report as a file, of one account or of all. */
export async function downloadSettled(
  desk: Desk,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const day = dayAsked(query, response);
  if (day === null) return;
  const wanted = query.get('account');
  const accounts = desk.accounts.filter(({ account }) => wanted === null || account === wanted);
  if (accounts.length === 0)
    return answerError(response, 404, 'account_unknown', 'no plain account', 'account');
  const charges = accounts.flatMap(({ account }) => [...desk.book.ofAccount(account)]);
  const body = writeReport(await linesOf(desk, charges, day));
  answer(response, { status: 200, body, type: 'text/csv; charset=utf-8' });
}

function dayAsked(query: URLSearchParams, response: ServerResponse): string | null {
  const day = query.get('day') ?? '';
  if (isDay(day)) return day;
  answerError(response, 400, 'field_value', 'day must be YYYY-MM-DD', 'day');
  return null;
}

async function linesOf(desk: Desk, charges: Iterable<Charge>, day: string): Promise<SettlementLine[]> {
  const ofDay = decidedOn(charges, day);
  for (const { written } of ofDay) await written;
  return desk.settled(ofDay).map(lineOf);
}
