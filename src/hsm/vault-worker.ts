/**
 * Vault worker: the thread in which the vault's PKCS#11 calls are made, one task at a time.
 *
 * Synchronous from task to answer. Card bytes arrive in transferred buffers and are wiped before the answer leaves.
 *
 * @module
 */

import { isMainThread, workerData } from 'node:worker_threads';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { type CmacSubkeys, cmacSubkeys, fingerprintsOf } from './fingerprint.ts';
import { HsmError, type KeyName, type Keyring } from './keyring.ts';
import { openKeyring } from './open-keyring.ts';
import { pageAad, pansOf } from './page.ts';
import { toHsmError } from './pkcs11/errors.ts';
import type { SessionOptions } from './pkcs11/session.ts';
import type {
  CardOpened,
  OpenCard,
  PagesSealed,
  Probe,
  Probed,
  SealPages,
  VaultAnswer,
  VaultTask,
  WorkerReply,
} from './vault-tasks.ts';

if (isMainThread) throw new Error('vault-worker.ts runs in a worker of vault-pool.ts');

const keyring: Keyring = openKeyring(workerData as SessionOptions);
/** Of the one fingerprint key; kept so that a round costs one ECB call and not two. */
let subkeys: CmacSubkeys | undefined;

/** Piscina's handler; returns a {@link WorkerReply}, an opened PAN in a buffer that is transferred, not copied. */
export default function handle(task: VaultTask): unknown {
  const reply = replyTo(task);
  if (!reply.ok || reply.answer.type !== 'card-opened' || reply.answer.pan === undefined) return reply;
  return move({ [transferableSymbol]: [reply.answer.pan.buffer], [valueSymbol]: reply });
}

function replyTo(task: VaultTask): WorkerReply<VaultAnswer> {
  try {
    return { ok: true, answer: perform(task) };
  } catch (error) {
    const { code, detail } = toHsmError(error);
    return { ok: false, code, detail };
  }
}

function perform(task: VaultTask): VaultAnswer {
  switch (task.type) {
    case 'create-key':
      keyring.createKey(task.key, task.purpose);
      return { type: 'done' };
    case 'destroy-key':
      keyring.destroyKey(task.key);
      return { type: 'done' };
    case 'probe':
      return probe(task);
    case 'seal-pages':
      return sealPages(task);
    case 'open-card':
      return openCard(task);
  }
}

function sealPages(task: SealPages): PagesSealed {
  try {
    const pansByPage = task.pages.map((page) => pansOf(page.text));
    const macs = fingerprints(task.fingerprintKey, pansByPage.flat());
    let next = 0;
    const pages = task.pages.map((page, index) => {
      const aad = pageAad(page.pageId, task.keyVersion);
      const { iv, ciphertext } = keyring.seal(task.key, page.text, aad);
      return { iv, ciphertext, fingerprints: pansByPage[index]!.map(() => hex(macs[next++]!)) };
    });
    return { type: 'pages-sealed', pages };
  } finally {
    for (const page of task.pages) page.text.fill(0);
  }
}

function openCard(task: OpenCard): CardOpened {
  const aad = pageAad(task.pageId, task.keyVersion);
  const text = keyring.open(task.key, task.iv, task.ciphertext, aad);
  try {
    const pan = pansOf(text)[task.slot];
    return pan === undefined ? { type: 'card-opened' } : { type: 'card-opened', pan: Uint8Array.from(pan) };
  } finally {
    text.fill(0);
  }
}

/** Refuses a module whose seal cannot be opened again, or opens for other additional data, or has no ECB. */
function probe(task: Probe): Probed {
  const text = new TextEncoder().encode('sluice probe page');
  const aad = pageAad(new Uint8Array(16), 0);
  const sealed = keyring.seal(task.key, text, aad);
  const opened = keyring.open(task.key, sealed.iv, sealed.ciphertext, aad);
  if (Buffer.compare(text, opened) !== 0) throw new HsmError('probe_failed', 'the page opens as other bytes');
  if (opensWith(task.key, sealed.iv, sealed.ciphertext, pageAad(new Uint8Array(16), 1))) {
    throw new HsmError('probe_failed', 'the module does not check additional data');
  }
  const digits = new TextEncoder().encode('000000000000');
  const [first, second] = fingerprints(task.fingerprintKey, [digits, digits]);
  if (Buffer.compare(first!, second!) !== 0)
    throw new HsmError('probe_failed', 'fingerprints of one card differ');
  return { type: 'probed', ivMadeBy: sealed.ivMadeBy };
}

function opensWith(key: KeyName, iv: Uint8Array, ciphertext: Uint8Array, aad: Uint8Array): boolean {
  try {
    keyring.open(key, iv, ciphertext, aad);
    return true;
  } catch (error) {
    if (toHsmError(error).code === 'sealed_data_refused') return false;
    throw error;
  }
}

function fingerprints(key: KeyName, pans: Uint8Array[]): Uint8Array[] {
  const encryptBlocks = (blocks: Uint8Array): Uint8Array => keyring.encryptBlocks(key, blocks);
  subkeys ??= cmacSubkeys(encryptBlocks);
  return fingerprintsOf(pans, subkeys, encryptBlocks);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
