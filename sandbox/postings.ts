/**
 * Postings: letters as the callback faults have them, true, old or forged, in every dialect.
 * @module
 */
import type { Charge } from './book.ts';
import type { Account, Dialect, Letter } from './dialect.ts';
import type { FaultKind } from './faults.ts';

/** A letter to be posted. */
export interface Posting {
  readonly letter: Letter;
  /** What its signature is made of; undefined: what it says. */
  readonly signed?: string | undefined;
}

/** The true word on a charge. */
export function trueLetters(dialect: Dialect, charge: Charge, account: Account): readonly Letter[] {
  return dialect.letters(charge, account, '');
}

/** A true word, but an old one: the charge when it was still being processed. */
export function olderLetters(dialect: Dialect, charge: Charge, account: Account): readonly Posting[] {
  const before: Charge = { ...charge, status: 'processing', word: undefined, declineCode: undefined };
  return dialect.letters(before, account, '').map((letter) => ({ letter }));
}

/**
 * What must not be believed; nothing when the fault forges nothing. Each forgery says the opposite of what is so and has an
 * event id of its own, so that one that is believed leaves a payment whose status its charge contradicts.
 */
export function forgedLetters(
  fault: FaultKind | undefined,
  dialect: Dialect,
  charge: Charge,
  account: Account,
): readonly Posting[] {
  const status = charge.status === 'succeeded' ? 'declined' : 'succeeded';
  const lie: Charge = { ...charge, status, word: undefined, declineCode: undefined };
  const mark = `_${fault}`;
  const letters = (by: Charge, signer: Account) =>
    dialect.letters(by, signer, mark).map((letter): Posting => ({ letter }));
  switch (fault) {
    // By somebody with another secret.
    case 'forge':
      return letters(lie, { ...account, webhookSecret: `${account.webhookSecret}-forged` });
    // Changed on the way: the signature is that of a true body.
    case 'forgeSignature': {
      const signed = trueLetters(dialect, charge, account).at(-1)?.content;
      return letters(lie, account).map(({ letter }) => ({ letter, signed }));
    }
    // By another merchant of the bank, for whom the account's secret was taken.
    case 'forgeAccount': {
      const other = `${account.account}_other`;
      return letters({ ...lie, account: other }, { ...account, account: other });
    }
    // By the bank itself, wrongly.
    case 'forgeAmount':
      return letters({ ...lie, amount: charge.amount + 1 }, account);
    default:
      return [];
  }
}
