/**
 * The bank's book: every charge ever decided, on disk and in memory.
 *
 * `book.ndjson` gets one line per decision and is never rewritten; `delivered.ndjson` gets one line per callback that is
 * done with. On start both are read back. Memory holds every charge of the book, so it grows with the book: a sandbox is
 * thrown away before that matters.
 * Promises: one account and reference have one charge id for ever; a charge is shown only after its line is on disk; at
 * most one line of a charge says `"effect":"charged"`.
 * @module
 */
import { hash, randomBytes, randomUUID } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppendLog, readBackLines, readBlocks } from './append-log.ts';
import {
  type ChargeFacts,
  type ChargeMethod,
  type ChargeOrder,
  type ChargeStatus,
  type Choice,
  type Decision,
  decide,
  decideAsked,
} from './bank.ts';
import { BIN_LENGTH, behaviourOf } from './cards.ts';

/** A charge in memory. What is not `readonly` changes when it is decided or called back; the rest does not. */
export interface Charge extends ChargeFacts {
  /** The last digits of the card; empty for UPI. */
  readonly last4: string;
  /** Keyed hash of the card number, to tell a replay from another card or from UPI. */
  readonly cardPrint: string;
  /** Where the shopper goes after the bank's page. */
  readonly returnUrl: string | undefined;
  declineCode: string | undefined;
  /** When the present status was decided, ms. */
  decidedAt: number;
  status: ChargeStatus;
  /** Whether this processing charge will succeed when its callback is due. */
  settles: boolean;
  callback: 'none' | 'due' | 'done';
  /** Settles when the newest line of this charge is on disk; null when it is. */
  written: Promise<void> | null;
}

/** One line of `book.ndjson`. Times in ms, amounts in minor units. */
export interface BookLine {
  readonly at: number;
  readonly id: string;
  readonly account: string;
  readonly reference: string;
  readonly amount: number;
  readonly currency: string;
  readonly status: ChargeStatus;
  readonly decline_code?: string;
  /** Books of before there was UPI do not have it: credit cards all. */
  readonly method?: ChargeMethod;
  readonly bin: string;
  readonly last4: string;
  readonly card_print: string;
  readonly effect: 'charged' | 'none';
  readonly callback: 'due' | 'none';
  readonly settles?: true;
  readonly return_url?: string;
  readonly expires_at?: number;
}

/** What `place` did with an order. `reused`: the reference belongs to a charge with other facts. */
export interface Placed {
  readonly kind: 'booked' | 'replayed' | 'reused';
  readonly charge: Charge;
}

/** A line of the book that cannot be read: the book must not be guessed at. */
export class BookCorruptError extends Error {
  override readonly name = 'BookCorruptError';
}

export class Book {
  readonly #charges: Map<string, Map<string, Charge>>;
  /** The charges that ask the shopper, or have asked, by their id. */
  readonly #asking: Map<string, Charge>;
  readonly #log: AppendLog;
  readonly #delivered: AppendLog;
  readonly #printKey: string;

  private constructor(
    charges: Map<string, Map<string, Charge>>,
    log: AppendLog,
    delivered: AppendLog,
    printKey: string,
  ) {
    this.#charges = charges;
    this.#asking = new Map();
    for (const ofAccount of charges.values())
      for (const charge of ofAccount.values()) this.#noteAsking(charge);
    this.#log = log;
    this.#delivered = delivered;
    this.#printKey = printKey;
  }

  /**
   * Reads the book of `dataDir` back and opens it for appending.
   * @param options.durable whether a charge waits for the disk (fdatasync)
   * @param options.onFailure told of a failed write; the process must end
   * @param options.onTorn told of a torn last line that was cut off
   * @throws BookCorruptError when a whole line is not a line of the book
   */
  static async open(
    dataDir: string,
    options: {
      readonly durable: boolean;
      readonly onFailure: (error: Error) => void;
      readonly onTorn: (path: string, bytes: number) => void;
    },
  ): Promise<Book> {
    const bookPath = join(dataDir, 'book.ndjson');
    const deliveredPath = join(dataDir, 'delivered.ndjson');
    const charges = new Map<string, Map<string, Charge>>();
    const byEvent = new Map<string, Charge>();
    const tornBytes = await readBackLines(bookPath, (line, lineNumber) => {
      const charge = readBookLine(charges, line, `${bookPath}:${lineNumber}`);
      if (charge.callback === 'due') byEvent.set(eventIdOf(charge), charge);
    });
    if (tornBytes > 0) options.onTorn(bookPath, tornBytes);
    const tornDelivered = await readBackLines(deliveredPath, (line, lineNumber) => {
      const charge = byEvent.get(readDeliveredLine(line, `${deliveredPath}:${lineNumber}`));
      if (charge !== undefined) charge.callback = 'done';
    });
    if (tornDelivered > 0) options.onTorn(deliveredPath, tornDelivered);
    const printKey = await readOrMakeKey(join(dataDir, 'print.key'));
    const log = await AppendLog.open(bookPath, options.durable, options.onFailure);
    const delivered = await AppendLog.open(deliveredPath, false, options.onFailure);
    await syncDirectory(dataDir);
    return new Book(charges, log, delivered, printKey);
  }

  /** The charge of a reference, or undefined. Wait for `charge.written` before showing it. */
  find(account: string, reference: string): Charge | undefined {
    return this.#charges.get(account)?.get(reference);
  }

  /** The charges of a reference under every account. */
  findEverywhere(reference: string): Charge[] {
    return [...this.#charges.values()].flatMap((charges) => charges.get(reference) ?? []);
  }

  /** The charge that asks the shopper, or has asked, by its id. Wait for `charge.written` before showing it. */
  findAsking(id: string): Charge | undefined {
    return this.#asking.get(id);
  }

  /** Every charge that still waits for the shopper. */
  *waitingForShopper(): Generator<Charge> {
    for (const charge of this.#asking.values()) if (charge.status === 'requires_action') yield charge;
  }

  /** Every charge whose callback is still owed. */
  *owedCallbacks(): Generator<Charge> {
    for (const charges of this.#charges.values()) {
      for (const charge of charges.values()) if (charge.callback === 'due') yield charge;
    }
  }

  /**
   * Books an order, or finds the charge its reference already has. Synchronous: no second charge can slip in.
   * @param challengeMs how long the shopper may take, where the shopper is asked
   */
  place(account: string, order: ChargeOrder, now: number, challengeMs: number): Placed {
    const cardPrint = this.#printOf(account, order.method.type === 'card' ? order.method.number : 'upi');
    const known = this.find(account, order.reference);
    if (known !== undefined) {
      const same =
        known.amount === order.amount && known.currency === order.currency && known.cardPrint === cardPrint;
      return { kind: same ? 'replayed' : 'reused', charge: known };
    }
    const charge = newCharge(account, order, cardPrint, decide(order, now), now, challengeMs);
    putCharge(this.#charges, charge);
    this.#noteAsking(charge);
    this.#write(charge);
    return { kind: 'booked', charge };
  }

  /**
   * Books what became of a charge that asked the shopper; false when that was decided before. Synchronous: two clicks decide
   * once. Who comes too late has not come. Wait for `charge.written` before showing it.
   */
  decideAsked(charge: Charge, choice: Choice, now: number): boolean {
    if (charge.status !== 'requires_action') return false;
    const tooLate = charge.expiresAt !== undefined && now >= charge.expiresAt;
    const decision = decideAsked(charge, tooLate ? 'expire' : choice);
    charge.status = decision.status;
    charge.declineCode = decision.declineCode;
    charge.settles = decision.settles;
    charge.callback = decision.callback ? 'due' : 'none';
    charge.decidedAt = now;
    this.#write(charge);
    return true;
  }

  /** Turns a processing charge that settles into a success and books that. Resolves when it is on disk. */
  async settle(charge: Charge, now: number): Promise<void> {
    if (charge.settles) {
      charge.status = 'succeeded';
      charge.settles = false;
      charge.decidedAt = now;
      this.#write(charge);
    }
    await charge.written;
  }

  /** Marks a callback as done with: heard by the account, or given up after its last try. */
  async markCallbackDone(charge: Charge, outcome: 'heard' | 'given_up', now: number): Promise<void> {
    charge.callback = 'done';
    await this.#delivered.append(JSON.stringify({ event_id: eventIdOf(charge), outcome, at: now }));
  }

  /** The book as it is on disk, all of it or the lines of one reference. */
  async *stream(reference?: string): AsyncGenerator<Buffer | string> {
    await this.#log.flush();
    const needle = reference === undefined ? undefined : `"reference":${JSON.stringify(reference)},`;
    for await (const block of readBlocks(this.#log.path, this.#log.writtenBytes)) {
      if (needle === undefined) yield block;
      else if (block.includes(needle)) {
        const lines = block.toString('utf8').split('\n');
        yield lines.flatMap((line) => (line.includes(needle) ? [line, '\n'] : [])).join('');
      }
    }
  }

  /** Writes everything and closes the files. Nothing may be placed afterwards. */
  async close(): Promise<void> {
    await this.#log.close();
    await this.#delivered.close();
  }

  #noteAsking(charge: Charge): void {
    if (charge.expiresAt !== undefined) this.#asking.set(charge.id, charge);
  }

  #write(charge: Charge): void {
    const written = this.#log.append(writeBookLine(charge)).then(() => {
      if (charge.written === written) charge.written = null;
    });
    charge.written = written;
  }

  /** One hash call over key and number: a third of the cost of an HMAC, and the cut-off digest cannot be extended. */
  #printOf(account: string, cardNumber: string): string {
    return hash('sha256', `${this.#printKey}:${account}:${cardNumber}`, 'base64url').slice(0, 22);
  }
}

/** The id of the callback about a charge's present status: the same at every redelivery and after every restart. */
export function eventIdOf(charge: Pick<Charge, 'id' | 'status'>): string {
  const id = `sbevt_${charge.id.slice('ch_'.length)}`;
  return charge.status === 'processing' ? `${id}_processing` : id;
}

function newCharge(
  account: string,
  order: ChargeOrder,
  cardPrint: string,
  decision: Decision,
  now: number,
  challengeMs: number,
): Charge {
  const { reference, amount, currency, method, returnUrl } = order;
  const asks = decision.status === 'requires_action';
  return {
    id: `ch_${randomUUID().replaceAll('-', '')}`,
    account,
    reference,
    amount,
    currency,
    method: method.type === 'upi' ? 'upi' : behaviourOf(method.number).funding,
    bin: method.type === 'upi' ? '' : method.number.slice(0, BIN_LENGTH),
    last4: method.type === 'upi' ? '' : method.number.slice(-4),
    cardPrint,
    returnUrl: asks && method.type === 'card' ? returnUrl : undefined,
    expiresAt: asks ? now + challengeMs : undefined,
    declineCode: decision.declineCode,
    createdAt: now,
    decidedAt: now,
    status: decision.status,
    settles: decision.settles,
    callback: decision.callback ? 'due' : 'none',
    written: null,
  };
}

function putCharge(charges: Map<string, Map<string, Charge>>, charge: Charge): void {
  const ofAccount = charges.get(charge.account);
  if (ofAccount === undefined) charges.set(charge.account, new Map([[charge.reference, charge]]));
  else ofAccount.set(charge.reference, charge);
}

function writeBookLine(charge: Charge): string {
  const line: BookLine = {
    at: charge.decidedAt,
    id: charge.id,
    account: charge.account,
    reference: charge.reference,
    amount: charge.amount,
    currency: charge.currency,
    status: charge.status,
    ...(charge.declineCode === undefined ? {} : { decline_code: charge.declineCode }),
    method: charge.method,
    bin: charge.bin,
    last4: charge.last4,
    card_print: charge.cardPrint,
    effect: charge.status === 'succeeded' ? 'charged' : 'none',
    callback: charge.callback === 'none' ? 'none' : 'due',
    ...(charge.settles ? { settles: true as const } : {}),
    ...(charge.status === 'requires_action' ? askingFields(charge) : {}),
  };
  return JSON.stringify(line);
}

/** What must outlive a restart while the shopper is asked. */
function askingFields({ returnUrl, expiresAt }: Charge): Pick<BookLine, 'return_url' | 'expires_at'> {
  return {
    ...(returnUrl === undefined ? {} : { return_url: returnUrl }),
    ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
  };
}

/** Takes a line into the map: a new charge, or the later status of a known one. */
function readBookLine(charges: Map<string, Map<string, Charge>>, text: string, place: string): Charge {
  const line = parseLine(text, place) as Partial<BookLine>;
  if (typeof line.id !== 'string' || typeof line.reference !== 'string' || typeof line.account !== 'string') {
    throw new BookCorruptError(`${place}: not a line of the book`);
  }
  const whole = line as BookLine;
  const known = charges.get(whole.account)?.get(whole.reference);
  if (known !== undefined) {
    if (known.id !== whole.id || isFinal(known.status)) {
      throw new BookCorruptError(`${place}: a second charge for reference ${whole.reference}`);
    }
    known.status = whole.status;
    known.declineCode = whole.decline_code;
    known.settles = whole.settles === true;
    known.callback = whole.callback;
    known.decidedAt = whole.at;
    return known;
  }
  const charge: Charge = {
    id: whole.id,
    account: whole.account,
    reference: whole.reference,
    amount: whole.amount,
    currency: whole.currency,
    method: whole.method ?? 'credit',
    bin: whole.bin,
    last4: whole.last4,
    cardPrint: whole.card_print,
    returnUrl: whole.return_url,
    expiresAt: whole.expires_at,
    declineCode: whole.decline_code,
    createdAt: whole.at,
    decidedAt: whole.at,
    status: whole.status,
    settles: whole.settles === true,
    callback: whole.callback,
    written: null,
  };
  putCharge(charges, charge);
  return charge;
}

function isFinal(status: ChargeStatus): boolean {
  return status === 'succeeded' || status === 'declined';
}

function readDeliveredLine(text: string, place: string): string {
  const { event_id: eventId } = parseLine(text, place) as { event_id?: unknown };
  if (typeof eventId !== 'string') throw new BookCorruptError(`${place}: not a line of the delivered log`);
  return eventId;
}

function parseLine(text: string, place: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (error) {
    throw new BookCorruptError(`${place}: not JSON`, { cause: error });
  }
  throw new BookCorruptError(`${place}: not a JSON object`);
}

/** The key of the card prints. It stays in the data directory, so that replays are known after a restart. */
async function readOrMakeKey(path: string): Promise<string> {
  try {
    const key = await readFile(path, 'utf8');
    if (/^[0-9a-f]{64}$/.test(key)) return key;
    throw new BookCorruptError(`${path}: a key of 64 hex digits was expected`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const key = randomBytes(32).toString('hex');
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(key);
    await file.datasync();
  } finally {
    await file.close();
  }
  return key;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
