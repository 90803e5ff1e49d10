/**
 * `/v1/orders`: opening them, and asking about them.
 *
 * @module
 */
import { type Answer, jsonOf } from '../answers.ts';
import type { Charge } from '../book.ts';
import { otherThan } from '../dialect.ts';
import { type Call, type Counter, parametersOf, refuse } from './counter.ts';
import { booleanOf } from './fields.ts';
import { readOrderRequest } from './order-request.ts';
import { type Order, referenceOf, showOrder } from './orders.ts';
import { readListPage, showList } from './parameters.ts';
import { showPayment, statusOf } from './payments.ts';
import { badInput, refusal, serverTrouble, unknownId } from './problems.ts';

/** `POST /v1/orders`. */
export async function openOrder(counter: Counter, call: Call): Promise<void> {
  const { desk, orders } = counter;
  const { account, response } = call;
  const parameters = await parametersOf(call);
  if (parameters === null) return;
  const read = readOrderRequest(parameters);
  if (!read.ok) return refuse(response, read.problem);
  const { amount, receipt } = read.order;
  await desk.order(
    response,
    { reference: receipt ?? '', amount },
    {
      open: async () => {
        const opened = orders.open(account.account, read.order, desk.clock());
        if (!opened.ok) return refusal(badInput('receipt', 'Order receipt should be unique.'));
        await opened.written;
        return jsonOf(200, showOrder(opened.order, orders.paymentsOf(opened.order)));
      },
      unavailable: () => refusal({ ...serverTrouble, status: 503 }),
      internalError: () => refusal(serverTrouble),
    },
  );
}

/** `GET /v1/orders`: all, or those of a receipt; newest first. */
export async function listOrders(counter: Counter, call: Call): Promise<void> {
  const { account, response, query } = call;
  const read = readListPage(query);
  if (!read.ok) return refuse(response, read.problem);
  const { count, skip, from, to } = read.page;
  const receipt = query.get('receipt');
  const authorized = query.has('authorized') ? booleanOf(query.get('authorized')) : undefined;
  if (authorized === null)
    return refuse(response, badInput('authorized', 'The authorized field must be true or false.'));
  const all =
    receipt === null
      ? counter.orders.all(account.account)
      : counter.orders.ofReceipt(account.account, receipt);
  const wanted = all.filter((order) => {
    const second = Math.floor(order.createdAt / 1000);
    const fits = authorized === undefined || isAuthorized(counter, order) === authorized;
    return fits && second >= from && second <= to;
  });
  const page = wanted.toReversed().slice(skip, skip + count);
  await answerOrders(counter, call, receipt ?? '', page, (shown) => jsonOf(200, showList(shown)));
}

/** `GET /v1/orders/:id`. */
export async function showOneOrder(counter: Counter, call: Call): Promise<void> {
  const order = counter.orders.find(call.account.account, call.id);
  if (order === undefined) return refuse(call.response, unknownId);
  await answerOrders(counter, call, referenceOf(order), [order], ([shown]) =>
    shown === undefined ? refusal(unknownId) : jsonOf(200, shown),
  );
}

/** `GET /v1/orders/:id/payments`: every attempt, the failed ones too; newest first. */
export async function listPaymentsOfOrder({ desk, orders }: Counter, call: Call): Promise<void> {
  const order = orders.find(call.account.account, call.id);
  if (order === undefined) return refuse(call.response, unknownId);
  const charges = orders.paymentsOf(order).toReversed();
  await desk.query(
    call.response,
    { reference: referenceOf(order), charges },
    {
      found: (found) => jsonOf(200, showList(found.map((charge) => showPayment(charge)))),
      notFound: () => jsonOf(200, showList([])),
      internalError: () => refusal(serverTrouble),
    },
  );
}

/**
 * Answers with orders; their payments are what faults look at, and what stands under another's reference when a fault says
 * so (what the desk found is then not what it was given). An order without payments is there all the same.
 */
async function answerOrders(
  { desk, orders }: Counter,
  { response }: Call,
  reference: string,
  page: readonly Order[],
  say: (shown: object[]) => Answer,
): Promise<void> {
  const charges = page.flatMap((order) => orders.paymentsOf(order));
  const show = (order: Order) => showOrder(order, orders.paymentsOf(order));
  await desk.query(
    response,
    { reference, charges },
    {
      found: (found) =>
        say(page.map((order) => (found[0] === charges[0] ? show(order) : ofAnother(show(order), order)))),
      notFound: () => (charges.length === 0 ? say(page.map(show)) : say([])),
      internalError: () => refusal(serverTrouble),
    },
  );
}

function ofAnother(shown: object, { id, receipt }: Order): object {
  return { ...shown, id: otherThan(id), receipt: receipt === null ? null : otherThan(receipt) };
}

function isAuthorized({ orders }: Counter, order: Order): boolean {
  const holds = (charge: Charge) => ['authorized', 'captured'].includes(statusOf(charge));
  return orders.paymentsOf(order).some(holds);
}
