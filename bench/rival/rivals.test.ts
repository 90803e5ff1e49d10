/**
 * Floor and baseline do the same payment as Sluice: else their figures would compare with nothing.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { bookOf, CARDS, chargesOf, createShop, type Shop } from '../../test/support/shop.ts';
import { baseline } from '../baseline/baseline.ts';
import { drive } from '../compare/driver.ts';
import { floor } from '../floor/floor.ts';
import { DEMO_MERCHANT } from './merchants.ts';
import { type RunningRival, startRival } from './rival.ts';

describe.each([floor, baseline])('$name', (rival) => {
  let running: RunningRival;
  let shop: Shop;
  let bank: { bankUrl: string };

  beforeAll(async () => {
    running = await startRival(rival);
    const { apiUrl, bankUrl } = running.parts.place;
    shop = createShop(DEMO_MERCHANT, { apiUrl, checkoutUrl: apiUrl });
    bank = { bankUrl };
  });

  afterAll(async () => {
    await running.stop();
    expect(existsSync(running.parts.folder)).toBe(false);
  });

  /** Rows of a query of the payments database, one value each. */
  async function rows(text: string): Promise<unknown[]> {
    const client = new pg.Client({ connectionString: running.parts.place.databaseUrls.payments });
    await client.connect();
    const { rows: found } = await client.query({ text, rowMode: 'array' });
    await client.end();
    return found.map(([value]) => value);
  }

  it('makes a payment that ends SUCCESS, charged once, recorded in attempt, intent, outbox and callback', async () => {
    const { paymentIntentId, transactionId } = await shop.buy(CARDS.success, 4321);
    const { body } = await shop.becomes(transactionId, 'SUCCESS');
    expect(body).toMatchObject({ transactionId, paymentIntentId, amount: 4321, currency: 'INR' });
    expect(body.completedAt).toMatch(/^20.*Z$/);
    expect(await chargesOf(bank, paymentIntentId)).toMatchObject([
      { reference: transactionId, amount: 4321 },
    ]);
    await eventually(async () =>
      expect(await rows('select status from processor_callbacks')).toEqual(['succeeded']),
    );
    expect(await rows('select status from payment_intents')).toEqual(['SUCCESS']);
    expect(await rows('select status from outbox')).toEqual(['SUCCESS']);
    expect((await shop.get(`/v1/payment/intent/${paymentIntentId}`)).body.status).toBe('SUCCESS');
  });

  it('takes the card as a browser posts it and leads to the result of the transaction', async () => {
    const { sessionId, redirectUrl } = await shop.session(await shop.intent());
    const page = await fetch(redirectUrl);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining(sessionId)]);
    const paid = await shop.payByForm(sessionId, CARDS.success);
    expect(paid.status).toBe(303);
    const transactionId = /transaction=(txn_[0-9a-f]{32})&/.exec(paid.headers.get('location')!)![1]!;
    await shop.becomes(transactionId, 'SUCCESS');
  });

  it('charges a declined card not at all, and a card that is paid with twice once', async () => {
    const declined = await shop.buy(CARDS.declined);
    await shop.becomes(declined.transactionId, 'FAILED');
    expect(await chargesOf(bank, declined.paymentIntentId)).toEqual([]);
    const { sessionId } = await shop.session(await shop.intent());
    const clicks = await Promise.all([1, 2, 3].map(() => shop.pay(sessionId, CARDS.success)));
    expect(clicks.map(({ status }) => status).sort()).toEqual([202, 409, 409]);
    const transactionId = clicks.find(({ status }) => status === 202)!.body.transactionId;
    await shop.becomes(transactionId, 'SUCCESS');
    expect(await bookOf(bank, transactionId)).toHaveLength(1);
  });

  it('seals the card: its number is in no row', async () => {
    const { transactionId } = await shop.buy(CARDS.success);
    await shop.becomes(transactionId, 'SUCCESS');
    const tokens = await rows('select token from transactions');
    expect(tokens.length).toBeGreaterThan(0);
    for (const token of tokens) expect(token).toMatch(/^tok_[0-9a-f]+$/);
    expect(JSON.stringify(tokens)).not.toContain(Buffer.from(CARDS.success).toString('hex'));
  });

  it('believes no callback that is not signed by the bank', async () => {
    const body = JSON.stringify({ event_id: 'sbevt_forged', data: { id: 'ch_1', reference: 'txn_1' } });
    const headers = {
      'x-sandbox-timestamp': '1',
      'x-sandbox-signature': createHash('sha256').update(body).digest('hex'),
    };
    expect((await shop.post('/webhooks/sandbox', body, headers)).status).toBe(401);
  });

  it('answers what is unknown with 404 and a session that is none with 410', async () => {
    const unknown = '0'.repeat(32);
    expect((await shop.transaction(`txn_${unknown}`)).status).toBe(404);
    expect((await shop.transaction('txn_nothing')).status).toBe(404);
    expect((await shop.get(`/v1/payment/intent/pi_${unknown}`)).status).toBe(404);
    expect((await shop.pay('sess_none', CARDS.success)).status).toBe(410);
  });

  it('records the key of a request that has one', async () => {
    const order = { ...DEMO_MERCHANT, amount: 1, currency: 'INR', orderId: 'order_keyed' };
    const { secretKey: _, ...body } = order;
    const created = await shop.post('/v1/payment/intent', body, { 'idempotency-key': 'key-1' });
    expect(created.status).toBe(201);
    if (rival === floor) {
      expect(await rows('select key from idempotency_keys')).toEqual(['key-1']);
    } else {
      const again = await shop.post('/v1/payment/intent', body, { 'idempotency-key': 'key-1' });
      expect(again.body).toEqual(created.body);
    }
  });

  it('is driven by the load driver with all merchants, and its audit finds every payment and charge', async () => {
    const words = ['--rate', '60', '--duration', '1', '--warmup', '0', '--merchants', '50'];
    const { completed, errorsByCause, audit, cpuUsPerPayment } = await drive(running.parts.folder, words);
    expect({ completed, errorsByCause }).toEqual({ completed: 60, errorsByCause: {} });
    expect(audit).toMatchObject({ source: 'api', acknowledged: 60, stored: 60, charged: 60, findings: [] });
    expect(cpuUsPerPayment.gateway).toBeGreaterThan(0);
    expect(cpuUsPerPayment.redis === null).toBe(rival === floor);
  });

  it('leaves address, key and pids where the load driver looks', () => {
    const { folder, place } = running.parts;
    const read = (file: string) => JSON.parse(readFileSync(join(folder, file), 'utf8'));
    expect(read('demo.json')).toMatchObject({ ...DEMO_MERCHANT, apiUrl: place.apiUrl });
    for (const pid of Object.values(read('run.json')).filter((value) => value !== null))
      expect(() => process.kill(pid as number, 0)).not.toThrow();
  });
});
