/**
 * Our charge → the sandbox bank's. The card's last stop.
 *
 * The body is built as bytes: card number and CVV never become strings, and the one buffer that holds them is filled
 * with zeros when the call is over.
 *
 * @module
 */

import { showTransactionId } from '../../domain/ids.ts';
import { type ProcessorWord, senderWord } from '../../domain/processor-word.ts';
import { createHttpClient, type HttpClient, type HttpOutcome } from '../../outbound/http-client.ts';
import type { ChargeMethod, ChargeRequest, ChargeRoom, ChargeRoomDeps } from '../connector.ts';
import { parseAnswer } from '../json.ts';
import { notSentWord } from '../not-sent.ts';
import { REFUSED_BIN, REFUSED_ORIGIN, type SandboxConfig } from './config.ts';
import { type BankCharge, readCharge, refusalOf, transactionOf, wordOf } from './status.ts';

const REFUSED_CONNECTIONS_MAX = 256;
const ANSWER_BYTES_MAX = 64 * 1024;

/** Opens the connections to the bank. */
export function createSandboxCharge(config: SandboxConfig, deps: ChargeRoomDeps): ChargeRoom {
  const open = (origin: string, connectionsMax: number): HttpClient =>
    createHttpClient({
      origin,
      connectionsMax,
      connectTimeoutMs: config.connectTimeoutMs,
      answerBytesMax: ANSWER_BYTES_MAX,
    });
  const bank = open(config.baseUrl, config.connectionsMax);
  const nobody = open(REFUSED_ORIGIN, REFUSED_CONNECTIONS_MAX);

  async function charge(request: ChargeRequest, method: ChargeMethod): Promise<ProcessorWord> {
    const body = chargeBody(request, method);
    const client = config.refusedCards && isRefused(method) ? nobody : bank;
    try {
      const answer = await client.exchange({
        method: 'POST',
        path: '/v1/charges',
        headers: { authorization: `Bearer ${request.account.secretKey}`, 'content-type': 'application/json' },
        body,
        timeoutMs: config.timeoutMs,
        mayLeave: request.mayLeave,
        ...(deps.left !== undefined && { onSent: deps.left }),
      });
      return readAnswer(config.name, request, answer, deps.now());
    } finally {
      body.fill(0);
    }
  }
  return {
    charge,
    otp: null,
    async close() {
      await Promise.all([bank.close(), nobody.close()]);
    },
  };
}

function chargeBody(request: ChargeRequest, method: ChargeMethod): Buffer {
  const { transactionId, amount, currency, returnUrl } = request;
  const facts = `{"reference":"${showTransactionId(transactionId)}","amount":${amount},"currency":"${currency}","return_url":${JSON.stringify(returnUrl)},`;
  if (method.kind === 'upi') return Buffer.from(`${facts}"upi":{"flow":"intent"}}`);
  const { card } = method;
  const month = String(card.expiryMonth).padStart(2, '0');
  const middle = `","expiry_month":"${month}","expiry_year":"${card.expiryYear}","cvv":"`;
  const name = `","name":${JSON.stringify(Buffer.from(card.cardholderName).toString())}}}`;
  const head = Buffer.from(`${facts}"card":{"number":"`);
  return Buffer.concat([head, card.pan, Buffer.from(middle), card.cvv, Buffer.from(name)]);
}

/**
 * Only a whole charge of this reference, amount and account in a 200 is the bank's word on it, and only a refusal in the
 * bank's own words that it has booked nothing. Anything else after sending is unknown, with what came back as evidence.
 */
function readAnswer(
  bank: SandboxConfig['name'],
  request: ChargeRequest,
  answer: HttpOutcome,
  at: number,
): ProcessorWord {
  const place = { processor: bank, processorAccount: request.account.account, leg: request.leg };
  if (answer.kind === 'not_sent') return notSentWord(place, answer, at);
  const unknown = (detail: string): ProcessorWord =>
    senderWord(place, 'unknown', { failureCode: null, detail, at });
  if (answer.kind === 'unknown') return unknown(answer.detail);
  const body = parseAnswer(answer.body);
  const refused = refusalOf(answer.status, body);
  if (refused !== null) {
    const detail = `refused with ${answer.status} ${refused}`;
    return senderWord(place, 'declined', { failureCode: 'processor_refused', detail, at });
  }
  const charge = answer.status === 200 ? readCharge(body) : null;
  if (charge === null) return unknown(`answered ${answer.status} without a charge`);
  const other = differenceOf(request, charge);
  if (other !== null) return unknown(`answered 200 with another ${other}`);
  return wordOf(bank, charge, 'answer', request.leg, at);
}

/** What of an answer is not what was asked for; null: nothing. */
function differenceOf(request: ChargeRequest, charge: BankCharge): string | null {
  if (transactionOf(charge) !== request.transactionId) return 'reference';
  if (charge.account !== request.account.account) return 'account';
  if (charge.amount !== request.amount) return 'amount';
  return charge.currency === request.currency ? null : 'currency';
}

function isRefused(method: ChargeMethod): boolean {
  return method.kind === 'card' && REFUSED_BIN.every((digit, i) => method.card.pan[i] === digit);
}
