/**
 * Payments of the floor: what each endpoint does, on bare parts.
 *
 * The durable rules are Sluice's: a reply follows its commit, a card's page is committed before its token is used, an attempt before its
 * charge. What a gateway needs beside them is left out on purpose (bench/README.md lists it).
 *
 * @module
 */

import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import { newIntentId, parseIntentId, parseTransactionId, transactionIdOf } from '../rival/ids.ts';
import type { Place } from '../rival/parts.ts';
import type { BankCharge, ChargeCard, Charges } from './charges.ts';
import type { Add, Outcome } from './group-commit.ts';
import type { Answer } from './http.ts';
import type { SealCard } from './page-sealer.ts';
import type { Sessions } from './sessions.ts';
import type * as rows from './statements.ts';

/** Everything that is written or read, a statement each. */
export interface Stores {
  readonly addKey: Add<rows.KeyRow>;
  readonly addIntent: Add<rows.IntentRow>;
  readonly addAttempt: Add<rows.AttemptRow>;
  readonly addMove: Add<rows.MoveRow>;
  readonly addCallback: Add<rows.CallbackRow>;
  readonly readTransaction: Add<string>;
  readonly readIntent: Add<string>;
}

export interface PaymentParts {
  readonly place: Place;
  readonly stores: Stores;
  readonly sessions: Sessions;
  readonly sealCard: SealCard;
  readonly charges: Charges;
}

interface CardForm extends ChargeCard {
  readonly sessionId: string;
}

export class Payments {
  readonly #parts: PaymentParts;
  readonly #callbackKey: KeyObject;

  constructor(parts: PaymentParts) {
    this.#parts = parts;
    this.#callbackKey = createSecretKey(parts.place.account.webhookSecret, 'utf8');
  }

  createIntent(answer: Answer, body: Buffer, key: string): void {
    const { merchantId, amount, currency, orderId, customerId = null } = JSON.parse(body.toString());
    const now = Date.now();
    const id = newIntentId(now);
    const text = `{"paymentIntentId":"pi_${id}","status":"PENDING","createdAt":"${new Date(now).toISOString()}"}`;
    const { addKey, addIntent } = this.#parts.stores;
    // Both rows are of one turn, so the intent's commit is the key's too.
    if (key !== '') addKey(keyRow(merchantId, 'intent', key, body, text), ignore);
    const row = { id, merchantId, customerId, orderId, amount, currency };
    addIntent(row, (outcome) => answerCommitted(answer, outcome, '201 Created', text));
  }

  /** The intent is looked at when it is paid for, not here. */
  createSession(answer: Answer, body: Buffer, key: string): void {
    const { paymentIntentId, merchantId } = JSON.parse(body.toString());
    const intentId = parseIntentId(paymentIntentId);
    if (intentId === null) {
      answer.notFound();
      return;
    }
    const { place, sessions, stores } = this.#parts;
    const { sessionId, expiresMs } = sessions.open(intentId);
    const text = `{"sessionId":"${sessionId}","redirectUrl":"${place.apiUrl}/checkout?session=${sessionId}","expiresAt":"${new Date(expiresMs).toISOString()}"}`;
    if (key === '') answer.json('201 Created', text);
    else {
      const row = keyRow(merchantId, 'session', key, body, text);
      stores.addKey(row, (outcome) => answerCommitted(answer, outcome, '201 Created', text));
    }
  }

  showCheckout(answer: Answer, sessionId: string): void {
    if (this.#parts.sessions.intentOf(sessionId) === null) answer.gone();
    else answer.html(`${PAGE_HEAD}${sessionId}${PAGE_TAIL}`);
  }

  pay(answer: Answer, body: Buffer, contentType: string): void {
    const isForm = contentType !== 'application/json';
    const card: CardForm = isForm ? readForm(body.toString()) : JSON.parse(body.toString());
    const intentId = this.#parts.sessions.intentOf(card.sessionId);
    if (intentId === null) {
      answer.gone();
      return;
    }
    const { cardNumber, expiryMonth, expiryYear, cardholderName } = card;
    this.#parts.sealCard(`${cardNumber}|${expiryMonth}|${expiryYear}|${cardholderName}`, (token) => {
      if (token === null) answer.failed();
      else this.#attempt(answer, card, isForm, intentId, token);
    });
  }

  #attempt(answer: Answer, card: CardForm, isForm: boolean, intentId: string, token: string): void {
    const transactionId = transactionIdOf(intentId);
    const { addAttempt } = this.#parts.stores;
    const committed = (outcome: Outcome): void => {
      if (outcome === 'failed') answer.failed();
      else if (outcome === 'none') answer.json('409 Conflict', '{"code":"not_payable"}');
      else {
        const shown = `txn_${transactionId}`;
        if (isForm) answer.redirect(`/checkout/result?transaction=${shown}&session=${card.sessionId}`);
        else answer.json('202 Accepted', `{"transactionId":"${shown}","status":"PROCESSING"}`);
        const [, amount, currency] = outcome;
        const hear = (charge: BankCharge): void => this.#hear(transactionId, charge);
        this.#parts.charges.send(transactionId, amount!, currency!, card, hear);
      }
    };
    addAttempt({ intentId, transactionId, token }, committed, transactionId);
  }

  #hear(transactionId: string, { id, status }: BankCharge): void {
    if (status === 'processing') return;
    const final = status === 'succeeded' ? 'SUCCESS' : 'FAILED';
    this.#parts.stores.addMove({ transactionId, status: final, processorTxnId: id }, ignore);
  }

  getTransaction(answer: Answer, shown: string): void {
    const id = parseTransactionId(shown);
    if (id === null) {
      answer.notFound();
      return;
    }
    const show = ([, status, amount, currency, completedMs]: readonly (string | null)[]): string => {
      const completedAt = completedMs == null ? 'null' : `"${new Date(Number(completedMs)).toISOString()}"`;
      const word = status === 'SENT' ? 'PROCESSING' : status;
      return `{"transactionId":"${shown}","paymentIntentId":"pi_${id.slice(0, 31)}0","status":"${word}","amount":${amount},"currency":"${currency}","completedAt":${completedAt}}`;
    };
    this.#parts.stores.readTransaction(id, (outcome) => answerRead(answer, outcome, show), id);
  }

  getIntent(answer: Answer, shown: string): void {
    const id = parseIntentId(shown);
    if (id === null) {
      answer.notFound();
      return;
    }
    const show = ([, status, amount, currency]: readonly (string | null)[]): string =>
      `{"paymentIntentId":"${shown}","status":"${status}","amount":${amount},"currency":"${currency}"}`;
    this.#parts.stores.readIntent(id, (outcome) => answerRead(answer, outcome, show), id);
  }

  hearCallback(answer: Answer, body: Buffer, timestamp: string, signature: string): void {
    const hmac = createHmac('sha256', this.#callbackKey).update(`${timestamp}.`).update(body);
    if (hmac.digest('hex') !== signature) {
      answer.json('401 Unauthorized', '{"code":"unauthorized"}');
      return;
    }
    const { event_id: eventId, data } = JSON.parse(body.toString());
    const row = { eventId, transactionId: data.reference.slice(4), status: data.status };
    this.#parts.stores.addCallback(row, (outcome) =>
      answerCommitted(answer, outcome, '200 OK', '{"received":true}'),
    );
  }
}

const PAGE_HEAD =
  '<!doctype html><title>Pay</title><form action="/internal/payment/process" method="post"><input type="hidden" name="sessionId" value="';
const PAGE_TAIL =
  '"><input name="cardNumber"><input name="expiryMonth"><input name="expiryYear"><input name="cvv"><input name="cardholderName"><button>Pay now</button></form>';

function answerCommitted(answer: Answer, outcome: Outcome, status: string, text: string): void {
  if (outcome === 'failed') answer.failed();
  else answer.json(status, text);
}

function answerRead(
  answer: Answer,
  outcome: Outcome,
  show: (fields: readonly (string | null)[]) => string,
): void {
  if (outcome === 'failed') answer.failed();
  else if (outcome === 'none') answer.notFound();
  else answer.json('200 OK', show(outcome));
}

function keyRow(merchantId: string, endpoint: string, key: string, body: Buffer, text: string): rows.KeyRow {
  return { merchantId, endpoint, key, bodyHash: hash('sha256', body), answer: text };
}

function readForm(body: string): CardForm {
  const fields: Record<string, string> = {};
  for (const pair of body.split('&')) {
    const at = pair.indexOf('=');
    const value = pair.slice(at + 1);
    fields[pair.slice(0, at)] = /[%+]/.test(value) ? decodeURIComponent(value.replaceAll('+', ' ')) : value;
  }
  return fields as unknown as CardForm;
}

/** Whoever waits for this commit waits for another row of the same turn, or for nothing. */
function ignore(): void {
  // Nothing is told.
}
