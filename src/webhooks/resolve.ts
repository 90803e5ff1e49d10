/**
 * Resolve: a name's addresses, asked once for each connection, checked all, and the checked ones are connected to. So a name that
 * changes its mind between check and use (DNS rebinding) has nothing to change.
 *
 * @module
 */

import { Resolver, lookup as systemLookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { type AddressRule, isAllowedAddress } from './address.ts';

/** The addresses of a name. Rejects when there are none or nobody could be asked. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/** The code of a connection that was not made because of where it would have gone. */
export const ADDRESS_NOT_ALLOWED = 'ADDRESS_NOT_ALLOWED';

/**
 * For one question; the second one and a little more fit into the three seconds a connection may take. Without a bound c-ares grows it to
 * five seconds once name servers have been slow.
 */
const DNS_TIMEOUT_MS = 1000;
const DNS_TRIES = 2;

/**
 * Asks name servers itself (c-ares), not through the system's resolver: that one blocks a thread of a pool of four, which a slow
 * name server of one merchant would fill for all. Names of the hosts file are for development only.
 * @param servers whom to ask, with their ports; left out: the system's name servers
 */
export function createResolve(rule: AddressRule, servers?: readonly string[]): Resolve {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, maxTimeout: DNS_TIMEOUT_MS, tries: DNS_TRIES });
  if (servers !== undefined) resolver.setServers(servers);

  async function ask(hostname: string): Promise<readonly string[]> {
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (found.length > 0) return found;
    throw (
      answers.map((answer) => answer.status === 'rejected' && answer.reason).find(Boolean) ??
      new Error('no address')
    );
  }

  async function askSystem(hostname: string): Promise<readonly string[]> {
    return (await systemLookup(hostname, { all: true })).map(({ address }) => address);
  }

  if (!rule.allowPrivate) return ask;
  return (hostname) =>
    /^[^.]+$|\.localhost$/.test(hostname)
      ? askSystem(hostname)
      : ask(hostname).catch(() => askSystem(hostname));
}

/** The look-up of a connection. One address that is not allowed refuses all: an honest public name has none. */
export function checkedLookup(resolve: Resolve, rule: AddressRule): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname).then(
      (addresses) => {
        if (addresses.length === 0 || !addresses.every((address) => isAllowedAddress(address, rule)))
          return done(refusal(), []);
        const found = addresses.map((address) => ({ address, family: isIP(address) }));
        if (options.all) done(null, found);
        else done(null, found[0]!.address, found[0]!.family);
      },
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error)), []),
    );
  };
}

function refusal(): NodeJS.ErrnoException {
  return Object.assign(new Error('an address that webhooks may not go to'), { code: ADDRESS_NOT_ALLOWED });
}
