/**
 * Door of the checkout sessions (requirements 7.2, Q9): kept outside SQL's promises, with a lifetime.
 *
 * The store's own clock decides what has expired: ten minutes open, then sixty seconds of grace in which a
 * payment already typed may still be sent.
 *
 * @module
 */

/** What is kept. The first six fields are the requirements' own. */
export interface CheckoutSession {
  /** `pi_…` */
  paymentIntentId: string;
  merchantId: string;
  /** `txn_…` of the first attempt. */
  transactionId: string;
  orderId: string;
  customerId: string | null;
  /** ISO 8601. */
  createdAt: string;
  /** Minor units; shown on the page, never taken from the browser. */
  amount: number;
  currency: string;
  successUrl: string;
  cancelUrl: string;
  /** ISO 8601. */
  expiresAt: string;
}

/** A session that may still be used: `open`, or past its lifetime but within the grace (`grace`). */
export interface LiveSession {
  session: CheckoutSession;
  state: 'open' | 'grace';
  /** Milliseconds until the state changes. */
  remainingMs: number;
}

/** The store cannot be reached: new sessions are refused, payments begun go on. */
export class SessionStoreError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'SessionStoreError';
  }
}

/** The store is there and must not be used as it is set up: only its operator can change that. */
export class SessionStoreRefused extends SessionStoreError {
  constructor(message: string) {
    super(message);
    this.name = 'SessionStoreRefused';
  }
}

export interface SessionStore {
  /**
   * Keeps a session for `lifetimeMs`, and for `graceMs` beyond. Repeating it is harmless.
   * @param sessionId `sess_…`
   */
  put(sessionId: string, session: CheckoutSession, lifetimeMs: number, graceMs: number): Promise<void>;
  /** Undefined when it never was or its grace is over. Rejects with {@link SessionStoreError}. */
  get(sessionId: string): Promise<LiveSession | undefined>;
  /**
   * Resolves when the store answers. Rejects with {@link SessionStoreRefused} when it must never be used so, else with
   * {@link SessionStoreError}: it is away, and may come back.
   */
  ping(): Promise<void>;
  close(): Promise<void>;
}
