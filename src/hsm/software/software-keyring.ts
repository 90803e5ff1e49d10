/**
 * The keyring of development: node:crypto in place of an HSM, keys in files only their owner can read.
 *
 * It promises the same answers as a token and none of its safety, so live mode refuses it and every start says so
 * on stderr.
 *
 * @module
 */

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  GCM_IV_BYTES,
  GCM_TAG_BYTES,
  HsmError,
  type KeyName,
  type KeyPurpose,
  type Keyring,
  type SealedBytes,
} from '../keyring.ts';

/** The module name that asks for this keyring. */
export const SOFTWARE_MODULE = 'software';

/** Throws HsmError `software_in_live_mode`; otherwise warns on stderr when the module is the stand-in. */
export function admitModule(module: string, mode: 'test' | 'live'): void {
  if (module !== SOFTWARE_MODULE) return;
  if (mode === 'live') {
    throw new HsmError('software_in_live_mode', 'SLUICE_PKCS11_MODULE=software is for development only');
  }
  process.stderr.write(
    'WARNING: card keys are plain files, not in an HSM (SLUICE_PKCS11_MODULE=software). Development only.\n',
  );
}

export class SoftwareKeyring implements Keyring {
  readonly #directory: string;
  readonly #tokenLabel: string;
  /** Key bytes by file name; one entry a key. */
  readonly #keys = new Map<string, Buffer>();

  /** Keys are files `<token>.<label>.<id>` in the folder `<pinFile>.software-keys`. */
  constructor(pinFile: string, tokenLabel: string) {
    this.#directory = `${pinFile}.software-keys`;
    this.#tokenLabel = tokenLabel;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
  }

  createKey(name: KeyName, _purpose: KeyPurpose): void {
    const file = join(this.#directory, this.#fileName(name));
    const draft = `${file}.${process.pid}.draft`;
    writeFileSync(draft, randomBytes(32), { mode: 0o600, flush: true });
    renameSync(draft, file);
  }

  keyIds(label: string): Uint8Array[] {
    const prefix = `${this.#tokenLabel}.${label}.`;
    return readdirSync(this.#directory)
      .filter((file) => file.startsWith(prefix) && /^[0-9a-f]{32}$/.test(file.slice(prefix.length)))
      .sort()
      .map((file) => Uint8Array.from(Buffer.from(file.slice(prefix.length), 'hex')));
  }

  destroyKey(name: KeyName): void {
    rmSync(join(this.#directory, this.#fileName(name)), { force: true });
    this.#keys.delete(this.#fileName(name));
  }

  seal(name: KeyName, plain: Uint8Array, aad: Uint8Array): SealedBytes {
    const iv = Uint8Array.from(randomBytes(GCM_IV_BYTES));
    const cipher = createCipheriv('aes-256-gcm', this.#key(name), iv).setAAD(aad);
    const ciphertext = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    return { iv, ciphertext: Uint8Array.from(ciphertext), ivMadeBy: 'caller' };
  }

  open(name: KeyName, iv: Uint8Array, ciphertext: Uint8Array, aad: Uint8Array): Uint8Array {
    const end = ciphertext.length - GCM_TAG_BYTES;
    if (end < 0) throw new HsmError('sealed_data_refused', 'shorter than its tag');
    const key = this.#key(name);
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: GCM_TAG_BYTES });
      decipher.setAAD(aad).setAuthTag(ciphertext.subarray(end));
      const head = decipher.update(ciphertext.subarray(0, end));
      decipher.final();
      const plain = Uint8Array.from(head);
      head.fill(0);
      return plain;
    } catch (cause) {
      throw new HsmError('sealed_data_refused', 'authentication failed', { cause });
    }
  }

  encryptBlocks(name: KeyName, blocks: Uint8Array): Uint8Array {
    const cipher = createCipheriv('aes-256-ecb', this.#key(name), null).setAutoPadding(false);
    return Uint8Array.from(Buffer.concat([cipher.update(blocks), cipher.final()]));
  }

  #key(name: KeyName): Buffer {
    const file = this.#fileName(name);
    const known = this.#keys.get(file);
    if (known !== undefined) return known;
    let key: Buffer;
    try {
      key = readFileSync(join(this.#directory, file));
    } catch (cause) {
      throw new HsmError('key_missing', file, { cause });
    }
    this.#keys.set(file, key);
    return key;
  }

  #fileName(name: KeyName): string {
    return `${this.#tokenLabel}.${name.label}.${Buffer.from(name.id).toString('hex')}`;
  }
}
