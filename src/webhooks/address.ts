/**
 * Address: where a webhook may go. One rule for registration and for every delivery.
 *
 * A merchant chooses the URL, and the gateway stands inside the operator's network: without this rule a webhook is a way in.
 *
 * @module
 */

import { BlockList, isIP } from 'node:net';

export interface AddressRule {
  /** For development: plain http, any port, any address. */
  allowPrivate: boolean;
}

export type UrlVerdict = { ok: true; url: URL } | { ok: false; reason: string };

const URL_CHARS_MAX = 2048;
/** Names that mean this host or this network wherever they are asked (RFC 6761, 6762, 8375, and ICANN's .internal). */
const LOCAL_NAME = /(^|\.)(localhost|localdomain|local|internal|home\.arpa)$/;
const PORTS = new Set(['', '8443']);

/**
 * Checks a URL as text. A host that is an address is checked here; a name's addresses are checked when it is connected to.
 * The reason is for the merchant who registers it.
 */
export function checkWebhookUrl(text: string, rule: AddressRule): UrlVerdict {
  // new URL drops tabs and line ends and turns backslashes around: what it would mend is refused instead.
  if (text.length > URL_CHARS_MAX) return refused(`must have at most ${URL_CHARS_MAX} characters`);
  if (/[^\x21-\x7e]/.test(text)) return refused('must be ASCII without spaces or control characters');
  if (text.includes('\\')) return refused('must not contain a backslash');
  if (!URL.canParse(text)) return refused('must be an absolute URL');
  const url = new URL(text);
  // What is kept is the URL as it is written anew, some characters of it three for one.
  if (url.href.length > URL_CHARS_MAX) return refused(`must have at most ${URL_CHARS_MAX} characters`);
  if (url.protocol !== 'https:' && !(rule.allowPrivate && url.protocol === 'http:'))
    return refused('must begin with https://');
  if (!/^https?:\/\//i.test(text)) return refused('must have // before its host');
  if (url.username !== '' || url.password !== '' || /^[^/]*\/\/[^/?#]*@/.test(text))
    return refused('must not contain a user name or password');
  if (text.includes('#')) return refused('must not contain a fragment');
  if (url.hostname.endsWith('.')) return refused('must not have a dot at the end of its host');
  if (rule.allowPrivate) return { ok: true, url };
  if (!PORTS.has(url.port)) return refused('must use port 443 or 8443');
  return checkHost(url);
}

function checkHost(url: URL): UrlVerdict {
  // Decimal, octal, hexadecimal and short forms of an IPv4 address have become its four numbers by now.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0)
    return isGlobalAddress(host) ? { ok: true, url } : refused('must not be an address of a private network');
  if (!host.includes('.') || LOCAL_NAME.test(host)) return refused('must be a name of the public internet');
  return { ok: true, url };
}

/** Whether a connection to an address may be made. */
export function isAllowedAddress(address: string, rule: AddressRule): boolean {
  return rule.allowPrivate ? isIP(address) !== 0 : isGlobalAddress(address);
}

/**
 * Whether an address is reachable from anywhere, by the IANA special-purpose registries (RFC 6890 and what followed). What is not
 * an address, or one with a zone (`fe80::1%eth0`), is not.
 */
export function isGlobalAddress(address: string): boolean {
  if (address.includes('%')) return false;
  switch (isIP(address)) {
    case 4:
      return !NOT_GLOBAL_V4.check(address, 'ipv4');
    case 6:
      return UNICAST_V6.check(address, 'ipv6') && !NOT_GLOBAL_V6.check(address, 'ipv6');
    default:
      return false;
  }
}

const NOT_GLOBAL_V4 = ranges('ipv4', [
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private
  '100.64.0.0/10', // carrier-grade NAT
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local, where clouds keep their metadata
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays, deprecated
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
]);

/**
 * The only block IANA has given out for global unicast. So ::, ::1, IPv4-mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96, 64:ff9b:1::/48),
 * discard (100::/64), segment routing (5f00::/16), unique local (fc00::/7), link-local (fe80::/10), site-local (fec0::/10) and
 * multicast (ff00::/8) need no line below.
 */
const UNICAST_V6 = ranges('ipv6', ['2000::/3']);

const NOT_GLOBAL_V6 = ranges('ipv6', [
  '2001::/23', // protocol assignments; Teredo carries an IPv4 address
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4 carries an IPv4 address
  '3fff::/20', // documentation
]);

function ranges(family: 'ipv4' | 'ipv6', subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [address, prefix] = subnet.split('/');
    list.addSubnet(address!, Number(prefix), family);
  }
  return list;
}

function refused(reason: string): UrlVerdict {
  return { ok: false, reason };
}
