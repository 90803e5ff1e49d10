/**
 * CKR codes of the module, turned into ours: which are harmless, which mean the session is gone.
 *
 * @module
 */

import { HsmError, type HsmErrorCode } from '../keyring.ts';

/** A new session and a login may help. */
const SESSION_GONE = new Set([
  'CKR_SESSION_HANDLE_INVALID',
  'CKR_SESSION_CLOSED',
  'CKR_DEVICE_ERROR',
  'CKR_DEVICE_REMOVED',
  'CKR_TOKEN_NOT_PRESENT',
  'CKR_USER_NOT_LOGGED_IN',
  'CKR_KEY_HANDLE_INVALID',
  'CKR_OBJECT_HANDLE_INVALID',
  'CKR_CRYPTOKI_NOT_INITIALIZED',
  // An operation that failed half-way may be left open in the session.
  'CKR_OPERATION_ACTIVE',
  'CKR_OPERATION_NOT_INITIALIZED',
]);

const PIN_REFUSED = new Set(['CKR_PIN_INCORRECT', 'CKR_PIN_LOCKED', 'CKR_PIN_EXPIRED', 'CKR_PIN_LEN_RANGE']);

/** The CKR name in an error of pkcs11js; undefined for any other error. */
export function ckrOf(error: unknown): string | undefined {
  return error instanceof Error && error.message.startsWith('CKR_') ? error.message : undefined;
}

/** Runs a call and ignores the one CKR that says its work was already done. */
export function tolerate(benign: string, call: () => void): void {
  try {
    call();
  } catch (error) {
    if (ckrOf(error) !== benign) throw error;
  }
}

/** Any error of a call as an HsmError. */
export function toHsmError(error: unknown): HsmError {
  if (error instanceof HsmError) return error;
  const ckr = ckrOf(error);
  if (ckr === undefined) return new HsmError('call_failed', String(error), { cause: error });
  return new HsmError(codeOf(ckr), ckr, { cause: error });
}

function codeOf(ckr: string): HsmErrorCode {
  if (SESSION_GONE.has(ckr)) return 'session_lost';
  if (PIN_REFUSED.has(ckr)) return 'pin_refused';
  return 'call_failed';
}
