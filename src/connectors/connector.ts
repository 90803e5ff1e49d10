/**
 * Door of the processors: charge, ask, read a callback, fetch what was settled. A processor is a room of its own beside this file.
 *
 * Rule of all rooms: only an explicit success or failure is final. A timeout after the first byte, a broken
 * answer, an unknown word is `unknown` and is asked about later; `not_sent` needs proof that no byte left.
 *
 * @module
 */

import type { ProcessorCallback } from '../domain/callback.ts';
import type { TransactionId } from '../domain/ids.ts';
import type { ProcessorName, ProcessorWord } from '../domain/processor-word.ts';

/** The card of one charge, as bytes; wiped by its owner once `charge` has resolved. */
export interface ChargeCard {
  /** ASCII digits. */
  pan: Uint8Array;
  cvv: Uint8Array;
  expiryMonth: number;
  expiryYear: number;
  /** UTF-8. */
  cardholderName: Uint8Array;
}

/** Credentials of the merchant at the processor. */
export interface ChargeAccount {
  /** The processor's own name of the account: what its callbacks name, or what our books do. */
  account: string;
  /** What a request is authorised with, as its room writes it ({@link ReadAccountConfig}). */
  secretKey: string;
}

/** A merchant's account at a processor as it is kept, sealed. */
export interface AccountConfig extends ChargeAccount {
  /** What callbacks are signed with. */
  webhookSecret: string;
}

/** A live key moves money, a test key none. */
export type KeyMode = 'test' | 'live';

/** Reads the JSON an operator brings of an account; a refusal names the field and repeats no secret. */
export type ReadAccountConfig = (
  entry: Readonly<Record<string, unknown>>,
) => { ok: true; config: AccountConfig } | { ok: false; detail: string };

/** What the shopper's browser has said of itself, which banks weigh (3-D Secure). Null: not known, or no browser's. */
export interface ShopperBrowser {
  /** Its own address: never that of a proxy before us. */
  address: string | null;
  /** Visible ASCII, 500 characters at most. */
  userAgent: string | null;
}

/** What is charged. */
export type ChargeMethod = { kind: 'card'; card: ChargeCard } | { kind: 'upi' };

export interface ChargeRequest {
  /** Reference and idempotency key at the processor. */
  transactionId: TransactionId;
  amount: number;
  currency: string;
  orderId: string;
  leg: number;
  account: ChargeAccount;
  /** Where the bank's page sends the shopper back to. */
  returnUrl: string;
  browser: ShopperBrowser;
  /** Asked once, when a connected socket is ours and nothing has been written: false when the time to send has passed. */
  mayLeave(): boolean;
}

/** Sends one charge, once. Resolves with the processor's word; never rejects and never repeats. */
export type Charge = (request: ChargeRequest, method: ChargeMethod) => Promise<ProcessorWord>;

export interface QueryRequest {
  transactionId: TransactionId;
  leg: number;
  account: ChargeAccount;
  /** When the attempt began; its id tells when its intent was made, which may be hours before. Milliseconds since 1970. */
  startedAt: number;
  /** The processor's id of the charge, where it is known already. */
  processorTxnId: string | null;
  /** What a browser brought back from the bank's page, of {@link Connector.returnFields}: hints that prove nothing unless they are signed. */
  returned: Returned;
  /** Milliseconds since 1970. */
  now: number;
}

/** Fields a browser brought back, by name. */
export type Returned = Readonly<Record<string, string>>;

/** Asks what became of a reference. */
export type Query = (request: QueryRequest) => Promise<QueryAnswer>;

/** A one-time password that the shopper has typed, for the charge that asked for it. */
export interface OtpRequest {
  transactionId: TransactionId;
  /** When the attempt began, in milliseconds since 1970. */
  startedAt: number;
  leg: number;
  amount: number;
  currency: string;
  account: ChargeAccount;
  /** Where the processor wants it, as it said itself. */
  submitUrl: string;
  /** ASCII digits; wiped by its owner. */
  otp: Uint8Array;
}

/**
 * What came of a password: a word on the charge; `again` when it was wrong and another may be tried; `no_answer` when nothing is known:
 * the charge is then asked about.
 */
export type OtpAnswer =
  | { kind: 'found'; word: ProcessorWord }
  | { kind: 'again' }
  | { kind: 'no_answer'; detail: string };

/** The one-time passwords of a processor that takes them from us. Nothing of it rejects. */
export interface OtpDesk {
  submit(request: OtpRequest): Promise<OtpAnswer>;
  /** Has the bank send another; false when it would not. */
  resend(request: { account: ChargeAccount; resendUrl: string }): Promise<boolean>;
}

/** What the pci thread has of a processor. */
export interface ChargeRoom {
  charge: Charge;
  /** Null: shoppers type no password here. */
  otp: OtpDesk | null;
  close(): Promise<void>;
}

/** What a charge room is opened with. */
export interface ChargeRoomDeps {
  now(): number;
  /** Called when a charge has been handed to the socket; an instant a campaign may stop at. */
  left?(): void;
}

/** `found` is a word to act on; `not_found` is evidence that grows with time; `no_answer` says nothing. */
export type QueryAnswer =
  | { kind: 'found'; word: ProcessorWord }
  | { kind: 'not_found' }
  | { kind: 'no_answer'; detail: string };

/**
 * Verifies the signature over the raw body in constant time, before anything is parsed, with any of the
 * secrets (an empty secret is never right); then reads it.
 */
export type ReadCallback = (
  request: { header(name: string): string; body: Uint8Array },
  secrets: readonly string[],
  now: number,
) =>
  | { ok: true; callback: ProcessorCallback }
  | { ok: false; code: 'signature_invalid' | 'timestamp_invalid' | 'body_invalid'; detail: string };

/**
 * When this processor's "not found" is proof that a reference never arrived: so many answers in a row, each to a question asked at
 * least `proofMs` after the sender had to stop, `gapMs` apart. `never`: it forgets or lags, and a person must decide.
 */
export type NotFoundRule = { queries: number; proofMs: number; gapMs: number } | 'never';

/** An item of a processor's report, as the processor sends it: the room's row reader takes it (`read-settlement.ts`). */
export type SettlementItem = Readonly<Record<string, unknown>>;

export interface SettlementsRequest {
  account: ChargeAccount;
  /** `YYYY-MM-DD`, as the processor counts its days ({@link Connector.dayAheadMs}). */
  day: string;
  /** Gives up: what is under way ends at once. @default never */
  signal?: AbortSignal;
}

/**
 * Fetches what an account was settled of a day, page by page; nothing is asked before the first page is. It ends when the report is whole,
 * and rejects with {@link SettlementsUnavailable} when it is not, or not certainly: what was yielded until then is to be thrown away.
 * The same day may say more later, until it is over.
 */
export type FetchSettlements = (request: SettlementsRequest) => AsyncIterable<readonly SettlementItem[]>;

/** What every thread may know of a processor. The charge, which needs a card, is in `charges.ts`. */
export interface Connector {
  name: ProcessorName;
  query: Query;
  readCallback: ReadCallback;
  notFound: NotFoundRule;
  /** It takes UPI. */
  upi: boolean;
  /** Null: its reports come as files only. */
  settlements: FetchSettlements | null;
  /** How far the days of its reports are ahead of UTC's: India's begin 5.5 hours earlier. Milliseconds. */
  dayAheadMs: number;
  /** Names of the headers {@link readCallback} looks at, in lower case. */
  signatureHeaders: readonly string[];
  /** Names of the fields a browser brings back that a query wants to see. */
  returnFields: readonly string[];
}

/** A report that cannot be had, or not whole. Says no secret, and nothing of what was answered. */
export class SettlementsUnavailable extends Error {
  readonly processor: ProcessorName;
  /** What was answered: `5xx`; null: nothing was. */
  readonly status: `${1 | 2 | 3 | 4 | 5}xx` | null;
  /** Whether the same question may be answered another time. */
  readonly retryable: boolean;

  constructor(
    why: Pick<SettlementsUnavailable, 'processor' | 'status' | 'retryable'> & { day: string; detail: string },
  ) {
    const { processor, status, retryable, day, detail } = why;
    super(`${processor} gave no whole report of ${day}: ${detail}`);
    this.name = 'SettlementsUnavailable';
    this.processor = processor;
    this.status = status;
    this.retryable = retryable;
  }
}

/** What every room is told. */
export interface RoomConfig {
  /** Origin of the processor: `https://api.example`. */
  baseUrl: string;
  connectTimeoutMs: number;
  /** Charges under way at once, of all accounts together: one more is not sent. */
  connectionsMax: number;
  /** How long after the sender had to stop a "not found" begins to count. */
  notFoundProofMs: number;
  /** A processor's silence of this length is an unknown outcome. */
  timeoutMs: number;
  /** How long after its transaction began a failure that may still become a success is asked about; then it is a decline that does not reopen. */
  ambiguousFailureMs: number;
}
