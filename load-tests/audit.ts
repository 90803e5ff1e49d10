/**
 * Audit: after a run, what was acknowledged to the driver against what the gateway shows and what the bank has booked.
 *
 * First every payment that was not seen final, and a sample of those that were, is asked for over the API; then the bank's book is read
 * as a stream. In that order, so that no payment turns SUCCESS after the book was read.
 *
 * @module
 */

import { pause } from './arrivals.ts';
import type { Answer } from './connection.ts';
import { ConnectionPool } from './connection-pool.ts';
import {
  ABSENT,
  FAILED,
  FOUND,
  PAID,
  type PaymentRecord,
  SUCCESS,
  transactionIdOf,
  UNKNOWN,
} from './payment-record.ts';
import { REQUEST_TIMEOUT_MS } from './scenario.ts';
import type { Target } from './target.ts';
import { createWire, fieldOf, type Wire } from './wire.ts';

/** Counts of payments. Null where it cannot be known: no bank, or no webhooks. */
export interface Audit {
  /** Answered 2xx: pay requests in full-payment, intents in create-intent. */
  readonly acknowledged: number;
  /** Of those, how many are not absent. */
  readonly stored: number;
  /** Lines of effect "charged" in the bank's book that are for our payments. */
  readonly charged: number | null;
  /** Webhooks delivered. */
  readonly delivered: number | null;
  /** Acknowledged (also as an intent alone) and absent, or SUCCESS without a charge. */
  readonly lost: number;
  /** Intents charged more than once. */
  readonly double: number | null;
  /** FAILED and charged all the same, or charged with another amount. */
  readonly wrong: number | null;
  /** Paid, present and still without a final word. */
  readonly pending: number;
  /** Pay requests without an answer that turned out to be charged or final: no fault, the merchant would ask too. */
  readonly unanswered: number;
  /** Payments (or intents) of the run that a GET has found or missed. */
  readonly checked: number;
  /** Those that could not be asked for because the gateway did not answer. */
  readonly unreachable: number;
}

/** A line of the bank's book, as far as it counts. */
export interface BookLine {
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

/** Audits a run; without a bank charges are not compared. */
export async function auditRun(target: Target, record: PaymentRecord): Promise<Audit> {
  const unreachable = await askGateway(target, record);
  const tally = new ChargeTally(record);
  if (target.sandboxUrl !== null && record.size > 0)
    await readBook(target.sandboxUrl, (line) => tally.take(line));
  return judge(record, target.sandboxUrl === null ? null : tally, unreachable);
}

/** The verdict, from what is in the record and the charges. */
export function judge(record: PaymentRecord, tally: ChargeTally | null, unreachable: number): Audit {
  const counts = { intents: 0, intentsAbsent: 0, paid: 0, paidAbsent: 0, checked: 0 };
  let [lost, wrong, pending, unanswered] = [0, 0, 0, 0];
  for (let place = 0; place < record.size; place++) {
    const has = (flags: number) => record.has(place, flags);
    // Also where it was found before: what is shown once must stay.
    const absent = has(ABSENT);
    counts.intents += 1;
    if (has(ABSENT) || has(FOUND)) counts.checked += 1;
    if (absent) counts.intentsAbsent += 1;
    if (has(PAID)) {
      counts.paid += 1;
      if (absent) counts.paidAbsent += 1;
      else if (!has(SUCCESS) && !has(FAILED)) pending += 1;
    }
    const charges = tally?.chargesOf(place) ?? 0;
    if (absent || (tally !== null && has(SUCCESS) && charges === 0)) lost += 1;
    if (has(FAILED) && charges > 0) wrong += 1;
    if (has(UNKNOWN) && (charges > 0 || has(SUCCESS))) unanswered += 1;
  }
  const pays = counts.paid > 0;
  return {
    acknowledged: pays ? counts.paid : counts.intents,
    stored: pays ? counts.paid - counts.paidAbsent : counts.intents - counts.intentsAbsent,
    charged: tally?.charged ?? null,
    delivered: null,
    lost,
    double: tally?.double ?? null,
    wrong: tally === null ? null : wrong + tally.otherAmount,
    pending,
    unanswered,
    checked: counts.checked,
    unreachable,
  };
}

/** Whether an audit shows a fault of the gateway. */
export function hasFault(audit: Audit): boolean {
  return audit.lost > 0 || (audit.double ?? 0) > 0 || (audit.wrong ?? 0) > 0;
}

/** Charges of the book by payment. */
export class ChargeTally {
  charged = 0;
  double = 0;
  otherAmount = 0;
  readonly #record: PaymentRecord;
  readonly #charges: Uint8Array;

  constructor(record: PaymentRecord) {
    this.#record = record;
    this.#charges = new Uint8Array(record.size);
  }

  /** Takes one line; those of others' payments are passed over. */
  take(line: BookLine): void {
    if (line.effect !== 'charged') return;
    const place = this.#record.find(line.reference.replace(/^txn_/, ''));
    if (place < 0) return;
    this.charged += 1;
    if (line.amount !== this.#record.amountOf(place)) this.otherAmount += 1;
    const charges = Math.min(this.#charges[place]! + 1, 255);
    this.#charges[place] = charges;
    if (charges === 2) this.double += 1;
  }

  chargesOf(place: number): number {
    return this.#charges[place]!;
  }
}

/** Asks for what was not seen final, and for a sample of the rest; marks what is found. Returns how many could not be asked for. */
async function askGateway(target: Target, record: PaymentRecord): Promise<number> {
  const open: number[] = [];
  const final: number[] = [];
  for (let place = 0; place < record.size; place++) {
    (record.has(place, SUCCESS) || record.has(place, FAILED) ? final : open).push(place);
  }
  const places = [...evenly(open, READ_MAX), ...evenly(final, SAMPLE_FINAL_MAX)];
  const pool = new ConnectionPool(target.apiUrl, {
    connectionsMax: IN_FLIGHT,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  });
  const wire = createWire(target, target.apiUrl);
  const deadlineMs = performance.now() + PATIENCE_MS;
  let next = 0;
  let unreachable = 0;
  const clerk = async (): Promise<void> => {
    while (next < places.length) {
      const place = places[next++]!;
      if (!(await askFor(place, record, pool, wire, deadlineMs))) unreachable += 1;
    }
  };
  try {
    await Promise.all(Array.from({ length: IN_FLIGHT }, clerk));
  } finally {
    pool.close();
  }
  return unreachable;
}

/** Reads one payment until it is final, or until the deadline. False when the gateway has not answered at all. */
async function askFor(
  place: number,
  record: PaymentRecord,
  pool: ConnectionPool,
  wire: Wire,
  deadlineMs: number,
): Promise<boolean> {
  const paid = record.has(place, PAID);
  const id = record.idOf(place);
  const text = paid ? wire.getTransaction(`txn_${transactionIdOf(id)}`) : wire.getIntent(`pi_${id}`);
  for (;;) {
    const answer = await pool.request(text);
    const last = performance.now() >= deadlineMs;
    if (answer.status === 404) {
      record.mark(place, ABSENT);
      return true;
    }
    if (answer.status === 200) {
      record.mark(place, FOUND | finalFlagOf(answer));
      const waits = record.has(place, PAID) || record.has(place, UNKNOWN);
      if (last || !waits || record.has(place, SUCCESS) || record.has(place, FAILED)) return true;
      if (record.has(place, UNKNOWN) && fieldOf(answer.body, '"status":"') === 'PENDING') return true;
    } else if (last) return false;
    await pause(RETRY_MS);
  }
}

function finalFlagOf(answer: Answer): number {
  const status = fieldOf(answer.body, '"status":"');
  return status === 'SUCCESS' ? SUCCESS : status === 'FAILED' ? FAILED : 0;
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
  if (response.status !== 200 || response.body === null) {
    throw new Error(`${sandboxUrl}/_bank/charges answered ${response.status}`);
  }
  let rest = '';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (line !== '') take(JSON.parse(line) as BookLine);
  }
  if (rest !== '') take(JSON.parse(rest) as BookLine);
}
