/**
 * Orders: what payments are made for. Kept beside the book; how much is paid is said by the payments.
 *
 * @module
 */
import type { Book, Charge } from '../book.ts';
import type { Records } from '../records.ts';
import { type Notes, showNotes } from './fields.ts';
import { newIdentifier } from './identifiers.ts';
import type { CapturePolicy, OrderRequest } from './order-request.ts';
import { factsOf, statusOf } from './payments.ts';

/** An order as it is kept. The amount is in the smallest unit of its currency, the time in ms since 1970. */
export type Order = {
  readonly id: string;
  readonly account: string;
  readonly amount: number;
  readonly currency: string;
  readonly receipt: string | null;
  readonly notes: Notes;
  readonly policy: CapturePolicy;
  readonly createdAt: number;
};

/** What became of a request for an order. `receipt_taken`: the receipt has an order of other money. */
export type Opened =
  | { readonly ok: true; readonly order: Order; readonly written: Promise<void> }
  | { readonly ok: false; readonly why: 'receipt_taken' };

const WRITTEN = Promise.resolve();

export class Orders {
  readonly #records: Records<Order>;
  readonly #book: Book;
  /** By account, oldest first. */
  readonly #ofAccount = new Map<string, Order[]>();
  /** By account and receipt, oldest first. */
  readonly #ofReceipt = new Map<string, Order[]>();
  /** The orders on their way to the disk. */
  readonly #writing = new Map<string, Promise<void>>();

  constructor(records: Records<Order>, book: Book) {
    this.#records = records;
    this.#book = book;
    for (const order of records.values()) this.#shelve(order);
  }

  /** Opens an order, or finds the one its receipt already has where the request says receipts are unique. */
  open(account: string, request: OrderRequest, now: number): Opened {
    const { amount, currency, receipt, notes, policy, uniqueReceipt } = request;
    const known = uniqueReceipt && receipt !== null ? this.ofReceipt(account, receipt)[0] : undefined;
    if (known !== undefined) {
      if (known.amount !== amount || known.currency !== currency) return { ok: false, why: 'receipt_taken' };
      return { ok: true, order: known, written: this.#writing.get(known.id) ?? WRITTEN };
    }
    const id = newIdentifier('order');
    const order: Order = { id, account, amount, currency, receipt, notes, policy, createdAt: now };
    this.#shelve(order);
    const written = this.#records.put(id, order).finally(() => this.#writing.delete(id));
    this.#writing.set(id, written);
    return { ok: true, order, written };
  }

  /** The order of an id, if it is the account's. */
  find(account: string, id: string): Order | undefined {
    const order = this.#records.get(id);
    return order?.account === account ? order : undefined;
  }

  /** The account's orders, oldest first. */
  all(account: string): readonly Order[] {
    return this.#ofAccount.get(account) ?? [];
  }

  /** The account's orders with a receipt, oldest first. */
  ofReceipt(account: string, receipt: string): readonly Order[] {
    return this.#ofReceipt.get(`${account} ${receipt}`) ?? [];
  }

  /** The payments of an order, oldest first. Wait for `written` of each before showing it. */
  paymentsOf(order: Pick<Order, 'id' | 'account' | 'receipt'>): Charge[] {
    return this.#book
      .findByReference(order.account, referenceOf(order))
      .filter((charge) => factsOf(charge).order === order.id);
  }

  /** The order of an id, whoever's it is. */
  get(id: string): Order | undefined {
    return this.#records.get(id);
  }

  /** The order of a payment, whoever says to have it. */
  ofPayment(charge: Charge): Order | undefined {
    return this.get(factsOf(charge).order);
  }

  /** Whether a payment has the order's money. */
  isPaid(order: Order): boolean {
    return this.paymentsOf(order).some((charge) => statusOf(charge) === 'captured');
  }

  /** Whether a payment has the order's money, or holds it: there is to be no other. */
  isTaken(order: Pick<Order, 'id' | 'account' | 'receipt'>, but?: Charge): boolean {
    return this.paymentsOf(order).some(
      (charge) => charge !== but && ['captured', 'authorized'].includes(statusOf(charge)),
    );
  }

  #shelve(order: Order): void {
    const { account, receipt } = order;
    add(this.#ofAccount, account, order);
    if (receipt !== null) add(this.#ofReceipt, `${account} ${receipt}`, order);
  }
}

/** What the book calls a payment of the order: the merchant's receipt, or the order's own id where there is none. */
export function referenceOf({ id, receipt }: Pick<Order, 'id' | 'receipt'>): string {
  return receipt ?? id;
}

/** The order entity. */
export function showOrder(order: Order, payments: readonly Charge[]): object {
  const paid = payments.some((charge) => statusOf(charge) === 'captured');
  const { id, amount, currency, receipt, notes, createdAt } = order;
  return {
    id,
    entity: 'order',
    amount,
    amount_paid: paid ? amount : 0,
    amount_due: paid ? 0 : amount,
    currency,
    receipt,
    offer_id: null,
    status: paid ? 'paid' : payments.length > 0 ? 'attempted' : 'created',
    attempts: payments.length,
    notes: showNotes(notes),
    created_at: Math.floor(createdAt / 1000),
  };
}

function add(shelf: Map<string, Order[]>, name: string, order: Order): void {
  const others = shelf.get(name);
  if (others === undefined) shelf.set(name, [order]);
  else others.push(order);
}
