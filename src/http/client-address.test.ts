/**
 * The client's address cannot be invented by the client.
 *
 * @module
 */

import { isIP } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createClientAddresses, subscriberOf } from './client-address.ts';

const PROXIES = ['10.0.0.0/8', '192.0.2.7', '2001:db8:a::/48', '::ffff:172.16.0.0/108'];
const clients = createClientAddresses(PROXIES);
const SHOPPER = '203.0.113.9';

test.each<[string, string, string, string]>([
  ['no proxy in between', SHOPPER, '', SHOPPER],
  ['a client that invents a list', SHOPPER, '198.51.100.1, 10.0.0.1', SHOPPER],
  ['one proxy', '10.0.0.1', SHOPPER, SHOPPER],
  ['proxies in a row', '10.0.0.1', `${SHOPPER}, 192.0.2.7,10.9.9.9`, SHOPPER],
  ['a client that invents what stands before it', '10.0.0.1', `127.0.0.1, 10.0.0.5, ${SHOPPER}`, SHOPPER],
  ['a proxy of another’s is not trusted', '10.0.0.1', `${SHOPPER}, 192.0.2.8`, '192.0.2.8'],
  ['a proxy that says nothing', '10.0.0.1', '', '10.0.0.1'],
  ['a request of a proxy itself', '10.0.0.1', '10.0.0.2', '10.0.0.2'],
  ['words', '10.0.0.1', 'unknown', '10.0.0.1'],
  ['words before a proxy', '10.0.0.1', `${SHOPPER}, _hidden, 10.0.0.2`, '10.0.0.2'],
  ['an empty hop', '10.0.0.1', `${SHOPPER},,10.0.0.2`, '10.0.0.2'],
  ['a port', '10.0.0.1', `${SHOPPER}:50123`, SHOPPER],
  ['IPv6 with a port', '10.0.0.1', '[2001:DB8::0:1]:443', '2001:db8::1'],
  ['IPv6 without', '2001:0db8:000a:0000:0000:0000:0000:0001', '2001:db8::1', '2001:db8::1'],
  ['an address with a zone', '10.0.0.1', 'fe80::1%eth0', '10.0.0.1'],
  [
    'IPv4 that came as IPv6',
    '0000:0000:0000:0000:0000:ffff:0a00:0001',
    `::ffff:${SHOPPER}, ::ffff:172.16.0.1`,
    SHOPPER,
  ],
  ['numbers that are no address', '10.0.0.1', '1.2.3', '10.0.0.1'],
  ['a client that left', '', SHOPPER, ''],
])('%s', (_, peer, forwarded, address) => {
  expect(clients.of(peer, forwarded)).toBe(address);
});

test('a list of any length is read at its right end only, and no hop is cut through', () => {
  const far = Array.from({ length: 20_000 }, () => SHOPPER).join(',');
  expect(clients.of('10.0.0.1', `${far}, 10.0.0.2`)).toBe(SHOPPER);
  const hops = (count: number) => Array.from({ length: count }, () => '10.0.0.2').join(',');
  expect(clients.of('10.0.0.1', `${SHOPPER},${hops(15)}`)).toBe(SHOPPER);
  expect(clients.of('10.0.0.1', `${SHOPPER},${hops(50)}`)).toBe('10.0.0.2');
  // 1203.0.113.9 is no address; its end would be one.
  expect(clients.of('10.0.0.1', `1${SHOPPER}${' '.repeat(1024 - SHOPPER.length)}`)).toBe('10.0.0.1');
  expect(clients.of('10.0.0.1', `1${SHOPPER}${' '.repeat(1014 - SHOPPER.length)},10.0.0.2 `)).toBe(
    '10.0.0.2',
  );
});

test('without proxies nothing is read, and everybody is who connects', () => {
  const none = createClientAddresses([]);
  expect([none.readsForwarded, clients.readsForwarded]).toEqual([false, true]);
  expect(none.of('10.0.0.1', SHOPPER)).toBe('10.0.0.1');
});

test('all of a family may be trusted', () => {
  const all = createClientAddresses(['0.0.0.0/0', '::/0']);
  expect(all.of('8.8.8.8', `${SHOPPER}, 2001:db8::1`)).toBe(SHOPPER);
});

test.each([
  [SHOPPER, SHOPPER],
  ['', ''],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:3::', '2001:db8:1:2::/64'],
  ['2001:db8::6', '2001:db8:0:0::/64'],
  ['2001::3:4:5:6', '2001:0:0:0::/64'],
  ['2001:0:0:1::6', '2001:0:0:1::/64'],
  ['::1', '0:0:0:0::/64'],
])('%s is counted as %s', (address, subscriber) => {
  expect(subscriberOf(address)).toBe(subscriber);
});

test('an IPv6 network of 64 bits is one subscriber, the one beside it another', () => {
  const group = fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16));
  const groups = fc.array(group, { minLength: 4, maxLength: 4 });
  const shown = (...parts: string[][]) => createClientAddresses([]).of(parts.flat().join(':'), '');
  fc.assert(
    fc.property(groups, groups, groups, (network, other, host) => {
      fc.pre(
        isIP(shown(network, host)) === 6 &&
          isIP(shown(network, other)) === 6 &&
          isIP(shown(other, host)) === 6,
      );
      const one = subscriberOf(shown(network, host));
      return (
        one === subscriberOf(shown(network, other)) &&
        (one === subscriberOf(shown(other, host))) === (network.join() === other.join())
      );
    }),
  );
});

const text = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.string(),
  fc.constantFrom('10.1.1.1', '192.0.2.7', 'unknown', ''),
);
const list = fc.array(text, { maxLength: 30 }).map((hops) => hops.join(', '));
const stranger = fc
  .oneof(fc.ipV4(), fc.ipV6())
  .filter((address) => !clients.isProxy(clients.of(address, '')));
const proxy = fc.nat({ max: 255 }).map((n) => `10.0.0.${n}`);

test('whatever a direct client sends, it stays who it is', () => {
  fc.assert(fc.property(stranger, list, (peer, forged) => clients.of(peer, forged) === clients.of(peer, '')));
});

test('whatever a client sends before what the proxies add, it is who the first proxy saw', () => {
  fc.assert(
    fc.property(
      stranger,
      list,
      fc.array(proxy, { minLength: 1, maxLength: 8 }),
      (client, forged, [peer, ...between]) =>
        clients.of(peer!, [forged, client, ...between].join(',')) === clients.of(client, ''),
    ),
  );
});

test('the answer is an address in its one form, whatever is said', () => {
  fc.assert(
    fc.property(fc.oneof(stranger, proxy), list, (peer, said) => {
      const address = clients.of(peer, said);
      return isIP(address) > 0 && clients.of(address, '') === address;
    }),
  );
});
