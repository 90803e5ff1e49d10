/**
 * Holds the PKCS#11 module for the life of the process.
 *
 * Workers load it on their own, and the last one to end would unload it: opened and closed side by side they initialise a library that
 * another is taking apart. SoftHSM 2.6 answers that with CKR_GENERAL_ERROR, CKR_SLOT_ID_INVALID or a crash [measured: 55 of 1,728 pools
 * opened by 12 at once, 2 when it is held].
 *
 * @module
 */

import { loadLibrary } from './pkcs11/library.ts';
import { SOFTWARE_MODULE } from './software/software-keyring.ts';

/**
 * Loads and initialises the module in this thread, which must be the main one, before any other thread does: C_Initialize by several
 * threads at once is not defined. Opens no session and needs no PIN. Throws HsmError `module_not_loaded`.
 */
export function holdModule(module: string): void {
  if (module !== SOFTWARE_MODULE) loadLibrary(module);
}
