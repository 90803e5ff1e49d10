/**
 * A merchant whose own secret signs, and who speaks of another merchant's payment: nothing of it is believed, in any dialect.
 *
 * @module
 */

import { createHash, createHmac, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { txnidOf } from '../../src/connectors/payu/txnid.ts';
import { answered } from '../support/callback-answer.ts';
import { queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { createShop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

let world: World;
let gateway: Gateway;

beforeAll(async () => {
  world = await startWorld();
  gateway = await world.startGateway();
});
afterAll(() => world?.stop());

interface Letter {
  headers: Record<string, string>;
  body: string;
}

interface Scenario {
  /** Is processing for ever. */
  card: string;
  victim: string;
  /** The hostile merchant's own account. */
  own: { account: string; secretKey: string; webhookSecret: string };
  /** Says that the victim's payment was made. @param account whom it names; null: nobody */
  letter(transactionId: string, account: string | null): Letter;
}

const SECRET = 'the hostile one’s own secret';

const SCENARIOS: Readonly<Record<'RAZORPAY' | 'PAYU' | 'STRIPE', Scenario>> = {
  RAZORPAY: {
    card: '4100289100000009',
    victim: 'acc_SluiceWorld001',
    own: { account: 'acc_Hostile0000001', secretKey: 'rzp_test_Hostile0000001:key', webhookSecret: SECRET },
    letter(transactionId, account) {
      const entity = {
        id: 'pay_Hostile0000001',
        amount: 5000,
        currency: 'INR',
        status: 'captured',
        captured: true,
        method: 'card',
        notes: { gateway_txn_id: transactionId },
      };
      const body = JSON.stringify({
        entity: 'event',
        event: 'payment.captured',
        payload: { payment: { entity } },
        ...(account !== null && { account_id: account }),
      });
      const signature = createHmac('sha256', SECRET).update(body).digest('hex');
      return { headers: { 'x-razorpay-signature': signature, 'x-razorpay-event-id': randomUUID() }, body };
    },
  },
  PAYU: {
    card: '4000009100000002',
    victim: 'sluicekey',
    own: { account: 'hostilekey', secretKey: 'hostilesalt', webhookSecret: 'hostilesalt' },
    letter(transactionId, account) {
      const key = account ?? '';
      const txnid = txnidOf(transactionId.slice('txn_'.length));
      const signed = `hostilesalt|success||||||||||${transactionId}|e@x.in|A|order|50.00|${txnid}|${key}`;
      const fields = { key, txnid, amount: '50.00', productinfo: 'order', firstname: 'A', email: 'e@x.in' };
      const hash = createHash('sha512').update(signed).digest('hex');
      const said = {
        udf1: transactionId,
        status: 'success',
        unmappedstatus: 'captured',
        mihpayid: '1',
        hash,
      };
      return { headers: {}, body: new URLSearchParams({ ...fields, ...said }).toString() };
    },
  },
  STRIPE: {
    card: '4000009100000002',
    victim: 'acct_1SluiceWorld0001',
    own: { account: 'acct_1Hostile00000001', secretKey: 'sk_test_hostile', webhookSecret: SECRET },
    letter(transactionId, account) {
      const intent = {
        id: 'pi_hostile',
        object: 'payment_intent',
        amount: 5000,
        amount_received: 5000,
        currency: 'inr',
        status: 'succeeded',
        metadata: { gateway_txn_id: transactionId },
      };
      const body = JSON.stringify({
        id: `evt_${randomUUID().replaceAll('-', '')}`,
        object: 'event',
        type: 'payment_intent.succeeded',
        data: { object: intent },
        ...(account !== null && { account }),
      });
      const seconds = Math.floor(Date.now() / 1000);
      const signature = createHmac('sha256', SECRET).update(`${seconds}.${body}`).digest('hex');
      return { headers: { 'stripe-signature': `t=${seconds},v1=${signature}` }, body };
    },
  },
};

/** What is recorded of the callbacks about a transaction, in alphabetical order. */
async function verdictsOf(transactionId: string): Promise<string[]> {
  const rows = await queryShards<{ verdict: string }>(
    world,
    'select verdict from processor_callbacks where transaction_id = $1',
    [transactionId.slice('txn_'.length)],
  );
  return rows.map(({ verdict }) => verdict).sort();
}

test.each(Object.entries(SCENARIOS) as ['RAZORPAY' | 'PAYU' | 'STRIPE', Scenario][])(
  '%s: with one’s own secret nobody makes another’s payment paid, whichever account is named where',
  async (processor, { card, victim, own, letter }) => {
    const name = processor.toLowerCase();
    const key = await world.addMerchant(`m_victim_${name}`, { processor });
    await world.addMerchant(`m_hostile_${name}`, { processor, account: own });
    const shop = createShop(world, gateway, key, `m_victim_${name}`);
    const { transactionId } = await shop.buy(card);

    const answers: Record<string, unknown> = {};
    for (const inAddress of [null, own.account, victim]) {
      for (const inBody of [null, own.account, victim]) {
        const { headers, body } = letter(transactionId, inBody);
        const query = inAddress === null ? '' : `?account=${inAddress}`;
        const address = `${gateway.apiUrl}/webhooks/${name}${query}`;
        const answer = await fetch(address, { method: 'POST', headers, body });
        const { verdict } = (await answer.json()) as { verdict?: string | null };
        answers[`${inAddress} ${inBody}`] = answer.status === 200 ? verdict : answer.status;
      }
    }
    // PayU's without a key say nothing of a charge.
    const notSaid = processor === 'PAYU' ? 'ignored' : 'quarantined';
    expect(answers).toEqual({
      'null null': answered(notSaid),
      [`null ${own.account}`]: answered('quarantined'),
      [`null ${victim}`]: 401,
      [`${own.account} null`]: answered(notSaid),
      [`${own.account} ${own.account}`]: answered('quarantined'),
      [`${own.account} ${victim}`]: 401,
      [`${victim} null`]: 401,
      [`${victim} ${own.account}`]: 401,
      [`${victim} ${victim}`]: 401,
    });
    // PayU's have no id of their own: the same letter twice is one callback.
    const recorded = processor === 'PAYU' ? ['ignored', 'quarantined'] : Array<string>(4).fill('quarantined');
    await eventually(async () => expect(await verdictsOf(transactionId)).toEqual(recorded));
    expect((await shop.transaction(transactionId)).body.status).toBe('PROCESSING');
  },
  60_000,
);
