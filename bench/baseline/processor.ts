/**
 * Processor of the baseline: charges at the bank through undici's pool of kept-alive connections.
 *
 * @module
 */

import { Pool } from 'undici';
import type { Place } from '../rival/parts.ts';
import type { CardForm } from './tokenizer.ts';

export interface BankCharge {
  readonly id: string;
  readonly status: 'succeeded' | 'declined' | 'processing';
}

const CONNECTIONS_MAX = 128;
const TIMEOUT_MS = 30_000;

export class Processor {
  readonly #pool: Pool;
  readonly #authorization: string;

  constructor({ bankUrl, account }: Place) {
    this.#pool = new Pool(bankUrl, { connections: CONNECTIONS_MAX, headersTimeout: TIMEOUT_MS });
    this.#authorization = `Bearer ${account.secretKey}`;
  }

  /** Rejects when the bank gives no charge: whether it was booked is then unknown. */
  async charge(reference: string, amount: number, currency: string, card: CardForm): Promise<BankCharge> {
    const { statusCode, body } = await this.#pool.request({
      method: 'POST',
      path: '/v1/charges',
      headers: { authorization: this.#authorization, 'content-type': 'application/json' },
      body: JSON.stringify({
        reference,
        amount,
        currency,
        card: {
          number: card.cardNumber,
          expiry_month: card.expiryMonth,
          expiry_year: card.expiryYear,
          cvv: card.cvv,
          name: card.cardholderName,
        },
      }),
    });
    const answer = await body.json();
    if (statusCode !== 200) throw new Error(`the bank answered ${statusCode}`);
    return answer as BankCharge;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
