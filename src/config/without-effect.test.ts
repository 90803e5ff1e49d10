/**
 * What is said to have no effect has none.
 *
 * @module
 */
import { expect, it } from 'vitest';
import { sourcesOutsideConfig } from './testing/sources.ts';
import { SETTINGS_WITHOUT_EFFECT, setWithoutEffect } from './without-effect.ts';

it.each(Object.entries(SETTINGS_WITHOUT_EFFECT))('%s is read by no room', (_, option) => {
  const [first = '', second] = option.split('.');
  // `options.kafka` taken whole would be found by its second word, `processors.SANDBOX` is no reader of `processors.STRIPE`.
  const read = new RegExp(second === undefined ? `\\b${first}\\b` : `\\b${first}(\\.|\\[['"])${second}\\b`);
  const taken = new RegExp(`\\{[^{}]*\\b${first}\\b[^{}]*\\} = (guest\\.)*options`);
  const readers = [...sourcesOutsideConfig()].filter(([, text]) => read.test(text) || taken.test(text));
  expect(readers.map(([file]) => file)).toEqual([]);
});

it('only what is set is named', () => {
  const settings = new Map([
    ['SLUICE_STRIPE_BASE_URL', 'https://api.stripe.com'],
    ['SLUICE_MODE', 'test'],
    ['SLUICE_ADMIN_KEY', 'k'],
  ]);
  expect(setWithoutEffect(settings)).toEqual(['SLUICE_ADMIN_KEY', 'SLUICE_STRIPE_BASE_URL']);
  expect(setWithoutEffect(new Map())).toEqual([]);
});
