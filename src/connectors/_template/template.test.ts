/**
 * The template is held to the contract of all connectors, so that a copy begins green.
 *
 * Fill in: the dialect, as the processor's own side of the wire; what it lacks; then the tests of what only this room does. Signature
 * vectors the processor has published come first.
 *
 * @module
 */

import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { connectorContract, type Dialect, type HttpText, type Told } from '../contract-suite.ts';
import { createTemplateCharge } from './charge.ts';
import { readTemplateAccount } from './config.ts';
import { DECLINES, REFUSALS } from './error-codes.ts';
import { createTemplate } from './index.ts';
import { readTemplateSettlementRow } from './settlement.ts';

/** A name that is taken, because a room that is in no table has none of its own. */
const NAME = 'SANDBOX';
const CONFIG = { name: NAME, connectionsMax: 64, notFoundProofMs: 120_000 } as const;

const STATUS = {
  charged: 'paid',
  declined: 'failed',
  accepted: 'pending',
  action_required: 'authenticate',
  'a status nobody knows': 'reversed_by_moonlight',
} as const;

function shown({ transactionId, amount, currency, status, declineCode, action }: Told): object {
  return {
    id: 'pay_1',
    reference: `txn_${transactionId}`,
    amount,
    currency,
    status: STATUS[status],
    ...(status === 'declined' && { decline_code: declineCode }),
    ...(status === 'action_required' && action.kind === 'redirect' && { page: action.url }),
  };
}

const json = (status: number, body: object): HttpText => ({ status, body: JSON.stringify(body) });
const error = (status: number, code: string): HttpText => json(status, { error: { code } });

const dialect: Dialect = {
  processor: NAME,
  lacks: ['upi', 'funding', 'account', 'callback_time'],
  page: 'redirect',
  open(baseUrl, timings) {
    const config = { ...CONFIG, baseUrl, ...timings };
    const { charge, close } = createTemplateCharge(config, { now: Date.now });
    return { ...createTemplate(config), charge, close };
  },
  declines: [...DECLINES].map(([code, means]) => ({ code, means })),
  unlistedDecline: 'ambiguous',
  refusals: Object.fromEntries([...REFUSALS].map((code) => [code, error(400, code)])),
  chargeAnswer: (told) => json(200, shown(told)),
  queryAnswer: (told) => json(200, shown(told)),
  queryNotFound: () => error(404, 'charge_not_found'),
  callback(told, secret) {
    const body = Buffer.from(JSON.stringify({ id: 'evt_1', type: 'charge.changed', charge: shown(told) }));
    const signature = createHmac('sha256', secret).update(body).digest('hex');
    return { headers: { 'x-template-signature': signature }, body };
  },
  reportPage({ head }, ids) {
    const { searchParams: query } = new URL(head.split(' ')[1]!, 'http://bank');
    const limit = Number(query.get('limit'));
    const after = query.get('after');
    const at = after === null ? 0 : ids.indexOf(after) + 1;
    if (after !== null && at === 0) return json(400, { error: { code: 'field_value' } });
    const rows = ids.slice(at, at + limit).map((id) => ({ id: id }));
    return json(200, { rows, more: at + limit < ids.length });
  },
  signedHeaders: ['x-template-signature'],
  callbackSeconds: null,
};

describe('contract of the template', () => connectorContract(dialect));

test('an account’s missing field is named', () => {
  const account = { account: 'a', secretKey: 's', webhookSecret: 'w' };
  expect(readTemplateAccount(account)).toEqual({ ok: true, config: account });
  expect(readTemplateAccount({ ...account, secretKey: '' })).toEqual({
    ok: false,
    detail: 'secretKey is needed',
  });
});

test('a row that does not add up is refused', () => {
  const row = { id: 'pay_1', amount: 5000, fee: 100, net: 4900, currency: 'INR' };
  expect(readTemplateSettlementRow(row)).toMatchObject({ ok: true, row: { amount: 5000, net: 4900 } });
  expect(readTemplateSettlementRow({ ...row, net: 4901 })).toMatchObject({ ok: false });
  expect(readTemplateSettlementRow({ ...row, fee: 1.5 })).toMatchObject({ ok: false });
  expect(readTemplateSettlementRow({ ...row, currency: 7 })).toMatchObject({ ok: false });
});
