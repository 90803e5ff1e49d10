/**
 * Payment record: what the gateway has acknowledged to the driver, kept apart from the gateway for the audit.
 *
 * 21 bytes a payment in typed arrays: an id, an amount, and flags. A Map of texts would take ten times that, and long runs have
 * millions. Finding by id needs an index, which is made when the run is over.
 *
 * @module
 */

/** What is known of one payment; flags add up. */
export const INTENT = 1;
/** The pay request was answered 2xx. */
export const PAID = 2;
/** The pay request was sent and its answer never came. */
export const UNKNOWN = 4;
export const SUCCESS = 8;
export const FAILED = 16;
/** A GET found it. */
export const FOUND = 32;
/** A GET answered that there is no such thing. */
export const ABSENT = 64;

/** About 650 MB with the index. Over it a run ends. */
export const RECORDS_MAX = 20_000_000;

const ID_BYTES = 16;

/** An append-only record. A payment is named by its place in it. */
export class PaymentRecord {
  #ids = Buffer.alloc(ID_BYTES * 1024);
  #amounts = new Uint32Array(1024);
  #flags = new Uint8Array(1024);
  #size = 0;
  #index: Int32Array | null = null;

  get size(): number {
    return this.#size;
  }

  /**
   * Adds an acknowledged intent.
   * @param intentHex 32 hex digits
   * @param amount minor units, below 2^32
   * @throws RangeError when the record is full
   */
  add(intentHex: string, amount: number): number {
    if (this.#size === this.#amounts.length) this.#grow();
    const place = this.#size;
    const written = this.#ids.write(intentHex, place * ID_BYTES, ID_BYTES, 'hex');
    if (written !== ID_BYTES || intentHex.length !== ID_BYTES * 2)
      throw new RangeError(`not an id: ${intentHex}`);
    this.#amounts[place] = amount;
    this.#flags[place] = INTENT;
    this.#size += 1;
    this.#index = null;
    return place;
  }

  /** Adds flags to a payment. */
  mark(place: number, flags: number): void {
    this.#flags[place]! |= flags;
  }

  /** Whether a payment has all these flags. */
  has(place: number, flags: number): boolean {
    return (this.#flags[place]! & flags) === flags;
  }

  amountOf(place: number): number {
    return this.#amounts[place]!;
  }

  /** The intent's 32 hex digits. */
  idOf(place: number): string {
    return this.#ids.toString('hex', place * ID_BYTES, (place + 1) * ID_BYTES);
  }

  /**
   * The payment of an intent or of any attempt of it (they differ in the last hex digit only); -1 when it is not ours.
   * @param hex 32 hex digits
   */
  find(hex: string): number {
    this.#index ??= this.#makeIndex();
    const key = Buffer.from(hex, 'hex');
    if (key.length !== ID_BYTES) return -1;
    key[ID_BYTES - 1]! &= 0xf0;
    const mask = this.#index.length - 1;
    for (let slot = hashOf(key, 0) & mask; ; slot = (slot + 1) & mask) {
      const place = this.#index[slot]! - 1;
      if (place < 0) return -1;
      if (key.compare(this.#ids, place * ID_BYTES, (place + 1) * ID_BYTES) === 0) return place;
    }
  }

  /** Open addressing, half empty at most; 0 is an empty slot, else place + 1. */
  #makeIndex(): Int32Array {
    let slots = 16;
    while (slots < this.#size * 2) slots *= 2;
    const index = new Int32Array(slots);
    for (let place = 0; place < this.#size; place++) {
      let slot = hashOf(this.#ids, place * ID_BYTES) & (slots - 1);
      while (index[slot] !== 0) slot = (slot + 1) & (slots - 1);
      index[slot] = place + 1;
    }
    return index;
  }

  #grow(): void {
    if (this.#size >= RECORDS_MAX) throw new RangeError(`the record is full: ${RECORDS_MAX} payments`);
    const capacity = Math.min(this.#size * 2, RECORDS_MAX);
    const ids = Buffer.alloc(capacity * ID_BYTES);
    this.#ids.copy(ids);
    this.#ids = ids;
    const amounts = new Uint32Array(capacity);
    amounts.set(this.#amounts);
    this.#amounts = amounts;
    const flags = new Uint8Array(capacity);
    flags.set(this.#flags);
    this.#flags = flags;
  }
}

/** The first attempt of an intent: the driver pays no intent twice. */
export function transactionIdOf(intentHex: string): string {
  return `${intentHex.slice(0, -1)}1`;
}

/** The last 28 random bits and the time's lowest ones: ids are random there, no further mixing is needed. */
function hashOf(ids: Buffer, at: number): number {
  return ((ids.readUInt32BE(at + 12) >>> 4) ^ (ids.readUInt32BE(at + 8) << 3)) >>> 0;
}
