/**
 * Payments of the baseline: intents, attempts and their ends in PostgreSQL, a statement at a time.
 *
 * @module
 */

import { newIntentId, transactionIdOf } from '../rival/ids.ts';
import type { Database, Query } from './database.ts';
import type { BankCharge } from './processor.ts';
import type { CardToken } from './tokenizer.ts';

export interface NewIntent {
  readonly merchantId: string;
  readonly amount: number;
  readonly currency: string;
  readonly orderId: string;
  readonly customerId?: string;
  readonly metadata?: object;
}

export interface Intent {
  readonly payment_intent_id: string;
  readonly merchant_id: string;
  readonly customer_id: string | null;
  readonly order_id: string;
  /** int8 is text in pg. */
  readonly amount: string;
  readonly currency: string;
  readonly status: string;
}

export interface Transaction {
  readonly status: string;
  readonly amount: string;
  readonly currency: string;
  readonly completed_at: Date | null;
}

export class Payments {
  readonly #database: Database;
  readonly #query: Query;

  constructor(database: Database) {
    this.#database = database;
    this.#query = database.query;
  }

  async createIntent(intent: NewIntent): Promise<{ id: string; createdAt: Date }> {
    const createdAt = new Date();
    const id = newIntentId(createdAt.getTime());
    const { merchantId, customerId, orderId, amount, currency, metadata } = intent;
    await this.#query(
      'insert_intent',
      `insert into payment_intents (payment_intent_id, merchant_id, customer_id, order_id, amount, currency, status, metadata, created_at, updated_at)
       values ($1, $2, $3, $4, $5, $6, 'PENDING', $7, $8, $8)`,
      [id, merchantId, customerId, orderId, amount, currency, metadata, createdAt],
    );
    return { id, createdAt };
  }

  async findIntent(id: string): Promise<Intent | undefined> {
    const [intent] = await this.#query<Intent & Record<string, unknown>>(
      'find_intent',
      `select payment_intent_id, merchant_id, customer_id, order_id, amount, currency, status
       from payment_intents where payment_intent_id = $1`,
      [id],
    );
    return intent;
  }

  /** Writes the attempt that is about to be sent. Null when the intent has one already: one charge an intent. */
  async begin(intent: Intent, processor: string, { token, fingerprint }: CardToken): Promise<string | null> {
    const id = transactionIdOf(intent.payment_intent_id.replaceAll('-', ''));
    const rows = await this.#query(
      'insert_transaction',
      `insert into transactions (transaction_id, payment_intent_id, merchant_id, customer_id, amount, currency, status, processor, token, fingerprint, created_at, updated_at)
       values ($1, $2, $3, $4, $5, $6, 'SENT', $7, $8, $9, now(), now()) on conflict do nothing returning transaction_id`,
      [
        id,
        intent.payment_intent_id,
        intent.merchant_id,
        intent.customer_id,
        intent.amount,
        intent.currency,
        processor,
        token,
        fingerprint,
      ],
    );
    return rows.length === 1 ? id : null;
  }

  /** Writes what the bank has answered; a charge under way stays open until its callback. */
  async hearAnswer(transactionId: string, charge: BankCharge): Promise<void> {
    if (charge.status === 'processing') {
      await this.#query(
        'mark_processing',
        `update transactions set status = 'PROCESSING', processor_txn_id = $2, updated_at = now() where transaction_id = $1 and status = 'SENT'`,
        [transactionId, charge.id],
      );
    } else await this.#database.transaction((query) => settle(query, transactionId, charge));
  }

  /** Records a callback, and settles by it what is still open. */
  async hearCallback(eventId: string, transactionId: string, charge: BankCharge): Promise<void> {
    const record = (query: Query): Promise<unknown> =>
      query(
        'insert_callback',
        'insert into processor_callbacks (event_id, transaction_id, status, received_at) values ($1, $2, $3, now()) on conflict do nothing',
        [eventId, transactionId, charge.status],
      );
    const transaction = await this.findTransaction(transactionId);
    const open = transaction?.status === 'SENT' || transaction?.status === 'PROCESSING';
    if (!open || charge.status === 'processing') await record(this.#query);
    else {
      await this.#database.transaction(async (query) => {
        await record(query);
        await settle(query, transactionId, charge);
      });
    }
  }

  async findTransaction(id: string, merchantId: string | null = null): Promise<Transaction | undefined> {
    const [transaction] = await this.#query<Transaction & Record<string, unknown>>(
      'find_transaction',
      `select status, amount, currency, completed_at from transactions
       where transaction_id = $1 and ($2::text is null or merchant_id = $2)`,
      [id, merchantId],
    );
    return transaction;
  }
}

/** The attempt's end, the intent's, and the row the merchant is told by. The second word on an attempt changes nothing. */
async function settle(query: Query, transactionId: string, charge: BankCharge): Promise<void> {
  const status = charge.status === 'succeeded' ? 'SUCCESS' : 'FAILED';
  const [moved] = await query<{ payment_intent_id: string }>(
    'settle_transaction',
    `update transactions set status = $2, processor_txn_id = $3, updated_at = now(), completed_at = now()
     where transaction_id = $1 and status in ('SENT', 'PROCESSING') returning payment_intent_id`,
    [transactionId, status, charge.id],
  );
  if (moved === undefined) return;
  await query(
    'settle_intent',
    'update payment_intents set status = $2, updated_at = now() where payment_intent_id = $1',
    [moved.payment_intent_id, status],
  );
  await query(
    'insert_outbox',
    'insert into outbox (transaction_id, status, created_at) values ($1, $2, now())',
    [transactionId, status],
  );
}
