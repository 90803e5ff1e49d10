/**
 * Cipher: seal and open with a key handle, single-part calls only (GCM decryption by parts would hand out text
 * before its tag is checked).
 *
 * Whose IV it was is read from each answer, not assumed: a module may take ours, write its own into our buffer, or
 * append its own after the tag (some FIPS modes).
 *
 * @module
 */

import pkcs11js from 'pkcs11js';
import { GCM_IV_BYTES, GCM_TAG_BYTES, HsmError, type SealedBytes } from '../keyring.ts';
import { ckrOf } from './errors.ts';

/** Room for a tag and an IV that the module appends. */
const OUTPUT_EXTRA_BYTES = GCM_TAG_BYTES + 32;
/** What modules say of a tag that does not fit; SoftHSM says the general one. */
const TAG_REFUSED = new Set([
  'CKR_ENCRYPTED_DATA_INVALID',
  'CKR_ENCRYPTED_DATA_LEN_RANGE',
  'CKR_AEAD_DECRYPT_FAILED',
  'CKR_GENERAL_ERROR',
]);

/** AES-GCM with a 16-byte tag. */
export function sealGcm(
  library: pkcs11js.PKCS11,
  session: pkcs11js.Handle,
  key: pkcs11js.Handle,
  plain: Uint8Array,
  aad: Uint8Array,
  iv: Uint8Array,
): SealedBytes {
  const ivBuffer = Buffer.from(Uint8Array.from(iv).buffer);
  const output = Buffer.alloc(plain.length + OUTPUT_EXTRA_BYTES);
  library.C_EncryptInit(session, gcm(ivBuffer, aad), key);
  const sealed = library.C_Encrypt(session, bufferOver(plain), output);
  return readSealed(plain.length, iv, ivBuffer, sealed);
}

/**
 * Tells ciphertext and IV apart in what a module returned.
 * @param ivGiven the IV we chose, `ivAfter` what stands in the buffer after the call
 */
export function readSealed(
  plainBytes: number,
  ivGiven: Uint8Array,
  ivAfter: Uint8Array,
  output: Uint8Array,
): SealedBytes {
  const ciphertextBytes = plainBytes + GCM_TAG_BYTES;
  if (output.length < ciphertextBytes) {
    throw new HsmError('probe_failed', `the module returned ${output.length} bytes for ${plainBytes}`);
  }
  const ciphertext = Uint8Array.from(output.subarray(0, ciphertextBytes));
  if (output.length > ciphertextBytes) {
    return { iv: Uint8Array.from(output.subarray(ciphertextBytes)), ciphertext, ivMadeBy: 'module' };
  }
  const kept = Buffer.compare(ivGiven, ivAfter) === 0;
  return { iv: Uint8Array.from(ivAfter), ciphertext, ivMadeBy: kept ? 'caller' : 'module' };
}

/** Opens what `sealGcm` made. Throws HsmError `sealed_data_refused` when a byte, the IV or the AAD differs. */
export function openGcm(
  library: pkcs11js.PKCS11,
  session: pkcs11js.Handle,
  key: pkcs11js.Handle,
  iv: Uint8Array,
  ciphertext: Uint8Array,
  aad: Uint8Array,
): Uint8Array {
  const output = Buffer.alloc(ciphertext.length);
  library.C_DecryptInit(session, gcm(Buffer.from(Uint8Array.from(iv).buffer), aad), key);
  try {
    const plain = library.C_Decrypt(session, bufferOver(ciphertext), output);
    return Uint8Array.from(plain);
  } catch (cause) {
    const ckr = ckrOf(cause);
    if (ckr !== undefined && TAG_REFUSED.has(ckr)) throw new HsmError('sealed_data_refused', ckr, { cause });
    throw cause;
  } finally {
    output.fill(0);
  }
}

/** AES-ECB over whole blocks: the block cipher itself, from which the fingerprint's CMAC is built. */
export function encryptEcb(
  library: pkcs11js.PKCS11,
  session: pkcs11js.Handle,
  key: pkcs11js.Handle,
  blocks: Uint8Array,
): Uint8Array {
  library.C_EncryptInit(session, { mechanism: pkcs11js.CKM_AES_ECB }, key);
  return Uint8Array.from(library.C_Encrypt(session, bufferOver(blocks), Buffer.alloc(blocks.length + 16)));
}

/** The v2.40 parameters. pkcs11js hands the module pointers into these very buffers: they must not be pooled. */
function gcm(iv: Buffer, aad: Uint8Array): pkcs11js.Mechanism {
  const parameter = {
    type: pkcs11js.CK_PARAMS_AES_GCM_v240,
    iv,
    ivBits: GCM_IV_BYTES * 8,
    aad: bufferOver(aad),
    tagBits: GCM_TAG_BYTES * 8,
  };
  return { mechanism: pkcs11js.CKM_AES_GCM, parameter };
}

function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
