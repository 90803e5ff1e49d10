/**
 * Account form: what a dialect wants of an entry of `SANDBOX_ACCOUNTS`. Each says so in its own `account.ts`.
 * @module
 */
import type { Account } from './dialect.ts';

/** One field: which values it can have, and how that is said. */
export interface Field {
  readonly fits: (value: unknown) => boolean;
  /** Continues "must be". */
  readonly wanted: string;
}

type Word = 'account' | 'keyId' | 'secretKey' | 'webhookSecret';

export interface AccountForm {
  /** Needed of every account. */
  readonly words: Readonly<Record<Exclude<Word, 'keyId'>, Field> & Partial<Record<Word, Field>>>;
  /** May be left out. The account has them as its `options`, which only its dialect reads. */
  readonly options: Readonly<Record<string, Field>>;
  /** Why words that fit each by itself do not fit together, as the field at fault and what it must be. */
  readonly clash?: (account: Pick<Account, 'secretKey' | 'webhookSecret'>) => readonly [Word, string] | null;
}

/** A text of this shape. */
export function text(shape: RegExp, wanted: string): Field {
  return { fits: (value) => typeof value === 'string' && shape.test(value), wanted };
}
