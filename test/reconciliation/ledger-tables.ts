/**
 * The tables of settlement as a whole: their fingerprint, and their beginning.
 *
 * @module
 */

import type { Cluster } from '../support/cluster.ts';
import { query } from '../support/databases.ts';

/** Tables, each with what two runs of the same report may have otherwise: times, and numbers that a sequence gives. */
const SHARD_TABLES = {
  ledger_entries: ['run_id', 'posted_at'],
  payment_ledger: ['run_id', 'ledger_id', 'reconciled_at'],
  settlement_breaks: ['run_id', 'id', 'found_at', 'closed_at', 'detail'],
  settlement_progress: ['run_id', 'at'],
  merchant_payouts: [],
} as const;
const CONTROL_TABLES = {
  settlement_runs: ['run_id', 'started_at', 'finished_at'],
  settlement_bad_lines: ['run_id'],
} as const;

/** Rows of every table, and a sum of their hashes. */
export async function fingerprintOf(
  cluster: Cluster,
  times: 'with times' | 'without times',
): Promise<string> {
  const parts: string[] = [];
  const read = async (url: string, tables: Readonly<Record<string, readonly string[]>>): Promise<void> => {
    for (const [table, aside] of Object.entries(tables)) {
      const left = times === 'with times' ? [] : aside;
      const [row] = await query<{ rows: string; hash: string | null }>(
        url,
        `select count(*) as rows, sum(('x' || left(md5((to_jsonb(t) - $1::text[])::text), 15))::bit(60)::bigint) as hash from ${table} t`,
        [left],
      );
      parts.push(`${table} ${row!.rows} ${row!.hash}`);
    }
  };
  for (const url of cluster.owner.shards) await read(url, SHARD_TABLES);
  await read(cluster.owner.control, CONTROL_TABLES);
  return parts.join(', ');
}

/** As if nothing had been reconciled yet, or even paid. */
export async function forgetSettlement(
  cluster: Cluster,
  payments: 'payments stay' | 'payments as well',
): Promise<void> {
  const more =
    payments === 'payments stay'
      ? ''
      : ', payment_intents, transactions, outbox, processor_callbacks, operator_audit, incidents';
  for (const admin of cluster.shardAdminUrls)
    await query(admin, `truncate ${Object.keys(SHARD_TABLES).join(', ')}${more} restart identity cascade`);
  const admin = cluster.server.adminUrl(new URL(cluster.owner.control).pathname.slice(1));
  const all = payments === 'payments stay' ? '' : ', merchants';
  await query(admin, `truncate ${Object.keys(CONTROL_TABLES).join(', ')}${all} restart identity cascade`);
}
