/**
 * Vault key: the sealing key of a rival, in the token, and the seal itself. Two PKCS#11 calls a seal, in the calling thread.
 *
 * @module
 */

import { randomFillSync } from 'node:crypto';
import { GCM_IV_BYTES, type KeyName } from '../../src/hsm/keyring.ts';
import { sealGcm } from '../../src/hsm/pkcs11/cipher.ts';
import { findKey, generateKey } from '../../src/hsm/pkcs11/keys.ts';
import { Pkcs11Session } from '../../src/hsm/pkcs11/session.ts';
import type { Place } from './parts.ts';

const KEY: KeyName = { label: 'bench-seal', id: Uint8Array.of(1) };
const NO_AAD = new Uint8Array(0);

/** AES-256-GCM under a key that never leaves the token: IV, ciphertext and tag, in this order. */
export type Seal = (plain: Uint8Array) => Buffer;

/** Makes the key. Once for a token. Throws HsmError. */
export function createVaultKey({ token }: Place): void {
  openSession(token).runOnce((library, handle) => generateKey(library, handle, KEY, 'seal'));
}

/** Logs in and finds the key. Throws HsmError. */
export function openVaultKey({ token }: Place): Seal {
  const session = openSession(token);
  const key = session.run((library, handle) => findKey(library, handle, KEY));
  const iv = new Uint8Array(GCM_IV_BYTES);
  return (plain) =>
    session.run((library, handle) => {
      const sealed = sealGcm(library, handle, key, plain, NO_AAD, randomFillSync(iv));
      return Buffer.concat([sealed.iv, sealed.ciphertext]);
    });
}

function openSession({ module, pinFile }: Place['token']): Pkcs11Session {
  return new Pkcs11Session({ module, pinFile, tokenLabel: 'vault' }, () => undefined);
}
