/**
 * Pay: one card or UPI, one attempt, in the order of its durable points (design 5).
 *
 * The card is checked and sealed, the attempt is committed, the shopper is answered, and only then, in the
 * background, the charge is sent: once, by the one who holds the nonce of the commit. Where the first processor was
 * provably not reached, the second is charged after a commit of its own (B2). What the last one said goes to the shard
 * as a word and is repeated until it is heard; losing it costs a query of recovery, no money.
 *
 * Promises: nothing is answered before the attempt is durable; at most one charge per leg, and a second leg only with
 * proof that the first did not charge; the card's bytes are zeros when the last charge is over, or at once when there is none.
 *
 * @module
 */

import { hash } from 'node:crypto';
import type { Charge, ChargeAccount, ShopperBrowser } from '../connectors/connector.ts';
import { type CardDetails, type CardError, checkCard } from '../domain/card.ts';
import { type IntentId, shardOfId, type TransactionId } from '../domain/ids.ts';
import { type FieldError, OUTCOMES, type Refusal, refusal } from '../domain/outcomes.ts';
import {
  type ProcessorName,
  type ProcessorPlace,
  type ProcessorWord,
  senderWord,
} from '../domain/processor-word.ts';
import { fallbackReason } from '../domain/routing.ts';
import type { ShownCard } from '../domain/transaction.ts';
import type { TokenizedCard, Tokenizer } from '../hsm/hsm.ts';
import { type AskShard, UNCERTAIN } from '../messages/ask.ts';
import type { AttemptStartedReply } from '../messages/replies.ts';
import type { StartAttempt } from '../messages/requests.ts';
import { wipeCard } from './card-form.ts';
import { pauseMs, tellShard } from './tell-shard.ts';
import type { RateLimit } from './web.ts';

/** A processor and the merchant's account there. */
export interface RoutePlace {
  processor: ProcessorName;
  account: ChargeAccount;
}

/** Where a merchant's charges go, and where one goes whose first processor was provably not reached. */
export interface Route {
  preferred: RoutePlace;
  fallback: RoutePlace | null;
}

/** What is paid with. A card belongs to `pay` from the call on, which wipes it. */
export type PayMethod = { kind: 'card'; card: CardDetails } | { kind: 'upi' };

export interface PayDeps {
  ask: AskShard;
  tokenizer: Pick<Tokenizer, 'tokenize'>;
  /** Null: the merchant has no processor. Rejects when that cannot be known. */
  route(merchantId: string): Promise<Route | null>;
  /** Null: this version cannot charge that processor. */
  chargeOf(processor: ProcessorName): Charge | null;
  takesUpi(processor: ProcessorName): boolean;
  /** Where a bank's page sends the shopper of this transaction back to. */
  returnUrlOf(transactionId: TransactionId): string;
  /** Milliseconds since 1970. */
  now(): number;
  /** `process.hrtime` in milliseconds. */
  monotonicMs(): number;
  randomBytes(length: number): Uint8Array;
  /** Resolves after a while: the pause between two tries. */
  pause(ms: number): Promise<void>;
  /** One more payment with this card? By fingerprint. Default: always. */
  cardRateLimit?: RateLimit;
  /** Instants at which a campaign may stop the process. Default: nothing. */
  faultPoint?(name: 'before-send' | 'after-answer' | 'before-commit-b2' | 'after-commit-b2'): void;
  /** Hears of troubles the shopper is not told of. Never given card data. */
  onTrouble(event: 'route_failed' | 'vault_refused' | 'charge_threw' | 'word_lost', detail: unknown): void;
  limits: {
    /** A charge that has not begun this long after it was asked for is never sent. */
    sendBeforeMs: number;
    tokenizeMs: number;
    askDeadlineMs: number;
    /** Payments between sealing and word at once; more are answered `overloaded`. */
    inFlightMax: number;
  };
}

export interface PayRequest {
  intentId: IntentId;
  merchantId: string;
  method: PayMethod;
  claimedAmount: number | null;
  claimedCurrency: string | null;
  /** Handed on to the processor. */
  browser: ShopperBrowser;
  successUrl: string | null;
  cancelUrl: string | null;
  /** Milliseconds since 1970. */
  sessionExpiresAt: number | null;
  idempotency: { endpoint: string; key: string } | null;
}

/** `replayed` is the stored answer of an idempotency key; nothing was charged for it. */
export type PayAnswer = { ok: true; transactionId: TransactionId; replayed: string | null } | PayRefused;

export interface PayRefused {
  ok: false;
  refusal: Refusal;
  /** What is wrong with the card, by code, for pages in the shopper's language. */
  cardErrors?: readonly CardError[];
}

export interface Pay {
  /** Resolves when the attempt is durable (or refused). Never rejects for anything a shopper or processor does. */
  pay(request: PayRequest): Promise<PayAnswer>;
  /** Payments whose processor has not been heard yet, and those still on their way to commit B. */
  inFlight(): number;
  /** Resolves when none is in flight. */
  drained(): Promise<void>;
}

/** How long commit B is asked for again once it may have happened. */
const START_MS = 10_000;

/** Makes the flow of one thread. */
export function createPay(deps: PayDeps): Pay {
  /** Card owners under way; bounded by `inFlightMax`. */
  let inFlight = 0;
  const waiting: Array<() => void> = [];
  const leave = (): void => {
    inFlight--;
    if (inFlight === 0) for (const resolve of waiting.splice(0)) resolve();
  };

  return {
    async pay(request) {
      if (inFlight >= deps.limits.inFlightMax) {
        wipe(request.method);
        return refused('overloaded', 'Nothing was charged. Please try again in a moment.');
      }
      inFlight++;
      let charging = false;
      try {
        const begun = await begin(deps, request);
        if (!begun.ok) return begun;
        if (begun.started.replayed === null) {
          charging = true;
          chargeAndTell(deps, request.method, begun).then(leave, (error: unknown) => {
            leave();
            deps.onTrouble('word_lost', error);
          });
        }
        return { ok: true, transactionId: begun.started.transactionId, replayed: begun.started.replayed };
      } finally {
        if (!charging) {
          wipe(request.method);
          leave();
        }
      }
    },
    inFlight: () => inFlight,
    drained: () => (inFlight === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  };
}

function wipe(method: PayMethod): void {
  if (method.kind === 'card') wipeCard(method.card);
}

/** A place whose charge is at hand. */
interface Leg extends RoutePlace {
  charge: Charge;
}

/** An attempt that is durable and whose charge is ours to send. */
interface Begun {
  ok: true;
  browser: ShopperBrowser;
  command: StartAttempt;
  started: AttemptStartedReply;
  first: Leg;
  second: Leg | null;
  /** False once the time to send has passed. */
  mayLeave(): boolean;
}

async function begin(deps: PayDeps, request: PayRequest): Promise<Begun | PayRefused> {
  const { method } = request;
  const check =
    method.kind === 'card' ? checkCard(method.card, new Date(deps.now())) : ({ ok: true } as const);
  if (!check.ok) {
    const errors = check.errors.map(({ field, detail }): FieldError => ({ pointer: `/${field}`, detail }));
    return {
      ok: false,
      refusal: refusal('card_invalid', 'Nothing was charged. Please check the card.', { errors }),
      cardErrors: check.errors,
    };
  }
  const route = await findRoute(deps, request.merchantId);
  if ('ok' in route) return route;
  const first = legTo(deps, route.preferred, method);
  if (first === null) {
    return refused('processor_not_configured', 'Nothing was charged. The shop cannot take this payment.');
  }
  const second = route.fallback === null ? null : legTo(deps, route.fallback, method);
  const sealed = method.kind === 'card' ? await seal(deps, method.card) : null;
  if (sealed !== null && 'ok' in sealed) return sealed;
  if (sealed !== null && (await deps.cardRateLimit?.(sealed.fingerprint, deps.now())) === false) {
    return refused('rate_limited', 'Nothing was charged. This card was tried too often.');
  }
  const command = startCommand(deps, request, first, second, sealed);
  const mayLeave = sendingTime(deps, command);
  const started = await startAttempt(deps, command, mayLeave);
  const { browser } = request;
  return 'ok' in started ? started : { ok: true, browser, command, started, first, second, mayLeave };
}

function legTo(deps: PayDeps, place: RoutePlace, method: PayMethod): Leg | null {
  const charge = deps.chargeOf(place.processor);
  const fits = method.kind === 'card' || deps.takesUpi(place.processor);
  return charge === null || !fits ? null : { ...place, charge };
}

async function findRoute(
  deps: PayDeps,
  merchantId: string,
): Promise<Route | { ok: false; refusal: Refusal }> {
  try {
    const route = await deps.route(merchantId);
    return (
      route ?? refused('processor_not_configured', 'Nothing was charged. The shop cannot take cards yet.')
    );
  } catch (error) {
    deps.onTrouble('route_failed', error);
    return refused('storage_unavailable', 'Nothing was charged. Please try again in a moment.');
  }
}

async function seal(
  deps: PayDeps,
  card: CardDetails,
): Promise<TokenizedCard | { ok: false; refusal: Refusal }> {
  const sealed = await deps.tokenizer.tokenize(card, deps.monotonicMs() + deps.limits.tokenizeMs);
  if (!('refused' in sealed)) return sealed;
  deps.onTrouble('vault_refused', sealed.refused);
  return refused('card_vault_unavailable', 'Nothing was charged. Please try again in a moment.');
}

function startCommand(
  deps: PayDeps,
  request: PayRequest,
  first: Leg,
  second: Leg | null,
  sealed: TokenizedCard | null,
): StartAttempt {
  const now = deps.now();
  return {
    type: 'start-attempt',
    intentId: request.intentId,
    merchantId: request.merchantId,
    nonce: Buffer.from(deps.randomBytes(16)).toString('hex'),
    ...placeOf(first),
    fallback: second === null ? null : placeOf(second),
    card: sealed === null ? null : shownCard(sealed),
    sendBefore: now + deps.limits.sendBeforeMs,
    successUrl: request.successUrl,
    cancelUrl: request.cancelUrl,
    sessionExpiresAt: request.sessionExpiresAt,
    claimedAmount: request.claimedAmount,
    claimedCurrency: request.claimedCurrency,
    key: keyOf(request, sealed),
    now,
  };
}

function placeOf({ processor, account }: RoutePlace): ProcessorPlace {
  return { processor, processorAccount: account.account };
}

function shownCard({ brand, masked, expiryMonth, expiryYear, fingerprint, token }: TokenizedCard): ShownCard {
  return { brand, masked, expiryMonth, expiryYear, fingerprint, token };
}

/**
 * A key is bound to intent, card and expiry, or to UPI, not to the bytes of the body: a plain hash stored over a card
 * number could be guessed back to it, whereas the fingerprint is keyed in the HSM.
 */
function keyOf(request: PayRequest, sealed: TokenizedCard | null): StartAttempt['key'] {
  if (request.idempotency === null) return null;
  const { endpoint, key } = request.idempotency;
  const paidWith =
    sealed === null ? 'upi' : `${sealed.fingerprint} ${sealed.expiryMonth}/${sealed.expiryYear}`;
  const bodyHash = hash('sha256', `${request.intentId} ${paidWith}`, 'hex');
  return { merchantId: request.merchantId, endpoint, key, bodyHash };
}

/**
 * From here the clocks run: what has not begun to leave by then never does. Both are looked at: the wall clock may be set back,
 * and the monotonic one stands still while the host is suspended.
 */
function sendingTime(deps: PayDeps, command: StartAttempt): () => boolean {
  const sendBefore = deps.monotonicMs() + deps.limits.sendBeforeMs;
  return () => deps.monotonicMs() < sendBefore && deps.now() < command.sendBefore;
}

/**
 * Commit B. Asked again with the same nonce while it may have happened: the actor then finds it as ours. A thread or PostgreSQL
 * is back within seconds; giving up earlier would leave an attempt that nobody sends and that holds its intent for minutes.
 */
async function startAttempt(
  deps: PayDeps,
  command: StartAttempt,
  mayLeave: () => boolean,
): Promise<AttemptStartedReply | { ok: false; refusal: Refusal }> {
  const until = deps.monotonicMs() + START_MS;
  let uncertain = false;
  for (let tries = 1; ; tries++) {
    const reply = await deps.ask(shardOfId(command.intentId), command, deps.limits.askDeadlineMs);
    if (reply.type === 'attempt-started') return reply;
    if (reply.type !== 'refused') throw new Error(`start-attempt was answered ${reply.type}`);
    const { code } = reply.refusal;
    uncertain ||= UNCERTAIN.has(code);
    const engine = OUTCOMES[code][0] === 503 || code === 'idempotency_key_in_flight';
    if (!uncertain || !engine || deps.monotonicMs() > until || !mayLeave()) {
      return { ok: false, refusal: reply.refusal };
    }
    await deps.pause(pauseMs(tries));
  }
}

/**
 * The card is kept until the last leg has answered: `send_before` at the longest, and a timeout of a processor for each step that its
 * connector takes after sending it, three at most.
 */
async function chargeAndTell(deps: PayDeps, method: PayMethod, begun: Begun): Promise<void> {
  let word: ProcessorWord;
  try {
    word = await chargeLegs(deps, method, begun);
  } finally {
    wipe(method);
  }
  const { limits, onTrouble } = deps;
  const onLost = (detail: string): void => onTrouble('word_lost', detail);
  const telling = { ...deps, askDeadlineMs: limits.askDeadlineMs, onLost };
  await tellShard(telling, begun.started.transactionId, word);
}

/**
 * Charges the first processor, and the second only when the first was provably not reached and commit B2 has returned. Without that
 * commit the first one's word is the attempt's.
 */
async function chargeLegs(deps: PayDeps, method: PayMethod, begun: Begun): Promise<ProcessorWord> {
  const word = await chargeOnce(deps, method, begun, { ...begun.first, leg: 1 });
  const { second } = begun;
  if (second === null || fallbackReason(word) === null) return word;
  if (!(await startLeg(deps, begun, word))) return word;
  return await chargeOnce(deps, method, begun, { ...second, leg: 2 });
}

async function chargeOnce(
  deps: PayDeps,
  method: PayMethod,
  { browser, started, mayLeave }: Begun,
  { leg, charge, ...place }: Leg & { leg: number },
): Promise<ProcessorWord> {
  const { transactionId, amount, currency, orderId } = started;
  const { account } = place;
  const returnUrl = deps.returnUrlOf(transactionId);
  deps.faultPoint?.('before-send');
  try {
    const word = await charge(
      { transactionId, amount, currency, orderId, leg, account, returnUrl, browser, mayLeave },
      method,
    );
    deps.faultPoint?.('after-answer');
    return word;
  } catch (error) {
    // A charge promises never to reject; whatever broke, bytes may have left, so its outcome is not known.
    deps.onTrouble('charge_threw', error);
    const at = deps.now();
    return senderWord({ ...placeOf(place), leg }, 'unknown', {
      failureCode: null,
      detail: 'the connector threw',
      at,
    });
  }
}

/**
 * Commit B2, asked for again with the same nonce while there is time to send. False: nothing is to be sent to the second. Should the
 * commit have happened all the same, the attempt stands on a leg nobody sends, and recovery closes it.
 */
async function startLeg(
  deps: PayDeps,
  { command, started, mayLeave }: Begun,
  word: ProcessorWord,
): Promise<boolean> {
  const { transactionId } = started;
  const request = { type: 'start-leg', transactionId, nonce: command.nonce, word, now: deps.now() } as const;
  deps.faultPoint?.('before-commit-b2');
  for (let tries = 1; mayLeave(); tries++) {
    const reply = await deps.ask(shardOfId(transactionId), request, deps.limits.askDeadlineMs);
    if (reply.type === 'leg-started') {
      deps.faultPoint?.('after-commit-b2');
      return reply.started;
    }
    if (reply.type !== 'refused') throw new Error(`start-leg was answered ${reply.type}`);
    if (OUTCOMES[reply.refusal.code][0] !== 503) return false;
    await deps.pause(pauseMs(tries));
  }
  return false;
}

function refused(code: Refusal['code'], detail: string): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: refusal(code, detail) };
}
