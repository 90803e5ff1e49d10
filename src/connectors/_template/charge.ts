/**
 * Our charge → the processor's. The card's last stop: of a room only this file, and what it imports, sees a card.
 *
 * Fill in: path, headers, body. Card number, CVV and name go as bytes into the one buffer that is sent, which is filled with zeros when the
 * call is over; the card itself is its owner's. What is not taken (here UPI) is `not_sent` before a byte leaves.
 *
 * @module
 */

import { showTransactionId } from '../../domain/ids.ts';
import { type ProcessorWord, senderWord } from '../../domain/processor-word.ts';
import { createHttpClient, type HttpOutcome } from '../../outbound/http-client.ts';
import type { ChargeCard, ChargeRequest, ChargeRoom, ChargeRoomDeps } from '../connector.ts';
import { parseAnswer } from '../json.ts';
import { notSentWord } from '../not-sent.ts';
import type { TemplateConfig } from './config.ts';
import { REFUSALS } from './error-codes.ts';
import { errorCodeOf, readCharge, type ShownCharge, wordOf } from './status.ts';

const ANSWER_BYTES_MAX = 64 * 1024;

/** Opens the connections to the processor. */
export function createTemplateCharge(config: TemplateConfig, deps: ChargeRoomDeps): ChargeRoom {
  const client = createHttpClient({
    origin: config.baseUrl,
    connectionsMax: config.connectionsMax,
    connectTimeoutMs: config.connectTimeoutMs,
    answerBytesMax: ANSWER_BYTES_MAX,
  });

  async function send(request: ChargeRequest, card: ChargeCard): Promise<HttpOutcome> {
    const body = chargeBody(request, card);
    try {
      return await client.exchange({
        method: 'POST',
        path: '/charges',
        headers: { authorization: `Bearer ${request.account.secretKey}`, 'content-type': 'application/json' },
        body,
        timeoutMs: config.timeoutMs,
        mayLeave: request.mayLeave,
        ...(deps.left !== undefined && { onSent: deps.left }),
      });
    } finally {
      body.fill(0);
    }
  }

  return {
    async charge(request, method) {
      if (method.kind === 'upi') {
        const more = { failureCode: 'method_not_taken', detail: 'UPI is not taken', at: deps.now() };
        return senderWord(placeOf(config, request), 'not_sent', more);
      }
      return readAnswer(config, request, await send(request, method.card), deps.now());
    },
    otp: null,
    async close() {
      await client.close();
    },
  };
}

function chargeBody({ transactionId, amount, currency, returnUrl }: ChargeRequest, card: ChargeCard): Buffer {
  const facts = `{"reference":"${showTransactionId(transactionId)}","amount":${amount},"currency":"${currency}","return_url":${JSON.stringify(returnUrl)},`;
  const head = `${facts}"card":{"expiry":"${card.expiryYear}-${String(card.expiryMonth).padStart(2, '0')}","number":"`;
  return Buffer.concat([Buffer.from(head), card.pan, Buffer.from('","cvv":"'), card.cvv, Buffer.from('"}}')]);
}

function placeOf({ name }: TemplateConfig, { account, leg }: ChargeRequest) {
  return { processor: name, processorAccount: account.account, leg };
}

/**
 * Only a whole charge of this reference, amount and currency is the processor's word on it, and only a refusal in its own words that it has
 * booked nothing. Anything else after sending is unknown, with what came back as evidence.
 */
function readAnswer(
  config: TemplateConfig,
  request: ChargeRequest,
  answer: HttpOutcome,
  at: number,
): ProcessorWord {
  const place = placeOf(config, request);
  if (answer.kind === 'not_sent') return notSentWord(place, answer, at);
  const unknown = (detail: string): ProcessorWord =>
    senderWord(place, 'unknown', { failureCode: null, detail, at });
  if (answer.kind === 'unknown') return unknown(answer.detail);
  const body = parseAnswer(answer.body);
  const code = answer.status >= 400 && answer.status < 500 ? errorCodeOf(body) : null;
  if (code !== null && REFUSALS.has(code)) {
    const detail = `refused with ${answer.status} ${code}`;
    return senderWord(place, 'declined', { failureCode: 'processor_refused', detail, at });
  }
  const charge = answer.status === 200 ? readCharge(body) : null;
  if (charge === null) return unknown(`answered ${answer.status} without a charge`);
  const other = differenceOf(request, charge);
  if (other !== null) return unknown(`answered 200 with another ${other}`);
  const { account, leg } = request;
  return wordOf(config.name, charge, {
    source: 'answer',
    leg,
    account: account.account,
    at,
    failuresCount: false,
  });
}

/** What of an answer is not what was asked for; null: nothing. */
function differenceOf(request: ChargeRequest, charge: ShownCharge): string | null {
  if (charge.transactionId !== request.transactionId) return 'reference';
  if (charge.amount !== request.amount) return 'amount';
  return charge.currency === request.currency ? null : 'currency';
}
