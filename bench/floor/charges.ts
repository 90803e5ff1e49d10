/**
 * Charges of the floor: one request to the bank a payment, over kept-alive sockets, none behind another.
 *
 * @module
 */

import { ConnectionPool } from '../../load-tests/connection-pool.ts';
import type { Place } from '../rival/parts.ts';

/** The card as it was typed. */
export interface ChargeCard {
  readonly cardNumber: string;
  readonly expiryMonth: string;
  readonly expiryYear: string;
  readonly cvv: string;
  readonly cardholderName: string;
}

/** The bank's word. */
export interface BankCharge {
  readonly id: string;
  readonly status: string;
}

const CONNECTIONS_MAX = 512;
const TIMEOUT_MS = 30_000;

export class Charges {
  readonly #bank: ConnectionPool;
  readonly #head: string;

  constructor({ bankUrl, account }: Place) {
    this.#bank = new ConnectionPool(bankUrl, {
      connectionsMax: CONNECTIONS_MAX,
      requestTimeoutMs: TIMEOUT_MS,
    });
    this.#head = `POST /v1/charges HTTP/1.1\r\nHost: ${new URL(bankUrl).host}\r\nAuthorization: Bearer ${account.secretKey}\r\nContent-Type: application/json\r\nContent-Length: `;
  }

  /** Tells what the bank says. An answer that is no charge is told to nobody: finding out is recovery's, which the floor has not. */
  send(
    transactionId: string,
    amount: string,
    currency: string,
    card: ChargeCard,
    hear: (charge: BankCharge) => void,
  ): void {
    const { cardNumber, expiryMonth, expiryYear, cvv } = card;
    const name = JSON.stringify(card.cardholderName);
    const body = `{"reference":"txn_${transactionId}","amount":${amount},"currency":"${currency}","card":{"number":"${cardNumber}","expiry_month":"${expiryMonth}","expiry_year":"${expiryYear}","cvv":"${cvv}","name":${name}}}`;
    // The connection writes one character a byte.
    const text = `${this.#head}${Buffer.byteLength(body)}\r\n\r\n${Buffer.from(body).toString('latin1')}`;
    void this.#bank.request(text).then((answer) => {
      if (answer.status === 200) hear(JSON.parse(answer.body) as BankCharge);
    });
  }

  close(): void {
    this.#bank.close();
  }
}
