/**
 * Page: many cards, one sealed text, the natural batch of the vault.
 *
 * Layout of the plain text: format (1), count (1), then per card: PAN length (1), PAN, month (1), year (2, big
 * endian), name length (2, big endian), name. Never a CVV. The additional data of the seal binds the text to its
 * page id and key version, so that a page moved to another row does not open.
 *
 * @module
 */

import { type CardDetails, panShaped } from '../domain/card.ts';

/** The slot of a card is one byte of its token; 64 is where a larger page no longer pays. */
export const PAGE_CARDS_MAX = 64;
/** 100 characters of UTF-8. */
export const NAME_BYTES_MAX = 400;
export const PAGE_ID_BYTES = 16;

const FORMAT = 1;
const HEADER_BYTES = 2;
const TOKEN = /^tok_([0-9a-f]{32})([0-9a-f]{2})$/;

/** Where a card is. */
export interface TokenPlace {
  pageId: Uint8Array;
  slot: number;
}

/** `tok_` + page id + slot, both hex. */
export function tokenOf(pageId: Uint8Array, slot: number): string {
  return `tok_${Buffer.from(pageId).toString('hex')}${slot.toString(16).padStart(2, '0')}`;
}

/** Page and slot of a token; undefined when it is none of ours. */
export function placeOf(token: string): TokenPlace | undefined {
  const match = TOKEN.exec(token);
  if (match === null) return undefined;
  return { pageId: Uint8Array.from(Buffer.from(match[1]!, 'hex')), slot: Number.parseInt(match[2]!, 16) };
}

/** A UUIDv7. @param random 10 random bytes */
export function pageIdOf(timeMs: number, random: Uint8Array): Uint8Array {
  const pageId = new Uint8Array(PAGE_ID_BYTES);
  const view = new DataView(pageId.buffer);
  view.setUint16(0, Math.floor(timeMs / 2 ** 32));
  view.setUint32(2, timeMs % 2 ** 32);
  pageId.set(random.subarray(0, 10), 6);
  pageId[6] = 0x70 | (pageId[6]! & 0x0f);
  pageId[8] = 0x80 | (pageId[8]! & 0x3f);
  return pageId;
}

/** Additional data of a page's seal. */
export function pageAad(pageId: Uint8Array, keyVersion: number): Uint8Array {
  const aad = new Uint8Array(1 + PAGE_ID_BYTES + 4);
  aad[0] = FORMAT;
  aad.set(pageId, 1);
  new DataView(aad.buffer).setUint32(1 + PAGE_ID_BYTES, keyVersion);
  return aad;
}

/** A card's bytes in a page. The caller wipes them. Throws RangeError for a card that was not checked. */
export function cardRecord(card: CardDetails): Uint8Array {
  const { pan, cardholderName: name } = card;
  if (!panShaped(pan)) throw new RangeError('PAN is not 12 to 19 digits: check the card before it is sealed');
  if (name.length > NAME_BYTES_MAX)
    throw new RangeError('name is too long: check the card before it is sealed');
  const record = new Uint8Array(1 + pan.length + 1 + 2 + 2 + name.length);
  const view = new DataView(record.buffer);
  record[0] = pan.length;
  record.set(pan, 1);
  record[1 + pan.length] = card.expiryMonth;
  view.setUint16(2 + pan.length, card.expiryYear);
  view.setUint16(4 + pan.length, name.length);
  record.set(name, 6 + pan.length);
  return record;
}

/** The plain text of a page, in a buffer of its own that may be transferred. */
export function pageText(records: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  if (records.length < 1 || records.length > PAGE_CARDS_MAX)
    throw new RangeError(`${records.length} cards a page`);
  const text = new Uint8Array(records.reduce((bytes, record) => bytes + record.length, HEADER_BYTES));
  text[0] = FORMAT;
  text[1] = records.length;
  let at = HEADER_BYTES;
  for (const record of records) {
    text.set(record, at);
    at += record.length;
  }
  return text;
}

/** Views of all PANs of a page, in slot order; wiped with the text. */
export function pansOf(text: Uint8Array): Uint8Array[] {
  if (text[0] !== FORMAT) throw new RangeError(`page format ${text[0]} is unknown`);
  const view = new DataView(text.buffer, text.byteOffset, text.byteLength);
  const pans: Uint8Array[] = [];
  let at = HEADER_BYTES;
  for (let slot = 0; slot < text[1]!; slot++) {
    const panBytes = text[at]!;
    pans.push(text.subarray(at + 1, at + 1 + panBytes));
    at += 6 + panBytes + view.getUint16(at + 4 + panBytes);
  }
  return pans;
}
