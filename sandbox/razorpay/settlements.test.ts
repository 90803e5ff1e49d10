/**
 * Settlements: which day they are of, and that they add up.
 * @module
 */
import { expect, it } from 'vitest';
import type { Charge } from '../book.ts';
import { Faults } from '../faults.ts';
import { type Settled, SettlementFaults } from '../settled.ts';
import { feeOf } from './fees.ts';
import { reconRowsOf, settlementsOf, showSettlement } from './settlements.ts';

function paid(id: string, decidedAt: number, more: Partial<Charge> = {}): Charge {
  return {
    id,
    reference: `txn_${id}`,
    amount: 10_001,
    currency: 'INR',
    method: 'credit',
    status: 'succeeded',
    createdAt: decidedAt - 1000,
    decidedAt,
    facts: { order: `order_${id}`, notes: {}, network: 'Visa', description: null },
    ...more,
  } as Charge;
}

function settled(charges: readonly Charge[]): Settled[] {
  return new SettlementFaults(new Faults()).settledOf(charges, [], (charge) => charge);
}

it('are of the day in India, which begins at half past six in the evening of UTC', () => {
  const midnight = Date.UTC(2026, 0, 20, 18, 30);
  const charges = [paid('a', midnight - 1), paid('b', midnight), paid('c', midnight + 86_399_999)];
  const settlements = settlementsOf('acc_1', settled(charges));
  expect(settlements.map(({ day, payments }) => [day, payments.map(({ charge }) => charge.id)])).toEqual([
    ['2026-01-20', ['a']],
    ['2026-01-21', ['b', 'c']],
  ]);
  expect(new Set(settlements.map(({ id }) => id)).size).toBe(2);
});

it('keep their id while they grow, and have only what was captured', () => {
  const noon = Date.UTC(2026, 0, 20, 6);
  const [small] = settlementsOf('acc_1', settled([paid('a', noon)]));
  const failed = paid('x', noon, { status: 'declined' });
  const held = paid('y', noon, { status: 'processing', word: 'authorized' });
  const [grown] = settlementsOf('acc_1', settled([paid('b', noon + 1), failed, held, paid('a', noon)]));
  expect(grown).toMatchObject({ id: small!.id, utr: small!.utr });
  expect(grown!.payments.map(({ charge }) => charge.id)).toEqual(['a', 'b']);
  expect(settlementsOf('acc_2', settled([paid('a', noon)]))[0]!.id).not.toBe(small!.id);
});

it('pay out the amounts without the fees, and the fee includes its tax', () => {
  expect(feeOf({ amount: 10_000 })).toEqual({ fee: 236, tax: 36 });
  const [settlement] = settlementsOf('acc_1', settled([paid('a', 1), paid('b', 2, { method: 'upi' })]));
  expect(showSettlement(settlement!)).toMatchObject({ amount: 20_002 - 472, fees: 472, tax: 72 });
  expect(reconRowsOf(settlement!)).toMatchObject([
    { entity_id: 'a', credit: 10_001 - 236, method: 'card', card_type: 'credit', order_receipt: 'txn_a' },
    { entity_id: 'b', credit: 10_001 - 236, method: 'upi', card_type: null },
  ]);
});

it('name no receipt of an order that has none', () => {
  const [settlement] = settlementsOf('acc_1', settled([paid('a', 1, { reference: 'order_a' })]));
  expect(reconRowsOf(settlement!)).toMatchObject([{ order_id: 'order_a', order_receipt: null }]);
});
