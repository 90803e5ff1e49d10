import { expect, test } from 'vitest';
import { originFault } from './redirect-url.ts';

test.each([
  ['https://shop.example', true, true],
  ['https://shop.example:8443', true, true],
  ['http://127.0.0.1:9400', true, false],
  ['https://shop.example/', false, false],
  ['https://Shop.example', false, false],
  ['https://shop.example:443', false, false],
  ['https://shop.example/path', false, false],
  ['https://shop.example?', false, false],
  ['https://shöp.example', false, false],
  ['https://xn--shp-fna.example', true, true],
  ['https://user@shop.example', false, false],
  ['https://*.example', false, false],
  ['https://', false, false],
  ['*', false, false],
  ['null', false, false],
])('the origin %s may be registered: in test mode %s, in live mode %s', (origin, inTest, inLive) => {
  expect([originFault(origin, true) === null, originFault(origin, false) === null]).toEqual([inTest, inLive]);
});

test('an origin that is written otherwise is told as it must be written', () => {
  expect(originFault('https://Shop.example/', false)).toBe('must be written https://shop.example');
  expect(originFault('https://shop.example/paid', false)).toBe(
    'must be an origin without a path: https://shop.example',
  );
});
