/**
 * The PKCS#11 module of this thread: loaded once, initialised once a process, never finalised.
 *
 * C_Finalize or C_CloseAllSessions in one worker would take the sessions of all others with them.
 *
 * @module
 */

import pkcs11js from 'pkcs11js';
import { HsmError } from '../keyring.ts';
import { tolerate } from './errors.ts';

/** One entry a module path; kept for the life of the thread, because collecting it would unload the module. */
const loaded = new Map<string, pkcs11js.PKCS11>();

/** The module, ready for calls. Throws HsmError `module_not_loaded`. */
export function loadLibrary(path: string): pkcs11js.PKCS11 {
  const known = loaded.get(path);
  if (known !== undefined) return known;
  const library = new pkcs11js.PKCS11();
  try {
    library.load(path);
    tolerate('CKR_CRYPTOKI_ALREADY_INITIALIZED', () =>
      library.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK }),
    );
  } catch (error) {
    throw new HsmError('module_not_loaded', `${path}: ${String(error)}`, { cause: error });
  }
  loaded.set(path, library);
  return library;
}
