/**
 * Dialects: what the bank must know of a processor to speak as it does, and what it does for every one of them.
 *
 * The core (book, desk, faults, delays, challenges, callbacks, late bookings, outage, the operator's routes) knows no dialect.
 * A dialect is an object of rules, {@link Dialect}, which are pure: what they need of a charge stands in its `facts`. Its
 * routes are opened once, over the {@link Desk}: they read requests, ask the desk to book, and render.
 *
 * How a charge request is answered: the routes read it into an {@link Order} and call `desk.charge`. The desk asks `decide`,
 * takes a fault, books, waits for the disk, asks the {@link ChargeVoice} for the words and lets them leave as the fault or the
 * card says. Every way out that is no answer of the bank (HTML of a proxy, broken connections) is the desk's own.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer } from './answers.ts';
import type { Book, Charge } from './book.ts';
import type { FaultKind } from './faults.ts';
import type { Records } from './records.ts';
import type { Settled } from './settled.ts';

export type DialectName = 'plain' | 'razorpay' | 'payu' | 'stripe';

/** A merchant's account at the bank. Each speaks one dialect; names and secret keys are unique among all. */
export interface Account {
  readonly dialect: DialectName;
  readonly account: string;
  /** Razorpay: the key secret. PayU: the salt. */
  readonly secretKey: string;
  /** Razorpay only: the public half of its key. */
  readonly keyId?: string | undefined;
  /** What callbacks are signed with. PayU: the salt again. */
  readonly webhookSecret: string;
  readonly callbackUrl: URL;
  /** What its dialect allows to be said beside these, and alone reads (`account-form.ts`). */
  readonly options?: Readonly<Record<string, unknown>>;
}

/**
 * How a charge stands, in the core's words. A dialect may keep a finer one beside it ({@link Decision.word}). Only `succeeded`
 * is money, and a charge never leaves it.
 */
export type ChargeStatus = 'succeeded' | 'declined' | 'processing' | 'requires_action';

export type Funding = 'credit' | 'debit';

/** What a charge is made with, as the book keeps it. */
export type ChargeMethod = Funding | 'upi';

/** JSON of a dialect's own. Never card data: it is written to the book. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
/** Make a dialect's facts a `type`, not an `interface`, and it is one of these; `charge.facts as YourFacts` reads them. */
export type Facts = { readonly [name: string]: Json };

/** A card as it was sent, the year in four digits. */
export interface OrderedCard {
  readonly type: 'card';
  readonly number: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
  /** @default credit */
  readonly funding?: Funding;
}

/** UPI; `vpa` where the dialect collects from one, or decides by it. It is not kept: put what must be into the facts. */
export interface OrderedUpi {
  readonly type: 'upi';
  readonly vpa?: string;
}

/** A checked charge request. Amounts are in minor units. */
export interface Order {
  /** The merchant's name of the charge: what faults and the book's `?reference=` are matched against. */
  readonly reference: string;
  /**
   * What is unique within the account: a second order with it is a replay (same amount, currency and card) or refused as
   * `reused`, and books nothing; so is one that was on its way (`bookLate`) while another with its key was booked. Undefined:
   * the id of the charge, so that nothing is ever a replay.
   */
  readonly key: string | undefined;
  readonly amount: number;
  readonly currency: string;
  readonly method: OrderedCard | OrderedUpi;
  /** Where the shopper goes after the bank's page. Undefined: nowhere. Not kept for UPI, nor where nobody is asked. */
  readonly returnUrl: string | undefined;
  readonly facts?: Facts;
}

/**
 * How the first answer to a charge leaves: `html502` is not booked at all; `lost` destroys the socket, `late` waits 60 s,
 * `error500` is the dialect's own 500, all three after booking.
 */
export type AnswerManner = 'plain' | 'lost' | 'late' | 'error500' | 'html502';

/** What becomes of a charge: at first, or later. What is left out is none or false: a decision does not inherit, but for facts. */
export interface Decision {
  readonly status: ChargeStatus;
  /** The dialect's own word for it, where one status of the core has several: `authorized`, `requires_capture`, `canceled`. */
  readonly word?: string;
  readonly declineCode?: string;
  /** Whether the bank calls back about it, after the callback delay. */
  readonly callback: boolean;
  /** Whether this processing charge succeeds when its callback is due. */
  readonly settles?: boolean;
  /** Whether this declined charge may be decided anew (retried, cancelled). {@link changesMs} implies it. */
  readonly open?: boolean;
  /** After how many ms `decideLater` is asked what becomes of it then: late authorisation, expiry. Survives a restart. */
  readonly changesMs?: number;
  /** Replace the facts of the charge; undefined leaves them. */
  readonly facts?: Facts;
  /** Looked at when an order is decided, not later. @default plain */
  readonly answer?: AnswerManner;
}

/**
 * What became of a charge that waited for the shopper. `expire`: time was up. `wrong_otp` only where the dialect has
 * {@link Dialect.isRightOtp}.
 */
export type Choice = 'approve' | 'decline' | 'insufficient_funds' | 'expire' | 'wrong_otp';

/** What is posted: whole header lines, each ending with CRLF (no Content-Type, no Content-Length), and the body. */
export interface Sealed {
  readonly headers: string;
  readonly body: string;
}

/** One event about a charge, not yet signed. */
export interface Letter {
  /** The same at every delivery and after every restart; another for another event. */
  readonly eventId: string;
  /** The event's name in the dialect, for people who watch: `payment.captured`. Undefined where events have none. */
  readonly type?: string;
  readonly contentType: string;
  /** What is said, without the signature. */
  readonly content: string;
  /**
   * Signs at the moment of sending.
   * @param now ms since 1970
   * @param signed what the signature is made of, though `content` is what is said: a forgery. Undefined: `content`
   */
  seal(now: number, signed?: string): Sealed;
}

/** Back to the shop: a redirect with the fields in the query, or a form the browser posts by itself. */
export interface WayBack {
  readonly via: 'redirect' | 'form';
  readonly url: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** A card or VPA people can try, for the page at `GET /`. */
export interface TestCard {
  readonly example: string;
  readonly words: string;
}

/** The rules of a processor's dialect: pure, time and ids aside. */
export interface Dialect {
  readonly name: DialectName;
  /** As a line of the book names it. */
  readonly processor: 'SANDBOX' | 'RAZORPAY' | 'PAYU' | 'STRIPE';
  readonly testCards: readonly TestCard[];
  /** Opens the routes over the desk, and what they keep; called once, before the bank listens. */
  open(desk: Desk): Promise<Routes>;

  /** A new id of a charge, unique in the bank: 1 to 64 of `A-Z a-z 0-9 _`. It is also the address of the shopper's page. */
  newId(): string;
  /** Decides an order at the moment `now` (ms). May be asked about one that is then not booked. */
  decide(order: Order, now: number): Decision;
  /** Decides a charge that waited for the shopper; also only to see what it would be. */
  decideAsked(charge: Charge, choice: Choice, now: number): Decision;
  /** Decides a charge whose {@link Decision.changesMs} are over. Needed only by a dialect that says any. */
  decideLater?(charge: Charge, now: number): Decision;
  /**
   * The events about the charge as it stands, oldest first. Those of a success include what came before it (Razorpay:
   * authorized, captured, paid), for a callback that is overtaken by the next decision is not sent any more. Forgeries are
   * made of the same: the charge may lie (its status the opposite, without word and decline code, or `processing` where an
   * old event is wanted; its amount or account another's), the account may have another's name or secret. So what is said of
   * status, amount and account must come from these, not from the facts.
   * @param mark ends every event id; empty but for forgeries
   */
  letters(charge: Charge, account: Account, mark: string): readonly Letter[];
  /**
   * Where the shopper goes from the bank's page of a card.
   * @param returnUrl the charge's; without one the shopper is led nowhere
   */
  leadBack(charge: Charge, account: Account, returnUrl: string): WayBack;
  /** The same with lies, as somebody would make them who has no secret: the opposite outcome, another's charge. */
  leadBackForged(charge: Charge, account: Account, returnUrl: string): WayBack;
  /**
   * The charge under a reference that is another's, and of the same shape ({@link otherThan}), wherever an answer shows it (its
   * facts too). Where no answer shows a reference, under another id.
   */
  ofAnother(charge: Charge): Charge;
  /** Settlement faults that its reports cannot show. */
  readonly cannotSettle: readonly FaultKind[];
  /** Whether a one-time password is right. With it the card's page has a field for one; left empty, the button alone decides. */
  isRightOtp?(otp: string): boolean;
}

/** The routes of a dialect, open. The first dialect that owns a path answers it. */
export interface Routes {
  owns(path: string): boolean;
  /** Answers a request. What it throws destroys the connection and is said on stderr. */
  answer(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
  ): Promise<void>;
}

/** The words of an answer to a charge request. */
export interface ChargeVoice {
  /** @param replayed the key had this very charge already */
  charge(charge: Charge, replayed: boolean): Answer;
  /** The key has a charge with other facts: this one. Needed only by a dialect that gives keys. */
  reused?(charge: Charge): Answer;
  /** Not booked: 503. */
  unavailable(): Answer;
  /** Booked or not, who knows: 500. */
  internalError(): Answer;
  /**
   * Told the bank's true answer (the 500 too), on disk before it leaves, however it leaves or breaks off: for a dialect that
   * repeats answers (Stripe). It leaves as it was kept, though the charge may have changed while it waited. Not told of what
   * is not booked.
   */
  keep?(answer: Answer, charge: Charge): Promise<void>;
}

/** The words of an answer to a question about charges. */
export interface QueryVoice {
  /** What was found, at least one, as it stands now. */
  found(charges: readonly Charge[]): Answer;
  notFound(): Answer;
  internalError(): Answer;
}

/** What a question is about. */
export interface Question {
  /** What faults are matched against, also when nothing was found. */
  readonly reference: string;
  readonly charges: readonly Charge[];
}

/** The words of an answer to a request that prepares a charge and moves no money yet: an order. */
export interface OrderVoice {
  /** Does it, and says so once it is on disk. */
  open(): Promise<Answer>;
  /** Not done: 503. */
  unavailable(): Answer;
  /** Done or not, who knows: 500. */
  internalError(): Answer;
}

/** What routes may ask of the bank. */
export interface Desk {
  readonly book: Book;
  /** Those of the dialect. */
  readonly accounts: readonly Account[];
  /** ms since 1970. */
  readonly clock: () => number;
  /** Where shoppers reach the bank, without a trailing slash: `${bankUrl()}/3ds/${id}` and `/upi/${id}`. Known once it listens. */
  readonly bankUrl: () => string;
  /** Books an order with what faults are ordered for it, and answers. Resolves when the answer has left, or never will. */
  charge(response: ServerResponse, account: Account, order: Order, voice: ChargeVoice): Promise<void>;
  /** Prepares a charge with what faults are ordered for that step, and answers. Resolves as {@link charge} does. */
  order(
    response: ServerResponse,
    facts: { readonly reference: string; readonly amount: number },
    voice: OrderVoice,
  ): Promise<void>;
  /** Answers a question with what faults are ordered for it; waits until what it shows is on disk. */
  query(response: ServerResponse, question: Question, voice: QueryVoice): Promise<void>;
  /**
   * Decides a charge anew (capture, cancel), owes its callback and watches it; false, and nothing is done, when it is final:
   * succeeded, or declined and not open. Synchronous; wait for `charge.written` before showing it.
   */
  decide(charge: Charge, decision: Decision): boolean;
  /**
   * Books the shopper's choice as on the page, with what faults are ordered for the challenge, and answers: for what is
   * confirmed through the API.
   * @param say the charge as it stands then, or, of a choice that is late, as it will
   */
  confirm(
    response: ServerResponse,
    charge: Charge,
    choice: Choice,
    say: (charge: Charge) => Answer,
  ): Promise<void>;
  /** As on the shopper's page: false when it was decided before. For one-time passwords that are submitted through the API. */
  decideAsked(charge: Charge, choice: Choice): boolean;
  /**
   * What is settled of these charges, with what faults are ordered for settlements. Ask with the charges of the report that is read,
   * declined ones too: a fault strikes the first that it is shown. Wait for `charge.written` of each before.
   */
  settled(charges: Iterable<Charge>): Settled[];
  /** Opens the dialect's own records, `<dialect>-<name>.ndjson` in the data directory. The bank closes them. */
  openRecords<Value>(name: string): Promise<Records<Value>>;
}

/** Text of the same shape that is another's: its last character differs. */
export function otherThan(text: string): string {
  return text.slice(0, -1) + (text.endsWith('2') ? '3' : '2');
}
