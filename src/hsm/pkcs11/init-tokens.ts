/**
 * Child process of soft-hsm-tokens.ts: makes the tokens that are missing and finishes half-made ones.
 *
 * Arguments: module path, then pairs of token label and user PIN file; the security officer's PIN is in
 * `<PIN file>.so`. Exit 0 when every token is ready.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import pkcs11js from 'pkcs11js';
import { loadLibrary } from './library.ts';

const LABEL_BYTES = 32;

const [module, ...pairs] = process.argv.slice(2);
if (module === undefined || pairs.length % 2 !== 0)
  throw new Error('usage: init-tokens MODULE (LABEL PIN_FILE)...');
const library = loadLibrary(module);
for (let i = 0; i < pairs.length; i += 2) ensureToken(pairs[i]!, pairs[i + 1]!);

function ensureToken(label: string, pinFile: string): void {
  const pin = readFileSync(pinFile, 'utf8').trim();
  const officerPin = readFileSync(`${pinFile}.so`, 'utf8').trim();
  if (slotOf(label) === undefined) library.C_InitToken(freeSlot(), officerPin, label.padEnd(LABEL_BYTES));
  const slot = slotOf(label);
  if (slot === undefined) throw new Error(`token ${label} was made but is not found`);
  if (library.C_GetTokenInfo(slot).flags & pkcs11js.CKF_USER_PIN_INITIALIZED) return;
  const session = library.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
  library.C_Login(session, pkcs11js.CKU_SO, officerPin);
  library.C_InitPIN(session, pin);
  library.C_CloseSession(session);
}

function slotOf(label: string): pkcs11js.Handle | undefined {
  return library.C_GetSlotList(true).find((slot) => library.C_GetTokenInfo(slot).label.trimEnd() === label);
}

function freeSlot(): pkcs11js.Handle {
  const slot = library
    .C_GetSlotList(true)
    .find((candidate) => !(library.C_GetTokenInfo(candidate).flags & pkcs11js.CKF_TOKEN_INITIALIZED));
  if (slot === undefined) throw new Error('the module offers no free slot');
  return slot;
}
