/**
 * Reads a payment for a merchant: the part that both GET endpoints share.
 *
 * A foreign id and one that never was get the same 404, after the same work.
 *
 * @module
 */

import { type IntentId, shardOfId } from '../../domain/ids.ts';
import { refusal } from '../../domain/outcomes.ts';
import type { Payment } from '../../domain/payment-intent.ts';
import type { AskShard } from '../../messages/ask.ts';
import { authenticate, type Gate, limitRate } from '../admit.ts';
import { problem } from '../problem.ts';
import type { HttpRequest, HttpResponse } from '../routes.ts';

export interface FindPaymentDeps {
  gate: Gate;
  ask: AskShard;
  askDeadlineMs: number;
}

/** The payment, or the answer that says why there is none. `intentId` is null when the id had no shape of ours. */
export async function findPayment(
  deps: FindPaymentDeps,
  request: HttpRequest,
  intentId: IntentId | null,
): Promise<{ payment: Payment } | { refused: HttpResponse }> {
  const caller = await authenticate(deps.gate, request);
  if (!caller.ok) return { refused: problem(caller.refusal) };
  const limited = await limitRate(deps.gate, request, caller.merchant);
  if (limited !== null) return { refused: problem(limited) };
  if (intentId === null) return { refused: paymentNotFound() };
  const reply = await deps.ask(
    shardOfId(intentId),
    { type: 'find-payment', intentId, merchantId: caller.merchant.merchantId },
    deps.askDeadlineMs,
  );
  if (reply.type === 'payment-found') return { payment: reply.payment };
  if (reply.type !== 'refused') throw new Error(`find-payment was answered ${reply.type}`);
  if (reply.refusal.code === 'payment_not_found') return { refused: paymentNotFound() };
  return { refused: problem(reply.refusal) };
}

/** The one 404 of payments. */
export function paymentNotFound(): HttpResponse {
  return problem(refusal('payment_not_found', 'This merchant has no payment of that id.'));
}
