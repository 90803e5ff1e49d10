/**
 * Judgement of a campaign: the client log that is kept while the trouble lasts, the wait until recovery has settled what it left
 * behind, and `verify`, which joins the three records.
 *
 * @module
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ClientLog, createClientLog } from '../../src/verification/client-log.ts';
import { type VerifyRequest, verify } from '../../src/verification/verify.ts';
import type { Cluster } from '../support/cluster.ts';
import { queryShards } from '../support/databases.ts';
import { pause } from '../support/eventually.ts';
import { bookOf } from '../support/shop.ts';
import type { World } from '../support/world.ts';

/** What is judged: databases, and the books of the banks there are. */
export interface Judged {
  cluster: Pick<Cluster, 'owner' | 'folder'>;
  banks: World['banks'];
}

/** The client's record of a campaign, and the judgement over it. */
export interface Case {
  readonly log: ClientLog;
  /** Closes the log and joins it with the book and the databases. Whatever is open by now is stuck, unless `over` says otherwise. */
  judge(over?: Partial<VerifyRequest>): Promise<Judgement>;
}

/** What `verify` finds: a line for each rule that was broken, all that is recorded of its first payments, and what it has counted. */
export interface Judgement {
  violations: string[];
  figures: Record<string, number>;
}

/** Begins the client log. It need not be synced: nothing kills the campaign's own process. */
export function openCase(judged: Judged): Case {
  const clientLog = join(judged.cluster.folder, 'client.ndjson');
  const log = createClientLog(clientLog, { durable: false });
  return {
    log,
    async judge(over) {
      await log.close();
      return await judge(judged, clientLog, over);
    },
  };
}

/** Recovery needs some 10 s with the short times of a campaign; a bank or gateway just back may double it. */
const SETTLED_MS = 120_000;

/** Waits until no attempt is open. One that stays open is no error here: the judgement names it. */
export async function allFinal(world: Judged): Promise<void> {
  const text = "select from transactions where status not in ('SUCCESS', 'FAILED') limit 1";
  const until = performance.now() + SETTLED_MS;
  while ((await queryShards(world, text)).length > 0 && performance.now() < until) await pause(300);
}

/** Joins a client log that is complete with the books and the databases. */
export async function judge(
  judged: Judged,
  clientLog: string,
  over: Partial<VerifyRequest> = {},
): Promise<Judgement> {
  const { rules, counts, remarks } = await verify({
    shardDatabaseUrls: judged.cluster.owner.shards,
    books: judged.banks().map(({ processors, url }) => ({ processors, place: url })),
    clientLog,
    unknownAfterMs: 0,
    now: Date.now(),
    ...over,
  });
  const broken = rules.filter(({ count }) => count > 0);
  const evidence = await Promise.all(
    broken.flatMap(({ ids }) => ids.slice(0, EVIDENCE_MAX).map((id) => evidenceOf(judged, clientLog, id))),
  );
  return {
    violations: [
      ...broken.map(({ rule, what, count, ids }) => `${rule}: ${what}: ${count} (${ids.join(', ')})`),
      ...remarks,
      ...evidence,
    ],
    figures: { ...counts },
  };
}

/** Payments of a broken rule that are shown whole. */
const EVIDENCE_MAX = 3;

/** All that is recorded of a payment. The world is gone after the run, and a run of real processes never repeats itself exactly. */
async function evidenceOf(judged: Judged, clientLog: string, id: string): Promise<string> {
  // An intent and its attempts share all digits but the last, which is the attempt's number.
  const stem = id.slice(id.indexOf('_') + 1, -1);
  const rows = (columns: string, table: string, key: string): Promise<unknown[]> =>
    queryShards(
      judged,
      `select ${columns} from ${table} where replace(${key}::text, '-', '') like $1 order by ${key}`,
      [`${stem}%`],
    );
  const lines = await Promise.all(judged.banks().map(({ url }) => bookOf({ bankUrl: url })));
  const charges = lines.map((book) => book.filter(({ reference }) => reference.includes(stem)));
  const told = (await readFile(clientLog, 'utf8')).split('\n');
  const numbers = new Set(told.filter((line) => line.includes(stem)).map((line) => JSON.parse(line).n));
  return JSON.stringify({
    id,
    intent: await rows('status, created_at, updated_at', 'payment_intents', 'payment_intent_id'),
    attempts: await rows(
      'attempt, status, outcome, failure_code, reopenable, revision, leg, routing, send_before, created_at, updated_at, evidence',
      'transactions',
      'transaction_id',
    ),
    events: await rows('type, transaction_id, sequence, created_at', 'outbox', 'payment_intent_id'),
    callbacks: await rows('verdict, reason, word, received_at', 'processor_callbacks', 'transaction_id'),
    charges,
    told: told.filter((line) => line !== '' && numbers.has(JSON.parse(line).n)),
  });
}

/** Rows by their `name`, as `<what> <name>`. */
export async function countsBy(judged: Judged, what: string, rows: string): Promise<Record<string, number>> {
  const names = await queryShards<{ name: string }>(judged, rows);
  const groups = Map.groupBy(names, ({ name }) => name);
  return Object.fromEntries([...groups].map(([name, { length }]) => [`${what} ${name}`, length]));
}
