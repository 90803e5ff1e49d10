/**
 * Every way to write an address that is not of the public internet is refused, at registration and at delivery alike.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import { checkWebhookUrl, isAllowedAddress, isGlobalAddress } from './address.ts';

const LIVE = { allowPrivate: false };
const DEVELOPMENT = { allowPrivate: true };

describe('URLs of merchants', () => {
  test.each([
    'https://shop.example/hooks',
    'https://shop.example:8443/hooks?a=b%20c',
    'https://shop.example:443/',
    'https://8.8.8.8/hooks',
    'https://[2606:4700:4700::1111]/hooks',
    'https://xn--bcher-kva.example/',
    'https://localhost.example.com/',
    'https://internal.example/',
  ])('%s may be registered', (url) => {
    expect(checkWebhookUrl(url, LIVE)).toMatchObject({ ok: true });
  });

  test.each([
    ['plain http', 'http://shop.example/'],
    ['another scheme', 'ftp://shop.example/'],
    ['another scheme', 'gopher://shop.example/'],
    ['another scheme', 'file:///etc/passwd'],
    ['a script', 'javascript:alert(1)'],
    ['another port', 'https://shop.example:22/'],
    ['another port', 'https://shop.example:5432/'],
    ['a user', 'https://shop.example@127.0.0.1/'],
    ['a user and a password', 'https://a:b@shop.example/'],
    ['an empty user', 'https://@shop.example/'],
    ['an empty user and password', 'https://:@shop.example/'],
    ['a backslash', 'https://shop.example\\@127.0.0.1/'],
    ['a backslash for a slash', 'https:\\\\shop.example/'],
    ['no slashes', 'https:shop.example/'],
    ['a line end', 'https://shop.example/\r\nhost: x'],
    ['a line end in the scheme', 'ht\ntps://shop.example/'],
    ['a tab in the host', 'https://shop\t.example/'],
    ['a space at the end', 'https://shop.example/ '],
    ['a NUL', 'https://shop.example/\0'],
    ['letters that look like digits', 'https://①②⑦.⓪.⓪.①/'],
    ['full-width digits', 'https://１２７.0.0.1/'],
    ['a fragment', 'https://shop.example/#a'],
    ['no host', 'https:///hooks'],
    ['a relative URL', '/hooks'],
    ['a single label', 'https://intranet/'],
    ['localhost', 'https://localhost/'],
    ['LOCALHOST', 'https://LOCALHOST/'],
    ['a name below localhost', 'https://a.localhost/'],
    ['multicast DNS', 'https://printer.local/'],
    ['a cloud’s metadata by name', 'https://metadata.google.internal/'],
    ['a home network', 'https://nas.home.arpa/'],
    ['a dot at the end', 'https://localhost./'],
    ['a dot at the end of a public name', 'https://shop.example./'],
    ['dots at the end of an address', 'https://127.0.0.1./'],
    ['loopback', 'https://127.0.0.1/'],
    ['loopback, short', 'https://127.1/'],
    ['loopback, decimal', 'https://2130706433/'],
    ['loopback, octal', 'https://0177.0.0.1/'],
    ['loopback, octal in one', 'https://017700000001/'],
    ['loopback, hexadecimal', 'https://0x7f.0.0.1/'],
    ['loopback, hexadecimal in one', 'https://0x7f000001/'],
    ['loopback, mixed', 'https://0x7f.1/'],
    ['loopback, percent-encoded', 'https://%31%32%37.0.0.1/'],
    ['zero', 'https://0/'],
    ['metadata', 'https://169.254.169.254/latest/meta-data/'],
    ['metadata, decimal', 'https://2852039166/'],
    ['metadata, octal with zeros', 'https://0251.0376.000251.0376/'],
    ['metadata, mapped into IPv6', 'https://[::ffff:169.254.169.254]/'],
    ['metadata, mapped, in hexadecimal', 'https://[::ffff:a9fe:a9fe]/'],
    ['loopback of IPv6', 'https://[::1]/'],
    ['loopback of IPv6, written out', 'https://[0:0:0:0:0:0:0:1]/'],
    ['a zone', 'https://[fe80::1%25eth0]/'],
    ['a zone, not encoded', 'https://[fe80::1%eth0]/'],
    ['too long', `https://shop.example/${'a'.repeat(2100)}`],
    ['what grows beyond the longest when it is written anew', `https://a.example/?${"'".repeat(700)}`],
  ])('%s is refused: %j', (_, url) => {
    const verdict = checkWebhookUrl(url, LIVE);
    expect(verdict).toEqual({ ok: false, reason: expect.stringMatching(/^must /) });
  });

  test.each([
    ['http://127.0.0.1:9400/shop/webhooks', true],
    ['http://localhost:3000/', true],
    ['https://[::1]:1234/', true],
    ['http://shop/', true],
    ['http://a@127.0.0.1/', false],
    ['http://127.0.0.1\\@shop.example/', false],
    ['http://127.0.0.1/\r\nx: y', false],
    ['ftp://127.0.0.1/', false],
  ])('in development %j is allowed: %s', (url, allowed) => {
    expect(checkWebhookUrl(url, DEVELOPMENT).ok).toBe(allowed);
  });
});

describe('addresses', () => {
  test.each([
    ['0.0.0.0', '0.255.255.255'],
    ['10.0.0.0', '10.255.255.255'],
    ['100.64.0.0', '100.127.255.255'],
    ['127.0.0.0', '127.255.255.255'],
    ['169.254.0.0', '169.254.255.255'],
    ['172.16.0.0', '172.31.255.255'],
    ['192.0.0.0', '192.0.0.255'],
    ['192.0.2.0', '192.0.2.255'],
    ['192.88.99.0', '192.88.99.255'],
    ['192.168.0.0', '192.168.255.255'],
    ['198.18.0.0', '198.19.255.255'],
    ['198.51.100.0', '198.51.100.255'],
    ['203.0.113.0', '203.0.113.255'],
    ['224.0.0.0', '239.255.255.255'],
    ['240.0.0.0', '255.255.255.255'],
    ['::', '::1'],
    ['::ffff:0.0.0.0', '::ffff:255.255.255.255'],
    ['::127.0.0.1', '::ffff:0:127.0.0.1'],
    ['64:ff9b::8.8.8.8', '64:ff9b::ffff:ffff'],
    ['64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff'],
    ['100::', '100::ffff:ffff:ffff:ffff'],
    ['2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['2002:7f00:1::', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
    ['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['4000::', '5f00::1'],
    ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['fd00:ec2::254', 'fe80::1%eth0'],
    ['fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['fec0::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['2606:4700::1%1', 'not an address'],
  ])('%s and %s are not of the public internet', (first, last) => {
    expect([isGlobalAddress(first), isGlobalAddress(last)]).toEqual([false, false]);
  });

  test.each([
    '1.0.0.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2001:200::',
    '2001:4860:4860::8888',
    '2003::1',
    '2606:4700:4700::1111',
    '3ffe::1',
  ])('%s is', (address) => {
    expect(isGlobalAddress(address)).toBe(true);
  });

  test('in development any address, but still an address', () => {
    expect(isAllowedAddress('127.0.0.1', DEVELOPMENT)).toBe(true);
    expect(isAllowedAddress('127.0.0.1', LIVE)).toBe(false);
    expect(isAllowedAddress('elsewhere', DEVELOPMENT)).toBe(false);
  });
});
