/**
 * Ids: UUIDv7 (RFC 9562) that carry time, logical shard and attempt.
 *
 * 48 bits of milliseconds, version, 10 bits of logical shard, 60 random bits, variant, and in the last hex
 * digit the attempt. An intent has attempt 0; its n-th transaction has the same id with attempt n (1 to 15),
 * so each computes the other, both live in one shard and one partition, and the primary key of a
 * transaction is the claim on "the n-th attempt of this intent".
 *
 * Inside the program an id is 32 lower-case hex digits. Outside it wears a prefix: `pi_`, `txn_`, `evt_`. So does the id of a
 * webhook endpoint, `we_`, which is random.
 *
 * @module
 */

/** 32 hex digits whose last is 0: a payment intent. */
export type IntentId = string;
/** 32 hex digits whose last is 1 to f: one attempt (transaction) of the intent that ends in 0. */
export type TransactionId = string;

export const LOGICAL_SHARDS = 1024;
/** Attempts an intent may have (design 7). The id has room for fifteen. */
export const ATTEMPTS_MAX = 5;

const HEX_32 = /^[0-9a-f]{32}$/;
const TIME_MS_MAX = 2 ** 48 - 1;

/**
 * Builds an intent id.
 * @param timeMs milliseconds since 1970, below 2^48
 * @param shard logical shard, 0 to 1023
 * @param random at least 8 random bytes; 60 bits of them are used
 */
export function makeId(timeMs: number, shard: number, random: Uint8Array): IntentId {
  if (!(timeMs >= 0 && timeMs <= TIME_MS_MAX)) throw new RangeError(`id time out of range: ${timeMs}`);
  if (!(shard >= 0 && shard < LOGICAL_SHARDS)) throw new RangeError(`id shard out of range: ${shard}`);
  const time = Math.floor(timeMs).toString(16).padStart(12, '0');
  const shardAndRandom = ((shard << 2) | (random[0]! & 0b11)).toString(16).padStart(3, '0');
  const variant = (0b1000 | ((random[0]! >> 2) & 0b11)).toString(16);
  let tail = '';
  for (let i = 1; i < 8; i++) tail += HEX_BYTE[random[i]!];
  return `${time}7${shardAndRandom}${variant}${tail}0`;
}

const HEX_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Milliseconds since 1970 in an id. */
export function timeOfId(id: string): number {
  return Number.parseInt(id.slice(0, 12), 16);
}

/** Logical shard of an id, 0 to 1023. */
export function shardOfId(id: string): number {
  return Number.parseInt(id.slice(13, 16), 16) >> 2;
}

/** The id of an intent's n-th attempt. */
export function transactionIdOf(intentId: IntentId, attempt: number): TransactionId {
  if (!(attempt >= 1 && attempt <= 15)) throw new RangeError(`attempt out of range: ${attempt}`);
  return intentId.slice(0, 31) + attempt.toString(16);
}

/** The intent of a transaction (or of an intent). */
export function intentIdOf(id: string): IntentId {
  return `${id.slice(0, 31)}0`;
}

/** The last id an attempt of this intent can have: the upper bound of a range over all its transactions. */
export function lastTransactionIdOf(id: string): TransactionId {
  return `${id.slice(0, 31)}f`;
}

/** The smallest id of a moment: the bound between two time partitions. */
export function firstIdAt(timeMs: number): string {
  return `${Math.floor(timeMs).toString(16).padStart(12, '0')}${'0'.repeat(20)}`;
}

/** Reads `pi_…`; null when it is not an intent id. */
export function parseIntentId(text: string): IntentId | null {
  const hex = text.slice(3);
  return text.startsWith('pi_') && isUuid7(hex) && hex.endsWith('0') ? hex : null;
}

/** Reads `txn_…`; null when it is not a transaction id. */
export function parseTransactionId(text: string): TransactionId | null {
  const hex = text.slice(4);
  return text.startsWith('txn_') && isUuid7(hex) && !hex.endsWith('0') ? hex : null;
}

function isUuid7(hex: string): boolean {
  return HEX_32.test(hex) && hex[12] === '7' && '89ab'.includes(hex[16]!);
}

/** `pi_` and the id. */
export function showIntentId(id: IntentId): string {
  return `pi_${id}`;
}

/** `txn_` and the id. */
export function showTransactionId(id: TransactionId): string {
  return `txn_${id}`;
}

/** Reads `evt_…`; null when it is not an event id. */
export function parseEventId(text: string): string | null {
  const hex = text.slice(4);
  return text.startsWith('evt_') && HEX_32.test(hex) ? hex : null;
}

/** `evt_` and the id. */
export function showEventId(id: string): string {
  return `evt_${id}`;
}

/** Reads `we_…`; null when it is not the id of a webhook endpoint. */
export function parseEndpointId(text: string): string | null {
  const hex = text.slice(3);
  return text.startsWith('we_') && HEX_32.test(hex) ? hex : null;
}

/** `we_` and the id. */
export function showEndpointId(id: string): string {
  return `we_${id}`;
}

/**
 * The logical shard a merchant hashes to (FNV-1a over its UTF-16 code units, 0 to 1023).
 * @param spread 0 unless the merchant is spread over several shards; then its n-th one
 */
export function shardOfMerchant(merchantId: string, spread = 0): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < merchantId.length; i++) hash = Math.imul(hash ^ merchantId.charCodeAt(i), 0x01000193);
  return ((hash >>> 0) + spread) % LOGICAL_SHARDS;
}
