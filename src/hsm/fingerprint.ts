/**
 * Fingerprint: AES-CMAC (RFC 4493) of the PAN under a key that never leaves the HSM.
 *
 * Nineteen digits in BCD are ten bytes, so a PAN is always one short CMAC block, and a whole round of cards costs
 * one ECB call: MAC = E(K, (M || 10*) xor K2), with the subkey K2 made from E(K, 0). HMAC would cost one call a
 * card, and over a network HSM a call is a round trip. The subkey alone makes no MAC: the block cipher does.
 * The PAN alone goes in, so the same card has one fingerprint whoever typed it.
 *
 * @module
 */

/** The block cipher of the fingerprint key over whole 16-byte blocks (AES-ECB). */
export type EncryptBlocks = (blocks: Uint8Array) => Uint8Array;

/** The two subkeys of RFC 4493, 16 bytes each: K1 for whole last blocks, K2 for padded ones. */
export interface CmacSubkeys {
  k1: Uint8Array;
  k2: Uint8Array;
}

const BLOCK_BYTES = 16;
const ZERO = 0x30;

/** RFC 4493, 2.3. One block. */
export function cmacSubkeys(encryptBlocks: EncryptBlocks): CmacSubkeys {
  const l = encryptBlocks(new Uint8Array(BLOCK_BYTES));
  const k1 = doubled(l);
  return { k1, k2: doubled(k1) };
}

/**
 * CMACs of messages of at most 16 bytes, all with one call of the cipher.
 * @returns one 16-byte MAC a message, in order
 */
export function cmacOfShort(
  messages: readonly Uint8Array[],
  subkeys: CmacSubkeys,
  encryptBlocks: EncryptBlocks,
): Uint8Array[] {
  if (messages.length === 0) return [];
  const blocks = new Uint8Array(messages.length * BLOCK_BYTES);
  messages.forEach((message, index) => {
    if (message.length > BLOCK_BYTES) throw new RangeError(`message of ${message.length} bytes`);
    const block = blocks.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES);
    block.set(message);
    const whole = message.length === BLOCK_BYTES;
    if (!whole) block[message.length] = 0x80;
    xorInto(block, whole ? subkeys.k1 : subkeys.k2);
  });
  const macs = encryptBlocks(blocks);
  // Block and subkey give the PAN back: the blocks go as the PANs do.
  blocks.fill(0);
  return messages.map((_, index) => macs.slice(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES));
}

/** Digits two a byte, an odd last one followed by the nibble f, so that no two PANs share their bytes. */
export function bcdOf(pan: Uint8Array): Uint8Array {
  const bcd = new Uint8Array(Math.ceil(pan.length / 2));
  for (let i = 0; i < bcd.length; i++) {
    const high = pan[2 * i]! - ZERO;
    const low = 2 * i + 1 < pan.length ? pan[2 * i + 1]! - ZERO : 0xf;
    bcd[i] = (high << 4) | low;
  }
  return bcd;
}

/** Fingerprints of PANs, 16 bytes each, with one call of the cipher. */
export function fingerprintsOf(
  pans: readonly Uint8Array[],
  subkeys: CmacSubkeys,
  encryptBlocks: EncryptBlocks,
): Uint8Array[] {
  const messages = pans.map(bcdOf);
  const macs = cmacOfShort(messages, subkeys, encryptBlocks);
  for (const message of messages) message.fill(0);
  return macs;
}

/** Doubling in GF(2^128): shift left by one bit, and fold the bit that falls out. */
function doubled(block: Uint8Array): Uint8Array {
  const result = new Uint8Array(BLOCK_BYTES);
  for (let i = 0; i < BLOCK_BYTES; i++) result[i] = (block[i]! << 1) | ((block[i + 1] ?? 0) >> 7);
  if (block[0]! & 0x80) result[BLOCK_BYTES - 1]! ^= 0x87;
  return result;
}

function xorInto(target: Uint8Array, other: Uint8Array): void {
  for (let i = 0; i < target.length; i++) target[i]! ^= other[i]!;
}
