/**
 * Plain's callbacks.
 * @module
 */
import { createHmac } from 'node:crypto';
import type { Charge } from '../book.ts';
import type { Account, Letter } from '../dialect.ts';
import { showCharge } from './shown.ts';

/** The one letter about a charge as it stands. */
export function lettersOf(charge: Charge, account: Account, mark: string): readonly Letter[] {
  const eventId = eventIdOf(charge) + mark;
  const type = `charge.${charge.status}`;
  const content = JSON.stringify({
    event_id: eventId,
    type,
    created: charge.decidedAt,
    // No callback is about a charge that asks the shopper, so none leads to a page of the bank.
    data: showCharge(charge, ''),
  });
  return [
    {
      eventId,
      type,
      contentType: 'application/json',
      content,
      seal: (now, signed = content) => {
        const timestamp = String(Math.floor(now / 1000));
        const signature = sign(account.webhookSecret, timestamp, signed);
        return {
          headers: `X-Sandbox-Timestamp: ${timestamp}\r\nX-Sandbox-Signature: ${signature}\r\n`,
          body: content,
        };
      },
    },
  ];
}

/** The id of the callback about a charge's present status: the same at every redelivery and after every restart. */
function eventIdOf({ id, status }: Charge): string {
  const eventId = `sbevt_${id.slice('ch_'.length)}`;
  return status === 'processing' ? `${eventId}_processing` : eventId;
}

/** The signature of a callback: hex HMAC-SHA256 of `timestamp + "." + body` (timestamp in Unix seconds). */
function sign(webhookSecret: string, timestamp: string, body: string): string {
  return createHmac('sha256', webhookSecret).update(`${timestamp}.${body}`).digest('hex');
}
