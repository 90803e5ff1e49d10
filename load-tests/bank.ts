/**
 * Bank: the operator's side of the bank in a box (sandbox/README.md), as scenarios use it.
 *
 * @module
 */

/** How long the bank takes to answer a charge. */
export type AnswerDelay =
  | { readonly ms: number }
  | {
      /** Half are answered within `p50Ms`, 99 of 100 within `p99Ms`; but of all, `lateShare` only after `lateMs`. */
      readonly lognormal: {
        readonly p50Ms: number;
        readonly p99Ms: number;
        readonly lateShare: number;
        readonly lateMs: number;
        readonly seed: number;
      };
    };

/** The bank did not do what it was told; the message says what it answered. */
export class BankError extends Error {
  override readonly name = 'BankError';
}

export interface Bank {
  readonly url: string;
  /** How long it takes to answer now. */
  delay(): Promise<AnswerDelay>;
  setDelay(delay: AnswerDelay): Promise<void>;
  /** Goes away at once: every connection is cut, new ones are refused, for so long. */
  goAway(ms: number): Promise<void>;
}

/** @param url without a trailing slash */
export function createBank(url: string): Bank {
  async function call(method: string, path: string, body?: object): Promise<unknown> {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await fetch(`${url}${path}`, init);
    const text = await response.text();
    if (response.ok) return JSON.parse(text);
    throw new BankError(`${url}${path} answered ${response.status} ${text.slice(0, 200)}`);
  }
  return {
    url,
    delay: async () => (await call('GET', '/_bank/delay')) as AnswerDelay,
    setDelay: async (delay) => {
      await call('POST', '/_bank/delay', delay);
    },
    goAway: async (ms) => {
      await call('POST', '/_bank/outage', { ms });
    },
  };
}
