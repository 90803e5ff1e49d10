/**
 * The bank's book: every charge ever decided, on disk and in memory.
 *
 * `book.ndjson` gets one line per decision and is never rewritten; `delivered.ndjson` gets one line per callback that is
 * done with. On start both are read back. Memory holds every charge of the book, so it grows with the book: a sandbox is
 * thrown away before that matters.
 * Promises: one account and key have one charge for ever; a charge is shown only after its line is on disk; at most one line
 * of a charge says `"effect":"charged"`, and it is the last one.
 * @module
 */
import { hash, randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppendLog, readBackLines, readBlocks } from './append-log.ts';
import { BIN_LENGTH } from './card-numbers.ts';
import type { ChargeMethod, ChargeStatus, Decision, Dialect, DialectName, Facts, Order } from './dialect.ts';

/** A charge in memory. What is not `readonly` changes when it is decided or called back; the rest does not. */
export interface Charge {
  readonly dialect: DialectName;
  readonly id: string;
  /** What is unique within the account: the order's, else the id. */
  readonly key: string;
  readonly reference: string;
  readonly account: string;
  readonly amount: number;
  readonly currency: string;
  readonly method: ChargeMethod;
  /** The first digits of the card; empty for UPI. */
  readonly bin: string;
  /** The last digits of the card; empty for UPI. */
  readonly last4: string;
  /** Keyed hash of the card number, to tell a replay from another card or from UPI. */
  readonly cardPrint: string;
  /** Where the shopper goes after the bank's page. */
  readonly returnUrl: string | undefined;
  readonly createdAt: number;
  /** Until when the shopper may act, or might have; undefined where nobody was asked. */
  readonly expiresAt: number | undefined;
  status: ChargeStatus;
  /** The dialect's own word for the status. */
  word: string | undefined;
  declineCode: string | undefined;
  /** When the present status was decided, ms. */
  decidedAt: number;
  /** How many lines of the book it has: 1 when booked, one more at each decision. */
  revision: number;
  /** Whether this processing charge will succeed when its callback is due. */
  settles: boolean;
  /** Whether it may be decided anew although it is declined. */
  open: boolean;
  /** When the dialect decides it anew, ms. */
  changesAt: number | undefined;
  callback: 'none' | 'due' | 'done';
  /** The dialect's own. */
  facts: Facts;
  /** Settles when the newest line of this charge is on disk; null when it is. */
  written: Promise<void> | null;
}

/** One line of `book.ndjson`. Times in ms, amounts in minor units. */
export interface BookLine {
  readonly at: number;
  readonly id: string;
  readonly account: string;
  readonly reference: string;
  /** Where it is not the reference. */
  readonly key?: string;
  readonly amount: number;
  readonly currency: string;
  readonly status: ChargeStatus;
  readonly word?: string;
  readonly decline_code?: string;
  /** Books of before there was UPI do not have it: credit cards all. */
  readonly method?: ChargeMethod;
  readonly bin: string;
  readonly last4: string;
  readonly card_print: string;
  readonly effect: 'charged' | 'none';
  readonly callback: 'due' | 'none';
  readonly settles?: true;
  readonly open?: true;
  readonly changes_at?: number;
  readonly return_url?: string;
  readonly expires_at?: number;
  /** Of the dialects that are not plain. */
  readonly processor?: Exclude<Dialect['processor'], 'SANDBOX'>;
  readonly facts?: Facts;
}

/** What is to be booked. */
export interface Placing {
  readonly dialect: Pick<Dialect, 'name' | 'newId'>;
  readonly account: string;
  readonly order: Order;
  readonly decision: Decision;
  /** ms since 1970. */
  readonly now: number;
  /** How long the shopper may take, where the shopper is asked. */
  readonly challengeMs: number;
}

/** What `place` did with an order. `reused`: the key belongs to a charge with other facts. */
export interface Placed {
  readonly kind: 'booked' | 'replayed' | 'reused';
  readonly charge: Charge;
}

/** A line of the book that cannot be read: the book must not be guessed at. */
export class BookCorruptError extends Error {
  override readonly name = 'BookCorruptError';
}

const PROCESSORS = { razorpay: 'RAZORPAY', payu: 'PAYU', stripe: 'STRIPE' } as const;
const DIALECTS: Readonly<Record<string, DialectName | undefined>> = {
  RAZORPAY: 'razorpay',
  PAYU: 'payu',
  STRIPE: 'stripe',
};
const NO_FACTS: Facts = {};

export class Book {
  readonly #shelves: Shelves;
  readonly #log: AppendLog;
  readonly #delivered: AppendLog;
  readonly #printKey: string;

  private constructor(shelves: Shelves, log: AppendLog, delivered: AppendLog, printKey: string) {
    this.#shelves = shelves;
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
    const shelves = new Shelves();
    const tornBytes = await readBackLines(bookPath, (line, lineNumber) =>
      readBookLine(shelves, line, `${bookPath}:${lineNumber}`),
    );
    if (tornBytes > 0) options.onTorn(bookPath, tornBytes);
    const tornDelivered = await readBackLines(deliveredPath, (line, lineNumber) =>
      readDeliveredLine(shelves, line, `${deliveredPath}:${lineNumber}`),
    );
    if (tornDelivered > 0) options.onTorn(deliveredPath, tornDelivered);
    const printKey = await readOrMakeKey(join(dataDir, 'print.key'));
    const log = await AppendLog.open(bookPath, options.durable, options.onFailure);
    const delivered = await AppendLog.open(deliveredPath, false, options.onFailure);
    await syncDirectory(dataDir);
    return new Book(shelves, log, delivered, printKey);
  }

  /** The charge of a key, or undefined. Wait for `charge.written` before showing it. */
  find(account: string, key: string): Charge | undefined {
    return this.#shelves.ofAccount.get(account)?.get(key);
  }

  /** The charge of an id, or undefined. Wait for `charge.written` before showing it. */
  findById(id: string): Charge | undefined {
    return this.#shelves.byId.get(id);
  }

  /** The charges of a reference, oldest first. Wait for `charge.written` before showing one. */
  findByReference(account: string, reference: string): Charge[] {
    return this.#shelves.find(account, reference);
  }

  /** The charges of a reference under every account. */
  findEverywhere(reference: string): Charge[] {
    return [...this.#shelves.ofAccount.keys()].flatMap((account) => this.#shelves.find(account, reference));
  }

  /** Every charge of an account, in order of creation. Wait for `charge.written` before showing one. */
  ofAccount(account: string): Iterable<Charge> {
    return this.#shelves.ofAccount.get(account)?.values() ?? [];
  }

  /** Every charge of the book, in order of creation. */
  all(): Iterable<Charge> {
    return this.#shelves.byId.values();
  }

  /** Books an order, or finds the charge its key already has. Synchronous: no second charge can slip in. */
  place(placing: Placing): Placed {
    const { account, order } = placing;
    const cardPrint = this.#printOf(account, order.method.type === 'card' ? order.method.number : 'upi');
    const known = order.key === undefined ? undefined : this.find(account, order.key);
    if (known !== undefined) {
      const same =
        known.amount === order.amount && known.currency === order.currency && known.cardPrint === cardPrint;
      return { kind: same ? 'replayed' : 'reused', charge: known };
    }
    const charge = newCharge(placing, cardPrint);
    this.#shelves.put(charge);
    this.#write(charge);
    return { kind: 'booked', charge };
  }

  /**
   * Books what becomes of a charge; false when it is final: succeeded, or declined and not open. Synchronous: two who decide
   * decide once. Wait for `charge.written` before showing it.
   */
  decide(charge: Charge, decision: Decision, now: number): boolean {
    if (isFinal(charge)) return false;
    applyDecision(charge, decision, now);
    charge.revision += 1;
    this.#write(charge);
    return true;
  }

  /** Turns a processing charge that settles into a success and books that. Resolves when it is on disk. */
  async settle(charge: Charge, now: number): Promise<void> {
    if (charge.settles) this.decide(charge, SETTLED, now);
    await charge.written;
  }

  /** Marks a callback as done with: heard by the account, or given up after its last try. */
  async markCallbackDone(charge: Charge, outcome: 'heard' | 'given_up', now: number): Promise<void> {
    charge.callback = 'done';
    const { id, revision } = charge;
    await this.#delivered.append(JSON.stringify({ id, revision, outcome, at: now }));
  }

  /** The book as it is on disk, all of it or the lines of one reference. */
  async *stream(reference?: string): AsyncGenerator<Buffer | string> {
    await this.#log.flush();
    const needle = reference === undefined ? undefined : `"reference":${JSON.stringify(reference)},`;
    for await (const block of readBlocks(this.#log.path, this.#log.writtenBytes)) {
      if (needle === undefined) yield block;
      else if (block.includes(needle)) {
        const lines = block.toString('utf8').split('\n');
        yield lines.flatMap((line) => (isOfReference(line, needle) ? [line, '\n'] : [])).join('');
      }
    }
  }

  /** Writes everything and closes the files. Nothing may be placed afterwards. */
  async close(): Promise<void> {
    await this.#log.close();
    await this.#delivered.close();
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

const SETTLED: Decision = { status: 'succeeded', callback: true };

/** The charges by what they are looked for. */
class Shelves {
  readonly byId = new Map<string, Charge>();
  /** By account, then by key, in order of creation. */
  readonly ofAccount = new Map<string, Map<string, Charge>>();
  /** By account, then by reference: those whose key is another word. */
  readonly #byReference = new Map<string, Map<string, Charge[]>>();

  put(charge: Charge): void {
    const { id, account, key, reference } = charge;
    this.byId.set(id, charge);
    inner(this.ofAccount, account).set(key, charge);
    if (key === reference) return;
    const ofReference = inner(this.#byReference, account);
    const others = ofReference.get(reference);
    if (others === undefined) ofReference.set(reference, [charge]);
    else others.push(charge);
  }

  find(account: string, reference: string): Charge[] {
    const keyed = this.ofAccount.get(account)?.get(reference);
    const others = this.#byReference.get(account)?.get(reference) ?? [];
    return keyed?.reference === reference ? [keyed, ...others] : [...others];
  }
}

function inner<Value>(maps: Map<string, Map<string, Value>>, account: string): Map<string, Value> {
  let map = maps.get(account);
  if (map === undefined) {
    map = new Map();
    maps.set(account, map);
  }
  return map;
}

function newCharge(placing: Placing, cardPrint: string): Charge {
  const { dialect, account, order, decision, now, challengeMs } = placing;
  const { reference, amount, currency, method, returnUrl } = order;
  const asks = decision.status === 'requires_action';
  const id = dialect.newId();
  return {
    dialect: dialect.name,
    id,
    key: order.key ?? id,
    account,
    reference,
    amount,
    currency,
    method: method.type === 'upi' ? 'upi' : (method.funding ?? 'credit'),
    bin: method.type === 'upi' ? '' : method.number.slice(0, BIN_LENGTH),
    last4: method.type === 'upi' ? '' : method.number.slice(-4),
    cardPrint,
    returnUrl: asks && method.type === 'card' ? returnUrl : undefined,
    createdAt: now,
    expiresAt: asks ? now + challengeMs : undefined,
    status: decision.status,
    word: decision.word,
    declineCode: decision.declineCode,
    decidedAt: now,
    revision: 1,
    settles: decision.settles === true,
    open: isOpen(decision),
    changesAt: decision.changesMs === undefined ? undefined : now + decision.changesMs,
    callback: decision.callback ? 'due' : 'none',
    facts: decision.facts ?? order.facts ?? NO_FACTS,
    written: null,
  };
}

/** What a charge would be by a decision, which is not booked by that. */
export function decided(charge: Charge, decision: Decision, now: number): Charge {
  const then = { ...charge };
  applyDecision(then, decision, now);
  return then;
}

function applyDecision(charge: Charge, decision: Decision, now: number): void {
  charge.status = decision.status;
  charge.word = decision.word;
  charge.declineCode = decision.declineCode;
  charge.decidedAt = now;
  charge.settles = decision.settles === true;
  charge.open = isOpen(decision);
  charge.changesAt = decision.changesMs === undefined ? undefined : now + decision.changesMs;
  charge.callback = decision.callback ? 'due' : 'none';
  if (decision.facts !== undefined) charge.facts = decision.facts;
}

function isOpen({ open, changesMs }: Decision): boolean {
  return open === true || changesMs !== undefined;
}

function isFinal({ status, open }: Charge): boolean {
  return status === 'succeeded' || (status === 'declined' && !open);
}

function writeBookLine(charge: Charge): string {
  const line: BookLine = {
    at: charge.decidedAt,
    id: charge.id,
    account: charge.account,
    reference: charge.reference,
    ...(charge.key === charge.reference ? {} : { key: charge.key }),
    amount: charge.amount,
    currency: charge.currency,
    status: charge.status,
    ...(charge.word === undefined ? {} : { word: charge.word }),
    ...(charge.declineCode === undefined ? {} : { decline_code: charge.declineCode }),
    method: charge.method,
    bin: charge.bin,
    last4: charge.last4,
    card_print: charge.cardPrint,
    effect: charge.status === 'succeeded' ? 'charged' : 'none',
    callback: charge.callback === 'none' ? 'none' : 'due',
    ...(charge.settles ? { settles: true as const } : {}),
    ...(charge.open ? { open: true as const } : {}),
    ...(charge.changesAt === undefined ? {} : { changes_at: charge.changesAt }),
    ...(charge.status === 'requires_action' ? askingFields(charge) : {}),
    ...(charge.dialect === 'plain' ? {} : { processor: PROCESSORS[charge.dialect], facts: charge.facts }),
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

/** Whether it is the line's own reference, and not a word of its facts, which stand behind it. */
function isOfReference(line: string, needle: string): boolean {
  const at = line.indexOf(needle);
  return at >= 0 && at === line.indexOf('"reference":');
}

/** Takes a line onto the shelves: a new charge, or the later status of a known one. */
function readBookLine(shelves: Shelves, text: string, place: string): void {
  const line = parseLine(text, place) as Partial<BookLine>;
  if (typeof line.id !== 'string' || typeof line.reference !== 'string' || typeof line.account !== 'string') {
    throw new BookCorruptError(`${place}: not a line of the book`);
  }
  const whole = line as BookLine;
  const key = whole.key ?? whole.reference;
  const known = shelves.ofAccount.get(whole.account)?.get(key);
  if (known === undefined) {
    shelves.put(chargeOfLine(whole, key, place));
    return;
  }
  if (known.id !== whole.id || isFinal(known)) {
    throw new BookCorruptError(`${place}: a second charge for ${key}`);
  }
  known.status = whole.status;
  known.word = whole.word;
  known.declineCode = whole.decline_code;
  known.settles = whole.settles === true;
  known.open = whole.open === true;
  known.changesAt = whole.changes_at;
  known.callback = whole.callback;
  known.decidedAt = whole.at;
  known.revision += 1;
  if (whole.facts !== undefined) known.facts = whole.facts;
}

function chargeOfLine(line: BookLine, key: string, place: string): Charge {
  const dialect = line.processor === undefined ? 'plain' : DIALECTS[line.processor];
  if (dialect === undefined) throw new BookCorruptError(`${place}: not a processor this bank speaks as`);
  return {
    dialect,
    id: line.id,
    key,
    account: line.account,
    reference: line.reference,
    amount: line.amount,
    currency: line.currency,
    method: line.method ?? 'credit',
    bin: line.bin,
    last4: line.last4,
    cardPrint: line.card_print,
    returnUrl: line.return_url,
    createdAt: line.at,
    expiresAt: line.expires_at,
    status: line.status,
    word: line.word,
    declineCode: line.decline_code,
    decidedAt: line.at,
    revision: 1,
    settles: line.settles === true,
    open: line.open === true,
    changesAt: line.changes_at,
    callback: line.callback,
    facts: line.facts ?? NO_FACTS,
    written: null,
  };
}

/** A callback of an older decision is done with by the newer one. Logs of before there were dialects name plain's event. */
function readDeliveredLine(shelves: Shelves, text: string, place: string): void {
  const line = parseLine(text, place) as { id?: unknown; revision?: unknown; event_id?: unknown };
  if (typeof line.event_id === 'string') {
    const charge = shelves.byId.get(line.event_id.replace(/^sbevt_/, 'ch_'));
    if (charge !== undefined) charge.callback = 'done';
  } else if (typeof line.id === 'string') {
    const charge = shelves.byId.get(line.id);
    if (charge !== undefined && charge.revision === line.revision) charge.callback = 'done';
  } else throw new BookCorruptError(`${place}: not a line of the delivered log`);
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
