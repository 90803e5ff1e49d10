/**
 * Judgement of a campaign: waits until recovery has settled what the trouble left behind, then has the three records joined.
 *
 * @module
 */

import { readFile } from 'node:fs/promises';
import { verify } from '../../src/verification/verify.ts';
import { queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { bookOf } from '../support/shop.ts';
import type { World } from '../support/world.ts';

/** Recovery needs some 10 s with the short times of a campaign; a bank or gateway just back may double it. */
const SETTLED_MS = 120_000;

/**
 * Waits until no attempt is open. One that stays open is no error here: the judgement names it.
 * @returns whether all were final in time
 */
export async function allFinal(world: World, withinMs = SETTLED_MS): Promise<boolean> {
  const open = (): Promise<unknown[]> =>
    queryShards(world, "select from transactions where status not in ('SUCCESS', 'FAILED') limit 1");
  return await eventually(
    async () => {
      if ((await open()).length > 0) throw new Error('an attempt is open');
      return true;
    },
    { withinMs, everyMs: 300 },
  ).catch(() => false);
}

/** What `verify` finds: a line for each rule that was broken, and what it has counted. */
export interface Judgement {
  violations: string[];
  figures: Record<string, number>;
}

/** Joins client log, book and databases of a world. Whatever is open by now is stuck. */
export async function judge(world: World, clientLog: string): Promise<Judgement> {
  const { rules, counts, remarks } = await verify({
    shardDatabaseUrls: world.cluster.owner.shards,
    book: world.bankUrl,
    clientLog,
    unknownAfterMs: 0,
    now: Date.now(),
  });
  const broken = rules.filter(({ count }) => count > 0);
  const evidence = await Promise.all(
    broken.flatMap(({ ids }) => ids.slice(0, EVIDENCE_MAX).map((id) => evidenceOf(world, clientLog, id))),
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
async function evidenceOf(world: World, clientLog: string, id: string): Promise<string> {
  // An intent and its attempts share all digits but the last, which is the attempt's number.
  const stem = id.slice(id.indexOf('_') + 1, -1);
  const rows = (columns: string, table: string, key: string): Promise<unknown[]> =>
    queryShards(
      world,
      `select ${columns} from ${table} where replace(${key}::text, '-', '') like $1 order by ${key}`,
      [`${stem}%`],
    );
  const charges = (await bookOf(world)).filter(({ reference }) => reference.includes(stem));
  const told = (await readFile(clientLog, 'utf8')).split('\n');
  const numbers = new Set(told.filter((line) => line.includes(stem)).map((line) => JSON.parse(line).n));
  return JSON.stringify({
    id,
    intent: await rows('status, created_at, updated_at', 'payment_intents', 'payment_intent_id'),
    attempts: await rows(
      'attempt, status, outcome, failure_code, reopenable, revision, send_before, created_at, updated_at, evidence',
      'transactions',
      'transaction_id',
    ),
    events: await rows('type, transaction_id, sequence, created_at', 'outbox', 'payment_intent_id'),
    callbacks: await rows('verdict, reason, word, received_at', 'processor_callbacks', 'transaction_id'),
    charges,
    told: told.filter((line) => line !== '' && numbers.has(JSON.parse(line).n)),
  });
}
