/**
 * The Razorpay dialect: orders first, payments of them, signed events, a form back to the shop.
 *
 * Written from the processor's documentation alone, see README.md.
 * @module
 */
import type { Charge } from '../book.ts';
import {
  type Account,
  type Order as ChargeOrder,
  type Choice,
  type Decision,
  type Desk,
  type Dialect,
  type Letter,
  otherThan,
  type Routes,
  type WayBack,
} from '../dialect.ts';
import { newIdentifier } from './identifiers.ts';
import { type Order, Orders } from './orders.ts';
import { isRightOtp } from './otp-routes.ts';
import { factsOf, type PaymentFacts } from './payments.ts';
import { RazorpayRoutes } from './routes.ts';
import { decide, decideAsked, decideLater } from './rules.ts';
import { testCards } from './test-cards.ts';
import { forgedWayBackOf, wayBackOf } from './ways-back.ts';
import { lettersOf } from './webhooks.ts';

/** Of one bank: it knows that bank's orders once it is open. */
export class Razorpay implements Dialect {
  readonly name = 'razorpay';
  readonly processor = 'RAZORPAY';
  /** No row of its report takes a payment back. */
  readonly cannotSettle = ['takeBack'] as const;
  readonly testCards = testCards;
  readonly isRightOtp = isRightOtp;
  #orders: Orders | undefined;

  async open(desk: Desk): Promise<Routes> {
    const orders = new Orders(await desk.openRecords<Order>('orders'), desk.book);
    this.#orders = orders;
    return new RazorpayRoutes({ desk, orders });
  }

  newId(): string {
    return newIdentifier('pay');
  }

  decide({ method, facts }: ChargeOrder, now: number): Decision {
    const ofPayment = facts as PaymentFacts;
    const taken = this.#isTaken(ofPayment.order, undefined);
    return decide(method, ofPayment, taken, now);
  }

  decideAsked(charge: Charge, choice: Choice): Decision {
    return decideAsked(charge, choice, this.#isTaken(factsOf(charge).order, charge));
  }

  decideLater(charge: Charge, now: number): Decision {
    return decideLater(charge, this.#isTaken(factsOf(charge).order, charge), now);
  }

  letters(charge: Charge, account: Account, mark: string): readonly Letter[] {
    return lettersOf(charge, this.#opened().ofPayment(charge), account, mark);
  }

  leadBack(charge: Charge, account: Account, returnUrl: string): WayBack {
    return wayBackOf(charge, account, returnUrl);
  }

  leadBackForged(charge: Charge, account: Account, returnUrl: string): WayBack {
    return forgedWayBackOf(charge, account, returnUrl);
  }

  /** Payments name their order; the reference of the merchant stands in the notes, where the merchant wrote it. */
  ofAnother(charge: Charge): Charge {
    const facts = factsOf(charge);
    const { reference } = charge;
    const notes = Object.fromEntries(
      Object.entries(facts.notes).map(([name, value]) => [
        name,
        value === reference ? otherThan(value) : value,
      ]),
    );
    return {
      ...charge,
      reference: otherThan(reference),
      facts: { ...facts, order: otherThan(facts.order), notes },
    };
  }

  #isTaken(orderId: string, but: Charge | undefined): boolean {
    const order = this.#opened().get(orderId);
    return order !== undefined && this.#opened().isTaken(order, but);
  }

  #opened(): Orders {
    if (this.#orders === undefined) throw new Error('the Razorpay dialect is asked before it is open');
    return this.#orders;
  }
}
