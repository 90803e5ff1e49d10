/**
 * Config worker: the thread in which the calls on the `config` token are made.
 *
 * A sealed secret is: format (1), key id (16), IV length (1), IV, ciphertext with tag. It names its key, so two
 * processes that both make a first key, or a later replacement, cost nothing: all keys open, the lowest id seals.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import { isMainThread, workerData } from 'node:worker_threads';
import { HsmError, type KeyName, type Keyring } from './keyring.ts';
import { openKeyring } from './open-keyring.ts';
import { toHsmError } from './pkcs11/errors.ts';
import type { SessionOptions } from './pkcs11/session.ts';
import type { WorkerReply } from './vault-tasks.ts';

/** Seal or open under a context. Answered by the sealed or plain bytes. */
export interface ConfigTask {
  type: 'seal' | 'open';
  bytes: Uint8Array;
  context: string;
}

const KEY_LABEL = 'sluice-config';
const FORMAT = 1;
const KEY_ID_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES + 1;

if (isMainThread) throw new Error('config-worker.ts runs in a worker of config-secrets.ts');

const keyring: Keyring = openKeyring(workerData as SessionOptions);

/** Piscina's handler. */
export default function handle(task: ConfigTask): WorkerReply<Uint8Array> {
  try {
    return { ok: true, answer: task.type === 'seal' ? seal(task) : open(task) };
  } catch (error) {
    const { code, detail } = toHsmError(error);
    return { ok: false, code, detail };
  }
}

function seal({ bytes, context }: ConfigTask): Uint8Array {
  try {
    const key = sealingKey();
    const { iv, ciphertext } = keyring.seal(key, bytes, aadOf(context));
    const sealed = new Uint8Array(HEADER_BYTES + iv.length + ciphertext.length);
    sealed[0] = FORMAT;
    sealed.set(key.id, 1);
    sealed[1 + KEY_ID_BYTES] = iv.length;
    sealed.set(iv, HEADER_BYTES);
    sealed.set(ciphertext, HEADER_BYTES + iv.length);
    return sealed;
  } finally {
    bytes.fill(0);
  }
}

function open({ bytes, context }: ConfigTask): Uint8Array {
  if (bytes[0] !== FORMAT || bytes.length < HEADER_BYTES) {
    throw new HsmError('sealed_data_refused', `format ${bytes[0]} is unknown`);
  }
  const ivEnd = HEADER_BYTES + bytes[1 + KEY_ID_BYTES]!;
  const key = { label: KEY_LABEL, id: bytes.slice(1, 1 + KEY_ID_BYTES) };
  return keyring.open(key, bytes.slice(HEADER_BYTES, ivEnd), bytes.slice(ivEnd), aadOf(context));
}

function sealingKey(): KeyName {
  const [first] = keyring.keyIds(KEY_LABEL);
  if (first !== undefined) return { label: KEY_LABEL, id: first };
  const made = { label: KEY_LABEL, id: Uint8Array.from(randomBytes(KEY_ID_BYTES)) };
  keyring.createKey(made, 'seal');
  return made;
}

function aadOf(context: string): Uint8Array {
  return new TextEncoder().encode(`sluice-config-${FORMAT}/${context}`);
}
