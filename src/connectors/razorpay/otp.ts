/**
 * One-time passwords that shoppers type on our page, told to Razorpay at its own addresses and nowhere else.
 *
 * @module
 */

import type { ChargeRoomDeps, OtpAnswer, OtpDesk, OtpRequest, Query } from '../connector.ts';
import type { RazorpayClient } from './client.ts';
import { isNext } from './next-action.ts';
import { fieldsOf, isPaymentId } from './status.ts';

/** @param query what became of the payment: an answer to a password does not say it whole */
export function createRazorpayOtpDesk(
  client: RazorpayClient,
  query: Query,
  { now }: Pick<ChargeRoomDeps, 'now'>,
): OtpDesk {
  async function lookAt(
    { transactionId, leg, account, startedAt }: OtpRequest,
    paymentId: unknown,
  ): Promise<OtpAnswer> {
    const processorTxnId = isPaymentId(paymentId) ? paymentId : null;
    const answer = await query({
      transactionId,
      leg,
      account,
      startedAt,
      processorTxnId,
      returned: {},
      now: now(),
    });
    if (answer.kind === 'found') return answer;
    const detail = answer.kind === 'no_answer' ? answer.detail : 'Razorpay does not know the payment';
    return { kind: 'no_answer', detail };
  }

  return {
    async submit(request) {
      const path = client.pathOf(request.submitUrl);
      if (path === null) return { kind: 'no_answer', detail: 'the address is not of Razorpay' };
      const body = passwordBody(request.otp);
      const reply = await client
        .send({ method: 'POST', path, credentials: request.account.secretKey, body })
        .finally(() => body.fill(0));
      if (reply.kind !== 'answered') return { kind: 'no_answer', detail: reply.detail };
      const { error, next, razorpay_payment_id: paymentId } = fieldsOf(reply.body);
      if (error !== undefined && isNext(next, 'otp_submit')) return { kind: 'again' };
      return await lookAt(request, paymentId);
    },
    async resend({ account, resendUrl }) {
      const path = client.pathOf(resendUrl);
      if (path === null) return false;
      const reply = await client.send({ method: 'POST', path, credentials: account.secretKey });
      return reply.kind === 'answered' && reply.status === 200;
    },
  };
}

function passwordBody(otp: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('{"otp":"'), otp, Buffer.from('"}')]);
}
