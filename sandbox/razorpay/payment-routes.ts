/**
 * `/v1/payments`: making one, asking about it, capturing it; and the way to the bank's page.
 *
 * @module
 */
import { type Answer, answer, answerJson, jsonOf } from '../answers.ts';
import type { Charge } from '../book.ts';
import type { Account, Order as ChargeOrder, ChargeVoice } from '../dialect.ts';
import { type Call, type Counter, parametersOf, paymentOf, refuse } from './counter.ts';
import { integerOf, isAbsent, missing } from './fields.ts';
import { networkOf } from './networks.ts';
import { nextActionsOf, upiLinkOf } from './next-actions.ts';
import { type Order, referenceOf } from './orders.ts';
import { type PaymentRequest, readPaymentRequest } from './payment-request.ts';
import {
  errorOf,
  factsOf,
  type PaymentFacts,
  showPayment,
  showPaymentWithCard,
  statusOf,
} from './payments.ts';
import { badInput, badRequest, type Problem, refusal, serverTrouble, unknownId } from './problems.ts';
import { failureOf, httpStatusOf } from './reasons.ts';
import { behaviourOf } from './test-cards.ts';
import { successFields } from './ways-back.ts';

const VPA = /^[A-Za-z0-9._-]{2,256}@[A-Za-z][A-Za-z0-9]{1,63}$/;

/**
 * `POST /v1/payments/create/json` and `/upi`.
 * @param shape of the answer: what to do next, or only the link of a UPI app
 */
export async function makePayment(counter: Counter, call: Call, shape: 'json' | 'upi'): Promise<void> {
  const { account, response } = call;
  const parameters = await parametersOf(call);
  if (parameters === null) return;
  const read = readPaymentRequest(parameters);
  if (!read.ok) return refuse(response, read.problem);
  const { payment } = read;
  if (shape === 'upi' && payment.method.type !== 'upi')
    return refuse(response, badInput('method', 'The selected method is invalid.'));
  const order = counter.orders.find(account.account, payment.orderId);
  if (order === undefined) return refuse(response, badInput('order_id', unknownId.error.description));
  const taken = counter.orders.isTaken(order) ? alreadyPaid(order) : undefined;
  const problem = mismatchOf(payment, order) ?? taken;
  if (problem !== undefined) return refuse(response, problem);
  const voice = shape === 'upi' ? linkVoice(account, counter) : nextVoice(account, counter);
  await counter.desk.charge(response, account, chargeOrderOf(payment, order), voice);
}

/** `GET /v1/payments/:id`. */
export async function showOnePayment(counter: Counter, call: Call): Promise<void> {
  const charge = await paymentOf(counter, call);
  if (charge === null) return;
  const withCard = call.query.getAll('expand[]').includes('card');
  await counter.desk.query(
    call.response,
    { reference: charge.reference, charges: [charge] },
    {
      found: ([found]) => jsonOf(200, withCard ? showPaymentWithCard(found!) : showPayment(found!)),
      notFound: () => refusal(unknownId),
      internalError: () => refusal(serverTrouble),
    },
  );
}

/** `POST /v1/payments/:id/capture`. */
export async function capturePayment(counter: Counter, call: Call): Promise<void> {
  const { response } = call;
  const parameters = await parametersOf(call);
  if (parameters === null) return;
  const charge = await paymentOf(counter, call);
  if (charge === null) return;
  const { amount, currency } = parameters;
  const problem = captureProblem(counter, charge, amount, currency);
  if (problem !== undefined) return refuse(response, problem);
  counter.desk.decide(charge, { status: 'succeeded', callback: factsOf(charge).webhooks });
  await charge.written;
  answerJson(response, 200, showPayment(charge));
}

/** `GET /v1/payments/:id/authorize`, which the shopper's browser opens: on to the bank's page. */
export function authorizePayment({ desk }: Counter, { response, id }: Pick<Call, 'response' | 'id'>): void {
  const charge = desk.book.findById(id);
  if (charge === undefined || !asksByPage(charge)) refuse(response, unknownId);
  else answer(response, { status: 302, body: '', headers: ['Location', `${desk.bankUrl()}/3ds/${id}`] });
}

/** `POST /v1/payments/validate/vpa`. */
export async function validateVpa(call: Call): Promise<void> {
  const { response } = call;
  const parameters = await parametersOf(call);
  if (parameters === null) return;
  const { vpa } = parameters;
  if (isAbsent(vpa)) return refuse(response, missing('vpa'));
  if (typeof vpa !== 'string' || !VPA.test(vpa)) {
    const description = 'Invalid VPA. Please enter a valid Virtual Payment Address';
    return refuse(response, badInput('vpa', description, 'invalid_vpa'));
  }
  answerJson(response, 200, { vpa, success: true, customer_name: 'Sandbox Shopper' });
}

function asksByPage(charge: Charge): boolean {
  return charge.method !== 'upi' && ['page', 'either'].includes(factsOf(charge).asks);
}

function mismatchOf(payment: PaymentRequest, order: Order): Problem | undefined {
  if (payment.currency !== order.currency)
    return badInput('currency', 'The currency of the payment is not that of the order.');
  if (payment.amount === order.amount) return undefined;
  const description =
    'Your payment amount is different from your order amount. To pay successfully, please try using right amount.';
  return badInput('amount', description, 'order_amount_mismatch');
}

function alreadyPaid({ id }: Order): Problem {
  return { status: 400, error: failureOf('order_already_paid', { order_id: id }) };
}

function captureProblem(
  { orders }: Counter,
  charge: Charge,
  amount: unknown,
  currency: unknown,
): Problem | undefined {
  if (isAbsent(amount)) return missing('amount');
  if (integerOf(amount) === null) return badInput('amount', 'The amount must be an integer.');
  if (!isAbsent(currency) && currency !== charge.currency)
    return badInput('currency', 'The currency must be that of the payment.');
  const status = statusOf(charge);
  if (status === 'captured') return badRequest('This payment has already been captured');
  if (status !== 'authorized') {
    return badRequest('Only payments which have been authorized and not yet captured can be captured');
  }
  if (integerOf(amount) !== charge.amount)
    return badInput('amount', 'Capture amount must be equal to the amount authorized');
  const order = orders.ofPayment(charge);
  return order !== undefined && orders.isPaid(order) ? alreadyPaid(order) : undefined;
}

function chargeOrderOf(payment: PaymentRequest, order: Order): ChargeOrder {
  const { amount, currency, method, callbackUrl: returnUrl } = payment;
  const isCard = method.type === 'card';
  const { funding, asks, outcome, failsByOtp, reason, webhooks } = isCard ? behaviourOf(method.number) : UPI;
  const facts: PaymentFacts = {
    order: order.id,
    email: payment.email,
    contact: payment.contact,
    description: payment.description,
    notes: payment.notes,
    network: isCard ? networkOf(method.number) : null,
    asks,
    outcome,
    failsByOtp,
    reason,
    webhooks,
    automaticMinutes: order.policy.automaticMinutes,
    manualMinutes: order.policy.manualMinutes,
    wrongOtps: 0,
    resentOtps: 0,
  };
  const ordered = isCard ? { ...method, funding } : method;
  return {
    reference: referenceOf(order),
    key: undefined,
    amount,
    currency,
    method: ordered,
    returnUrl,
    facts,
  };
}

/** UPI asks the shopper's app, which may say no. */
const UPI = {
  funding: 'debit',
  asks: 'page',
  outcome: 'money',
  failsByOtp: false,
  reason: 'payment_declined',
  webhooks: true,
} as const;

const troubles = {
  unavailable: () => refusal({ ...serverTrouble, status: 503 }),
  internalError: () => refusal(serverTrouble),
};

/** The answer says what to do next, or that there is nothing more to do. */
function nextVoice(account: Account, { desk }: Counter): ChargeVoice {
  return { ...troubles, charge: (charge) => sayStanding(charge, account, desk.bankUrl()) };
}

function linkVoice(account: Account, { desk }: Counter): ChargeVoice {
  return {
    ...troubles,
    charge: (charge) =>
      charge.status === 'requires_action'
        ? jsonOf(200, { razorpay_payment_id: charge.id, link: upiLinkOf(charge) })
        : sayStanding(charge, account, desk.bankUrl()),
  };
}

/** A payment's standing, for who made it: its error, its signature, or what is next. */
export function sayStanding(charge: Charge, account: Account, bankUrl: string): Answer {
  const error = errorOf(charge);
  if (error !== undefined) return refusal({ status: httpStatusOf(error), error });
  const status = statusOf(charge);
  if (status === 'authorized' || status === 'captured') {
    return jsonOf(200, successFields(factsOf(charge).order, charge.id, account.secretKey));
  }
  const next = nextActionsOf(charge, account, bankUrl);
  return jsonOf(200, { razorpay_payment_id: charge.id, ...(next.length === 0 ? {} : { next }) });
}
