/**
 * The shop's orders: on disk every note, in memory the newest thousand orders.
 *
 * `shop-orders.ndjson` gets one line per note and is never rewritten. On start it is read back.
 * Promises: a note is on disk when `note` resolves; notes of one order keep their sequence.
 * @module
 */

import { join } from 'node:path';
import { AppendLog, readBackLines } from '../append-log.ts';
import type { Posted } from '../callbacks.ts';
import { isRecord, parseJson } from '../json.ts';
import { type Note, Order } from './order.ts';
import { stemOf } from './reference.ts';

/** A line of the orders that cannot be read. */
export class OrdersCorruptError extends Error {
  override readonly name = 'OrdersCorruptError';
}

/** Older orders are forgotten in memory; their lines stay in the file. */
export const ORDERS_MAX = 1000;

export class Orders {
  readonly #log: AppendLog;
  /** In the order in which they were made. */
  readonly #orders: Map<string, Order>;
  /** The order of a payment, by what its intent's and its transactions' ids share. */
  readonly #byStem = new Map<string, Order>();

  private constructor(log: AppendLog, orders: Map<string, Order>) {
    this.#log = log;
    this.#orders = orders;
    for (const order of orders.values()) this.#index(order);
  }

  /**
   * Reads the orders of `dataDir` back.
   * @param options.durable whether a note waits for the disk
   * @param options.onFailure told of a failed write; the process must end
   * @param options.onTorn told of a torn last line that was cut off
   * @throws OrdersCorruptError when a whole line is not a note
   */
  static async open(
    dataDir: string,
    options: {
      readonly durable: boolean;
      readonly onFailure: (error: Error) => void;
      readonly onTorn: (path: string, bytes: number) => void;
    },
  ): Promise<Orders> {
    const path = join(dataDir, 'shop-orders.ndjson');
    const orders = new Map<string, Order>();
    const torn = await readBackLines(path, (line, number) => readLine(orders, line, `${path}:${number}`));
    if (torn > 0) options.onTorn(path, torn);
    return new Orders(await AppendLog.open(path, options.durable, options.onFailure), orders);
  }

  find(orderId: string): Order | undefined {
    return this.#orders.get(orderId);
  }

  /** The order that a reference of the bank belongs to. */
  findByReference(reference: string): Order | undefined {
    return this.#byStem.get(stemOf(reference));
  }

  /** The newest orders, newest first. */
  newest(count: number): Order[] {
    return [...this.#orders.values()].slice(-count).reverse();
  }

  /** Makes an order. Its id must be new. */
  async place(orderId: string, ordered: Extract<Note, { kind: 'ordered' }>): Promise<Order> {
    if (this.#orders.has(orderId)) throw new Error('the order exists');
    const order = new Order(orderId, ordered);
    keep(this.#orders, order, this.#byStem);
    await this.#append(orderId, ordered);
    return order;
  }

  /** Adds a note. Resolves when it is on disk. What finds no room in its order any more is not kept. */
  async note(order: Order, note: Note): Promise<void> {
    if (!order.hasRoomFor(note)) return;
    order.add(note);
    if (note.kind === 'intent') this.#index(order);
    await this.#append(order.orderId, note);
  }

  /** Writes everything and closes the file. */
  close(): Promise<void> {
    return this.#log.close();
  }

  #index(order: Order): void {
    if (order.paymentIntentId !== null) this.#byStem.set(stemOf(order.paymentIntentId), order);
  }

  #append(orderId: string, note: Note): Promise<void> {
    return this.#log.append(JSON.stringify({ orderId, ...note }));
  }
}

/** Notes a callback of the bank at the order it is of; most are of none. A note that cannot be written ends the process by itself. */
export async function noteCallback(
  orders: Orders,
  { reference, eventId, dialect, says, status }: Posted,
  at: number,
): Promise<void> {
  const order = orders.findByReference(reference);
  if (order === undefined) return;
  await orders.note(order, { kind: 'callback', at, reference, eventId, dialect, says, status });
}

/** Puts an order in and the oldest out, where there are too many. */
function keep(orders: Map<string, Order>, order: Order, byStem?: Map<string, Order>): void {
  orders.set(order.orderId, order);
  if (orders.size <= ORDERS_MAX) return;
  const [oldest] = orders.values();
  orders.delete(oldest!.orderId);
  if (oldest!.paymentIntentId !== null) byStem?.delete(stemOf(oldest!.paymentIntentId));
}

function readLine(orders: Map<string, Order>, text: string, place: string): void {
  const line = parseJson(text);
  if (!isRecord(line) || typeof line.orderId !== 'string' || typeof line.kind !== 'string') {
    throw new OrdersCorruptError(`${place}: not a note of an order`);
  }
  const { orderId, ...rest } = line;
  const note = rest as unknown as Note;
  if (note.kind === 'ordered') keep(orders, new Order(orderId, note));
  // An order that was forgotten had more than a thousand after it.
  else orders.get(orderId)?.add(note);
}
