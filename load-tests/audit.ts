/**
 * Audit: after a run, what the driver was told against what is stored and what the bank has booked.
 *
 * Of the local gateway `verify` reads the shard databases and the bank's book; of another one (`api-audit.ts`) the API and, where it
 * is known, the book are asked. Both report by the same rules, and here a report becomes the figures that are printed.
 *
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadOptions } from '../src/cli/command.ts';
import { connectEmbedded } from '../src/embedded/connect.ts';
import { type RuleReport, verify } from '../src/verification/verify.ts';
import { type ClientRecord, FAILED, HEARD, INTENT_OK, PAY_OK, PAY_SENT, SUCCESS } from './client-record.ts';

/** Counts of payments (of intents, where none was paid). Null where it cannot be known: no bank, or no webhooks. */
export interface Audit {
  /** What was read: the databases, or only the API. */
  readonly source: 'sql' | 'api';
  /** Told to the driver: cards accepted with 303, or intents with 201. */
  readonly acknowledged: number;
  /** Of those, how many are there. */
  readonly stored: number;
  /** Lines of the book that took money. */
  readonly charged: number | null;
  /** Payments that a verified webhook told of; null without webhooks. */
  readonly delivered: number | null;
  /** Acknowledged and absent, shown final and taken back, or SUCCESS without a charge. */
  readonly lost: number;
  /** Intents charged more than once, or with two successes. */
  readonly double: number | null;
  /** Everything any rule found; empty when all is well. */
  readonly findings: readonly Finding[];
  /** What the records themselves are like, where that must be known. */
  readonly remarks: readonly string[];
}

/** What one rule found: one of verify's (src/verification/rules.ts), or that a final payment's webhook did not come. */
export type Finding = Pick<RuleReport, 'what' | 'count' | 'ids'> & {
  readonly rule: RuleReport['rule'] | 'webhook_missing';
};

/** What an audit has found, before it is counted up. */
export interface Reading {
  readonly source: Audit['source'];
  readonly rules: readonly Finding[];
  readonly charges: number | null;
  readonly remarks: readonly string[];
}

/** An attempt still open this long after its `send_before` is stuck; earlier it may still be asked about. */
const UNKNOWN_AFTER_MS = 120_000;

/** Reads the local gateway's databases and its bank's book. Payments of other runs are not looked at. */
export async function readBySql(
  env: NodeJS.ProcessEnv,
  book: string | null,
  record: ClientRecord,
): Promise<Reading> {
  const { options } = loadOptions(env, undefined);
  const shards = options.databases?.shards ?? connectEmbedded(options).databases.owner.shards;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-load-'));
  try {
    const clientLog = join(folder, 'client.ndjson');
    record.writeLog(clientLog);
    const { rules, counts, remarks } = await verify({
      shardDatabaseUrls: shards,
      books: book === null ? [] : [{ place: book, processors: ['SANDBOX'] }],
      clientLog,
      unknownAfterMs: UNKNOWN_AFTER_MS,
      now: Date.now(),
      since: record.startedAt,
    });
    return { source: 'sql', rules, charges: book === null ? null : counts.charges, remarks };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Counts a reading up.
 * @param webhooks whether the merchants of the run had endpoints
 */
export function auditOf(
  record: ClientRecord,
  { source, rules, charges, remarks }: Reading,
  webhooks: boolean,
): Audit {
  const findings = webhooks ? [...rules, missingWebhooks(record)] : rules;
  const found = (rule: RuleReport['rule']) => rules.find((one) => one.rule === rule)?.count ?? 0;
  const acknowledged = record.count(record.count(PAY_SENT) > 0 ? PAY_OK : INTENT_OK);
  const absent = found('acknowledged_absent');
  return {
    source,
    acknowledged,
    stored: Math.max(0, acknowledged - absent),
    charged: charges,
    delivered: webhooks ? record.count(HEARD) : null,
    lost: absent + found('final_taken_back') + found('success_without_charge'),
    double: charges === null ? null : found('second_success'),
    findings: findings
      .filter(({ count }) => count > 0)
      .map(({ rule, what, count, ids }) => ({ rule, what, count, ids })),
    remarks,
  };
}

const IDS_SHOWN_MAX = 20;

/** Every payment that was shown final is told by a webhook, whatever the final word was. */
function missingWebhooks(record: ClientRecord): Finding {
  const ids: string[] = [];
  let count = 0;
  for (let place = 0; place < record.size; place++) {
    const isFinal = record.has(place, SUCCESS) || record.has(place, FAILED);
    if (!isFinal || record.has(place, HEARD)) continue;
    count += 1;
    if (ids.length < IDS_SHOWN_MAX) ids.push(record.transactionIdOf(place));
  }
  return { rule: 'webhook_missing', what: 'a payment shown final whose webhook has not come', count, ids };
}
