/**
 * The keyring of a PKCS#11 token. One a worker; every call goes through its own session.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import type pkcs11js from 'pkcs11js';
import { GCM_IV_BYTES, type KeyName, type KeyPurpose, type Keyring, type SealedBytes } from '../keyring.ts';
import { encryptEcb, openGcm, sealGcm } from './cipher.ts';
import { findKey, findKeyIds, generateKey } from './keys.ts';
import { Pkcs11Session, type SessionOptions } from './session.ts';

export class Pkcs11Keyring implements Keyring {
  readonly #session: Pkcs11Session;
  /** Handles by label and id; empty after the session was lost. One entry a key of the token. */
  readonly #handles = new Map<string, pkcs11js.Handle>();

  constructor(options: SessionOptions) {
    this.#session = new Pkcs11Session(options, () => this.#handles.clear());
  }

  createKey(name: KeyName, purpose: KeyPurpose): void {
    // Heals the session first, because the making itself is not repeated.
    this.#session.run((library, session) => findKeyIds(library, session, name.label));
    this.#session.runOnce((library, session) => generateKey(library, session, name, purpose));
  }

  keyIds(label: string): Uint8Array[] {
    return this.#session.run((library, session) => findKeyIds(library, session, label));
  }

  destroyKey(name: KeyName): void {
    this.#session.run((library, session) =>
      library.C_DestroyObject(session, this.#handle(library, session, name)),
    );
    this.#handles.delete(cacheKey(name));
  }

  seal(name: KeyName, plain: Uint8Array, aad: Uint8Array): SealedBytes {
    return this.#session.run((library, session) => {
      const key = this.#handle(library, session, name);
      return sealGcm(library, session, key, plain, aad, randomBytes(GCM_IV_BYTES));
    });
  }

  open(name: KeyName, iv: Uint8Array, ciphertext: Uint8Array, aad: Uint8Array): Uint8Array {
    return this.#session.run((library, session) =>
      openGcm(library, session, this.#handle(library, session, name), iv, ciphertext, aad),
    );
  }

  encryptBlocks(name: KeyName, blocks: Uint8Array): Uint8Array {
    return this.#session.run((library, session) =>
      encryptEcb(library, session, this.#handle(library, session, name), blocks),
    );
  }

  #handle(library: pkcs11js.PKCS11, session: pkcs11js.Handle, name: KeyName): pkcs11js.Handle {
    const known = this.#handles.get(cacheKey(name));
    if (known !== undefined) return known;
    const handle = findKey(library, session, name);
    this.#handles.set(cacheKey(name), handle);
    return handle;
  }
}

function cacheKey(name: KeyName): string {
  return `${name.label}/${Buffer.from(name.id).toString('hex')}`;
}
