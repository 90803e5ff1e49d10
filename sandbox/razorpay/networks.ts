/**
 * Networks of cards as Razorpay names them, by the first digits.
 *
 * The most specific range comes first: RuPay lies within those of Maestro, Discover and JCB. Discover is not among
 * Razorpay's names.
 * @module
 */

/** A card network by Razorpay's name. */
export type Network =
  | 'Visa'
  | 'MasterCard'
  | 'RuPay'
  | 'American Express'
  | 'Diners Club'
  | 'Maestro'
  | 'JCB'
  | 'Union Pay'
  | 'Unknown';

/** First and last prefix of a range, of the same number of digits, and whose it is. */
const ranges: readonly (readonly [string, string, Network])[] = [
  ['508500', '508999', 'RuPay'],
  ['606985', '607984', 'RuPay'],
  ['608001', '608500', 'RuPay'],
  ['652150', '653149', 'RuPay'],
  ['817', '820', 'RuPay'],
  ['353', '353', 'RuPay'],
  ['356', '356', 'RuPay'],
  ['3528', '3589', 'JCB'],
  ['34', '34', 'American Express'],
  ['37', '37', 'American Express'],
  ['300', '305', 'Diners Club'],
  ['36', '36', 'Diners Club'],
  ['38', '39', 'Diners Club'],
  ['51', '55', 'MasterCard'],
  ['2221', '2720', 'MasterCard'],
  ['62', '62', 'Union Pay'],
  ['493698', '493698', 'Maestro'],
  ['50', '50', 'Maestro'],
  ['56', '59', 'Maestro'],
  ['63', '63', 'Maestro'],
  ['67', '67', 'Maestro'],
  ['4', '4', 'Visa'],
];

/** The network of a card, by its number or its first six digits. */
export function networkOf(number: string): Network {
  const range = ranges.find(([first, last]) => {
    const prefix = number.slice(0, first.length);
    return first <= prefix && prefix <= last;
  });
  return range?.[2] ?? 'Unknown';
}

const CODES: Readonly<Record<Network, string>> = {
  Visa: 'VISA',
  MasterCard: 'MC',
  RuPay: 'RUPAY',
  'American Express': 'AMEX',
  'Diners Club': 'DICL',
  Maestro: 'MAES',
  JCB: 'JCB',
  'Union Pay': 'UNP',
  Unknown: 'UNKNOWN',
};

/** The network as the answer to a request for a one-time password abbreviates it. */
export function networkCodeOf(network: Network): string {
  return CODES[network];
}
