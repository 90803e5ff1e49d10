/**
 * PayU's three hashes: of a payment request, of what PayU says about it (the reverse hash), and of a command.
 *
 * SHA-512 in lower-case hex over strings joined by `|`, empty ones kept. The key and the salt are the account's. Source: the
 * reference of wire formats, 2d. Its six pipes are udf10 to udf6, empty where they are not used.
 * @module
 */
import { hash, timingSafeEqual } from 'node:crypto';

/** Form fields as they were sent or are to be sent, decoded. */
export type Fields = Readonly<Record<string, string | undefined>>;

/** The names of the merchant's own fields, in the order of a request. */
export const UDF_NAMES = [
  'udf1',
  'udf2',
  'udf3',
  'udf4',
  'udf5',
  'udf6',
  'udf7',
  'udf8',
  'udf9',
  'udf10',
] as const;

const REQUEST_NAMES = ['key', 'txnid', 'amount', 'productinfo', 'firstname', 'email', ...UDF_NAMES] as const;

/**
 * The hash of a payment request, over its exact strings.
 *
 * `si_details` and `beneficiarydetail` stand before the salt, `splitRequest` and additional charges behind it, where they are sent.
 */
export function requestHash(fields: Fields, salt: string): string {
  const before = [fields.si_details, fields.beneficiarydetail].filter(isSent);
  const behind = [fields.splitRequest, additionalChargesOf(fields)].filter(isSent);
  return sha512([...REQUEST_NAMES.map((name) => fields[name] ?? ''), ...before, salt, ...behind]);
}

/** The reverse hash, of what PayU says: the request backwards behind the status, additional charges in front. */
export function responseHash(fields: Fields, salt: string): string {
  const charges = [additionalChargesOf(fields)].filter(isSent);
  const backwards = REQUEST_NAMES.toReversed().map((name) => fields[name] ?? '');
  return sha512([...charges, salt, fields.status ?? '', ...backwards]);
}

/** The hash of a command. */
export function commandHash({ key = '', command = '', var1 = '' }: Fields, salt: string): string {
  return sha512([key, command, var1, salt]);
}

/** Whether a hash that was sent is the right one. */
export function isHash(sent: string | undefined, right: string): boolean {
  if (sent === undefined || sent.length !== right.length) return false;
  const [one, other] = [Buffer.from(sent), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** What the shopper pays on top, as it was sent; PayU's own kits write it both ways. */
export function additionalChargesOf(fields: Fields): string | undefined {
  return fields.additional_charges ?? fields.additionalCharges;
}

function isSent(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

function sha512(parts: readonly string[]): string {
  return hash('sha512', parts.join('|'), 'hex');
}
