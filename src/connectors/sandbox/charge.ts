/**
 * Our charge → the sandbox bank's. The card's last stop.
 *
 * The body is built as bytes: card number and CVV never become strings, and the one buffer that holds them is filled
 * with zeros when the call is over.
 *
 * @module
 */

import { showTransactionId } from '../../domain/ids.ts';
import type { ProcessorWord, Said } from '../../domain/transaction.ts';
import { createHttpClient, type HttpClient, type HttpOutcome } from '../../outbound/http-client.ts';
import type { Charge, ChargeCard, ChargeRequest } from '../connector.ts';
import { REFUSED_BIN, REFUSED_ORIGIN, type SandboxConfig } from './config.ts';
import { type BankCharge, parseAnswer, readCharge, refusalOf, transactionOf, wordOf } from './status.ts';

export interface SandboxChargeDeps {
  now(): number;
  /** Called when a charge has been handed to the socket; an instant a campaign may stop at. */
  left?(): void;
}

export interface SandboxCharge {
  charge: Charge;
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 2048;
const REFUSED_CONNECTIONS_MAX = 256;
const ANSWER_BYTES_MAX = 64 * 1024;
const CONNECT_TIMEOUT_MS = 2000;

/** Opens the connections to the bank. */
export function createSandboxCharge(config: SandboxConfig, deps: SandboxChargeDeps): SandboxCharge {
  const open = (origin: string, connectionsMax: number): HttpClient =>
    createHttpClient({
      origin,
      connectionsMax,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      answerBytesMax: ANSWER_BYTES_MAX,
    });
  const bank = open(config.baseUrl, CONNECTIONS_MAX);
  const nobody = open(REFUSED_ORIGIN, REFUSED_CONNECTIONS_MAX);

  async function charge(request: ChargeRequest, card: ChargeCard): Promise<ProcessorWord> {
    const body = chargeBody(request, card);
    const client = config.refusedCards && startsWith(card.pan, REFUSED_BIN) ? nobody : bank;
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
      return readAnswer(request, answer, deps.now());
    } finally {
      body.fill(0);
    }
  }
  return {
    charge,
    async close() {
      await Promise.all([bank.close(), nobody.close()]);
    },
  };
}

function chargeBody(request: ChargeRequest, card: ChargeCard): Buffer {
  const { transactionId, amount, currency } = request;
  const month = String(card.expiryMonth).padStart(2, '0');
  const head = `{"reference":"${showTransactionId(transactionId)}","amount":${amount},"currency":"${currency}","card":{"number":"`;
  const middle = `","expiry_month":"${month}","expiry_year":"${card.expiryYear}","cvv":"`;
  const name = `","name":${JSON.stringify(Buffer.from(card.cardholderName).toString())}}}`;
  return Buffer.concat([Buffer.from(head), card.pan, Buffer.from(middle), card.cvv, Buffer.from(name)]);
}

/**
 * Only a whole charge of this reference, amount and account in a 200 is the bank's word on it, and only a refusal in the
 * bank's own words that it has booked nothing. Anything else after sending is unknown, with what came back as evidence.
 */
function readAnswer(request: ChargeRequest, answer: HttpOutcome, at: number): ProcessorWord {
  if (answer.kind === 'not_sent') {
    return ourWord(request, 'not_sent', NOT_SENT_CODES[answer.reason], answer.detail, at);
  }
  if (answer.kind === 'unknown') return ourWord(request, 'unknown', null, answer.detail, at);
  const body = parseAnswer(answer.body);
  const refused = refusalOf(answer.status, body);
  if (refused !== null) {
    return ourWord(request, 'declined', 'processor_refused', `refused with ${answer.status} ${refused}`, at);
  }
  const charge = answer.status === 200 ? readCharge(body) : null;
  if (charge === null) {
    return ourWord(request, 'unknown', null, `answered ${answer.status} without a charge`, at);
  }
  const other = differenceOf(request, charge);
  if (other !== null) return ourWord(request, 'unknown', null, `answered 200 with another ${other}`, at);
  return wordOf(charge, 'answer', request.leg, at);
}

const NOT_SENT_CODES = {
  unreachable: 'processor_unreachable',
  busy: 'processor_busy',
  deadline_passed: 'send_before_passed',
  closed: 'processor_busy',
} as const;

/** What of an answer is not what was asked for; null: nothing. */
function differenceOf(request: ChargeRequest, charge: BankCharge): string | null {
  if (transactionOf(charge) !== request.transactionId) return 'reference';
  if (charge.account !== request.account.account) return 'account';
  if (charge.amount !== request.amount) return 'amount';
  return charge.currency === request.currency ? null : 'currency';
}

function ourWord(
  request: ChargeRequest,
  said: Said,
  failureCode: string | null,
  detail: string,
  at: number,
): ProcessorWord {
  return {
    source: 'answer',
    said,
    leg: request.leg,
    processor: 'SANDBOX',
    processorAccount: request.account.account,
    processorTxnId: null,
    amount: null,
    currency: null,
    failureCode,
    referenceClosed: false,
    at,
    detail: detail.slice(0, 200),
  };
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, i) => bytes[i] === byte);
}
