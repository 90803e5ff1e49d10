import { expect, expectTypeOf, test } from 'vitest';
import { BREAK_CLASSES, CORRECTED_CLASSES, SETTLEMENT_CLASSES, type SettlementClass } from './settlement.ts';

test('every class is told, once', () => {
  expectTypeOf<(typeof SETTLEMENT_CLASSES)[number]>().toEqualTypeOf<SettlementClass>();
  // One more in the domain does not compile here.
  const all = Object.keys({
    matched: true,
    already_posted: true,
    failed_there: true,
    failed_here: true,
    unknown_settled: true,
    amount_differs: true,
    currency_differs: true,
    fee_differs: true,
    unknown_here: true,
    twice: true,
    missing_there: true,
    not_due: true,
  } satisfies Record<SettlementClass, true>);
  expect([...SETTLEMENT_CLASSES].sort()).toEqual(all.sort());
});

test('what is not in agreement is corrected by Sluice or needs a person, and never both', () => {
  const agrees: readonly SettlementClass[] = ['matched', 'already_posted', 'not_due'];
  for (const one of SETTLEMENT_CLASSES) {
    const ways = [agrees.includes(one), CORRECTED_CLASSES.has(one), BREAK_CLASSES.has(one)];
    expect(ways.filter(Boolean), one).toHaveLength(1);
  }
});
