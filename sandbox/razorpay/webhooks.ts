/**
 * Webhooks: the events of a payment, each a snapshot of how it stood then.
 *
 * The samples of the documentation are loose, and so are these: the error fields of what went well are null, `""` or missing,
 * by the event.
 * @module
 */
import type { Charge } from '../book.ts';
import type { Account, Letter } from '../dialect.ts';
import { type Order, showOrder } from './orders.ts';
import { factsOf, type ShownPayment, showPaymentWithCard, statusOf } from './payments.ts';
import { signWebhook } from './signatures.ts';

type EventName = 'payment.authorized' | 'payment.captured' | 'payment.failed' | 'order.paid';

/** Error fields that the sample of `order.paid` does not have. */
const LEFT_OUT_OF_PAID = ['error_source', 'error_step', 'error_reason', 'acquirer_data'];

/**
 * The events about a payment as it stands, oldest first.
 * @param order the payment's; undefined when the bank does not know it
 * @param mark ends every event id
 */
export function lettersOf(
  charge: Charge,
  order: Order | undefined,
  account: Account,
  mark: string,
): readonly Letter[] {
  return eventsOf(charge).map((name) => {
    const content = JSON.stringify({
      entity: 'event',
      account_id: account.account,
      event: name,
      contains: name === 'order.paid' ? ['payment', 'order'] : ['payment'],
      payload: payloadOf(name, charge, order),
      created_at: Math.floor(charge.decidedAt / 1000),
    });
    const eventId = `${charge.id.slice('pay_'.length)}.${name}${mark}`;
    return {
      eventId,
      type: name,
      contentType: 'application/json',
      content,
      seal: (_, signed = content) => ({
        headers: `X-Razorpay-Signature: ${signWebhook(account.webhookSecret, signed)}\r\nx-razorpay-event-id: ${eventId}\r\n`,
        body: content,
      }),
    };
  });
}

/** None of a payment that is not decided yet: Razorpay has no event for that. */
function eventsOf(charge: Charge): readonly EventName[] {
  switch (charge.status) {
    case 'succeeded':
      return ['payment.authorized', 'payment.captured', 'order.paid'];
    case 'processing':
      return isUndecided(charge) ? [] : ['payment.authorized'];
    case 'declined':
      return statusOf(charge) === 'failed' ? ['payment.failed'] : [];
    case 'requires_action':
      return [];
  }
}

/** What is slow or silent was never authorised, so neither is an older word about it. */
function isUndecided(charge: Charge): boolean {
  return charge.word === undefined && ['silence', 'money_later'].includes(factsOf(charge).outcome);
}

function payloadOf(name: EventName, charge: Charge, order: Order | undefined): object {
  switch (name) {
    case 'payment.authorized': {
      const payment = showPaymentWithCard(charge, 'authorized');
      return { payment: { entity: { ...payment, error_code: '', error_description: '' } } };
    }
    case 'payment.captured':
      return { payment: { entity: showPaymentWithCard(charge, 'captured') } };
    case 'payment.failed':
      return { payment: { entity: showPaymentWithCard(charge, 'failed') } };
    case 'order.paid':
      return {
        payment: { entity: without(showPaymentWithCard(charge, 'captured'), LEFT_OUT_OF_PAID) },
        order: { entity: order === undefined ? {} : paidOrder(order, charge) },
      };
  }
}

/** The order as the payment says it is: of the same amount, and paid. */
function paidOrder(order: Order, charge: Charge): object {
  const { amount, currency } = charge;
  return { ...showOrder({ ...order, amount, currency }, [charge]), status: 'paid' };
}

function without(payment: ShownPayment, names: readonly string[]): ShownPayment {
  return Object.fromEntries(Object.entries(payment).filter(([name]) => !names.includes(name)));
}
