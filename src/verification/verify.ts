/**
 * Verify: joins what clients were told, what the banks have booked and what the databases hold, and judges every payment.
 *
 * It may run beside a gateway at work. The client log and the books are read first, the databases after that, each in one
 * snapshot: so what a client was told or the bank was asked for was committed before. What the databases call paid and no book
 * had yet is looked for in the books once more before it is told.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstIdAt, type IntentId, intentIdOf, showIntentId, showTransactionId } from '../domain/ids.ts';
import type {
  PaymentScan,
  ScannedAttempt,
  ScannedEntry,
  ScannedEvent,
  ScannedFinal,
  ScannedIntent,
} from '../storage/payment-scan.ts';
import { openPaymentScan } from '../storage/postgres/payment-scan.ts';
import { type Book, readBook, tookMoney } from './book.ts';
import { leastKey, Ordered } from './ordered.ts';
import { type SortedBooks, type SortedTold, sortBooks, sortClientLog } from './records.ts';
import {
  type BookedCharge,
  type BookedRefusal,
  INTENT_CLOSED_AFTER_MS,
  isInBook,
  judge,
  judgeCharge,
  RULES,
  type RuleName,
  type Story,
  type Terms,
} from './rules.ts';

export interface VerifyRequest {
  /** Connection strings of roles that may SELECT, one per shard database. */
  shardDatabaseUrls: readonly string[];
  /** None: charges are not compared. */
  books: readonly Book[];
  /** The books are those of this account: their other lines, and attempts at other accounts, are not compared. Default: of all. */
  account?: string;
  /** Path of a client log; null: nothing is known to be acknowledged. */
  clientLog: string | null;
  /**
   * An attempt still open this many milliseconds after its `send_before` is stuck, and so is an intent still open so long after
   * recovery should have closed it.
   */
  unknownAfterMs: number;
  /** Milliseconds since 1970. */
  now: number;
  /** Compare only payments whose intents were made from here on, milliseconds since 1970. Default: all. */
  since?: number;
}

/** What one rule found. */
export interface RuleReport {
  rule: RuleName;
  /** What a finding of it is, in words. */
  what: string;
  /** False: the record it needs was not given, so it could find nothing. */
  compared: boolean;
  count: number;
  /** The first 20. */
  ids: readonly string[];
}

export interface Verification {
  /** Every rule, also those without findings. */
  rules: readonly RuleReport[];
  counts: {
    intents: number;
    attempts: number;
    /** Attempts whose charges the books have, if they were charged: those at their processors and account. */
    attemptsInBook: number;
    /** Lines of the books that took money. */
    charges: number;
    /** Rows of the outbox. */
    events: number;
    /** Of the ledger. */
    entries: number;
    /** Intents and payments that clients were told of. */
    acknowledged: number;
  };
  /** What is odd about a record and no finding, in words: a client log torn by a crash. */
  remarks: readonly string[];
}

const IDS_TOLD_MAX = 20;
/**
 * Successes that are looked for in the books once more: what is paid while they are read, and then some. More than that is no
 * matter of timing.
 */
const SECOND_LOOK_MAX = 200_000;
const BEFORE_ALL = '0'.repeat(32);

/**
 * Verifies. Payments are judged in the order of their ids from sorted streams, so memory does not grow with their number; sorting
 * takes temporary files of about 70 bytes a charge and 80 an answer in a client log.
 * @throws RecordError when a book or the client log cannot be read, or a line of it is none; else the database's error
 */
export async function verify(request: VerifyRequest): Promise<Verification> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-verify-'));
  const scans: PaymentScan[] = [];
  try {
    return await verifyIn(folder, request, scans);
  } finally {
    await closeAll(scans);
    await rm(folder, { recursive: true, force: true });
  }
}

async function verifyIn(folder: string, request: VerifyRequest, scans: PaymentScan[]): Promise<Verification> {
  const from = request.since === undefined ? BEFORE_ALL : firstIdAt(request.since);
  const findings = new Findings();
  const terms = termsOf(request);
  const remarks: string[] = [];
  const log = await clientLogOf(request, folder, from, remarks);
  const books = await booksOf(request, folder, from, findings);
  for (const url of request.shardDatabaseUrls) scans.push(await openPaymentScan(url, from));
  const counts = await judgeAll(terms, { scans, books, log }, findings);
  // Reading the books may take minutes: a snapshot kept open meanwhile would keep the databases from tidying up.
  await closeAll(scans);
  await lookAgain(request, findings);
  return { rules: findings.report(request), counts, remarks };
}

/** Closes the snapshots; the list is empty after that. */
async function closeAll(scans: PaymentScan[]): Promise<void> {
  await Promise.allSettled(scans.splice(0).map((scan) => scan.close()));
}

function termsOf({ books, account, now, unknownAfterMs }: VerifyRequest): Terms {
  const isNamed = books.every((book) => book.processors !== null);
  const processors = isNamed ? books.flatMap((book) => book.processors ?? []) : null;
  const closedBefore = now - INTENT_CLOSED_AFTER_MS - unknownAfterMs;
  return { account: account ?? null, processors, now, unknownAfterMs, closedBefore };
}

async function clientLogOf(
  { clientLog }: VerifyRequest,
  folder: string,
  from: IntentId,
  remarks: string[],
): Promise<SortedTold | null> {
  if (clientLog === null) return null;
  const torn = (line: number): void => {
    remarks.push(`${clientLog}:${line} is torn and was passed over`);
  };
  return await sortClientLog(clientLog, folder, from, torn);
}

async function booksOf(
  { books, account }: VerifyRequest,
  folder: string,
  from: IntentId,
  findings: Findings,
): Promise<SortedBooks | null> {
  if (books.length === 0) return null;
  return await sortBooks({ books, account }, folder, from, (reference) =>
    findings.add('charge_without_attempt', reference),
  );
}

interface Records {
  scans: readonly PaymentScan[];
  books: SortedBooks | null;
  log: SortedTold | null;
}

/** Joins the records payment by payment. */
async function judgeAll(
  terms: Terms,
  { scans, books, log }: Records,
  findings: Findings,
): Promise<Verification['counts']> {
  const intents = scans.map((scan) => new Ordered(scan.intents, intentKey));
  const attempts = scans.map((scan) => new Ordered(scan.attempts, attemptKey));
  const events = scans.map((scan) => new Ordered(scan.events, eventKey));
  const entries = scans.map((scan) => new Ordered(scan.entries, entryKey));
  const finals = scans.map((scan) => new Ordered(scan.finals, finalKey));
  const booked = books === null ? [] : [books.lines];
  const told = log === null ? [] : [log.told];
  const streams = [...intents, ...attempts, ...events, ...entries, ...finals, ...booked, ...told];
  const counts = {
    intents: 0,
    attempts: 0,
    attemptsInBook: 0,
    charges: books?.count ?? 0,
    events: 0,
    entries: 0,
    acknowledged: log?.acknowledged ?? 0,
  };
  try {
    for (const stream of streams) await stream.load();
    for (let id = leastKey(streams); id !== null; id = leastKey(streams)) {
      const lines = await takeAll(booked, id);
      const story: Story = {
        intentId: id,
        intents: await takeAll(intents, id),
        attempts: (await takeAll(attempts, id)).sort(byAttempt),
        events: await takeAll(events, id),
        entries: await takeAll(entries, id),
        finals: await takeAll(finals, id),
        charges: books === null ? null : lines.filter(isCharge),
        refusals: lines.filter(isRefusal),
        told: await takeAll(told, id),
      };
      counts.intents += story.intents.length;
      counts.attempts += story.attempts.length;
      counts.events += story.events.length;
      counts.entries += story.entries.length;
      if (books !== null)
        counts.attemptsInBook += story.attempts.filter((attempt) => isInBook(attempt, terms)).length;
      for (const finding of judge(story, terms)) {
        if (finding.rule !== 'success_without_charge' || !findings.putOff(finding.id, story))
          findings.add(finding.rule, finding.id);
      }
    }
  } finally {
    for (const stream of streams) await stream.close();
  }
  return counts;
}

function isCharge(line: BookedCharge | BookedRefusal): line is BookedCharge {
  return 'amount' in line;
}

function isRefusal(line: BookedCharge | BookedRefusal): line is BookedRefusal {
  return !isCharge(line);
}

async function takeAll<Item>(streams: readonly Ordered<Item>[], id: IntentId): Promise<Item[]> {
  const taken: Item[] = [];
  for (const stream of streams) if (stream.key === id) taken.push(...(await stream.take(id)));
  return taken;
}

const intentKey = ({ intentId }: ScannedIntent): IntentId => intentId;
const attemptKey = ({ transactionId }: ScannedAttempt): IntentId => intentIdOf(transactionId);
const entryKey = ({ subjectId }: ScannedEntry): IntentId => intentIdOf(subjectId);
const finalKey = ({ transactionId }: ScannedFinal): IntentId => intentIdOf(transactionId);
const eventKey = ({ intentId }: ScannedEvent): IntentId => intentId;

/** A payment whose rows are in two databases has them one database after the other. */
function byAttempt(a: ScannedAttempt, b: ScannedAttempt): number {
  return a.transactionId < b.transactionId ? -1 : 1;
}

/**
 * Looks for the charges of those successes that had none when the books were read, and holds them against their attempts. What is
 * not there now either is found.
 */
async function lookAgain({ books, account }: VerifyRequest, findings: Findings): Promise<void> {
  const { unbooked } = findings;
  if (unbooked.size === 0) return;
  for (const book of books) {
    for await (const page of readBook(book, account)) {
      for (const line of page) {
        const success = unbooked.get(line.reference);
        if (success === undefined || !tookMoney(line)) continue;
        success.isBooked = true;
        success.charges += 1;
        if (success.charges === 2) findings.add('second_success', showIntentId(success.intentId));
        judgeCharge(line, success.attempt, (rule, id) => findings.add(rule, id));
      }
    }
  }
  for (const [reference, { isBooked }] of unbooked)
    if (!isBooked) findings.add('success_without_charge', reference);
}

/** A success whose charge was in no book when they were read first. */
interface UnbookedSuccess {
  intentId: IntentId;
  attempt: ScannedAttempt;
  /** Charges of the whole intent so far. */
  charges: number;
  /** Its charge has been found since. */
  isBooked: boolean;
}

/** What the rules have found, by rule. */
class Findings {
  /** Successes without a charge that may yet be found in a book, by reference. */
  readonly unbooked = new Map<string, UnbookedSuccess>();
  readonly #counts = new Map<RuleName, number>();
  readonly #ids = new Map<RuleName, string[]>();

  add(rule: RuleName, id: string): void {
    this.#counts.set(rule, (this.#counts.get(rule) ?? 0) + 1);
    const ids = this.#ids.get(rule) ?? [];
    this.#ids.set(rule, ids);
    if (ids.length < IDS_TOLD_MAX) ids.push(id);
  }

  /** Puts a success without a charge off until the books are read again; false when there are too many for that. */
  putOff(reference: string, { intentId, attempts, charges }: Story): boolean {
    const attempt = attempts.find(({ transactionId }) => showTransactionId(transactionId) === reference);
    if (attempt === undefined || this.unbooked.size >= SECOND_LOOK_MAX) return false;
    this.unbooked.set(reference, { intentId, attempt, charges: charges?.length ?? 0, isBooked: false });
    return true;
  }

  /** Every rule with what it has found. */
  report({ books, clientLog }: VerifyRequest): RuleReport[] {
    const missing = [...(books.length === 0 ? ['book'] : []), ...(clientLog === null ? ['client log'] : [])];
    return (Object.keys(RULES) as RuleName[]).map((rule) => {
      const { what, needs } = RULES[rule];
      const ids = this.#ids.get(rule) ?? [];
      const compared = needs === undefined || !missing.includes(needs);
      return { rule, what, compared, count: this.#counts.get(rule) ?? 0, ids };
    });
  }
}
