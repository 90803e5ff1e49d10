/**
 * Test cards: every documented one, found by its own number.
 * @module
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { cardNumber, isLuhnValid } from '../card-numbers.ts';
import { behaviourOf, testCards } from './test-cards.ts';

it('documents every card in README.md, each Luhn-valid and found by its own number', () => {
  const readme = readFileSync(new URL('./README.md', import.meta.url), 'utf8');
  for (const behaviour of testCards) {
    expect(isLuhnValid(behaviour.example)).toBe(true);
    expect(behaviourOf(behaviour.example)).toBe(behaviour);
    expect(readme).toContain(behaviour.example);
  }
});

it('finds a BIN’s behaviour by every number of it, and success by any other', () => {
  expect(behaviourOf(cardNumber('41002884', 4711)).asks).toBe('otp');
  expect(behaviourOf(cardNumber('41002887', 4711)).outcome).toBe('too_late');
  expect(behaviourOf('4242424242424242')).toMatchObject({ asks: 'nothing', outcome: 'money' });
});

it('asks the shopper of every published card, by page or one-time password', () => {
  for (const number of ['4100280000001007', '6527658900001005', '4100280000000009', '5305620000090007'])
    expect(behaviourOf(number).asks).toBe('either');
});
