/**
 * /admin/settlement/…: runs of reconciliation, their breaks and merchants' payouts, for operators, on the ops port.
 *
 * @module
 */

import { parseBreakId } from '../../domain/break-id.ts';

import { type FieldError, refusal } from '../../domain/outcomes.ts';
import {
  BREAK_STATES,
  type BreakState,
  SETTLEMENT_CLASSES,
  type SettlementBreak,
  type SettlementClass,
} from '../../domain/settlement.ts';
import type { RunReport, SettlementDesk } from '../../reconciliation/settlement-desk.ts';
import type { SettlementRun } from '../../storage/settlement-runs.ts';
import type { AdminGate } from '../admin-key.ts';
import { problem } from '../problem.ts';
import { type HttpRequest, type HttpResponse, json, type Route } from '../routes.ts';
import { readResolveBreak } from '../schemas.ts';
import { daysOf, invalidQuery, type QueryReading } from './payout-days.ts';

/** How what is found is written. */
export interface SettlementForms {
  runJson(run: SettlementRun): object;
  reportJson(report: RunReport): object;
  reportCsv(report: RunReport): string;
  /** A page, and the policy it comes with. */
  reportPage(report: RunReport): { html: string; policy: string };
  breakJson(one: SettlementBreak, now: number): object;
}

export interface AdminSettlementDeps {
  gate: AdminGate;
  desk: SettlementDesk;
  forms: SettlementForms;
  bodyLimitBytes: number;
  /** True for an error that says that more was asked for than one answer can hold. */
  isTooMuch(error: unknown): boolean;
  /** True for an error that says a database cannot be reached now. */
  isOutage(error: unknown): boolean;
  /** Hears of every outage a request met. */
  onOutage(error: unknown): void;
}

const PATH = '/admin/settlement';
const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 500;

/** Makes the routes. */
export function adminSettlementRoutes(deps: AdminSettlementDeps): Route[] {
  const get = (
    path: string,
    name: string,
    answer: (request: HttpRequest) => Promise<HttpResponse>,
  ): Route => ({
    ...{ method: 'GET', path: `${PATH}${path}`, name, bodyLimitBytes: 0, contentTypes: [] },
    headers: ['authorization'],
    handler: (request) => admitted(deps, request, answer),
  });
  return [
    get('/runs', 'admin_list_runs', (request) => listRuns(deps, request)),
    get('/runs/:id', 'admin_get_run', (request) => getRun(deps, request)),
    get('/breaks', 'admin_list_breaks', (request) => listBreaks(deps, request)),
    {
      ...{ method: 'POST', path: `${PATH}/breaks/:id/resolve`, name: 'admin_resolve_break' },
      bodyLimitBytes: deps.bodyLimitBytes,
      contentTypes: ['application/json'],
      headers: ['authorization'],
      handler: (request) => admitted(deps, request, () => resolveBreak(deps, request)),
    },
    get('/payouts', 'admin_list_payouts', (request) => listPayouts(deps, request)),
  ];
}

async function admitted(
  { gate, isTooMuch, isOutage, onOutage }: AdminSettlementDeps,
  request: HttpRequest,
  answer: (request: HttpRequest) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  const refused = gate(request.header('authorization'));
  if (refused !== null) return problem(refused);
  try {
    return await answer(request);
  } catch (error) {
    if (isTooMuch(error))
      return problem(refusal('invalid_request', `Too much: ${(error as Error).message}.`));
    if (!isOutage(error)) throw error;
    onOutage(error);
    return problem(refusal('storage_unavailable', 'Try again.'));
  }
}

async function listRuns({ desk, forms }: AdminSettlementDeps, request: HttpRequest): Promise<HttpResponse> {
  const limit = limitIn(new URLSearchParams(request.query));
  if (!limit.ok) return problem(invalidQuery(limit.errors));
  const runs = await desk.runs(limit.value);
  return json(200, { runs: runs.map(forms.runJson) });
}

const FORMATS = ['json', 'html', 'csv'] as const;

async function getRun({ desk, forms }: AdminSettlementDeps, request: HttpRequest): Promise<HttpResponse> {
  const format = new URLSearchParams(request.query).get('format') ?? 'json';
  const known = FORMATS.find((one) => one === format);
  if (known === undefined)
    return problem(invalidQuery([{ pointer: '/format', detail: `must be ${FORMATS.join(', ')}` }]));
  const id = request.params.id ?? '';
  const report = /^[1-9]\d{0,8}$/.test(id) ? await desk.report(Number(id), request.now) : undefined;
  if (report === undefined) return problem(refusal('not_found', 'There is no run of that number.'));
  if (known === 'json') return json(200, forms.reportJson(report));
  if (known === 'csv') {
    return {
      status: 200,
      contentType: 'text/csv; charset=utf-8',
      headers: { 'Content-Disposition': `attachment; filename="settlement-run-${id}.csv"` },
      body: forms.reportCsv(report),
    };
  }
  const { html, policy } = forms.reportPage(report);
  return {
    status: 200,
    contentType: 'text/html; charset=utf-8',
    headers: {
      'Content-Security-Policy': `${policy}; frame-ancestors 'none'`,
      'Referrer-Policy': 'no-referrer',
    },
    body: html,
  };
}

interface BreakQuery {
  states: readonly BreakState[];
  classes?: readonly SettlementClass[];
  runId?: number;
  merchantId?: string;
  after?: string;
  limit: number;
}

async function listBreaks({ desk, forms }: AdminSettlementDeps, request: HttpRequest): Promise<HttpResponse> {
  const query = readBreakQuery(request.query);
  if (!query.ok) return problem(invalidQuery(query.errors));
  const { breaks, next } = await desk.breaks(query.value);
  return json(200, { breaks: breaks.map((one) => forms.breakJson(one, request.now)), next });
}

function readBreakQuery(text: string): QueryReading<BreakQuery> {
  const query = new URLSearchParams(text);
  const [state, name] = [query.get('state') ?? 'open', query.get('class')];
  const [run, after, merchantId] = [query.get('run'), query.get('after'), query.get('merchantId')];
  const known = BREAK_STATES.find((one) => one === state);
  const named = SETTLEMENT_CLASSES.find((one) => one === name);
  const limit = limitIn(query);
  const errors: FieldError[] = [
    ...fault(known !== undefined, '/state', `must be ${BREAK_STATES.join(', ')}`),
    ...fault(name === null || named !== undefined, '/class', `must be ${SETTLEMENT_CLASSES.join(', ')}`),
    ...fault(run === null || /^[1-9]\d{0,8}$/.test(run), '/run', 'must be the number of a run'),
    ...fault(after === null || parseBreakId(after) !== null, '/after', 'must be the id of a break, brk_…'),
    ...fault(merchantId === null || isStorable(merchantId), '/merchantId', 'must have 1 to 100 characters'),
    ...(limit.ok ? [] : limit.errors),
  ];
  if (errors.length > 0 || !limit.ok) return { ok: false, errors };
  return {
    ok: true,
    value: {
      states: [known!],
      ...(named !== undefined && { classes: [named] }),
      ...(run !== null && { runId: Number(run) }),
      ...(after !== null && { after }),
      ...(merchantId !== null && { merchantId }),
      limit: limit.value,
    },
  };
}

function fault(isWell: boolean, pointer: string, detail: string): FieldError[] {
  return isWell ? [] : [{ pointer, detail }];
}

function isStorable(name: string): boolean {
  return name !== '' && name.length <= 100 && !/\p{C}/u.test(name);
}

function limitIn(query: URLSearchParams): QueryReading<number> {
  const limit = query.get('limit') ?? String(LIMIT_DEFAULT);
  if (/^\d{1,3}$/.test(limit) && Number(limit) >= 1 && Number(limit) <= LIMIT_MAX)
    return { ok: true, value: Number(limit) };
  return { ok: false, errors: [{ pointer: '/limit', detail: `must be 1 to ${LIMIT_MAX}` }] };
}

async function resolveBreak(
  { desk, forms }: AdminSettlementDeps,
  request: HttpRequest,
): Promise<HttpResponse> {
  const reading = readResolveBreak(request.body);
  if (!reading.ok) return problem(reading.refusal);
  const { as, reason, operator } = reading.body;
  const closed = await desk.resolve(request.params.id ?? '', as, { operator, reason, now: request.now });
  if (closed === undefined) {
    return problem(
      refusal('settlement_break_not_open', 'There is no open break of that id: it was closed, or never was.'),
    );
  }
  if (closed === 'nothing_to_post') {
    return problem(
      refusal('settlement_break_not_postable', 'Nothing of it can be posted to a merchant: dismiss it.'),
    );
  }
  return json(200, forms.breakJson(closed, request.now));
}

async function listPayouts({ desk }: AdminSettlementDeps, request: HttpRequest): Promise<HttpResponse> {
  const days = daysOf(request.query);
  if (!days.ok) return problem(invalidQuery(days.errors));
  const merchantId = new URLSearchParams(request.query).get('merchantId');
  if (merchantId !== null && !isStorable(merchantId))
    return problem(invalidQuery([{ pointer: '/merchantId', detail: 'must have 1 to 100 characters' }]));
  const payouts = await desk.payouts({ ...days.value, ...(merchantId !== null && { merchantId }) });
  return json(200, { payouts });
}
