/**
 * Keyring: what a worker of this room asks of its keys, whoever holds them (a PKCS#11 token or, for development,
 * node:crypto). Synchronous, because PKCS#11 calls are made synchronously in workers.
 *
 * @module
 */

/** A key in the token: CKA_LABEL says what it is, CKA_ID which one. */
export interface KeyName {
  label: string;
  /** 16 random bytes. */
  id: Uint8Array;
}

/** `seal`: AES-GCM both ways. `fingerprint`: encrypts blocks, never decrypts, so a fingerprint cannot be undone. */
export type KeyPurpose = 'seal' | 'fingerprint';

export interface SealedBytes {
  /** The IV that opens the bytes: ours, or the module's own. */
  iv: Uint8Array;
  /** The 16-byte tag at its end. */
  ciphertext: Uint8Array;
  ivMadeBy: 'caller' | 'module';
}

/** All methods throw {@link HsmError}. */
export interface Keyring {
  /** Makes an AES-256 key that cannot be read out. */
  createKey(name: KeyName, purpose: KeyPurpose): void;
  /** Ids of the keys with this label, in byte order. */
  keyIds(label: string): Uint8Array[];
  destroyKey(name: KeyName): void;
  seal(name: KeyName, plain: Uint8Array, aad: Uint8Array): SealedBytes;
  open(name: KeyName, iv: Uint8Array, ciphertext: Uint8Array, aad: Uint8Array): Uint8Array;
  /** AES-ECB over whole 16-byte blocks. */
  encryptBlocks(name: KeyName, blocks: Uint8Array): Uint8Array;
}

export type HsmErrorCode =
  | 'module_not_loaded'
  | 'token_not_found'
  | 'pin_refused'
  | 'key_missing'
  | 'key_ambiguous'
  | 'sealed_data_refused'
  | 'probe_failed'
  | 'session_lost'
  | 'call_failed'
  | 'call_timed_out'
  | 'worker_died'
  | 'workers_exhausted'
  | 'queue_full'
  | 'software_in_live_mode'
  | 'closed';

/** What the HSM, its token or its workers could not do. `detail` names setting, file or CKR code, never data. */
export class HsmError extends Error {
  readonly code: HsmErrorCode;
  readonly detail: string;

  constructor(code: HsmErrorCode, detail: string, options?: ErrorOptions) {
    super(`${code}: ${detail}`, options);
    this.name = 'HsmError';
    this.code = code;
    this.detail = detail;
  }
}

export const GCM_IV_BYTES = 12;
export const GCM_TAG_BYTES = 16;
