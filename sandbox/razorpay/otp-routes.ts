/**
 * Native OTP: the shopper gives the one-time password to the shop, which submits it. The key id alone is enough.
 *
 * @module
 */
import { answerJson, jsonOf } from '../answers.ts';
import type { Charge } from '../book.ts';
import { type Call, type Counter, parametersOf, paymentOf, refuse } from './counter.ts';
import { isAbsent, missing } from './fields.ts';
import { networkCodeOf } from './networks.ts';
import { otpActionsOf } from './next-actions.ts';
import { sayStanding } from './payment-routes.ts';
import { factsOf } from './payments.ts';
import { badRequest, type RazorpayError } from './problems.ts';

const RESENT_MAX = 3;
const RIGHT_OTP = /^(?!0{10}$)[0-9]{4,10}$/;

/** Whether a one-time password is right: four to ten digits, as documented; ten zeros are wrong here, so that a form can send a wrong one. */
export function isRightOtp(otp: string): boolean {
  return RIGHT_OTP.test(otp);
}

/** `POST /v1/payments/:id/otp_generate`. */
export async function generateOtp(counter: Counter, call: Call): Promise<void> {
  const charge = await paymentToConfirm(counter, call);
  if (charge === null) return;
  const network = factsOf(charge).network ?? 'Unknown';
  answerJson(call.response, 200, {
    razorpay_payment_id: charge.id,
    next: otpActionsOf(charge, call.account, counter.desk.bankUrl()),
    metadata: {
      issuer: null,
      network: networkCodeOf(network),
      last4: charge.last4,
      iin: charge.bin.slice(0, 6),
    },
  });
}

/** `POST /v1/payments/:id/otp/submit`, and its address of `next`. */
export async function submitOtp(counter: Counter, call: Call): Promise<void> {
  const { account, response } = call;
  const parameters = await parametersOf(call);
  if (parameters === null) return;
  const charge = await paymentToConfirm(counter, call);
  if (charge === null) return;
  const { otp } = parameters;
  if (isAbsent(otp)) return refuse(response, missing('otp'));
  const right = factsOf(charge).failsByOtp ? 'decline' : 'approve';
  const choice = isRightOtp(String(otp)) ? right : 'wrong_otp';
  await counter.desk.confirm(response, charge, choice, (then) =>
    then.status === 'requires_action'
      ? jsonOf(400, { error: wrongOtpOf(then), next: ['otp_submit', 'otp_resend'] })
      : sayStanding(then, account, counter.desk.bankUrl()),
  );
}

/** `POST /v1/payments/:id/otp/resend`, and its address of `next`. */
export async function resendOtp(counter: Counter, call: Call): Promise<void> {
  const charge = await paymentToConfirm(counter, call);
  if (charge === null) return;
  const facts = factsOf(charge);
  if (facts.resentOtps >= RESENT_MAX) {
    return refuse(call.response, badRequest('The one-time password was sent again too often'));
  }
  const again = { ...facts, resentOtps: facts.resentOtps + 1 };
  counter.desk.decide(charge, { status: 'requires_action', callback: false, facts: again });
  await charge.written;
  const next = otpActionsOf(charge, call.account, counter.desk.bankUrl());
  answerJson(call.response, 200, { next, razorpay_payment_id: charge.id });
}

/** The payment in the address, when it waits for a one-time password. Else answers and returns null. */
async function paymentToConfirm(counter: Counter, call: Call): Promise<Charge | null> {
  const charge = await paymentOf(counter, call);
  if (charge === null) return null;
  if (charge.method === 'upi' || !['otp', 'either'].includes(factsOf(charge).asks)) {
    refuse(call.response, badRequest('The otp authentication type is not applicable on the given card'));
    return null;
  }
  if (charge.status === 'requires_action') return charge;
  refuse(call.response, badRequest('The payment has already been processed'));
  return null;
}

function wrongOtpOf(charge: Charge): RazorpayError {
  return {
    code: 'BAD_REQUEST_ERROR',
    description: 'payment processing failed because of incorrect otp',
    source: 'customer',
    step: 'payment_authentication',
    reason: 'incorrect_otp',
    metadata: { payment_id: charge.id, order_id: factsOf(charge).order },
  };
}
