/**
 * The shape of a session id: `sess_` and 128 random bits in hex. Stores keep nothing under any other key, so nothing a
 * browser sends can name a foreign key or break a statement that serves others too.
 *
 * @module
 */

const SESSION_ID = /^sess_[0-9a-f]{32}$/;

export function isSessionId(text: string): boolean {
  return SESSION_ID.test(text);
}

/** Throws for an id that our own code must never have made. */
export function assertSessionId(text: string): void {
  if (!isSessionId(text)) throw new RangeError('a session id is sess_ and 32 hex digits');
}
