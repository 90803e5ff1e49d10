/**
 * Slots: the token is found by its label, because slot numbers change from start to start.
 *
 * @module
 */

import type pkcs11js from 'pkcs11js';
import { HsmError } from '../keyring.ts';

/**
 * SoftHSM rewrites a token's file at every login: whoever reads its label at that moment, as the threads of a starting gateway do,
 * sees none. Looked for again this often, this far apart. (A process that loads the module at such a moment never sees the token;
 * then its start fails and the parent starts it again.)
 */
const TRIES = 20;
const PAUSE_MS = 50;

/** The slot of an initialised token. Throws HsmError `token_not_found`. */
export function findSlot(library: pkcs11js.PKCS11, tokenLabel: string): pkcs11js.Handle {
  let found = labelled(library, tokenLabel);
  for (let tries = 1; found.length === 0 && tries < TRIES; tries++) {
    // Every PKCS#11 call is made in a worker of its own: standing still here holds nobody up.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    found = labelled(library, tokenLabel);
  }
  if (found.length === 1) return found[0]!;
  const detail = found.length === 0 ? 'no token' : `${found.length} tokens`;
  throw new HsmError('token_not_found', `${detail} with the label ${tokenLabel} (SLUICE_PKCS11_TOKEN_LABEL)`);
}

function labelled(library: pkcs11js.PKCS11, tokenLabel: string): pkcs11js.Handle[] {
  return library
    .C_GetSlotList(true)
    .filter((slot) => library.C_GetTokenInfo(slot).label.trimEnd() === tokenLabel);
}
