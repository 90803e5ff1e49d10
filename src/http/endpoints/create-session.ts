/**
 * POST /v1/payment/session: the intent is checked in SQL, then the session is kept, then the answer.
 *
 * With an idempotency key the whole answer is committed before the session is kept. A replay keeps the same
 * session again for the lifetime that remains, so a store that lost it has it back.
 *
 * @module
 */

import { hash } from 'node:crypto';
import { showSessionId } from '../../domain/checkout-session.ts';
import {
  type IntentId,
  parseIntentId,
  shardOfId,
  showIntentId,
  showTransactionId,
  transactionIdOf,
} from '../../domain/ids.ts';
import { refusal } from '../../domain/outcomes.ts';
import type { PaymentIntent } from '../../domain/payment-intent.ts';
import type { AskShard } from '../../messages/ask.ts';
import type { SessionGranted } from '../../messages/replies.ts';
import type { CheckoutSession } from '../../storage/sessions.ts';
import { admitWrite, authenticate, type Gate, WRITE_HEADERS } from '../admit.ts';
import { problem } from '../problem.ts';
import { type HttpRequest, type HttpResponse, jsonText, type Route } from '../routes.ts';
import { type CreateSessionBody, readCreateSession } from '../schemas.ts';

export interface CreateSessionDeps {
  gate: Gate;
  ask: AskShard;
  askDeadlineMs: number;
  bodyLimitBytes: number;
  randomBytes(length: number): Buffer;
  /** Keeps a session; rejects when the store cannot be reached. */
  putSession(sessionId: string, session: CheckoutSession, lifetimeMs: number, graceMs: number): Promise<void>;
  onSessionStoreFailed(error: unknown): void;
  sessionLifetimeMs: number;
  sessionGraceMs: number;
  /** How a shopper's browser reaches checkout, without a slash at the end. */
  publicCheckoutUrl: string;
  /** Redirect URLs may be http (test mode). */
  plainHttpRedirects: boolean;
}

const ENDPOINT = 'POST /v1/payment/session';

/** Makes the route. */
export function createSessionRoute(deps: CreateSessionDeps): Route {
  return {
    method: 'POST',
    path: '/v1/payment/session',
    name: 'create_session',
    bodyLimitBytes: deps.bodyLimitBytes,
    contentTypes: ['application/json'],
    headers: WRITE_HEADERS,
    handler: (request) => createSession(deps, request),
  };
}

async function createSession(deps: CreateSessionDeps, request: HttpRequest): Promise<HttpResponse> {
  const caller = await authenticate(deps.gate, request);
  if (!caller.ok) return problem(caller.refusal);
  const reading = readCreateSession(request.body, deps.plainHttpRedirects, caller.merchant.redirectOrigins);
  if (!reading.ok) return problem(reading.refusal);
  const { merchantId } = caller.merchant;
  const admitted = await admitWrite(deps.gate, request, caller.merchant, reading.body.merchantId);
  if (!admitted.ok) return problem(admitted.refusal);
  const intentId = parseIntentId(reading.body.paymentIntentId);
  if (intentId === null) return problem(refusal('payment_not_found', 'No such payment intent.'));

  const granted = await grant(deps, request, { intentId, merchantId, key: admitted.key });
  if ('refused' in granted) return granted.refused;
  if (!(await keep(deps, reading.body, granted, request.now))) {
    return problem(refusal('session_store_unavailable', 'Try again with the same Idempotency-Key.'));
  }
  return granted.replayed
    ? jsonText(201, granted.answer, { 'Idempotency-Replayed': 'true' })
    : jsonText(201, granted.answer);
}

/** A session that may be kept, and the answer that names it. */
interface Granted {
  sessionId: string;
  expiresAt: number;
  intent: PaymentIntent;
  answer: string;
  replayed: boolean;
}

async function grant(
  deps: CreateSessionDeps,
  request: HttpRequest,
  wanted: { intentId: IntentId; merchantId: string; key: string | null },
): Promise<Granted | { refused: HttpResponse }> {
  const { intentId, merchantId, key } = wanted;
  const sessionId = deps.randomBytes(16).toString('hex');
  const expiresAt = request.now + deps.sessionLifetimeMs;
  const answer = JSON.stringify({
    sessionId: showSessionId(sessionId),
    redirectUrl: `${deps.publicCheckoutUrl}/checkout?session=${showSessionId(sessionId)}`,
    expiresAt: new Date(expiresAt).toISOString(),
  });
  const bodyHash = key === null ? '' : hash('sha256', request.body, 'hex');
  const reply = await deps.ask(
    shardOfId(intentId),
    {
      type: 'grant-session',
      intentId,
      merchantId,
      sessionId,
      expiresAt,
      answer,
      key: key === null ? null : { merchantId, endpoint: ENDPOINT, key, bodyHash },
      now: request.now,
    },
    deps.askDeadlineMs,
  );
  if (reply.type === 'refused') return { refused: problem(reply.refusal) };
  if (reply.type !== 'session-granted') throw new Error(`grant-session was answered ${reply.type}`);
  return grantedOf(reply, answer, expiresAt);
}

function grantedOf(reply: SessionGranted, answer: string, expiresAt: number): Granted {
  const { intent, sessionId, replayed } = reply;
  if (replayed === null) return { sessionId, expiresAt, intent, answer, replayed: false };
  const stored = JSON.parse(replayed) as { expiresAt: string };
  return { sessionId, expiresAt: Date.parse(stored.expiresAt), intent, answer: replayed, replayed: true };
}

/** False when the store cannot be reached. A session whose lifetime is over is not kept again. */
async function keep(
  deps: CreateSessionDeps,
  body: CreateSessionBody,
  granted: Granted,
  now: number,
): Promise<boolean> {
  const lifetimeMs = granted.expiresAt - now;
  if (lifetimeMs <= 0) return true;
  const { intent } = granted;
  const session: CheckoutSession = {
    paymentIntentId: showIntentId(intent.paymentIntentId),
    merchantId: intent.merchantId,
    transactionId: showTransactionId(transactionIdOf(intent.paymentIntentId, 1)),
    orderId: intent.orderId,
    customerId: intent.customerId,
    createdAt: new Date(granted.expiresAt - deps.sessionLifetimeMs).toISOString(),
    amount: intent.amount,
    currency: intent.currency,
    successUrl: body.successUrl,
    cancelUrl: body.cancelUrl,
    expiresAt: new Date(granted.expiresAt).toISOString(),
  };
  try {
    await deps.putSession(showSessionId(granted.sessionId), session, lifetimeMs, deps.sessionGraceMs);
    return true;
  } catch (error) {
    deps.onSessionStoreFailed(error);
    return false;
  }
}
