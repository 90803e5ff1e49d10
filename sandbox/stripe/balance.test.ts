/**
 * The balance, its payouts and its reports, of charges that are made up here.
 * @module
 */
import { describe, expect, it } from 'vitest';
import type { Charge } from '../book.ts';
import { Faults } from '../faults.ts';
import { type Settled, SettlementFaults } from '../settled.ts';
import { DEFAULT_TERMS } from './account.ts';
import { feeOf, movementsOf, netOf, showMovement } from './balance.ts';
import { majorUnits } from './currencies.ts';
import { readForm } from './form.ts';
import type { AttemptFacts } from './intents.ts';
import { type ReportRun, readReportOrder, writeReport } from './reports.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOON = Date.UTC(2026, 7, 1, 12);

function charge(
  suffix: string,
  at: number,
  more: Partial<Charge> = {},
  facts: Partial<AttemptFacts> = {},
): Charge {
  return {
    id: `ch_${suffix}`,
    account: 'acct_demo',
    amount: 10_000,
    currency: 'INR',
    method: 'credit',
    status: 'succeeded',
    createdAt: at,
    decidedAt: at,
    facts: {
      intent: {
        id: `pi_${suffix}`,
        description: 'Tea, "green"',
        metadata: { gateway_txn_id: `txn_${suffix}` },
      },
      method: { type: 'card', brand: 'visa', country: 'IN' },
      captured: null,
      ...facts,
    },
    ...more,
  } as Charge;
}

function settled(charges: readonly Charge[]): Settled[] {
  return new SettlementFaults(new Faults()).settledOf(charges, [], (one) => one);
}

describe('the balance', () => {
  it('has a movement for each success, less the fee and its tax, newest first', () => {
    const charges = [
      charge('1', NOON),
      charge('2', NOON, { status: 'declined' }),
      charge('3', NOON + 1000, {}, { captured: 5000 }),
      charge('4', NOON + 2000, { currency: 'USD', method: 'upi' }),
    ];
    const movements = movementsOf(settled(charges), DEFAULT_TERMS, NOON + HOUR_MS);
    expect(movements.map((one) => [one.id, one.type, one.amount, feeOf(one), netOf(one)])).toEqual([
      ['txn_4', 'payment', 10_000, 320, 9680],
      ['txn_3', 'charge', 5000, 118, 4882],
      ['txn_1', 'charge', 10_000, 236, 9764],
    ]);
    expect(showMovement(movements[2]!, NOON + HOUR_MS)).toMatchObject({
      status: 'pending',
      available_on: (NOON + 2 * DAY_MS) / 1000,
      fee_details: [
        { amount: 200, type: 'stripe_fee', currency: 'inr' },
        { amount: 36, type: 'tax', currency: 'inr' },
      ],
      source: 'ch_1',
    });
  });

  it('is paid out at the end of the day on which it is available, by currency, and not before', () => {
    const charges = [
      charge('1', NOON),
      charge('2', NOON + HOUR_MS),
      charge('3', NOON + 12 * HOUR_MS),
      charge('4', NOON, { currency: 'USD' }),
    ];
    const due = NOON + 12 * HOUR_MS + 2 * DAY_MS;
    expect(
      movementsOf(settled(charges), DEFAULT_TERMS, due - 1).filter(({ type }) => type === 'payout'),
    ).toEqual([]);
    const movements = movementsOf(settled(charges), DEFAULT_TERMS, due);
    const payouts = movements.filter(({ type }) => type === 'payout');
    expect(payouts.map(({ currency, amount }) => [currency, amount]).toSorted()).toEqual([
      ['inr', -2 * 9764],
      ['usd', -9680],
    ]);
    const inr = payouts.find(({ currency }) => currency === 'inr')!;
    const parts = movements.filter(({ payout, type }) => type === 'charge' && payout?.id === inr.source);
    expect(parts.map(({ id }) => id).toSorted()).toEqual(['txn_1', 'txn_2']);
    expect(parts.reduce((sum, part) => sum + netOf(part), inr.amount)).toBe(0);
    expect(movements.find(({ id }) => id === 'txn_3')!.payout).toBeUndefined();
  });
});

describe('a report', () => {
  const ACTIVITY = 'balance_change_from_activity.itemized.3';
  const RECONCILIATION = 'payout_reconciliation.itemized.5';
  const charges = [charge('1', NOON), charge('2', NOON + DAY_MS)];

  function report(reportType: string, from: number, to: number, columns: string[] = []): string[] {
    const run: ReportRun = {
      id: 'frr_1',
      account: 'acct_demo',
      reportType,
      createdAt: to,
      intervalStart: from / 1000,
      intervalEnd: to / 1000,
      columns,
      timezone: 'Etc/UTC',
    };
    return writeReport(run, movementsOf(settled(charges), DEFAULT_TERMS, NOON + 10 * DAY_MS))
      .trimEnd()
      .split('\n');
  }

  it('of activity has every documented column, and what happened in its interval, in major units', () => {
    const [head, ...lines] = report(ACTIVITY, NOON, NOON + DAY_MS);
    expect(head).toBe(
      'balance_transaction_id,created_utc,created,available_on_utc,available_on,currency,gross,fee,net,reporting_category,source_id,description,customer_facing_amount,customer_facing_currency,automatic_payout_id,automatic_payout_effective_at_utc,automatic_payout_effective_at,customer_id,charge_id,payment_intent_id,charge_created_utc,invoice_id,payment_method_type,card_brand,card_funding,card_country,statement_descriptor,dispute_reason',
    );
    expect(lines).toEqual([
      expect.stringMatching(
        /^txn_1,2026-08-01 12:00:00,2026-08-01 12:00:00,2026-08-03 12:00:00,2026-08-03 12:00:00,inr,100\.00,2\.36,97\.64,charge,ch_1,"Tea, ""green""",100\.00,inr,po_[0-9a-f]{24},2026-08-04 00:00:00,2026-08-04 00:00:00,,ch_1,pi_1,2026-08-01 12:00:00,,card,visa,credit,IN,,$/,
      ),
    ]);
  });

  it('of reconciliation has what was paid out in its interval, whenever it happened', () => {
    const day = (date: number) => Date.UTC(2026, 7, date);
    const columns = ['payment_intent_id', 'payment_metadata[gateway_txn_id]', 'trace_id_status'];
    expect(report(RECONCILIATION, day(4), day(5), columns)).toEqual([
      'payment_intent_id,payment_metadata[gateway_txn_id],trace_id_status',
      'pi_1,txn_1,supported',
    ]);
    expect(report(RECONCILIATION, day(1), day(4), columns)).toHaveLength(1);
  });

  it.each([
    ['report_type=unknown.1&parameters[interval_start]=1&parameters[interval_end]=2', 'report_type'],
    [`report_type=${ACTIVITY}`, 'parameters'],
    [`report_type=${ACTIVITY}&parameters[interval_start]=1`, 'parameters[interval_end]'],
    [
      `report_type=${ACTIVITY}&parameters[interval_start]=2&parameters[interval_end]=2`,
      'parameters[interval_end]',
    ],
    [
      `report_type=${ACTIVITY}&parameters[interval_start]=1&parameters[interval_end]=2&parameters[columns][]=trace_id`,
      'parameters[columns]',
    ],
  ])('ordered by %s is refused about %s', (text, param) => {
    const read = readReportOrder(readForm(text)!);
    expect(read.ok ? null : read.error).toMatchObject({ status: 400, param });
  });
});

it.each([
  [1050, 'inr', '10.50'],
  [5, 'usd', '0.05'],
  [-300, 'usd', '-3.00'],
  [1050, 'jpy', '1050'],
  [-12_340, 'kwd', '-12.340'],
])('%i minor units of %s are %s', (amount, currency, shown) => {
  expect(majorUnits(amount, currency)).toBe(shown);
});
