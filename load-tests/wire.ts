/**
 * Wire: the requests of the driver as whole HTTP texts, and the reading of single fields out of answers.
 *
 * Heads are made once a run; bodies are put together from texts and read by `indexOf`, since JSON.parse on five answers a payment
 * would be a tenth of the driver's time. All texts are ASCII, so their length is their length in bytes.
 *
 * @module
 */

import type { Target } from './target.ts';

/** The published test card that succeeds. */
const CARD =
  '"cardNumber":"4111111111111111","expiryMonth":"12","expiryYear":"2030","cvv":"123","cardholderName":"Load Test"}';

/** Makes the requests of one target. */
export interface Wire {
  createIntent(amount: number, orderId: string): string;
  /** The body alone, for a client that writes its own head. */
  intentBody(amount: number, orderId: string): string;
  createSession(intentId: string): string;
  pay(sessionId: string): string;
  getTransaction(transactionId: string): string;
  getIntent(intentId: string): string;
}

export function createWire(target: Target, checkoutUrl: string): Wire {
  const apiHost = new URL(target.apiUrl).host;
  const authorized = `Host: ${apiHost}\r\nAuthorization: Bearer ${target.secretKey}\r\n`;
  const json = 'Content-Type: application/json\r\nContent-Length: ';
  const intentHead = `POST /v1/payment/intent HTTP/1.1\r\n${authorized}${json}`;
  const sessionHead = `POST /v1/payment/session HTTP/1.1\r\n${authorized}${json}`;
  const payHead = `POST /internal/payment/process HTTP/1.1\r\nHost: ${new URL(checkoutUrl).host}\r\n${json}`;
  const getTail = ` HTTP/1.1\r\n${authorized}\r\n`;
  const merchant = JSON.stringify(target.merchantId);
  const urls = '"successUrl":"https://shop.example/paid","cancelUrl":"https://shop.example/cancelled"}';
  const intentBody = (amount: number, orderId: string) =>
    `{"merchantId":${merchant},"amount":${amount},"currency":"INR","orderId":"${orderId}","customerId":"load"}`;
  const whole = (head: string, body: string) => `${head}${body.length}\r\n\r\n${body}`;
  return {
    intentBody,
    createIntent: (amount, orderId) => whole(intentHead, intentBody(amount, orderId)),
    createSession: (intentId) =>
      whole(sessionHead, `{"paymentIntentId":"${intentId}","merchantId":${merchant},${urls}`),
    pay: (sessionId) => whole(payHead, `{"sessionId":"${sessionId}",${CARD}`),
    getTransaction: (transactionId) => `GET /v1/payment/transaction/${transactionId}${getTail}`,
    getIntent: (intentId) => `GET /v1/payment/intent/${intentId}${getTail}`,
  };
}

/**
 * The text value of the first field of that name; empty when there is none. For values without escapes, as ids and statuses are.
 * @param name with its quotes and colon: `"status":"`
 */
export function fieldOf(body: string, name: string): string {
  const at = body.indexOf(name);
  if (at < 0) return '';
  const from = at + name.length;
  const to = body.indexOf('"', from);
  return to < 0 ? '' : body.slice(from, to);
}

/** What to count a wrong answer under: step, status and the problem's code, or the fault. */
export function causeOf(
  step: string,
  answer: { status: number; body: string; fault: string | null },
): string {
  if (answer.fault !== null) return `${step} ${answer.fault}`;
  const code = fieldOf(answer.body, '"code":"');
  return `${step} ${answer.status}${code === '' ? '' : ` ${code}`}`;
}
