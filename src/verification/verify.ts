/**
 * Verify: joins what clients were told, what the bank has booked and what the databases hold, and judges every payment.
 *
 * It may run beside a gateway at work. The client log and the book are read first, the databases after that, each in one
 * snapshot: so what a client was told or the bank was asked for was committed before. What the databases call paid and the book
 * did not have yet is looked for in the book once more before it is told.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstIdAt, type IntentId, intentIdOf } from '../domain/ids.ts';
import type { PaymentScan, ScannedAttempt, ScannedEvent, ScannedIntent } from '../storage/payment-scan.ts';
import { openPaymentScan } from '../storage/postgres/payment-scan.ts';
import { readBook } from './book.ts';
import { leastKey, Ordered } from './ordered.ts';
import { type SortedBook, type SortedTold, sortBook, sortClientLog } from './records.ts';
import { judge, RULES, type RuleName, type Story } from './rules.ts';

export interface VerifyRequest {
  /** Connection strings of roles that may SELECT, one per shard database. */
  shardDatabaseUrls: readonly string[];
  /**
   * URL (http, https) of the sandbox bank, whose `/_bank/charges` is streamed, or path of an NDJSON or CSV export; null: charges are
   * not compared.
   */
  book: string | null;
  /** The book is that of this account: its other lines, and attempts at other accounts, are not compared. Default: of all. */
  account?: string;
  /** Path of a client log; null: nothing is known to be acknowledged. */
  clientLog: string | null;
  /** An attempt still open this many milliseconds after its `send_before` is stuck. */
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
    /** Lines of the book that took money. */
    charges: number;
    /** Rows of the outbox. */
    events: number;
    /** Intents and payments that clients were told of. */
    acknowledged: number;
  };
  /** What is odd about a record and no finding, in words: a client log torn by a crash. */
  remarks: readonly string[];
}

const IDS_TOLD_MAX = 20;
/**
 * Successes that are looked for in the book once more: what is paid while the book is read, and then some. More than that is no
 * matter of timing.
 */
const SECOND_LOOK_MAX = 200_000;
const BEFORE_ALL = '0'.repeat(32);

/**
 * Verifies. Payments are judged in the order of their ids from sorted streams, so memory does not grow with their number; sorting
 * takes temporary files of about 60 bytes a charge and as many an answer in a client log.
 * @throws RecordError when book or client log cannot be read, or a line of it is none; else the database's error
 */
export async function verify(request: VerifyRequest): Promise<Verification> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-verify-'));
  const scans: PaymentScan[] = [];
  try {
    return await verifyIn(folder, request, scans);
  } finally {
    await Promise.allSettled(scans.map((scan) => scan.close()));
    await rm(folder, { recursive: true, force: true });
  }
}

async function verifyIn(folder: string, request: VerifyRequest, scans: PaymentScan[]): Promise<Verification> {
  const from = request.since === undefined ? BEFORE_ALL : firstIdAt(request.since);
  const findings = new Findings();
  const remarks: string[] = [];
  const log = await clientLogOf(request, folder, from, remarks);
  const book = await bookOf(request, folder, from, findings);
  for (const url of request.shardDatabaseUrls) scans.push(await openPaymentScan(url, from));
  const counts = await judgeAll(request, { scans, book, log }, findings);
  await lookAgain(request, findings);
  return { rules: findings.report(request), counts, remarks };
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

async function bookOf(
  { book, account }: VerifyRequest,
  folder: string,
  from: IntentId,
  findings: Findings,
): Promise<SortedBook | null> {
  if (book === null) return null;
  return await sortBook({ book, account }, folder, from, (reference) =>
    findings.add('charge_without_attempt', reference),
  );
}

interface Records {
  scans: readonly PaymentScan[];
  book: SortedBook | null;
  log: SortedTold | null;
}

/** Joins the records payment by payment. */
async function judgeAll(
  { account, now, unknownAfterMs }: VerifyRequest,
  { scans, book, log }: Records,
  findings: Findings,
): Promise<Verification['counts']> {
  const intents = scans.map((scan) => new Ordered(scan.intents, intentKey));
  const attempts = scans.map((scan) => new Ordered(scan.attempts, attemptKey));
  const events = scans.map((scan) => new Ordered(scan.events, eventKey));
  const charges = book === null ? [] : [book.charges];
  const told = log === null ? [] : [log.told];
  const streams = [...intents, ...attempts, ...events, ...charges, ...told];
  const counts = {
    intents: 0,
    attempts: 0,
    charges: book?.count ?? 0,
    events: 0,
    acknowledged: log?.acknowledged ?? 0,
  };
  const terms = { account: account ?? null, now, unknownAfterMs };
  try {
    for (const stream of streams) await stream.load();
    for (let id = leastKey(streams); id !== null; id = leastKey(streams)) {
      const story: Story = {
        intentId: id,
        intents: await takeAll(intents, id),
        attempts: (await takeAll(attempts, id)).sort(byAttempt),
        events: await takeAll(events, id),
        charges: book === null ? null : await takeAll(charges, id),
        told: await takeAll(told, id),
      };
      counts.intents += story.intents.length;
      counts.attempts += story.attempts.length;
      counts.events += story.events.length;
      for (const finding of judge(story, terms)) findings.add(finding.rule, finding.id);
    }
  } finally {
    for (const stream of streams) await stream.close();
  }
  return counts;
}

async function takeAll<Item>(streams: readonly Ordered<Item>[], id: IntentId): Promise<Item[]> {
  const taken: Item[] = [];
  for (const stream of streams) if (stream.key === id) taken.push(...(await stream.take(id)));
  return taken;
}

const intentKey = ({ intentId }: ScannedIntent): IntentId => intentId;
const attemptKey = ({ transactionId }: ScannedAttempt): IntentId => intentIdOf(transactionId);
const eventKey = ({ intentId }: ScannedEvent): IntentId => intentId;

/** A payment whose rows are in two databases has them one database after the other. */
function byAttempt(a: ScannedAttempt, b: ScannedAttempt): number {
  return a.transactionId < b.transactionId ? -1 : 1;
}

/** Takes back those successes whose charges the book has by now. */
async function lookAgain({ book, account }: VerifyRequest, findings: Findings): Promise<void> {
  const { unbooked } = findings;
  if (book === null || unbooked.size === 0) return;
  for await (const page of readBook(book, account))
    for (const { reference } of page) unbooked.delete(reference);
}

/** What the rules have found, by rule. */
class Findings {
  /** Successes without a charge that may yet be found in the book. */
  readonly unbooked = new Set<string>();
  readonly #counts = new Map<RuleName, number>();
  readonly #ids = new Map<RuleName, string[]>();

  add(rule: RuleName, id: string): void {
    if (rule === 'success_without_charge' && this.unbooked.size < SECOND_LOOK_MAX) this.unbooked.add(id);
    else this.#count(rule, id);
  }

  /** Closes the list: what is still unbooked stays so. */
  report({ book, clientLog }: VerifyRequest): RuleReport[] {
    for (const id of this.unbooked) this.#count('success_without_charge', id);
    this.unbooked.clear();
    const missing = [...(book === null ? ['book'] : []), ...(clientLog === null ? ['client log'] : [])];
    return (Object.keys(RULES) as RuleName[]).map((rule) => {
      const { what, needs } = RULES[rule];
      const ids = this.#ids.get(rule) ?? [];
      const compared = needs === undefined || !missing.includes(needs);
      return { rule, what, compared, count: this.#counts.get(rule) ?? 0, ids };
    });
  }

  #count(rule: RuleName, id: string): void {
    this.#counts.set(rule, (this.#counts.get(rule) ?? 0) + 1);
    const ids = this.#ids.get(rule) ?? [];
    this.#ids.set(rule, ids);
    if (ids.length < IDS_TOLD_MAX) ids.push(id);
  }
}
