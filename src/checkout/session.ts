/**
 * Session: finds the checkout session a shopper came with, in its lifetime or in the grace after it.
 *
 * @module
 */

import { isSessionId } from '../domain/checkout-session.ts';
import { type Refusal, refusal } from '../domain/outcomes.ts';
import type { LiveSession, SessionStore } from '../storage/sessions.ts';

export type SessionLoad = { ok: true; live: LiveSession } | { ok: false; refusal: Refusal };

export interface SessionDeps {
  store: Pick<SessionStore, 'get'>;
  /** Hears why the store could not be asked. */
  onSessionStoreFailed(error: unknown): void;
}

/** Loads a session by the id a browser sent. An id that is none of ours, is over, or never was, are one refusal. */
export async function loadSession(deps: SessionDeps, sessionId: string): Promise<SessionLoad> {
  if (!isSessionId(sessionId)) return expired();
  try {
    const live = await deps.store.get(sessionId);
    return live === undefined ? expired() : { ok: true, live };
  } catch (error) {
    deps.onSessionStoreFailed(error);
    const detail = 'Nothing was charged. Please try again in a moment.';
    return { ok: false, refusal: refusal('session_store_unavailable', detail) };
  }
}

function expired(): SessionLoad {
  return { ok: false, refusal: sessionExpired() };
}

/** What a shopper hears whose session is over or never was. */
export function sessionExpired(): Refusal {
  return refusal('session_expired', 'Nothing was charged. Go back to the shop and start the payment again.');
}
