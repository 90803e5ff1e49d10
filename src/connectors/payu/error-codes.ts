/**
 * Error codes: every code of PayU's that is documented to us, with what it allows once `verify_payment` has said that the charge failed.
 *
 * PayU's full list has some 1,900 codes: one that is not here is ambiguous. Nothing here is used on the word of an answer or a callback
 * alone, and only beside an `unmappedstatus` of `failed` or `userCancelled` (`status.ts`).
 *
 * @module
 */

/**
 * - `closed`: the reference can never be charged, and the shopper may try another card
 * - `final`: the same, and the shopper is not asked to try again: fraud is suspected
 * - `elsewhere`: the reference can never be charged, and the reason is PayU's or the account's: another processor may take it
 * - `ambiguous`: it may still be charged
 */
export type ErrorMeaning = 'closed' | 'final' | 'elsewhere' | 'ambiguous';

/** By code, in the rows of the reference's table. */
export const ERROR_CODES: ReadonlyMap<string, ErrorMeaning> = new Map<string, ErrorMeaning>([
  // Authentication failed or cancelled.
  ...all('closed', ['E300', 'E302', 'E303', 'E306', 'E316', 'E317', 'E1000', 'E1602']),
  // Declined by the issuer, or for the card: expired, CVC, expiry, funds.
  ...all('closed', ['E311', 'E312', 'E313', 'E323', 'E329', 'E337', 'E348']),
  // Risk, lost, fraud, restricted.
  ...all('final', ['E307', 'E310', 'E324', 'E325']),
  // Insufficient funds.
  ...all('closed', ['E706', 'E713', 'E718', 'E719']),
  // Bad input: what the shopper typed.
  ...all('closed', ['E305', 'E1620']),
  // Bad input and configuration: what another processor may see otherwise. Hash, amount, no gateway, card type, international.
  ...all('elsewhere', ['E200', 'E700', 'E720', 'E803', 'E902', 'E903']),
  // Of the same row, and no failure of this charge: an earlier one has the txnid.
  ...all('ambiguous', ['E504']),
  // Cancelled, dropped, expired.
  ...all('ambiguous', ['E503', 'E502', 'E1206', 'E231', 'E507', 'E408', 'E901', 'E708']),
  // Technical, outcome unclear.
  ...all('ambiguous', ['E209', 'E210', 'E211', 'E212', 'E214', 'E218', 'E219', 'E309', 'E334', 'E500']),
  ...all('ambiguous', ['E501', 'E308', 'E801', 'E802', 'E4177', 'E4292']),
]);

/** By which PayU says in its answer that it has begun nothing: a wrong hash, bad input; EX158 refuses the request as a whole. */
export const REFUSALS: ReadonlySet<string> = new Set(['EX158', 'E200', 'E700']);

/** What a code allows; one that is not known, and none, allow nothing. */
export function meaningOf(code: string): ErrorMeaning {
  return ERROR_CODES.get(code) ?? 'ambiguous';
}

function all(meaning: ErrorMeaning, codes: readonly string[]): [string, ErrorMeaning][] {
  return codes.map((code) => [code, meaning]);
}
