/**
 * What the vault database keeps: sealed pages, openings, key versions. Types only, shared by the room that seals
 * (hsm) and the room that stores (storage), which do not know each other.
 *
 * @module
 */

/** A page as the database keeps it. */
export interface SealedPage {
  /** 16 bytes, UUIDv7. */
  pageId: Uint8Array;
  keyVersion: number;
  cardCount: number;
  iv: Uint8Array;
  /** AES-256-GCM, the 16-byte tag at its end. */
  ciphertext: Uint8Array;
  createdAt: Date;
}

/** One opening of a card, or the attempt. */
export interface OpeningRow {
  pageId: Uint8Array;
  slot: number;
  purpose: string;
  actor: string;
  outcome: 'opened' | 'token_unknown' | 'hsm_unavailable';
}

/** A key as the database knows it. Version 0 is the fingerprint key, which is never replaced. */
export interface KeyVersionRow {
  keyVersion: number;
  /** CKA_LABEL in the token. */
  label: string;
  /** CKA_ID in the token, 16 random bytes. */
  keyId: Uint8Array;
}
