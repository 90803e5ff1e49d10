/**
 * PKCS#11 module: finds the library of SoftHSM.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { EmbeddedError } from './embedded-error.ts';

/** Where distributions put SoftHSM; Debian first. */
const SOFT_HSM_PATHS: readonly string[] = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/lib64/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
];

/** The named module, or SoftHSM where it usually is. */
export function findPkcs11Module(named: string | undefined): string {
  if (named === 'software') return named;
  if (named !== undefined) {
    if (existsSync(named)) return named;
    throw new EmbeddedError(
      'pkcs11_module_missing',
      `SLUICE_PKCS11_MODULE names ${named}, which does not exist`,
    );
  }
  const found = SOFT_HSM_PATHS.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new EmbeddedError(
    'pkcs11_module_missing',
    'SoftHSM is not installed: run `apt-get install softhsm2`, or set SLUICE_PKCS11_MODULE to a PKCS#11 library (or, in test mode, to `software`)',
  );
}
