/**
 * The keyring a worker's options ask for: a PKCS#11 token, or the stand-in of development.
 * Loaded by the workers only: no other thread calls the token.
 *
 * @module
 */

import type { Keyring } from './keyring.ts';
import { Pkcs11Keyring } from './pkcs11/pkcs11-keyring.ts';
import type { SessionOptions } from './pkcs11/session.ts';
import { SOFTWARE_MODULE, SoftwareKeyring } from './software/software-keyring.ts';

/** Opens nothing yet: the first call does, so that its error is the answer of a task. */
export function openKeyring(options: SessionOptions): Keyring {
  return options.module === SOFTWARE_MODULE
    ? new SoftwareKeyring(options.pinFile, options.tokenLabel)
    : new Pkcs11Keyring(options);
}
