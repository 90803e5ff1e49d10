/**
 * LRU cache: at most so many entries, the longest unused goes first. A Map keeps the order of insertion, so moving an
 * entry to the end on each use is all it takes.
 *
 * @module
 */

export interface LruCache<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
  /** Drops the entries `isStale` is true of. */
  dropWhere(isStale: (value: Value) => boolean): void;
  clear(): void;
  readonly size: number;
}

export function createLruCache<Value extends NonNullable<unknown>>(entriesMax: number): LruCache<Value> {
  const entries = new Map<string, Value>();
  return {
    get(key) {
      const value = entries.get(key);
      if (value === undefined) return undefined;
      entries.delete(key);
      entries.set(key, value);
      return value;
    },
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
      if (entries.size <= entriesMax) return;
      const [longestUnused] = entries.keys();
      entries.delete(longestUnused!);
    },
    dropWhere(isStale) {
      for (const [key, value] of entries) if (isStale(value)) entries.delete(key);
    },
    clear: () => entries.clear(),
    get size() {
      return entries.size;
    },
  };
}
