/**
 * Slots: the token is found by its label, because slot numbers change from start to start.
 *
 * @module
 */

import type pkcs11js from 'pkcs11js';
import { HsmError } from '../keyring.ts';

/** The slot of an initialised token. Throws HsmError `token_not_found`. */
export function findSlot(library: pkcs11js.PKCS11, tokenLabel: string): pkcs11js.Handle {
  const slots = library.C_GetSlotList(true);
  const found = slots.filter((slot) => library.C_GetTokenInfo(slot).label.trimEnd() === tokenLabel);
  if (found.length === 1) return found[0]!;
  const detail = found.length === 0 ? 'no token' : `${found.length} tokens`;
  throw new HsmError('token_not_found', `${detail} with the label ${tokenLabel} (SLUICE_PKCS11_TOKEN_LABEL)`);
}
