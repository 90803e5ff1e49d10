/**
 * Idempotency keys: what was answered to a key once, and what is being worked on. Source: processors.md 3b.
 *
 * Promises: the status and body that an execution came to are on disk before they leave, and the key answers with them for
 * ever, also after a restart. What was refused before its execution is not kept.
 * @module
 */
import type { Answer } from '../answers.ts';
import type { Records } from '../records.ts';
import { hmacHex } from './signature.ts';

/** What a key was used for, and what came of it. */
export type KeptAnswer = {
  /** Of route and parameters: keyed, for cards are among them. */
  readonly print: string;
  readonly status: number;
  readonly body: string;
  /** The request that was executed. */
  readonly requestId: string;
  /** ms */
  readonly at: number;
};

/** What a key means for a request. */
export type KeyUse =
  | { readonly kind: 'new' }
  /** Worked on by another request right now. */
  | { readonly kind: 'busy' }
  /** Known with other parameters, or at another path. */
  | { readonly kind: 'reused' }
  | { readonly kind: 'known'; readonly kept: KeptAnswer };

/** Longest key. */
export const KEY_LENGTH_MAX = 255;

/** A key as one account used it for one request. */
export interface UsedKey {
  readonly account: string;
  readonly key: string;
  readonly print: string;
}

export class IdempotencyKeys {
  readonly #kept: Records<KeptAnswer>;
  /** Prints of what is being worked on, by account and key. */
  readonly #underWay = new Map<string, string>();

  constructor(kept: Records<KeptAnswer>) {
    this.#kept = kept;
  }

  /** What the key means. One that is busy is told so only to the same request; another one is refused. */
  lookUp(used: UsedKey): KeyUse {
    const name = nameOf(used);
    const kept = this.#kept.get(name);
    const underWay = this.#underWay.get(name);
    const known = kept?.print ?? underWay;
    if (known === undefined) return { kind: 'new' };
    if (known !== used.print) return { kind: 'reused' };
    if (underWay !== undefined || kept === undefined) return { kind: 'busy' };
    return { kind: 'known', kept };
  }

  /** What is kept for the key, whoever is busy with it. */
  keptOf(used: UsedKey): KeptAnswer | undefined {
    return this.#kept.get(nameOf(used));
  }

  /** Works on the key: until `work` is over, others are told that it is busy. To repeat an answer is no work. */
  async during(used: UsedKey, work: () => Promise<void>): Promise<void> {
    const name = nameOf(used);
    if (this.#kept.get(name) !== undefined) return await work();
    this.#underWay.set(name, used.print);
    try {
      await work();
    } finally {
      this.#underWay.delete(name);
    }
  }

  /** Keeps the first answer of a key. Resolves when it is on disk. */
  async keep(used: UsedKey, { status, body }: Answer, requestId: string, at: number): Promise<void> {
    const name = nameOf(used);
    if (this.#kept.get(name) !== undefined) return;
    await this.#kept.put(name, { print: used.print, status, body, requestId, at });
  }
}

/** What tells two requests under one key apart. */
export function printOf(secretKey: string, method: string, path: string, parameters: string): string {
  return hmacHex(secretKey, `${method} ${path} ${parameters}`).slice(0, 32);
}

function nameOf({ account, key }: UsedKey): string {
  return `${account} ${key}`;
}
