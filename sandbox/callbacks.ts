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
import { DueQueue } from './due-queue.ts';
import type { FaultKind, Faults } from './faults.ts';
import { forgedLetter, type Letter, olderLetter, sign, trueLetter } from './letter.ts';

/** A merchant's account at the bank. */
export interface Account {
  readonly account: string;
  readonly secretKey: string;
  readonly webhookSecret: string;
  readonly callbackUrl: URL;
}

/** A callback that was posted. `status` is 0 when no answer came. */
export interface Posted {
  readonly reference: string;
  readonly body: string;
  readonly status: number;
}

interface Delivery {
  readonly charge: Charge;
  readonly dueAt: number;
  /** Failed tries so far, in this process. */
  readonly failures: number;
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

export class Callbacks {
  readonly #lanes: ReadonlyMap<string, Lane>;
  readonly #book: Book;
  readonly #faults: Faults;
  readonly #clock: () => number;
  readonly #onFailure: (error: Error) => void;
  readonly #onPosted: (posted: Posted) => void;
  #stopped = false;

  constructor(parts: {
    readonly accounts: readonly Account[];
    readonly book: Book;
    readonly faults: Faults;
    readonly clock: () => number;
    readonly onFailure: (error: Error) => void;
    /** Told of every post, true, forged or lost, once it is over; of none after `stop`. */
    readonly onPosted?: (posted: Posted) => void;
  }) {
    this.#lanes = new Map(parts.accounts.map((account) => [account.account, openLane(account)]));
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
    lane.queue.push({ charge, dueAt, failures: 0 });
    this.#arm(lane);
  }

  /** Posts the charge's callback once more, now. Resolves to the HTTP status, or 0 when there was no answer. */
  async replay(charge: Charge): Promise<number> {
    const lane = this.#lanes.get(charge.account);
    if (lane === undefined) return 0;
    await charge.written;
    return await this.#post(lane, charge, undefined);
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

  /** One try of one delivery. Queues the next try unless it was heard or is too old. */
  async #deliver(lane: Lane, delivery: Delivery): Promise<void> {
    const { charge } = delivery;
    await this.#book.settle(charge, this.#clock());
    if (this.#stopped) return;
    const fault = this.#faults.take('callback', {
      card: charge.bin,
      reference: charge.reference,
      amount: charge.amount,
    });
    if (fault?.fault === 'delay') {
      lane.queue.push({ ...delivery, dueAt: this.#clock() + fault.ms });
      return;
    }
    const status =
      fault?.fault === 'drop' ? this.#lose(lane, charge) : await this.#post(lane, charge, fault?.fault);
    if (this.#stopped) return;
    const now = this.#clock();
    if (status >= 200 && status < 300) await this.#book.markCallbackDone(charge, 'heard', now);
    else if (now - charge.decidedAt > TRIES_FOR_MS)
      await this.#book.markCallbackDone(charge, 'given_up', now);
    else
      lane.queue.push({ charge, dueAt: now + backoffMs(delivery.failures), failures: delivery.failures + 1 });
  }

  /** A post that is lost on the way: nobody hears it, and nobody answers. */
  #lose(lane: Lane, charge: Charge): 0 {
    const { body } = trueLetter(charge, lane.account.webhookSecret);
    this.#onPosted({ reference: charge.reference, body, status: 0 });
    return 0;
  }

  /** Posts once, or as the fault says, and returns the status of the last true post. */
  async #post(lane: Lane, charge: Charge, fault: FaultKind | undefined): Promise<number> {
    const secret = lane.account.webhookSecret;
    const forged = fault && forgedLetter(fault, charge, secret);
    if (forged !== undefined) await this.#send(lane, charge, forged);
    const posts = Array.from({ length: fault === 'duplicate' ? DUPLICATES : 1 }, () =>
      this.#send(lane, charge, trueLetter(charge, secret)),
    );
    const status = (await Promise.all(posts)).at(-1)!;
    if (fault === 'reorder') await this.#send(lane, charge, olderLetter(charge, secret));
    return status;
  }

  /** Resolves to the HTTP status, or 0 when there was no answer. */
  async #send(lane: Lane, charge: Charge, { body, signed, secret }: Letter): Promise<number> {
    const timestamp = String(Math.floor(this.#clock() / 1000));
    const signature = sign(secret, timestamp, signed);
    const headers = `X-Sandbox-Timestamp: ${timestamp}\r\nX-Sandbox-Signature: ${signature}\r\n`;
    const outcome = await lane.client.post(headers, body);
    const status = outcome.ok ? outcome.status : 0;
    if (!this.#stopped) this.#onPosted({ reference: charge.reference, body, status });
    return status;
  }
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
