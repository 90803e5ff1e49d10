/**
 * Report pages: a day's settlements fetched page by page, as all rooms do it. A room brings its dialect: what to ask, how to read it.
 *
 * What is missing from a report is taken for unpaid, so a gap must not pass: pages must follow on each other, one that comes again or a
 * count that does not add up ends the fetch, and only the processor's own end is the end.
 *
 * @module
 */

import type { ProcessorName } from '../domain/processor-word.ts';
import {
  createHttpClient,
  type HttpClient,
  type HttpOutcome,
  type HttpRequest,
} from '../outbound/http-client.ts';
import {
  type FetchSettlements,
  type RoomConfig,
  type SettlementItem,
  type SettlementsRequest,
  SettlementsUnavailable,
} from './connector.ts';
import { parseExactly } from './json.ts';

/** How one processor is asked for a page of a day. */
export interface ReportDialect {
  processor: ProcessorName;
  /** Scheme, host and port of its reports. */
  origin: string;
  /** Asks for the page behind what was walked. */
  ask(request: SettlementsRequest, walked: Walked): Omit<HttpRequest, 'timeoutMs'>;
  /** Reads the JSON of a 200; a text says why it is no page, null that it is none at all. */
  read(body: unknown): ReportPage | string | null;
  /** What names an item within the day: no two have the same. */
  nameOf(item: SettlementItem): unknown;
  /** Whether an item is of the report, where other things stand in it as well. @default all are */
  isOfReport?(item: SettlementItem): boolean;
  /** Whether {@link ask} asks for the last item once more, so that the page is seen to follow on the one before. */
  overlaps: boolean;
}

/** How far a fetch has come. */
export interface Walked {
  pages: number;
  items: number;
  /** What names the last item; null before the first. */
  last: string | null;
  /** What the processor has said that the day has; null: it has not. */
  total: number | null;
}

export interface ReportPage {
  items: readonly SettlementItem[];
  /** Whether there is another page; null: as long as they bring anything new and the day's total is not there. */
  more: boolean | null;
  /** Items of the whole day; null where the page does not tell. */
  total: number | null;
}

/** Ten million items of Razorpay's, a million of Stripe's: more is a page that has no end. */
const PAGES_MAX = 10_000;
/** Ten thousand pages of a second each are fetched in less than three hours. Slower ones keep the reports of other accounts waiting. */
const FETCH_MINUTES_MAX = 180;
/** A thousand items of Razorpay's are 1 MB. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
/** A page of a report may be long in the making: at least this, whatever a charge may take. */
const TIMEOUT_MS_MIN = 30_000;

/**
 * Fetches by a dialect, over a connection of the fetch's own.
 * @param monotonicMs milliseconds of a clock that never jumps
 */
export function createFetchSettlements(
  { connectTimeoutMs, timeoutMs }: Pick<RoomConfig, 'connectTimeoutMs' | 'timeoutMs'>,
  dialect: ReportDialect,
  monotonicMs: () => number = () => performance.now(),
): FetchSettlements {
  return async function* fetchSettlements(request) {
    const { signal } = request;
    const endMs = monotonicMs() + FETCH_MINUTES_MAX * 60_000;
    const isLate = (): boolean => monotonicMs() > endMs;
    const client = createHttpClient({
      origin: dialect.origin,
      connectionsMax: 1,
      connectTimeoutMs,
      answerBytesMax: ANSWER_BYTES_MAX,
    });
    const stop = (): void => void client.close();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      yield* walk(client, Math.max(timeoutMs, TIMEOUT_MS_MIN), dialect, request, isLate);
    } finally {
      signal?.removeEventListener('abort', stop);
      await client.close();
    }
  };
}

async function* walk(
  client: HttpClient,
  timeoutMs: number,
  dialect: ReportDialect,
  request: SettlementsRequest,
  isLate: () => boolean,
): AsyncGenerator<readonly SettlementItem[]> {
  const walked: Walked = { pages: 0, items: 0, last: null, total: null };
  const seen = new Set<string>();
  for (;;) {
    if (request.signal?.aborted) throw failure(dialect, request, { detail: 'given up' });
    if (isLate()) throw failure(dialect, request, { detail: `not whole after ${FETCH_MINUTES_MAX} minutes` });
    if (walked.pages === PAGES_MAX) {
      const detail = `more than ${PAGES_MAX} pages`;
      throw failure(dialect, request, { detail, status: '2xx', retryable: false });
    }
    const outcome = await client.exchange({ ...dialect.ask(request, walked), timeoutMs });
    const page = readPage(dialect, request, outcome);
    const items = following(dialect, request, walked, page.items);
    const isEnd = countIn(dialect, request, walked, page, items);
    const [first] = items;
    if (first !== undefined) {
      walked.last = nameOf(dialect, request, items.at(-1)!);
      const ends = `${nameOf(dialect, request, first)} ${walked.last} ${items.length}`;
      // Pages that overlap are seen to go on; among them an item may be told twice.
      if (!dialect.overlaps && seen.has(ends)) throw notWhole(dialect, request, 'a page came again');
      seen.add(ends);
      yield dialect.isOfReport === undefined ? items : items.filter(dialect.isOfReport);
    }
    if (isEnd) return;
  }
}

/** Counts a page in; true when it is the last. What its counts say must be so. */
function countIn(
  dialect: ReportDialect,
  request: SettlementsRequest,
  walked: Walked,
  { total, more }: ReportPage,
  { length }: readonly SettlementItem[],
): boolean {
  walked.pages++;
  walked.items += length;
  if (total !== null && walked.total !== null && total !== walked.total) {
    throw notWhole(dialect, request, `it grew from ${walked.total} to ${total} items while it was read`);
  }
  walked.total = total ?? walked.total;
  const isEnd = more === null ? length === 0 || walked.items === walked.total : !more;
  if (!isEnd && length === 0) throw notWhole(dialect, request, 'an empty page that is not the last');
  const isMore = walked.total !== null && walked.items > walked.total;
  if (isMore || (isEnd && walked.total !== null && walked.items !== walked.total)) {
    throw notWhole(dialect, request, `${walked.items} items came of ${walked.total}`);
  }
  return isEnd;
}

/** The page that was answered. */
function readPage(dialect: ReportDialect, request: SettlementsRequest, outcome: HttpOutcome): ReportPage {
  if (outcome.kind !== 'answered') throw failure(dialect, request, { detail: outcome.detail });
  const { status, body } = outcome;
  const statusClass = `${Math.floor(status / 100)}xx` as SettlementsUnavailable['status'];
  if (status !== 200) {
    const isFinal = status >= 300 && status < 500 && status !== 408 && status !== 429;
    throw failure(dialect, request, {
      detail: `answered ${status}`,
      status: statusClass,
      retryable: !isFinal,
    });
  }
  const page = dialect.read(parseExactly(body));
  if (page === null) throw failure(dialect, request, { detail: 'answered no page', status: statusClass });
  if (typeof page === 'string') {
    throw failure(dialect, request, { detail: page, status: statusClass, retryable: false });
  }
  return page;
}

/** The items that are new: of pages that overlap the first must be the last of the page before. */
function following(
  dialect: ReportDialect,
  request: SettlementsRequest,
  { last }: Walked,
  items: readonly SettlementItem[],
): readonly SettlementItem[] {
  if (!dialect.overlaps || last === null) return items;
  const [again, ...rest] = items;
  if (again === undefined || nameOf(dialect, request, again) !== last) {
    throw notWhole(dialect, request, 'a page does not follow on the one before');
  }
  return rest;
}

function nameOf(dialect: ReportDialect, request: SettlementsRequest, item: SettlementItem): string {
  const name = dialect.nameOf(item);
  if (typeof name === 'string' && name !== '') return name;
  throw notWhole(dialect, request, 'an item without its id');
}

/** It was answered, and what was answered is no whole report; it may be another time, when nothing is added to it. */
function notWhole(
  dialect: ReportDialect,
  request: SettlementsRequest,
  detail: string,
): SettlementsUnavailable {
  return failure(dialect, request, { detail, status: '2xx' });
}

function failure(
  { processor }: ReportDialect,
  { day }: SettlementsRequest,
  why: { detail: string; status?: SettlementsUnavailable['status']; retryable?: boolean },
): SettlementsUnavailable {
  return new SettlementsUnavailable({ processor, day, status: null, retryable: true, ...why });
}
