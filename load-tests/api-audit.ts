/**
 * API audit: what can be checked of a gateway whose databases are not at hand.
 *
 * Every payment that was not seen final, and a sample of those that were, is asked for; then the bank's book is read as a stream,
 * where the bank is known. In that order, so that no payment turns SUCCESS after the book was read.
 *
 * @module
 */

import { RULES, type RuleName } from '../src/verification/rules.ts';
import { pause } from './arrivals.ts';
import type { Reading } from './audit.ts';
import { type ClientRecord, FAILED, INTENT_OK, PAY_OK, SUCCESS } from './client-record.ts';
import { ConnectionPool } from './connection-pool.ts';
import { REQUEST_TIMEOUT_MS } from './scenario.ts';
import { fieldOf, type Wire } from './wire.ts';

/** Of a line of the bank's book, what counts here. */
interface BookLine {
  readonly reference: string;
  readonly amount: number;
  readonly effect: string;
}

const READ_MAX = 100_000;
const SAMPLE_FINAL_MAX = 2000;
const IN_FLIGHT = 64;
/** How long the gateway may be away (restarting, overloaded) before a payment counts as unreachable. */
const PATIENCE_MS = 30_000;
const RETRY_MS = 250;
const IDS_MAX = 20;

/**
 * Audits by asking.
 * @throws Error when the gateway or the bank cannot be asked
 */
export async function readByApi(
  apiUrl: string,
  wire: Wire,
  record: ClientRecord,
  sandboxUrl: string | null,
): Promise<Reading> {
  const findings = new Findings();
  const statuses = await askForAll(apiUrl, wire, record, findings);
  if (sandboxUrl === null) return { source: 'api', rules: findings.rules, charges: null, remarks: [] };
  const charges = await compareBook(sandboxUrl, record, statuses, findings);
  return { source: 'api', rules: findings.rules, charges, remarks: [] };
}

/** Findings by rule. */
class Findings {
  readonly #ids = new Map<RuleName, string[]>();
  readonly #counts = new Map<RuleName, number>();

  add(rule: RuleName, id: string): void {
    const ids = this.#ids.get(rule) ?? [];
    if (ids.length < IDS_MAX) ids.push(id);
    this.#ids.set(rule, ids);
    this.#counts.set(rule, (this.#counts.get(rule) ?? 0) + 1);
  }

  get rules(): Reading['rules'] {
    return [...this.#counts].map(([rule, count]) => ({
      rule,
      what: RULES[rule].what,
      count,
      ids: this.#ids.get(rule) ?? [],
    }));
  }
}

/** The status of every payment as it is known now: as a GET shows it, else as it was shown during the run. */
async function askForAll(
  apiUrl: string,
  wire: Wire,
  record: ClientRecord,
  findings: Findings,
): Promise<Map<number, string>> {
  const statuses = new Map<number, string>();
  const [open, final]: [number[], number[]] = [[], []];
  for (let place = 0; place < record.size; place++) {
    if (record.has(place, SUCCESS)) statuses.set(place, 'SUCCESS');
    if (record.has(place, FAILED)) statuses.set(place, 'FAILED');
    if (record.has(place, INTENT_OK)) (statuses.has(place) ? final : open).push(place);
  }
  const places = [...evenly(open, READ_MAX), ...evenly(final, SAMPLE_FINAL_MAX)];
  const pool = new ConnectionPool(apiUrl, {
    connectionsMax: IN_FLIGHT,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  });
  const deadlineMs = performance.now() + PATIENCE_MS;
  let next = 0;
  const clerk = async (): Promise<void> => {
    while (next < places.length) {
      const place = places[next++]!;
      const status = await askFor(place, record, pool, wire, deadlineMs);
      if (status === 'absent') findings.add('acknowledged_absent', idOf(place, record));
      // FAILED may become SUCCESS, when the bank says so late.
      else if (record.has(place, SUCCESS) && status !== 'SUCCESS')
        findings.add('final_taken_back', idOf(place, record));
      statuses.set(place, status);
    }
  };
  try {
    await Promise.all(Array.from({ length: IN_FLIGHT }, clerk));
  } finally {
    pool.close();
  }
  return statuses;
}

/** Asks until the payment is final, or until the deadline. Rejects when the gateway has not answered by then. */
async function askFor(
  place: number,
  record: ClientRecord,
  pool: ConnectionPool,
  wire: Wire,
  deadlineMs: number,
): Promise<string> {
  const paid = record.has(place, PAY_OK);
  const id = idOf(place, record);
  const merchant = record.merchantOf(place);
  const text = paid ? wire.getTransaction(merchant, id) : wire.getIntent(merchant, id);
  for (;;) {
    const answer = await pool.request(text);
    if (answer.status === 404) return 'absent';
    const late = performance.now() >= deadlineMs;
    const status = answer.status === 200 ? fieldOf(answer.body, '"status":"') : null;
    if (status !== null && (late || !paid || status === 'SUCCESS' || status === 'FAILED')) return status;
    if (late) throw new Error(`${id} could not be asked for: ${answer.fault ?? answer.status}`);
    await pause(RETRY_MS);
  }
}

/** Compares the book with what is known; how many of its lines took money for our payments. */
async function compareBook(
  sandboxUrl: string,
  record: ClientRecord,
  statuses: ReadonlyMap<number, string>,
  findings: Findings,
): Promise<number> {
  const places = new Map<string, number>();
  for (let place = 0; place < record.size; place++) {
    if (record.has(place, INTENT_OK)) places.set(record.idOf(place).slice(0, -1), place);
  }
  const charges = new Map<number, number>();
  let charged = 0;
  await readBook(sandboxUrl, ({ reference, amount, effect }) => {
    const place = effect === 'charged' ? places.get(reference.slice(4, -1)) : undefined;
    if (place === undefined) return;
    charged += 1;
    charges.set(place, (charges.get(place) ?? 0) + 1);
    if (amount !== record.orderOf(place).amount) findings.add('amount_differs', reference);
    if (charges.get(place) === 2) findings.add('second_success', `pi_${record.idOf(place)}`);
  });
  for (const [place, status] of statuses) {
    if (status === 'SUCCESS' && !charges.has(place))
      findings.add('success_without_charge', idOf(place, record));
    if (status === 'FAILED' && charges.has(place)) findings.add('charge_of_failed', idOf(place, record));
  }
  return charged;
}

function idOf(place: number, record: ClientRecord): string {
  return record.has(place, PAY_OK) ? record.transactionIdOf(place) : `pi_${record.idOf(place)}`;
}

/** At most `max` of them, evenly spread. */
function evenly(places: readonly number[], max: number): number[] {
  if (places.length <= max) return [...places];
  return Array.from({ length: max }, (_, at) => places[Math.floor((at * places.length) / max)]!);
}

/**
 * Reads the bank's book as a stream, line by line.
 * @throws Error when the bank does not answer 200, or a line is not JSON
 */
async function readBook(sandboxUrl: string, take: (line: BookLine) => void): Promise<void> {
  const response = await fetch(`${sandboxUrl}/_bank/charges`);
  if (response.status !== 200 || response.body === null)
    throw new Error(`${sandboxUrl}/_bank/charges answered ${response.status}`);
  let rest = '';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (line !== '') take(JSON.parse(line) as BookLine);
  }
  if (rest !== '') take(JSON.parse(rest) as BookLine);
}
