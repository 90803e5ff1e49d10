/**
 * What is settled: what was captured, but for the faults that are ordered, each of which stays with the payment it has struck.
 * @module
 */
import { describe, expect, it } from 'vitest';
import type { Charge } from './book.ts';
import { type FaultOrder, Faults, readFault } from './faults.ts';
import { type Settled, SettlementFaults } from './settled.ts';

function charge(id: string, more: Partial<Charge> = {}): Charge {
  const facts = { reference: `txn_${id}`, amount: 10_000, currency: 'INR', bin: '41111111', decidedAt: 1 };
  return { id: `ch_${id}`, status: 'succeeded', word: undefined, ...facts, ...more } as Charge;
}
const another = (one: Charge): Charge => ({ ...one, id: `${one.id}_other`, reference: 'other' });

function settledWith(
  charges: readonly Charge[],
  orders: readonly object[],
  powerless: readonly FaultOrder['fault'][] = [],
): Settled[][] {
  const faults = new Faults();
  for (const order of orders) {
    const read = readFault({ step: 'settlement', ...order });
    if (!read.ok) throw new Error(read.detail);
    faults.add(read.order);
  }
  const settlement = new SettlementFaults(faults);
  return [1, 2].map(() => settlement.settledOf(charges, powerless, another));
}
const idsOf = (rows: readonly Settled[]): string[] => rows.map((row) => row.charge.id);

describe('what is settled', () => {
  it('is what was captured and nothing else', () => {
    const waiting = charge('w', { status: 'processing' });
    const asked = charge('q', { status: 'requires_action' });
    const [rows] = settledWith([charge('a'), charge('d', { status: 'declined' }), waiting, asked], []);
    expect(rows).toEqual([{ charge: charge('a'), amountBy: 0, feeBy: 0, again: false, takenBack: false }]);
  });

  it.each([
    ['leaveOut', ['ch_b']],
    ['twice', ['ch_a', 'ch_a', 'ch_b']],
    ['addUnknown', ['ch_a', 'ch_a_other', 'ch_b']],
    ['otherAmount', ['ch_a', 'ch_b']],
  ])('%s strikes the first that is read, once, and the report says the same again', (fault, ids) => {
    const [first, second] = settledWith([charge('a'), charge('b')], [{ fault }]);
    expect(idsOf(first!)).toEqual(ids);
    expect(second).toEqual(first);
  });

  it('differs by as much as was ordered, by 100 when nothing was said', () => {
    const orders = [
      { fault: 'otherAmount', reference: 'txn_b', by: 7 },
      { fault: 'otherFee', reference: 'txn_a' },
    ];
    expect(settledWith([charge('a'), charge('b')], orders)[0]).toMatchObject([
      { amountBy: 0, feeBy: 100 },
      { amountBy: 7, feeBy: 0 },
    ]);
  });

  it('has a declined payment only by the fault for it, which strikes no other', () => {
    const declined = charge('d', { status: 'declined', word: 'refunded' });
    const [rows] = settledWith([charge('a'), declined], [{ fault: 'settleDeclined' }, { fault: 'leaveOut' }]);
    expect(rows).toMatchObject([{ charge: { id: 'ch_d', status: 'succeeded', word: undefined } }]);
  });

  it('is right where the dialect cannot show the fault, which waits', () => {
    const [rows] = settledWith([charge('a')], [{ fault: 'takeBack' }], ['takeBack']);
    expect(rows).toMatchObject([{ takenBack: false }]);
    expect(settledWith([charge('a')], [{ fault: 'takeBack' }])[0]).toMatchObject([{ takenBack: true }]);
  });

  it('is struck by the digits of its card and by its amount', () => {
    const charges = [charge('a'), charge('b', { bin: '55555555' }), charge('c', { amount: 5 })];
    const orders = [
      { fault: 'leaveOut', card: '5555' },
      { fault: 'leaveOut', amount: 5 },
    ];
    expect(idsOf(settledWith(charges, orders)[0]!)).toEqual(['ch_a']);
  });
});

describe('an order of a settlement fault', () => {
  it.each([
    [{ fault: 'otherAmount', by: 0 }, 'by'],
    [{ fault: 'otherAmount', by: 1.5 }, 'by'],
    [{ fault: 'leaveOut', by: 100 }, 'by'],
    [{ fault: 'drop' }, 'fault'],
    [{ fault: 'leaveOut', card: '411111111' }, 'card'],
  ])('%j is refused', (order, field) => {
    expect(readFault({ step: 'settlement', ...order })).toMatchObject({ ok: false, field });
  });
});
