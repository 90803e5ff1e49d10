/**
 * Keys in the token: AES-256, sensitive, not extractable, found by label and id.
 *
 * @module
 */

import pkcs11js from 'pkcs11js';
import { HsmError, type KeyName, type KeyPurpose } from '../keyring.ts';

const KEY_BYTES = 32;
/** More keys under one label than years of rotation make. */
const KEYS_A_LABEL_MAX = 1024;

/** Makes a key that never leaves the token. Not to be repeated: a second run would make a second key. */
export function generateKey(
  library: pkcs11js.PKCS11,
  session: pkcs11js.Handle,
  name: KeyName,
  purpose: KeyPurpose,
): void {
  library.C_GenerateKey(session, { mechanism: pkcs11js.CKM_AES_KEY_GEN }, [
    ...nameTemplate(name.label),
    { type: pkcs11js.CKA_ID, value: Buffer.from(name.id) },
    { type: pkcs11js.CKA_VALUE_LEN, value: KEY_BYTES },
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_PRIVATE, value: true },
    { type: pkcs11js.CKA_SENSITIVE, value: true },
    { type: pkcs11js.CKA_EXTRACTABLE, value: false },
    { type: pkcs11js.CKA_MODIFIABLE, value: false },
    { type: pkcs11js.CKA_ENCRYPT, value: true },
    { type: pkcs11js.CKA_DECRYPT, value: purpose === 'seal' },
    { type: pkcs11js.CKA_SIGN, value: false },
    { type: pkcs11js.CKA_WRAP, value: false },
    { type: pkcs11js.CKA_UNWRAP, value: false },
  ]);
}

/** The handle of one key. Throws HsmError `key_missing` or `key_ambiguous`. */
export function findKey(library: pkcs11js.PKCS11, session: pkcs11js.Handle, name: KeyName): pkcs11js.Handle {
  const handles = findAll(library, session, [
    ...nameTemplate(name.label),
    { type: pkcs11js.CKA_ID, value: Buffer.from(name.id) },
  ]);
  if (handles.length === 1) return handles[0]!;
  const code = handles.length === 0 ? 'key_missing' : 'key_ambiguous';
  throw new HsmError(
    code,
    `${handles.length} keys ${name.label} with id ${Buffer.from(name.id).toString('hex')}`,
  );
}

/** Ids of all keys with a label, in byte order. */
export function findKeyIds(library: pkcs11js.PKCS11, session: pkcs11js.Handle, label: string): Uint8Array[] {
  return findAll(library, session, nameTemplate(label))
    .map((handle) => {
      const [attribute] = library.C_GetAttributeValue(session, handle, [{ type: pkcs11js.CKA_ID }]);
      return Uint8Array.from(attribute!.value as Buffer);
    })
    .sort(Buffer.compare);
}

function nameTemplate(label: string): pkcs11js.Template {
  return [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_SECRET_KEY },
    { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_AES },
    { type: pkcs11js.CKA_LABEL, value: label },
  ];
}

function findAll(
  library: pkcs11js.PKCS11,
  session: pkcs11js.Handle,
  template: pkcs11js.Template,
): pkcs11js.Handle[] {
  library.C_FindObjectsInit(session, template);
  try {
    return library.C_FindObjects(session, KEYS_A_LABEL_MAX);
  } finally {
    library.C_FindObjectsFinal(session);
  }
}
