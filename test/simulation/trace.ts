/**
 * Trace: everything that happens in a run, folded into one hash, so that two runs of a seed can be compared by one word.
 *
 * Nothing is kept but the hash, unless a payment is watched: then the lines that name it are. A failing seed is played
 * again with its payment watched, which costs no memory while thousands of seeds run well.
 *
 * @module
 */

export interface Trace {
  /** Folds an event in. `id` is the payment, gateway or thread it happened to. */
  note(kind: string, id: string, detail?: string): void;
  /** Folds a point in time in. */
  tick(at: number): void;
  /** 16 hex digits over all so far. */
  hash(): string;
  /** Events folded in. */
  readonly events: number;
  /** The lines that name what is watched. */
  readonly lines: readonly string[];
}

/** Lines kept of a watched payment; the first ones tell how it began. */
const LINES_MAX = 2000;
const PRIME = 0x01000193;
const OTHER_PRIME = 0x85ebca6b;

/**
 * @param now milliseconds since the start of the run, for the lines
 * @param watched what lines are kept of: text that stands in the id or the detail; null: none
 */
export function createTrace(now: () => number, watched: string | null): Trace {
  const lines: string[] = [];
  const bits = new Float64Array(1);
  const words = new Uint32Array(bits.buffer);
  // FNV-1a in two lanes of 32 bits with different primes: 64-bit arithmetic would need a BigInt per character.
  let low = 0x811c9dc5;
  let high = 0xcbf29ce4;
  let events = 0;

  function fold(value: number): void {
    low = Math.imul(low ^ value, PRIME);
    high = Math.imul(high ^ value, OTHER_PRIME) ^ (high >>> 15);
  }

  function foldText(text: string): void {
    for (let i = 0; i < text.length; i++) fold(text.charCodeAt(i));
    fold(0x1f);
  }

  return {
    note(kind, id, detail = '') {
      events++;
      foldText(kind);
      foldText(id);
      foldText(detail);
      if (
        watched !== null &&
        lines.length < LINES_MAX &&
        (id.includes(watched) || detail.includes(watched))
      ) {
        lines.push(`${(now() / 1000).toFixed(4).padStart(12)} s  ${kind.padEnd(18)} ${id} ${detail}`);
      }
    },
    tick(at) {
      bits[0] = at;
      fold(words[0]!);
      fold(words[1]!);
    },
    hash: () => hex(high) + hex(low),
    get events() {
      return events;
    },
    lines,
  };
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
