/**
 * Id of a checkout session: `sess_` and 128 random bits in hex. It is the shopper's only permission, so it is never made
 * of anything but random bits; and nothing else is looked up or kept under, so what a browser sends can name no foreign key.
 *
 * @module
 */

const SESSION_ID = /^sess_[0-9a-f]{32}$/;

/** True when a text has the shape of a session id. */
export function isSessionId(text: string): boolean {
  return SESSION_ID.test(text);
}

/** Throws for an id that our own code must never have made. */
export function assertSessionId(text: string): void {
  if (!isSessionId(text)) throw new RangeError('a session id is sess_ and 32 hex digits');
}

/**
 * The id as callers see it.
 * @param hex 32 lower-case hex digits, as it is inside the program
 */
export function showSessionId(hex: string): string {
  return `sess_${hex}`;
}
