/**
 * Session: a logged-in session of this worker that heals itself once.
 *
 * Two sessions are opened: one works, one stays idle and keeps the login, which PKCS#11 ends with the last session
 * of an application. When the module says the session is gone, both are opened again and the call is repeated once.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import pkcs11js from 'pkcs11js';
import { HsmError } from '../keyring.ts';
import { ckrOf, toHsmError, tolerate } from './errors.ts';
import { loadLibrary } from './library.ts';
import { findSlot } from './slot.ts';

export interface SessionOptions {
  /** Path of the PKCS#11 module. */
  module: string;
  tokenLabel: string;
  pinFile: string;
}

interface OpenSessions {
  library: pkcs11js.PKCS11;
  working: pkcs11js.Handle;
  idle: pkcs11js.Handle;
}

/** A call on the module with its session. */
export type SessionCall<T> = (library: pkcs11js.PKCS11, session: pkcs11js.Handle) => T;

export class Pkcs11Session {
  readonly #options: SessionOptions;
  readonly #onLost: () => void;
  #sessions: OpenSessions | undefined;
  #pinRefused: HsmError | undefined;

  /** @param onLost told when handles found in the old session are worthless */
  constructor(options: SessionOptions, onLost: () => void) {
    this.#options = options;
    this.#onLost = onLost;
  }

  /** Runs a call that may be repeated. Throws HsmError. */
  run<T>(call: SessionCall<T>): T {
    try {
      return this.runOnce(call);
    } catch (error) {
      if (!(error instanceof HsmError) || !newSessionMayHelp(error)) throw error;
      return this.runOnce(call);
    }
  }

  /** Runs a call that must not be repeated, like making a key. A lost session is dropped all the same. */
  runOnce<T>(call: SessionCall<T>): T {
    try {
      this.#sessions ??= this.#open();
      return call(this.#sessions.library, this.#sessions.working);
    } catch (cause) {
      const error = toHsmError(cause);
      if (newSessionMayHelp(error)) this.#drop();
      throw error;
    }
  }

  #open(): OpenSessions {
    // Tokens lock after a few wrong PINs: one refusal is enough until the process starts anew.
    if (this.#pinRefused !== undefined) throw this.#pinRefused;
    const pin = this.#readPin();
    const library = loadLibrary(this.#options.module);
    const slot = findSlot(library, this.#options.tokenLabel);
    const flags = pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION;
    const idle = library.C_OpenSession(slot, flags);
    try {
      tolerate('CKR_USER_ALREADY_LOGGED_IN', () => library.C_Login(idle, pkcs11js.CKU_USER, pin));
    } catch (cause) {
      closeQuietly(library, idle);
      const error = toHsmError(cause);
      if (error.code === 'pin_refused') this.#pinRefused = error;
      throw error;
    }
    return { library, working: library.C_OpenSession(slot, flags), idle };
  }

  #readPin(): string {
    try {
      return readFileSync(this.#options.pinFile, 'utf8').trim();
    } catch (cause) {
      throw new HsmError('pin_refused', `cannot read ${this.#options.pinFile} (SLUICE_PKCS11_PIN_FILE)`, {
        cause,
      });
    }
  }

  #drop(): void {
    const sessions = this.#sessions;
    if (sessions === undefined) return;
    this.#sessions = undefined;
    this.#onLost();
    closeQuietly(sessions.library, sessions.working);
    closeQuietly(sessions.library, sessions.idle);
  }
}

/** A key that is not found may be one that is hidden because somebody logged this process out. */
function newSessionMayHelp(error: HsmError): boolean {
  return error.code === 'session_lost' || error.code === 'key_missing';
}

/** Closes a session that most often is closed already; whatever the module says of it changes nothing. */
function closeQuietly(library: pkcs11js.PKCS11, session: pkcs11js.Handle): void {
  try {
    library.C_CloseSession(session);
  } catch (error) {
    if (ckrOf(error) === undefined) throw error;
  }
}
