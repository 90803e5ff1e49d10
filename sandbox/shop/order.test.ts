import { describe, expect, it } from 'vitest';
import type { Transaction } from '../../clients/typescript/api.ts';
import type { GatewayView } from './merchant.ts';
import { NOTES_MAX, Order, type WebhookNote } from './order.ts';
import { standingOf } from './story.ts';

const PRICE = { amount: 1000, currency: 'INR' } as const;

function anOrder(): Order {
  return new Order('order_1', { kind: 'ordered', at: 1, productId: 'lamp', scenarioId: 'paid', ...PRICE });
}

function webhook(id: string, type: string, sequence: number): WebhookNote {
  const facts = { kind: 'webhook', at: 2, answered: 204, transactionId: 'txn_1', failureCode: null } as const;
  return { ...facts, ...PRICE, id, type, sequence, headers: {}, body: '{}' };
}

describe('an order', () => {
  it('that a GET told is paid stays paid when the refusal of an earlier card arrives late', () => {
    const order = anOrder();
    order.add({ kind: 'looked', at: 2, transactionId: 'txn_2', status: 'SUCCESS', failureCode: null });
    const refusal = webhook('evt_1', 'payment.attempt_failed', 1);
    order.add(refusal);
    expect([order.state.word, order.verdicts.get(refusal)]).toEqual(['paid', 'late']);
    order.add(webhook('evt_2', 'payment.succeeded', 2));
    expect(order.state.word).toBe('paid');
    order.add(webhook('evt_3', 'payment.reversed', 3));
    expect(order.state.word).toBe('reversed');
  });

  it('full of notes keeps what Sluice tells for the first time, and no repeat', () => {
    const order = anOrder();
    for (let i = 0; i < NOTES_MAX * 2; i++) order.add({ kind: 'returned', at: i, to: 'cancel' });
    expect(order.notes).toHaveLength(NOTES_MAX);
    for (let i = 0; i < 2; i++) order.add(webhook('evt_1', 'payment.succeeded', 1));
    expect([order.notes.length, order.state.word]).toEqual([NOTES_MAX + 1, 'paid']);
  });

  it('with a second card at the bank waits for that, and offers no third', () => {
    const order = anOrder();
    order.add(webhook('evt_1', 'payment.attempt_failed', 1));
    const transaction = { status: 'PROCESSING' } as Transaction;
    const view: GatewayView = { ok: true, attempts: [{ transaction, events: [] }], timelineProblem: null };
    expect(standingOf({ order, view })).toMatchObject({ title: 'Waiting for the bank', mayPay: false });
    expect(standingOf({ order, view: { ...view, attempts: [] } })).toMatchObject({ mayPay: true });
  });

  it('whose bank asks the shopper waits for the shopper there, until the attempt has ended', () => {
    const order = anOrder();
    const seen = (status: string): GatewayView => {
      const transaction = { status, outcome: 'action_required' } as Transaction;
      return { ok: true, attempts: [{ transaction, events: [] }], timelineProblem: null };
    };
    const titleOf = (view: GatewayView) => standingOf({ order, view }).title;
    expect(titleOf(seen('PROCESSING'))).toBe('Waiting for the shopper at the bank');
    expect(titleOf(seen('FAILED'))).not.toContain('at the bank');
  });
});
