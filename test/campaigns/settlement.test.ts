import { expect, test } from 'vitest';
import { makeTrials, SEED } from './few-trials.ts';
import { settlement } from './settlement.ts';

const ROWS = 2000;

test(`${ROWS} rows of a report (seed ${SEED}), its reconciling killed three times: every row and payment is in its class, and posted once`, async () => {
  const figures = await makeTrials(settlement, ROWS);
  expect(figures.strikes).toBe(3);
  expect(figures['runs cut short']).toBeGreaterThan(0);
  const found = [
    'failed_there',
    'failed_here',
    'unknown_settled',
    'amount_differs',
    'currency_differs',
    'fee_differs',
  ];
  const beside = ['unknown_here', 'twice', 'already_posted', 'missing_there', 'not_due', 'matched'];
  for (const name of [...found, ...beside]) expect(figures[name], name).toBeGreaterThan(0);
}, 300_000);
