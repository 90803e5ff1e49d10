/**
 * Our charge → a PaymentIntent of Stripe's, confirmed at once (reference 3b, 3c). The card's last stop.
 *
 * The body is built as bytes: card number, CVV and name never become strings, and the one buffer that holds them is filled with zeros when
 * the request is over. A decline that would let another processor be asked is made certain first: the intent is cancelled.
 *
 * @module
 */

import { showTransactionId } from '../../domain/ids.ts';
import { ownWord, type ProcessorWord, senderWord } from '../../domain/processor-word.ts';
import { createHttpClient, type HttpOutcome } from '../../outbound/http-client.ts';
import type { ChargeMethod, ChargeRequest, ChargeRoom, ChargeRoomDeps } from '../connector.ts';
import { encodeForm, type FormField } from '../form.ts';
import { parseAnswer } from '../json.ts';
import { notSentWord } from '../not-sent.ts';
import { createIntents, formHeaders } from './client.ts';
import type { StripeConfig } from './config.ts';
import { meaningOfRefusal } from './error-codes.ts';
import { type Intent, readErrorAnswer, readIntent, type StripeError } from './intent.ts';
import { declineOf, type Hearing, wordOf } from './status.ts';

const ANSWER_BYTES_MAX = 64 * 1024;

/**
 * Stripe takes these two without decimals, as they are, but written as if they had two; the reference is silent on it. A hundredth of the
 * price would be charged, so they are not charged here at all.
 */
const CURRENCIES_NOT_TAKEN: ReadonlySet<string> = new Set(['ISK', 'UGX']);

/** Opens the connections to Stripe. */
export function createStripeCharge(config: StripeConfig, deps: ChargeRoomDeps): ChargeRoom {
  const client = createHttpClient({
    origin: config.baseUrl,
    connectionsMax: config.connectionsMax,
    connectTimeoutMs: config.connectTimeoutMs,
    answerBytesMax: ANSWER_BYTES_MAX,
  });
  const intents = createIntents(config, client);

  async function send(request: ChargeRequest, method: ChargeMethod): Promise<HttpOutcome> {
    const body = encodeForm(chargeFields(request, method));
    try {
      return await client.exchange({
        method: 'POST',
        path: '/v1/payment_intents',
        headers: { ...formHeaders(config, request.account), 'idempotency-key': idempotencyKey(request) },
        body,
        timeoutMs: config.timeoutMs,
        mayLeave: request.mayLeave,
        ...(deps.left !== undefined && { onSent: deps.left }),
      });
    } finally {
      body.fill(0);
    }
  }

  /** A word by which another processor may be asked, once nothing can charge its intent any more. */
  async function madeCertain(
    request: ChargeRequest,
    word: ProcessorWord,
    id: string,
  ): Promise<ProcessorWord> {
    const cancelled = await intents.cancel(request.account, id, null);
    if (cancelled.kind === 'canceled') return { ...word, detail: `${word.detail}, then cancelled` };
    // The intent is this charge's: it is asked for by its id from here on.
    const uncertain = (why: string): ProcessorWord => ({
      ...unknown(request, `${word.detail}, ${why}`, deps.now()),
      processorTxnId: id,
    });
    if (cancelled.kind === 'no_answer') return uncertain(cancelled.detail);
    const standing = judged(request, cancelled.intent, deps.now());
    // It says that it failed and will not be cancelled: both cannot be.
    return standing.elsewhere ? uncertain('cancel refused') : standing;
  }

  return {
    async charge(request, method) {
      if (CURRENCIES_NOT_TAKEN.has(request.currency)) return notTaken(request, deps.now());
      const word = readAnswer(request, await send(request, method), deps.now());
      const id = word.processorTxnId;
      return word.elsewhere && id !== null ? await madeCertain(request, word, id) : word;
    },
    otp: null,
    async close() {
      await client.close();
    },
  };
}

/** Of the leg too: should both go to one account, each is a charge of its own. */
function idempotencyKey({ transactionId, leg }: ChargeRequest): string {
  return `${showTransactionId(transactionId)}_${leg}`;
}

function chargeFields(request: ChargeRequest, method: ChargeMethod): FormField[] {
  const { transactionId, amount, currency, returnUrl } = request;
  return [
    ['amount', String(amount)],
    ['currency', currency.toLowerCase()],
    ['confirm', 'true'],
    ['capture_method', 'automatic'],
    ['payment_method_types[]', method.kind],
    ['metadata[gateway_txn_id]', showTransactionId(transactionId)],
    ['return_url', returnUrl],
    ['payment_method_data[type]', method.kind],
    ...(method.kind === 'card' ? cardFields(method.card) : []),
  ];
}

function cardFields(card: Extract<ChargeMethod, { kind: 'card' }>['card']): FormField[] {
  const holder: FormField[] =
    card.cardholderName.length === 0
      ? []
      : [['payment_method_data[billing_details][name]', card.cardholderName]];
  return [
    ['payment_method_data[card][number]', card.pan],
    ['payment_method_data[card][exp_month]', String(card.expiryMonth)],
    ['payment_method_data[card][exp_year]', String(card.expiryYear)],
    ['payment_method_data[card][cvc]', card.cvv],
    ...holder,
  ];
}

function placeOf({ account, leg }: ChargeRequest) {
  return { processor: 'STRIPE', processorAccount: account.account, leg } as const;
}

function hearingOf({ account, leg }: ChargeRequest, at: number): Hearing {
  return { source: 'answer', leg, account: account.account, at, failuresCount: false };
}

function notTaken(request: ChargeRequest, at: number): ProcessorWord {
  const detail = `${request.currency} is not charged at this processor; nothing was sent`;
  return senderWord(placeOf(request), 'declined', { failureCode: 'currency_not_supported', detail, at });
}

function unknown(request: ChargeRequest, detail: string, at: number): ProcessorWord {
  return senderWord(placeOf(request), 'unknown', { failureCode: null, detail, at });
}

/**
 * Only a whole intent of this reference, amount and currency is Stripe's word on it, in a 200 or in the error of a 402, and only a refusal
 * in Stripe's own words that it has begun nothing. Anything else after sending is unknown, with what came back as evidence.
 */
function readAnswer(request: ChargeRequest, answer: HttpOutcome, at: number): ProcessorWord {
  const place = placeOf(request);
  if (answer.kind === 'not_sent') return notSentWord(place, answer, at);
  if (answer.kind === 'unknown') return unknown(request, answer.detail, at);
  const { status } = answer;
  const body = parseAnswer(answer.body);
  if (status === 200) {
    const intent = readIntent(body);
    return intent === null
      ? unknown(request, 'answered 200 without an intent', at)
      : judged(request, intent, at);
  }
  const refusal = status >= 400 && status < 500 ? readErrorAnswer(body) : null;
  if (refusal === null) return unknown(request, `answered ${status} without an intent`, at);
  const { error } = refusal;
  const named = [error.type, error.code, error.declineCode].filter((word) => word !== null).join(' ');
  // Where an error brings an intent, something was begun, and the intent says what.
  if (refusal.intent !== undefined && refusal.intent !== null) {
    const intent = readIntent(refusal.intent);
    return intent === null
      ? unknown(request, `answered ${status} ${named} without a whole intent`, at)
      : judged(request, intent, at);
  }
  if (status === 402 && error.type === 'card_error') return declinedWithoutIntent(request, error, at);
  if (meaningOfRefusal(status, error) === 'ambiguous')
    return unknown(request, `answered ${status} ${named}`, at);
  const detail = `refused with ${status} ${named}`;
  return senderWord(place, 'declined', { failureCode: 'processor_refused', detail, at });
}

/** The word of an intent that is the one that was asked for; else unknown, whatever it says. */
function judged(request: ChargeRequest, intent: Intent, at: number): ProcessorWord {
  const other = differenceOf(request, intent);
  if (other === null) return wordOf(intent, hearingOf(request, at));
  return unknown(request, `answered with another ${other}`, at);
}

/** What of an intent is not what was asked for; null: nothing. */
function differenceOf(request: ChargeRequest, intent: Intent): string | null {
  if (intent.transactionId !== request.transactionId) return 'reference';
  if (intent.amount !== request.amount) return 'amount';
  return intent.currency === request.currency ? null : 'currency';
}

/**
 * A card that was found wrong before there was an intent: as definite as any other `card_error`, but with nothing to cancel, so that what
 * needs a cancel is unknown.
 */
function declinedWithoutIntent(request: ChargeRequest, error: StripeError, at: number): ProcessorWord {
  const { code, means } = declineOf(error);
  if (means === 'elsewhere' || means === 'ambiguous') {
    return unknown(request, `answered 402 ${code} without an intent`, at);
  }
  return ownWord(placeOf(request), {
    source: 'answer',
    said: 'declined',
    failureCode: code,
    referenceClosed: means === 'closed',
    detail: `answered 402 ${code}, no intent was made`,
    at,
  });
}
