/**
 * Ordered: a sorted stream that comes in pages and is read item by item, so that several can be joined by their keys.
 *
 * @module
 */

/**
 * `load` must have resolved before `key` and `item` are read for the first time; after that {@link advance} tells when the
 * next page has to be waited for, so that nothing is awaited per item.
 */
export class Ordered<Item> {
  /** Key of the item that comes next; null at the end. */
  key: string | null = null;
  readonly #pages: AsyncIterator<readonly Item[]>;
  readonly #keyOf: (item: Item) => string;
  #page: readonly Item[] = [];
  #at = 0;

  /** @param keyOf must not fall from item to item: keys are compared as strings, by UTF-16 code units */
  constructor(pages: AsyncIterable<readonly Item[]>, keyOf: (item: Item) => string) {
    this.#pages = pages[Symbol.asyncIterator]();
    this.#keyOf = keyOf;
  }

  /** The item that comes next; only while `key` is not null. */
  get item(): Item {
    return this.#page[this.#at]!;
  }

  /** Waits for the next page that has items, or for the end. */
  async load(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#pages.next();
      if (done === true) {
        this.key = null;
        return;
      }
      if (value.length === 0) continue;
      this.#page = value;
      this.#at = 0;
      this.#show();
      return;
    }
  }

  /** Goes on to the next item. Not null: it has come when this promise has resolved. */
  advance(): Promise<void> | null {
    this.#at += 1;
    if (this.#at === this.#page.length) return this.load();
    this.#show();
    return null;
  }

  /** Takes every item of `key` that comes next. */
  async take(key: string): Promise<Item[]> {
    const taken: Item[] = [];
    while (this.key === key) {
      taken.push(this.item);
      const loading = this.advance();
      if (loading !== null) await loading;
    }
    return taken;
  }

  /** Ends the stream early, so that what it reads from is closed. */
  async close(): Promise<void> {
    await this.#pages.return?.();
  }

  #show(): void {
    const key = this.#keyOf(this.item);
    if (this.key !== null && key < this.key) {
      throw new Error(`a sorted stream is not sorted: ${key} comes after ${this.key}`);
    }
    this.key = key;
  }
}

/** The least key that comes next in any of the streams; null when all have ended. */
export function leastKey(streams: readonly { key: string | null }[]): string | null {
  let least: string | null = null;
  for (const { key } of streams) if (key !== null && (least === null || key < least)) least = key;
  return least;
}
