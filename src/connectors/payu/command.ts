/**
 * Command: a request to PayU's general service (reference 2b, 2e).
 *
 * @module
 */

import type { HttpRequest } from '../../outbound/http-client.ts';
import type { ChargeAccount } from '../connector.ts';
import { encodeForm } from '../form.ts';
import { commandHash } from './hashes.ts';

/** `form=2`: the answer is JSON. */
const PATH = '/merchant/postservice.php?form=2';

/** @param variables `var1` and what follows; the first is in the hash */
export function commandRequest(
  { account, secretKey }: ChargeAccount,
  command: string,
  variables: readonly [first: string, ...more: string[]],
): Omit<HttpRequest, 'timeoutMs'> {
  return {
    method: 'POST',
    path: PATH,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: encodeForm([
      ['key', account],
      ['command', command],
      ...variables.map((value, at) => [`var${at + 1}`, value] as [string, string]),
      ['hash', commandHash(account, command, variables[0], secretKey)],
    ]),
  };
}
