/**
 * GET /v1/payouts: what the merchant is owed of each day's settlement reports.
 *
 * @module
 */

import { refusal } from '../../domain/outcomes.ts';
import type { MerchantPayout } from '../../storage/settlement-store.ts';
import { authenticate, type Gate, limitRate, READ_HEADERS } from '../admit.ts';
import { problem } from '../problem.ts';
import { type HttpRequest, type HttpResponse, json, type Route } from '../routes.ts';
import { daysOf, invalidQuery } from './payout-days.ts';

export interface ListPayoutsDeps {
  gate: Gate;
  payouts(filter: { from: string; to: string; merchantId: string }): Promise<MerchantPayout[]>;
  /** True for an error that says a database cannot be reached now. */
  isOutage(error: unknown): boolean;
  onOutage(error: unknown): void;
}

/** Makes the route. */
export function listPayoutsRoute(deps: ListPayoutsDeps): Route {
  return {
    method: 'GET',
    path: '/v1/payouts',
    name: 'list_payouts',
    bodyLimitBytes: 0,
    contentTypes: [],
    headers: READ_HEADERS,
    handler: (request) => listPayouts(deps, request),
  };
}

async function listPayouts(deps: ListPayoutsDeps, request: HttpRequest): Promise<HttpResponse> {
  const caller = await authenticate(deps.gate, request);
  if (!caller.ok) return problem(caller.refusal);
  const limited = await limitRate(deps.gate, request, caller.merchant);
  if (limited !== null) return problem(limited);
  const days = daysOf(request.query);
  if (!days.ok) return problem(invalidQuery(days.errors));
  try {
    const { merchantId } = caller.merchant;
    const payouts = await deps.payouts({ ...days.value, merchantId });
    return json(200, { payouts: payouts.map(showPayout) });
  } catch (error) {
    if (!deps.isOutage(error)) throw error;
    deps.onOutage(error);
    return problem(refusal('storage_unavailable', 'Try again.'));
  }
}

function showPayout({ day, processor, currency, payments, ...sums }: MerchantPayout): object {
  return {
    day,
    processor,
    currency,
    payments,
    amount: exact(sums.amount),
    processorFees: exact(sums.processorFees),
    processorTax: exact(sums.processorTax),
    merchantFees: exact(sums.merchantFees),
    payable: exact(sums.payable),
  };
}

/** A merchant's day of 9 * 10^15 minor units is more than there is; should it come, no digit of it is made up. */
function exact(minor: string): number {
  const number = Number(minor);
  if (!Number.isSafeInteger(number)) throw new RangeError('a payout is beyond 2^53 minor units');
  return number;
}
