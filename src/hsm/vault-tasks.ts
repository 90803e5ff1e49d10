/**
 * Tasks of a vault worker and their answers: what crosses to the threads that make PKCS#11 calls.
 *
 * @module
 */

import type { HsmErrorCode, KeyName, KeyPurpose, SealedBytes } from './keyring.ts';

/** Make a key. Answered by {@link Done}. */
export interface CreateKey {
  type: 'create-key';
  key: KeyName;
  purpose: KeyPurpose;
}

/** Remove a key that nothing was sealed with. Answered by {@link Done}. */
export interface DestroyKey {
  type: 'destroy-key';
  key: KeyName;
}

/** Seal a probe page, open it, try to open it wrongly. Answered by {@link Probed}. */
export interface Probe {
  type: 'probe';
  key: KeyName;
  fingerprintKey: KeyName;
}

/** Seal pages and fingerprint their cards. Answered by {@link PagesSealed}. */
export interface SealPages {
  type: 'seal-pages';
  key: KeyName;
  keyVersion: number;
  fingerprintKey: KeyName;
  /** `text` is transferred, and wiped by the worker. */
  pages: { pageId: Uint8Array; text: Uint8Array<ArrayBuffer> }[];
}

/** Open one card of a page. Answered by {@link CardOpened}. */
export interface OpenCard {
  type: 'open-card';
  key: KeyName;
  keyVersion: number;
  pageId: Uint8Array;
  iv: Uint8Array;
  ciphertext: Uint8Array;
  slot: number;
}

export type VaultTask = CreateKey | DestroyKey | Probe | SealPages | OpenCard;

export interface Done {
  type: 'done';
}

export interface Probed {
  type: 'probed';
  ivMadeBy: SealedBytes['ivMadeBy'];
}

export interface PagesSealed {
  type: 'pages-sealed';
  /** In the order of the task; `fingerprints` are 32 hex digits, in slot order. */
  pages: { iv: Uint8Array; ciphertext: Uint8Array; fingerprints: string[] }[];
}

export interface CardOpened {
  type: 'card-opened';
  /** Absent when the page has no such slot. */
  pan?: Uint8Array;
}

export type VaultAnswer = Done | Probed | PagesSealed | CardOpened;

/** What a worker of this room returns: errors cross threads as values, because classes do not survive the copy. */
export type WorkerReply<Answer> =
  | { ok: true; answer: Answer }
  | { ok: false; code: HsmErrorCode; detail: string };
