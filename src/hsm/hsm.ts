/**
 * Door of the vault: cards in, tokens out; sealed pages in the vault database; keys that never leave the HSM.
 *
 * Types only. `createTokenizer` (tokenizer.ts) makes a {@link Tokenizer}; storage/postgres/vault.ts keeps what
 * a {@link VaultStore} promises; config-secrets.ts makes {@link ConfigSecrets}.
 *
 * @module
 */

import type { CardBrand, CardDetails } from '../domain/card.ts';
import type { KeyVersionRow, OpeningRow, SealedPage } from '../domain/sealed-page.ts';

export type { CardBrand, CardDetails, KeyVersionRow, OpeningRow, SealedPage };

/** A card whose page is committed. Everything here may be stored and shown. */
export interface TokenizedCard {
  /** `tok_`, 32 hex digits of the page id, 2 hex digits of the slot. */
  token: string;
  /** 32 hex digits: a keyed MAC of the PAN alone, so the same card is the same whoever typed it. */
  fingerprint: string;
  brand: CardBrand;
  /** `411111****1234`. */
  masked: string;
  expiryMonth: number;
  expiryYear: number;
  /** First six digits. */
  bin: string;
  last4: string;
}

export type HsmRefusalCode = 'hsm_busy' | 'hsm_unavailable' | 'token_unknown' | 'vault_unavailable';

/** Why a card was not sealed or a token not opened. Tell it from an answer by `'refused' in answer`. */
export interface HsmRefusal {
  refused: HsmRefusalCode;
  detail: string;
}

export interface Tokenizer {
  /**
   * Seals a card; resolves only after its page is committed to the vault database.
   * The tokenizer copies what it needs before it returns: the caller keeps its own bytes and wipes them. The CVV
   * is not read. Throws when the PAN is not 12 to 19 digits: check the card first (`checkCard`).
   * @param deadlineMs point in time on the monotonic clock of the process, in milliseconds
   *   (`Number(process.hrtime.bigint()) / 1e6`); the promise is settled by then, give or take 20 ms
   */
  tokenize(card: CardDetails, deadlineMs: number): Promise<TokenizedCard | HsmRefusal>;
  /**
   * The PAN behind a token, as bytes the caller wipes. The audit row is committed before the PAN is returned.
   * @param purpose why it is opened, and `actor` who opens it; both go to the audit row
   */
  open(token: string, purpose: string, actor: string): Promise<Uint8Array | HsmRefusal>;
  health(): HsmHealth;
  /** Ends a worker as if it had died: for campaigns. What it was doing is done again by another. */
  loseWorker(): void;
  /** Refuses new and waiting cards, lets the pages under way finish, ends the workers. The store stays open. */
  close(): Promise<void>;
}

export interface HsmHealth {
  /**
   * `replace_process`: so many calls hang in the module that only a new process helps. End this one by SIGKILL: an
   * orderly exit waits for threads stuck in native code.
   */
  status: 'ok' | 'degraded' | 'replace_process';
  module: string;
  /** Who chose the IV of the start-up probe. */
  ivMadeBy: 'caller' | 'module';
  keyVersion: number;
  waitingCards: number;
  sealedCards: number;
  sealedPages: number;
  /** Workers left behind because a call in them did not return. */
  abandonedWorkers: number;
  /** Code of the newest failure since the last sealed page; absent when there is none. */
  failure?: string;
}

/** Where pages are kept. Every method settles within the store's own timeouts and rejects when it cannot serve. */
export interface VaultStore {
  /** Resolves when all pages are durable. A page that is already there is left as it is. */
  appendPages(pages: SealedPage[]): Promise<void>;
  readPage(pageId: Uint8Array): Promise<SealedPage | undefined>;
  /** Resolves when the row is durable. */
  recordOpening(row: OpeningRow): Promise<void>;
  /** The newest sealing key that is not retired; never version 0. */
  currentKeyVersion(): Promise<KeyVersionRow | undefined>;
  readKeyVersion(keyVersion: number): Promise<KeyVersionRow | undefined>;
  /** Inserts the row unless another process was first, retires older sealing keys, returns the row that won. */
  claimKeyVersion(row: KeyVersionRow): Promise<KeyVersionRow>;
  /** Adds to the count of seals of a key before they are made; false when that would pass `sealsMax`. */
  reserveSeals(keyVersion: number, seals: number, sealsMax: number): Promise<boolean>;
  close(): Promise<void>;
}

export interface HsmOptions {
  /** Path of the PKCS#11 module, or `software` for the node:crypto stand-in. */
  module: string;
  tokenLabel: string;
  /** File with the user PIN. For `software`: keys are files in the folder `<pinFile>.software-keys`. */
  pinFile: string;
  /** Workers, and pages under way at once. SoftHSM is fastest with 1. */
  threads: number;
  /** Cards a page, 1 to 64; 1 is strict mode. */
  pageCardsMax: number;
  /** A PKCS#11 call that takes longer is given up, its worker abandoned, its page sealed again elsewhere. */
  callTimeoutMs: number;
  /** `live` refuses the software stand-in. @default 'test' */
  mode?: 'test' | 'live';
  /** Cards that may wait; one more is refused as `hsm_busy`. @default 4096 */
  waitingCardsMax?: number;
  /** Workers that may be abandoned before health asks for a new process. @default 3 */
  abandonedWorkersMax?: number;
  /** Seals under one key before the next is made. @default 2^31 */
  keySealsMax?: number;
}

/** Seals merchant and processor secrets under the key of the `config` token. */
export interface ConfigSecrets {
  /** @param context what the secret is for, e.g. `merchant_demo/webhook`; opening needs the same words */
  seal(plain: Uint8Array, context: string): Promise<Uint8Array>;
  /** Throws an HsmError `sealed_data_refused` when bytes or context are not those that were sealed. */
  open(sealed: Uint8Array, context: string): Promise<Uint8Array>;
  close(): Promise<void>;
}
