/**
 * The bank speaks first: signed callbacks, sent after a delay and again until they are heard.
 *
 * Each account has a lane: a queue ordered by due time and at most 64 posts under way, so that a slow endpoint delays only
 * itself. What is owed is derived from the book on start, so a queue never holds more than the book does.
 * Promises: a callback is about a charge whose line is on disk; every redelivery has the same event id; a callback is
 * tried for 24 hours after the decision.
 * @module
 */
import type { Book, Charge } from './book.ts';
import { CallbackClient } from './callback-client.ts';
import type { Account, DialectName, Letter } from './dialect.ts';
import type { Dialects } from './dialects.ts';
import { DueQueue } from './due-queue.ts';
import type { FaultKind, Faults } from './faults.ts';
import { forgedLetters, olderLetters, type Posting, trueLetters } from './postings.ts';

/** A letter that was posted, or lost on the way. */
export interface Posted {
  readonly reference: string;
  readonly eventId: string;
  readonly dialect: DialectName;
  /** The event's name, its id where it has none. */
  readonly says: string;
  /** 0 when no answer came. */
  readonly status: number;
}

/** What became of a letter. */
export interface Sent {
  readonly event_id: string;
  /** 0 when no answer came. */
  readonly status: number;
}

interface Delivery {
  readonly charge: Charge;
  /** Which decision of the charge it is about. */
  readonly revision: number;
  readonly dueAt: number;
  /** Failed tries so far, in this process. */
  readonly failures: number;
  /** Event ids of letters that were heard, in this process. */
  readonly heard: ReadonlySet<string>;
}

interface Lane {
  readonly account: Account;
  readonly client: CallbackClient;
  readonly queue: DueQueue<Delivery>;
  underWay: number;
  timer: NodeJS.Timeout | null;
  timerAt: number;
}

const POSTS_UNDER_WAY_MAX = 64;
const ANSWER_TIMEOUT_MS = 10_000;
const BACKOFF_FIRST_MS = 1000;
const BACKOFF_MAX_MS = 60_000;
const TRIES_FOR_MS = 24 * 3_600_000;
const DUPLICATES = 3;
const NONE: ReadonlySet<string> = new Set();

export class Callbacks {
  readonly #lanes: ReadonlyMap<string, Lane>;
  readonly #dialects: Dialects;
  readonly #book: Book;
  readonly #faults: Faults;
  readonly #clock: () => number;
  readonly #onFailure: (error: Error) => void;
  readonly #onPosted: (posted: Posted) => void;
  #stopped = false;

  constructor(parts: {
    readonly accounts: readonly Account[];
    readonly dialects: Dialects;
    readonly book: Book;
    readonly faults: Faults;
    readonly clock: () => number;
    readonly onFailure: (error: Error) => void;
    /** Told of every post, true, forged or lost, once it is over; of none after `stop`. */
    readonly onPosted?: (posted: Posted) => void;
  }) {
    this.#lanes = new Map(parts.accounts.map((account) => [account.account, openLane(account)]));
    this.#dialects = parts.dialects;
    this.#book = parts.book;
    this.#faults = parts.faults;
    this.#clock = parts.clock;
    this.#onFailure = parts.onFailure;
    this.#onPosted = parts.onPosted ?? (() => undefined);
  }

  /** Sends the charge's callback at `dueAt` (ms), and again until it is heard. */
  send(charge: Charge, dueAt: number): void {
    const lane = this.#lanes.get(charge.account);
    if (lane === undefined) return; // The account was taken out of the settings; its callbacks stay owed in the book.
    lane.queue.push({ charge, revision: charge.revision, dueAt, failures: 0, heard: NONE });
    this.#arm(lane);
  }

  /** Posts the charge's callback once more, now. Resolves to what became of each of its letters. */
  async replay(charge: Charge): Promise<readonly Sent[]> {
    const lane = this.#lanes.get(charge.account);
    if (lane === undefined) return [];
    await charge.written;
    return await this.#post(lane, charge, undefined, NONE);
  }

  /** Callbacks waiting for their time or under way. */
  get pending(): number {
    let count = 0;
    for (const lane of this.#lanes.values()) count += lane.queue.size + lane.underWay;
    return count;
  }

  /** Sends nothing more and gives up posts under way; what was not heard is owed again at the next start. */
  stop(): void {
    this.#stopped = true;
    for (const lane of this.#lanes.values()) {
      if (lane.timer !== null) clearTimeout(lane.timer);
      lane.client.close();
    }
  }

  /** Starts every due delivery there is room for, then sets the lane's timer to the next. */
  #pump(lane: Lane): void {
    const now = this.#clock();
    while (!this.#stopped && lane.underWay < POSTS_UNDER_WAY_MAX) {
      const next = lane.queue.peek();
      if (next === undefined || next.dueAt > now) break;
      lane.queue.pop();
      lane.underWay += 1;
      this.#deliver(lane, next).then(() => {
        lane.underWay -= 1;
        this.#pump(lane);
      }, this.#onFailure);
    }
    this.#arm(lane);
  }

  #arm(lane: Lane): void {
    const next = lane.queue.peek();
    if (this.#stopped || next === undefined || lane.underWay >= POSTS_UNDER_WAY_MAX) return;
    if (lane.timer !== null) {
      if (lane.timerAt <= next.dueAt) return;
      clearTimeout(lane.timer);
    }
    lane.timerAt = next.dueAt;
    lane.timer = setTimeout(
      () => {
        lane.timer = null;
        this.#pump(lane);
      },
      Math.max(0, next.dueAt - this.#clock()),
    );
  }

  /** One try of one delivery. Queues the next try unless it was heard, is too old, or a newer decision is called back. */
  async #deliver(lane: Lane, delivery: Delivery): Promise<void> {
    const { charge } = delivery;
    if (delivery.revision !== charge.revision) return;
    const revision = delivery.revision + (charge.settles ? 1 : 0);
    await this.#book.settle(charge, this.#clock());
    if (this.#stopped || revision !== charge.revision) return;
    const fault = this.#faults.take('callback', {
      card: charge.bin,
      reference: charge.reference,
      amount: charge.amount,
    });
    if (fault?.fault === 'delay') {
      lane.queue.push({ ...delivery, revision, dueAt: this.#clock() + fault.ms });
      return;
    }
    const sent =
      fault?.fault === 'drop'
        ? this.#lose(lane, charge, delivery.heard)
        : await this.#post(lane, charge, fault?.fault, delivery.heard);
    if (this.#stopped || revision !== charge.revision) return;
    const now = this.#clock();
    const unheard = sent.some(({ status }) => !isHeard(status));
    if (!unheard) await this.#book.markCallbackDone(charge, 'heard', now);
    else if (now - charge.decidedAt > TRIES_FOR_MS)
      await this.#book.markCallbackDone(charge, 'given_up', now);
    else {
      const { failures } = delivery;
      const heard = sent.filter(({ status }) => isHeard(status)).map(({ event_id: eventId }) => eventId);
      const known = heard.length === 0 ? delivery.heard : new Set([...delivery.heard, ...heard]);
      const dueAt = now + backoffMs(failures);
      lane.queue.push({ charge, revision, dueAt, failures: failures + 1, heard: known });
    }
  }

  /** A post that is lost on the way: nobody hears it, and nobody answers. */
  #lose(lane: Lane, charge: Charge, heard: ReadonlySet<string>): readonly Sent[] {
    return this.#letters(lane, charge, heard).map((letter) => {
      this.#tell(charge, letter, 0);
      return { event_id: letter.eventId, status: 0 };
    });
  }

  /** Posts what is not heard yet, once or as the fault says, and resolves to what became of the true letters. */
  async #post(
    lane: Lane,
    charge: Charge,
    fault: FaultKind | undefined,
    heard: ReadonlySet<string>,
  ): Promise<readonly Sent[]> {
    const dialect = this.#dialects.of(charge);
    const letters = this.#letters(lane, charge, heard);
    if (fault !== undefined) {
      for (const forged of forgedLetters(fault, dialect, charge, lane.account)) {
        await this.#send(lane, charge, forged);
      }
    }
    const sent: Sent[] = [];
    for (const letter of letters) {
      const posts = Array.from({ length: fault === 'duplicate' ? DUPLICATES : 1 }, () =>
        this.#send(lane, charge, { letter }),
      );
      sent.push({ event_id: letter.eventId, status: (await Promise.all(posts)).at(-1)! });
    }
    if (fault === 'reorder') {
      for (const older of olderLetters(dialect, charge, lane.account)) await this.#send(lane, charge, older);
    }
    return sent;
  }

  #letters(lane: Lane, charge: Charge, heard: ReadonlySet<string>): readonly Letter[] {
    const letters = trueLetters(this.#dialects.of(charge), charge, lane.account);
    return heard.size === 0 ? letters : letters.filter(({ eventId }) => !heard.has(eventId));
  }

  /** Resolves to the HTTP status, or 0 when there was no answer. */
  async #send(lane: Lane, charge: Charge, { letter, signed }: Posting): Promise<number> {
    const { headers, body } = letter.seal(this.#clock(), signed);
    const outcome = await lane.client.post(`Content-Type: ${letter.contentType}\r\n${headers}`, body);
    const status = outcome.ok ? outcome.status : 0;
    if (!this.#stopped) this.#tell(charge, letter, status);
    return status;
  }

  #tell({ reference, dialect }: Charge, { eventId, type = eventId }: Letter, status: number): void {
    this.#onPosted({ reference, eventId, dialect, says: type, status });
  }
}

function isHeard(status: number): boolean {
  return status >= 200 && status < 300;
}

/** How long to wait after so many failures before the next try: 1, 2, 4 … 60 s. */
export function backoffMs(failures: number): number {
  return Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures, 10));
}

function openLane(account: Account): Lane {
  return {
    account,
    client: new CallbackClient(account.callbackUrl, ANSWER_TIMEOUT_MS),
    queue: new DueQueue<Delivery>(),
    underWay: 0,
    timer: null,
    timerAt: 0,
  };
}
