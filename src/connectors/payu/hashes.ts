/**
 * Hashes: what authorises a request to PayU and proves that a message is PayU's. SHA-512 over fields joined by `|`, in hex.
 *
 * Fields are joined as they are, without escaping: whoever hashes one with a `|` in it would let two messages have one hash. So no
 * field of ours has one (`config.ts`, `charge.ts`), and a message of theirs that has one is not looked at ({@link responseHashes}).
 *
 * @module
 */

import { createHash } from 'node:crypto';

/** What a charge's hash covers. */
export interface HashedFields {
  key: string;
  txnid: string;
  amount: string;
  productinfo: string;
  firstname: string;
  email: string;
  udf1: string;
  udf2: string;
  udf3: string;
  udf4: string;
  udf5: string;
}

/** The names of {@link HashedFields} in the order of a request. */
export const HASHED_FIELDS = [
  'key',
  'txnid',
  'amount',
  'productinfo',
  'firstname',
  'email',
  'udf1',
  'udf2',
  'udf3',
  'udf4',
  'udf5',
] as const satisfies (keyof HashedFields)[];

/** Where udf6 to udf10 would stand, of which we send none. */
const NO_MORE_UDFS = ['', '', '', '', ''] as const;

/** Of `_payment`: `key|txnid|…|udf5||||||salt`. */
export function requestHash(fields: HashedFields, salt: string): string {
  return sha512(joined([...HASHED_FIELDS.map((name) => fields[name]), ...NO_MORE_UDFS, salt]));
}

/** Of a command: `key|command|var1|salt`. */
export function commandHash(key: string, command: string, var1: string, salt: string): string {
  return sha512(joined([key, command, var1, salt]));
}

/**
 * What may sign a message of PayU's: `salt|status||||||udf5|…|key`, with the additional charges in front where there are any. Empty
 * when a field has a `|`: then the borders between the fields are not certain.
 * @param fields as they were received, byte for byte
 */
export function responseHashes(
  fields: HashedFields & { status: string },
  additionalCharges: readonly string[],
  salt: string,
): string[] {
  const { status } = fields;
  const values = HASHED_FIELDS.map((name) => fields[name]);
  if ([...values, status, ...additionalCharges].some((text) => text.includes('|'))) return [];
  const plain = joined([salt, status, ...NO_MORE_UDFS, ...values.toReversed()]);
  return [plain, ...additionalCharges.map((charges) => joined([charges, plain]))].map(sha512);
}

function joined(fields: readonly string[]): string {
  return fields.join('|');
}

function sha512(text: string): string {
  return createHash('sha512').update(text).digest('hex');
}
