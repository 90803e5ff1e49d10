/**
 * Fills the databases with a planned day, as gateways have left it: merchants with their fees and contracts, intents and attempts.
 *
 * The server reads the files itself (COPY FROM a path, as its superuser), and makes the two rows of a payment from one line.
 *
 * @module
 */

import { once } from 'node:events';
import { createWriteStream, mkdirSync, rmSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { shardOfId } from '../../src/domain/ids.ts';
import { databaseOf } from '../../src/storage/shard-map.ts';
import type { Cluster } from '../support/cluster.ts';
import { query } from '../support/databases.ts';
import {
  contractOf,
  MERCHANTS,
  type Plan,
  type PlannedTransaction,
  PROCESSOR_OF,
  planCases,
} from './plan.ts';

/** Days whose payments there are, and the months of what is posted for them. */
const DAYS = { from: '2026-01-17', to: '2026-01-22' };

/** Resolves with how many payments there are. */
export async function fillWorld(cluster: Cluster, plan: Plan): Promise<number> {
  await query(cluster.owner.control, MERCHANTS_SQL, [
    JSON.stringify(
      MERCHANTS.map((merchant) => ({ ...merchant, contract: contractOf(merchant, plan.format) })),
    ),
    PROCESSOR_OF[plan.format],
  ]);
  const folder = join(cluster.folder, 'plan');
  mkdirSync(folder, { recursive: true });
  const paths = cluster.ranges.map((_, at) => join(folder, `shard-${at}.tsv`));
  const count = await writePayments(cluster, plan, paths);
  for (const [at, url] of cluster.owner.shards.entries()) {
    await query(url, 'select sluice_ensure_partitions($1, $2)', [DAYS.from, DAYS.to]);
    // Several statements: a temporary table lives as long as its connection.
    await query(cluster.shardAdminUrls[at]!, FILL_SQL.replace('PATH', paths[at]!));
  }
  rmSync(folder, { recursive: true });
  return count;
}

/** One merchant a line of JSON: contracts are of the processor's account. */
const MERCHANTS_SQL = `
with given as (
  select one->>'merchantId' as merchant_id, one->>'account' as account, (one->>'feePercent')::numeric as fee_percent,
         (one->'contract'->>'percent')::numeric as contract_percent, (one->'contract'->>'taxPercent')::numeric as tax_percent
  from jsonb_array_elements($1::jsonb) one),
made as (
  insert into merchants (merchant_id, name, mode, created_at) select merchant_id, merchant_id, 'test', now() from given
  on conflict do nothing returning merchant_id),
accounts as (
  insert into processor_accounts (merchant_id, processor, account, config, fee_percent, fee_tax_percent)
  select merchant_id, processor, account, '\\x00', contract_percent, tax_percent
  from given cross join (values ($2), ('SANDBOX_B')) p(processor) join made using (merchant_id) returning merchant_id)
insert into merchant_preferences (merchant_id, preferred_processor, preferred_account, transaction_fee_percent)
select merchant_id, $2, account, fee_percent from given join made using (merchant_id)`;

const CHUNK_CHARS = 1 << 16;

async function writePayments(cluster: Cluster, plan: Plan, paths: readonly string[]): Promise<number> {
  const streams = paths.map((path) => createWriteStream(path, { mode: 0o644 }));
  const texts = paths.map(() => '');
  const caseOf = planCases(plan);
  let count = 0;
  for (let number = 0; number < plan.cases; number++) {
    const { transaction } = caseOf(number);
    if (transaction === null) continue;
    count++;
    const shard = shardOfId(transaction.transactionId);
    const at = databaseOf(cluster.ranges, shard);
    texts[at] += lineOf(transaction);
    if (texts[at]!.length > CHUNK_CHARS) texts[at] = await write(streams[at]!, texts[at]!);
  }
  for (const [at, stream] of streams.entries()) {
    stream.end(texts[at]);
    await once(stream, 'close');
  }
  return count;
}

/** Resolves with what is left to write: nothing. */
async function write(stream: WriteStream, text: string): Promise<''> {
  if (!stream.write(text)) await once(stream, 'drain');
  return '';
}

function lineOf(transaction: PlannedTransaction): string {
  const { transactionId, paymentIntentId, merchant, amount, currency, status } = transaction;
  const { processor, account, processorTxnId, createdAt } = transaction;
  const named = status === 'SENT' ? '\\N' : processorTxnId;
  const at = new Date(createdAt).toISOString();
  return `${[transactionId, paymentIntentId, merchant.merchantId, amount, currency, status, processor, account, named, at].join('\t')}\n`;
}

/** What a payment has beside what its line says is the same for all. */
const FILL_SQL = `
create temporary table planned (transaction_id uuid, payment_intent_id uuid, merchant_id text, amount bigint, currency text, status text,
  processor text, account text, processor_txn_id text, at timestamptz);
copy planned from 'PATH';
insert into payment_intents (payment_intent_id, merchant_id, customer_id, order_id, amount, currency, status, created_at, updated_at)
select payment_intent_id, merchant_id, 'user_456', 'order_789', amount, currency,
  case when status in ('SUCCESS', 'FAILED') then status else 'PENDING' end, at, at from planned;
insert into transactions (transaction_id, payment_intent_id, attempt, merchant_id, customer_id, amount, currency, status, outcome, leg, processor,
  processor_account, processor_txn_id, failure_code, reopenable, revision, sender_nonce, send_before, evidence, created_at, updated_at,
  completed_at)
select transaction_id, payment_intent_id, 1, merchant_id, 'user_456', amount, currency, status,
  case status when 'SUCCESS' then 'charged' when 'FAILED' then 'declined' else 'unknown' end, 1, processor, account, processor_txn_id,
  case when status = 'FAILED' then 'card_declined' end, false, 2, repeat('0', 32), at + interval '30 seconds', '[]', at, at,
  case when status in ('SUCCESS', 'FAILED') then at + interval '2 seconds' end
from planned;
drop table planned;
analyze payment_intents, transactions;`;
