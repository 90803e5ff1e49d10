/**
 * Client address: who a request comes from, where proxies stand in between.
 *
 * Every proxy adds the address of whom it was asked by at the right end of `X-Forwarded-For`. So the list is read from the right,
 * beginning with the peer itself, for as long as the address that stands there is a trusted proxy's; what stands left of the first
 * other address may be anybody's invention and is never looked at. Addresses are compared and given out in one form: an
 * IPv4 address that came as IPv6 as IPv4, IPv6 in its shortest text.
 *
 * @module
 */

import { BlockList, isIP, isIPv4, SocketAddress } from 'node:net';

export interface ClientAddresses {
  /** False: there are no proxies, and nobody's list is read. */
  readonly readsForwarded: boolean;
  /** Whether this address, as `of` gave it, is one of the proxies'. */
  isProxy(address: string): boolean;
  /**
   * The first address from the right that is no trusted proxy's. Where the list ends or holds no address, the proxy reached last.
   * @param peer the other end of the connection
   * @param forwarded what all `X-Forwarded-For` lines say, in their order, comma separated
   */
  of(peer: string, forwarded: string): string;
}

/** More proxies than these in a row are nobody's setup. */
const HOPS_MAX = 16;
/** Of the list's right end: room for {@link HOPS_MAX} addresses of the longest text. */
const FORWARDED_CHARS_MAX = 1024;

/**
 * Reads requests that come through these proxies.
 * @param proxies addresses or CIDR ranges, checked by whoever read them
 */
export function createClientAddresses(proxies: readonly string[]): ClientAddresses {
  const trusted = new BlockList();
  for (const proxy of proxies) addRange(trusted, proxy);
  const isProxy = (address: string): boolean =>
    isIP(address) > 0 && trusted.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  return {
    readsForwarded: proxies.length > 0,
    isProxy,
    of(peer, forwarded) {
      let last = plainAddress(peer) ?? peer;
      let left = rightEnd(forwarded);
      for (let hops = 0; hops < HOPS_MAX && left !== '' && isProxy(last); hops++) {
        const comma = left.lastIndexOf(',');
        const next = addressOf(left.slice(comma + 1).trim());
        if (next === null) return last;
        last = next;
        left = left.slice(0, Math.max(0, comma));
      }
      return last;
    },
  };
}

/** As much of the list as is read, without a hop that was cut through. */
function rightEnd(forwarded: string): string {
  if (forwarded.length <= FORWARDED_CHARS_MAX) return forwarded;
  const [, ...whole] = forwarded.slice(-FORWARDED_CHARS_MAX).split(',');
  return whole.join(',');
}

/** `192.0.2.1`, `192.0.2.1:8080`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:8080`. */
const WITH_PORT = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/;

function addressOf(hop: string): string | null {
  const [, v6, v4] = WITH_PORT.exec(hop) ?? [];
  return plainAddress(v6 ?? v4 ?? hop);
}

/** IPv4 within IPv6. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/;

/** The one form of an address; null when the text is none. An address with a zone is none: it means something on one machine only. */
function plainAddress(text: string): string | null {
  const family = isIP(text);
  if (family === 4) return text;
  if (family !== 6 || text.includes('%')) return null;
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  return MAPPED.exec(address)?.[1] ?? address;
}

/**
 * Whom a limit counts: an IPv4 address, or of an IPv6 address the network of 64 bits. Any subscriber has one whole, and would be
 * a stranger with each of its addresses.
 * @param address as `of` gave it
 */
export function subscriberOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = [], tail = []] = address
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0');
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`;
}

const MAPPED_BITS = 96;

function addRange(list: BlockList, range: string): void {
  const [text = '', bits] = range.split('/');
  const address = plainAddress(text) ?? text;
  const wasMapped = isIPv4(address) && !isIPv4(text);
  if (bits === undefined) {
    list.addAddress(address, isIPv4(address) ? 'ipv4' : 'ipv6');
    return;
  }
  const prefix = Number(bits) - (wasMapped ? MAPPED_BITS : 0);
  // A range wider than all of IPv4 within IPv6 is a range of IPv6.
  if (prefix < 0) list.addSubnet(text, Number(bits), 'ipv6');
  else list.addSubnet(address, prefix, isIPv4(address) ? 'ipv4' : 'ipv6');
}
