/**
 * The bank's voice, as whoever knows a secret of it can speak: callbacks of any content, signed or not.
 *
 * @module
 */

import { createHmac, randomUUID } from 'node:crypto';
import type { Answer } from '../support/shop.ts';
import type { Gateway } from '../support/world.ts';

/** What a callback says; what is left out is as the bank itself would say it. */
export interface Said {
  transactionId: string;
  type?: string;
  eventId?: string;
  /** Over the charge's own fields. */
  data?: Record<string, unknown>;
}

/** The text of a callback. */
export function eventOf({ transactionId, type = 'charge.succeeded', eventId, data = {} }: Said): string {
  const charge = {
    id: `ch_${randomUUID()}`,
    reference: transactionId,
    account: 'acct_demo',
    amount: 5000,
    currency: 'INR',
    status: type.slice('charge.'.length),
    ...data,
  };
  return JSON.stringify({
    event_id: eventId ?? `sbevt_${randomUUID()}`,
    type,
    created: Date.now(),
    data: charge,
  });
}

/** The headers that make a text the bank's own. */
export function signatureOf(body: string, secret: string, at = Date.now()): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000));
  const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
  return { 'x-sandbox-timestamp': timestamp, 'x-sandbox-signature': signature };
}

/** Posts a callback to a gateway. */
export async function postCallback(
  gateway: Pick<Gateway, 'apiUrl'>,
  body: string,
  headers: Record<string, string>,
  address = '/webhooks/sandbox',
): Promise<Answer> {
  const response = await fetch(`${gateway.apiUrl}${address}`, { method: 'POST', headers, body });
  return { status: response.status, headers: response.headers, body: await response.json() };
}
