/**
 * Forms as bytes.
 *
 * @module
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeForm } from './form.ts';

test('any text is read back as it was, from visible ASCII', () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ unit: 'binary' }), (first, second) => {
      const body = encodeForm([
        ['a', first],
        ['b', Buffer.from(second)],
      ]).toString('latin1');
      expect(body).toMatch(/^[\x21-\x7e]*$/);
      const form = new URLSearchParams(body);
      expect([form.get('a'), form.get('b')]).toEqual([first, second.toWellFormed()]);
    }),
  );
});

test('bytes are encoded one by one, whatever they are, and stay where they were', () => {
  const value = Buffer.from([0, 0x25, 0x26, 0x2b, 0x41, 0x7e, 0xff]);
  expect(encodeForm([['v', value]]).toString()).toBe('v=%00%25%26%2BA~%FF');
  expect(value[0]).toBe(0);
  expect(encodeForm([]).length).toBe(0);
});
