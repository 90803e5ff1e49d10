/**
 * Client record: what the driver asked for and what it was told, kept apart from the gateway for the audit.
 *
 * 42 bytes a payment in typed arrays, since long runs have millions of them and texts would take ten times that. It is kept
 * in memory while the load runs (a log synced before each request, as campaigns write it, would limit the rate to the disk's)
 * and written as a client log when it is over. Orders and amounts follow from a payment's place, so they need no room.
 *
 * @module
 */

import { closeSync, openSync, writeSync } from 'node:fs';
import type { Order } from './wire.ts';

/** What is known of one payment; flags add up. */
export const INTENT_OK = 1;
export const INTENT_REFUSED = 2;
export const PAY_SENT = 4;
export const PAY_OK = 8;
export const PAY_REFUSED = 16;
/** The last status that a GET showed, where it was final. */
export const SUCCESS = 32;
export const FAILED = 64;
/** A webhook told of it. */
export const HEARD = 128;

/** Instants kept of each payment. */
const INSTANTS = ['intentSent', 'intentTold', 'paySent', 'payTold', 'finalTold'] as const;
type Instant = (typeof INSTANTS)[number];

/** About 850 MB. */
export const RECORDS_MAX = 20_000_000;
/** More than a second brings: a run is ended before a payment would find no room. */
const ROOM_MIN = 500_000;
/** Of the first order. All amounts differ, so that a mix-up would show in the audit. */
const AMOUNT_FIRST = 1000;
const ID_BYTES = 16;
const SEGMENT_BITS = 16;
const SEGMENT_SIZE = 1 << SEGMENT_BITS;
const SEGMENT_MASK = SEGMENT_SIZE - 1;
const LOG_BYTES_AT_ONCE = 1 << 20;

/** 65,536 payments: records grow by segments, since copying one array of millions would stall the schedule. */
interface Segment {
  readonly ids: Buffer;
  readonly flags: Uint8Array;
  /** Whose payment it is, as the wire names merchants. */
  readonly merchants: Uint16Array;
  /** The attempt that was paid with, 1 to 15. */
  readonly attempts: Uint8Array;
  /** Milliseconds since the record began, INSTANTS of them a payment. */
  readonly instants: Uint32Array;
}

/** An append-only record. A payment is named by its place in it. */
export class ClientRecord {
  /** Differs from run to run, so that order ids and keys do. */
  readonly runId: string;
  /** When it began, milliseconds since 1970. */
  readonly startedAt: number;
  readonly #originMs = performance.now();
  readonly #segments: Segment[] = [];
  #size = 0;

  constructor(startedAt = Date.now()) {
    this.startedAt = startedAt;
    this.runId = `${startedAt.toString(36)}${process.pid.toString(36)}`;
  }

  get size(): number {
    return this.#size;
  }

  /** Whether it is time to end the run. */
  get isNearlyFull(): boolean {
    return this.#size > RECORDS_MAX - ROOM_MIN;
  }

  /**
   * An intent is about to be asked for.
   * @throws RangeError when the record is full
   */
  begin(nowMs: number, merchant: number): number {
    if (this.#size >= RECORDS_MAX) throw new RangeError(`the record is full: ${RECORDS_MAX} payments`);
    const place = this.#size++;
    if ((place & SEGMENT_MASK) === 0) this.#segments.push(newSegment());
    this.#segment(place).merchants[place & SEGMENT_MASK] = merchant;
    this.#stamp(place, 'intentSent', nowMs);
    return place;
  }

  /** Whose payment it is. */
  merchantOf(place: number): number {
    return this.#segment(place).merchants[place & SEGMENT_MASK]!;
  }

  /** The order of a payment. */
  orderOf(place: number): Order {
    return { orderId: `load-${this.runId}-${place}`, amount: AMOUNT_FIRST + place };
  }

  /**
   * The intent was answered 201.
   * @param intentHex its id without `pi_`, 32 hex digits
   * @throws RangeError when it is no id
   */
  intentOk(place: number, intentHex: string, nowMs: number): void {
    const { ids } = this.#segment(place);
    const at = (place & SEGMENT_MASK) * ID_BYTES;
    const written = ids.write(intentHex, at, ID_BYTES, 'hex');
    if (written !== ID_BYTES || intentHex.length !== ID_BYTES * 2)
      throw new RangeError(`not an id: ${intentHex}`);
    this.#mark(place, INTENT_OK);
    this.#stamp(place, 'intentTold', nowMs);
  }

  /** The gateway said no to the intent. */
  intentRefused(place: number, nowMs: number): void {
    this.#mark(place, INTENT_REFUSED);
    this.#stamp(place, 'intentTold', nowMs);
  }

  /** The card is about to be sent. */
  paySent(place: number, nowMs: number): void {
    this.#mark(place, PAY_SENT);
    this.#stamp(place, 'paySent', nowMs);
  }

  /**
   * The card was accepted.
   * @param transactionId must be an attempt of the payment's intent
   * @returns false when it is none
   */
  payOk(place: number, transactionId: string, nowMs: number): boolean {
    const attempt = Number.parseInt(transactionId.slice(-1), 16);
    if (transactionId.slice(4, -1) !== this.idOf(place).slice(0, -1) || !(attempt >= 1)) return false;
    this.#segment(place).attempts[place & SEGMENT_MASK] = attempt;
    this.#mark(place, PAY_OK);
    this.#stamp(place, 'payTold', nowMs);
    return true;
  }

  /** The gateway said no to the card. */
  payRefused(place: number, nowMs: number): void {
    this.#mark(place, PAY_REFUSED);
    this.#stamp(place, 'payTold', nowMs);
  }

  /** A GET showed a final status. */
  finalTold(place: number, status: 'SUCCESS' | 'FAILED', nowMs: number): void {
    this.#mark(place, status === 'SUCCESS' ? SUCCESS : FAILED);
    this.#stamp(place, 'finalTold', nowMs);
  }

  /** A webhook came. @returns false when one had come before */
  webhookHeard(place: number): boolean {
    if (this.has(place, HEARD)) return false;
    this.#mark(place, HEARD);
    return true;
  }

  /** The place of an order of this run; null when it is none of it. */
  placeOf(orderId: string): number | null {
    const prefix = `load-${this.runId}-`;
    const place = orderId.startsWith(prefix) ? Number(orderId.slice(prefix.length)) : Number.NaN;
    return Number.isInteger(place) && place >= 0 && place < this.#size ? place : null;
  }

  /** Whether a payment has all these flags. */
  has(place: number, flags: number): boolean {
    return (this.#segment(place).flags[place & SEGMENT_MASK]! & flags) === flags;
  }

  /** How many payments have all these flags. */
  count(flags: number): number {
    let count = 0;
    for (let place = 0; place < this.#size; place++) if (this.has(place, flags)) count += 1;
    return count;
  }

  /** The intent's id without `pi_`; zeros before it is known. */
  idOf(place: number): string {
    const at = (place & SEGMENT_MASK) * ID_BYTES;
    return this.#segment(place).ids.toString('hex', at, at + ID_BYTES);
  }

  /** The transaction that was acknowledged; before that, the first attempt. */
  transactionIdOf(place: number): string {
    const attempt = this.#segment(place).attempts[place & SEGMENT_MASK]! || 1;
    return `txn_${this.idOf(place).slice(0, -1)}${attempt.toString(16)}`;
  }

  /** Writes the record as a client log (src/verification/client-log.ts), mode 0600. */
  writeLog(path: string): void {
    const file = openSync(path, 'wx', 0o600);
    try {
      let text = '';
      for (let place = 0; place < this.#size; place++) {
        text += this.#linesOf(place);
        if (text.length < LOG_BYTES_AT_ONCE) continue;
        writeSync(file, text);
        text = '';
      }
      writeSync(file, text);
    } finally {
      closeSync(file);
    }
  }

  /** An operation without an outcome is unknown: it gets no second line. */
  #linesOf(place: number): string {
    const has = (flag: number) => this.has(place, flag);
    const { orderId, amount } = this.orderOf(place);
    const intent = { do: 'intent', orderId, amount, currency: 'INR' };
    let lines = this.#line(place, 1, 'intentSent', intent);
    if (has(INTENT_REFUSED)) lines += this.#line(place, 1, 'intentTold', { outcome: 'refused' });
    if (!has(INTENT_OK)) return lines;
    const paymentIntentId = `pi_${this.idOf(place)}`;
    lines += this.#line(place, 1, 'intentTold', { outcome: 'ok', paymentIntentId });
    if (!has(PAY_SENT)) return lines;
    lines += this.#line(place, 2, 'paySent', { do: 'pay', paymentIntentId });
    if (has(PAY_REFUSED)) lines += this.#line(place, 2, 'payTold', { outcome: 'refused' });
    if (!has(PAY_OK)) return lines;
    const transactionId = this.transactionIdOf(place);
    lines += this.#line(place, 2, 'payTold', { outcome: 'ok', transactionId });
    if (!has(SUCCESS) && !has(FAILED)) return lines;
    lines += this.#line(place, 3, 'finalTold', { do: 'read', transactionId });
    return (
      lines +
      this.#line(place, 3, 'finalTold', { outcome: 'ok', status: has(SUCCESS) ? 'SUCCESS' : 'FAILED' })
    );
  }

  #line(place: number, operation: 1 | 2 | 3, instant: Instant, what: object): string {
    const { instants } = this.#segment(place);
    const at = this.startedAt + instants[instantAt(place, instant)]!;
    return `${JSON.stringify({ n: place * 3 + operation, at, ...what })}\n`;
  }

  #segment(place: number): Segment {
    return this.#segments[place >>> SEGMENT_BITS]!;
  }

  #mark(place: number, flag: number): void {
    this.#segment(place).flags[place & SEGMENT_MASK]! |= flag;
  }

  #stamp(place: number, instant: Instant, nowMs: number): void {
    this.#segment(place).instants[instantAt(place, instant)] = Math.max(0, nowMs - this.#originMs);
  }
}

function newSegment(): Segment {
  return {
    ids: Buffer.alloc(ID_BYTES * SEGMENT_SIZE),
    flags: new Uint8Array(SEGMENT_SIZE),
    merchants: new Uint16Array(SEGMENT_SIZE),
    attempts: new Uint8Array(SEGMENT_SIZE),
    instants: new Uint32Array(INSTANTS.length * SEGMENT_SIZE),
  };
}

function instantAt(place: number, instant: Instant): number {
  return (place & SEGMENT_MASK) * INSTANTS.length + INSTANTS.indexOf(instant);
}
