/**
 * The statement itself: its plans, the work it leaves to vacuum, the first minute of a day.
 *
 * @module
 */

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { commitAsLane } from '../../../test/support/commit-as-lane.ts';
import {
  attemptFor,
  audited,
  callback,
  claimed,
  created,
  declined,
  expired,
  freshIntent,
  incident,
  moved,
  started,
} from '../../../test/support/facts.ts';
import type { Fact } from '../../domain/facts.ts';
import type { PaymentIntent } from '../../domain/payment-intent.ts';
import { commitTurn } from './commit-turn.ts';
import { ConnectionLost, createConnection, type PgLink } from './connection.ts';
import { createShardStore, PINNED_PLANS } from './shard-store.ts';

let cluster: Cluster;
let owner: pg.Client;
beforeAll(async () => {
  cluster = await startCluster(1);
  owner = new pg.Client({
    connectionString: cluster.owner.shards[0],
    options: Object.entries(PINNED_PLANS)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  });
  await owner.connect();
});
afterAll(async () => {
  await owner?.end();
  await cluster?.stop();
});

/** The statement and parameters a batch would be sent as. */
async function statementFor(
  facts: readonly Fact[],
): Promise<{ name: string; text: string; values: string[] }> {
  let sent: pg.QueryConfig | undefined;
  const link = {
    query: (config: pg.QueryConfig) => {
      sent = config;
      return Promise.reject(new Error('not sent'));
    },
    connected: () => true,
    whenConnected: () => Promise.resolve(true),
    whenBack: () => Promise.resolve(true),
    close: () => Promise.resolve(),
  };
  await expect(commitTurn(link, facts, 7)).rejects.toThrow('not sent');
  return { name: sent!.name!, text: sent!.text, values: sent!.values!.map(String) };
}

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Loops': number;
  'Rows Removed by Join Filter'?: number;
  Plans?: PlanNode[];
}

/**
 * Runs a batch under EXPLAIN after the turns before it, undoes all, and returns the nodes of its generic plan that were
 * executed. Tables are empty and never analyzed then: where the planner is most tempted to read ranges.
 */
async function executedNodes(
  turnsBefore: ReadonlyArray<readonly Fact[]>,
  facts: readonly Fact[],
): Promise<PlanNode[]> {
  const { name, text, values } = await statementFor(facts);
  await owner.query('begin');
  for (const turn of turnsBefore) {
    if (turn.length > 0) await owner.query({ ...(await statementFor(turn)), name: '' });
  }
  await owner.query(`prepare ${name} as ${text}`);
  const { rows } = await owner.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    `explain (analyze, format json) execute ${name} (${values.map((value) => pg.escapeLiteral(value)).join(', ')})`,
  );
  await owner.query(`rollback; deallocate ${name}`);
  const nodes: PlanNode[] = [];
  const visit = (node: PlanNode): void => {
    if (node['Actual Loops'] > 0) nodes.push(node);
    for (const child of node.Plans ?? []) visit(child);
  };
  visit(rows[0]!['QUERY PLAN'][0].Plan);
  return nodes;
}

function isOfIncidents(node: PlanNode): boolean {
  return (
    (node['Node Type'] === 'Bitmap Heap Scan' && node['Relation Name'] === 'incidents') ||
    (node['Node Type'] === 'Bitmap Index Scan' && node['Index Name'] === 'incidents_transaction_id_kind_key')
  );
}

const today = () => new Date().toISOString().slice(0, 10).replaceAll('-', '');

describe('plans of prepared statements', () => {
  /** What is there before the batch (nothing, intents, their first attempts, incidents of those), and its facts. */
  const batches: Record<
    string,
    ['nothing' | 'intents' | 'attempts' | 'incidents', (intent: PaymentIntent) => Fact[]]
  > = {
    intents: ['nothing', (intent) => [created(intent)]],
    'keyed intents': [
      'nothing',
      (intent) => [claimed(intent.paymentIntentId, intent.paymentIntentId), created(intent, true)],
    ],
    'first attempts': ['intents', (intent) => [started(attemptFor(intent))]],
    'next attempts': ['attempts', (intent) => [started(attemptFor(intent, 2))]],
    moves: ['attempts', (intent) => [moved(attemptFor(intent), { said: 'charged' })]],
    reversals: [
      'attempts',
      (intent) => {
        const paid = moved(attemptFor(intent), { said: 'charged' });
        return [moved(paid.attempt, { source: 'settlement', said: 'declined' })];
      },
    ],
    'moves and callbacks': [
      'attempts',
      (intent) => [
        moved(attemptFor(intent), { said: 'charged' }),
        callback({ transactionId: attemptFor(intent).transactionId, moves: true }),
      ],
    ],
    expiries: ['attempts', (intent) => [expired(intent)]],
    incidents: ['attempts', (intent) => [incident(attemptFor(intent).transactionId)]],
    'what operators did': [
      'incidents',
      (intent) => [
        moved(attemptFor(intent), { said: 'charged', source: 'operator' }),
        audited(attemptFor(intent).transactionId, 'resolved_success', true),
        audited(attemptFor(intent).transactionId, 'incident_acknowledged'),
      ],
    ],
    'all at once': [
      'attempts',
      (intent) => [
        claimed(`k ${intent.paymentIntentId}`, intent.paymentIntentId),
        created(intent, true),
        started(attemptFor(intent)),
        started(attemptFor(intent, 2)),
        moved(attemptFor(intent), { said: 'charged' }),
        expired(intent),
        callback({ transactionId: attemptFor(intent).transactionId, moves: true }),
        incident(attemptFor(intent).transactionId),
        audited(attemptFor(intent).transactionId, 'incident_acknowledged'),
      ],
    ],
  };

  test.each(Object.keys(batches))(
    '%s: by primary key, nested loops, partitions of their day only',
    async (name) => {
      const [before, factsOf] = batches[name]!;
      const intents = Array.from({ length: 20 }, () => freshIntent());
      const nodes = await executedNodes(
        [
          before === 'nothing' ? [] : intents.map((intent) => created(intent)),
          ['attempts', 'incidents'].includes(before)
            ? intents.map((intent) => started(attemptFor(intent)))
            : [],
          before === 'incidents' ? intents.map((intent) => incident(attemptFor(intent).transactionId)) : [],
        ],
        intents.flatMap(factsOf),
      );
      // All incidents of a transaction are looked up by their index, several rows at once: there a bitmap is right.
      const types = new Set(nodes.filter((node) => !isOfIncidents(node)).map((node) => node['Node Type']));
      expect([...types].filter((type) => /Seq Scan|Hash Join|Merge Join|Bitmap|Gather/.test(type))).toEqual(
        [],
      );
      // Rows are looked up, never compared one by one.
      expect(nodes.filter((node) => (node['Rows Removed by Join Filter'] ?? 0) > 0)).toEqual([]);
      const relations = nodes.flatMap((node) => node['Relation Name'] ?? []);
      const days = relations.flatMap((relation) => /_(\d{8})$/.exec(relation)?.[1] ?? []);
      const keys = relations.filter((relation) => relation.startsWith('idempotency_keys_'));
      // A claim looks at the keys of yesterday and tomorrow; nothing else is read but what the ids name.
      expect(new Set(days.filter((day) => day !== today())).size).toBe(keys.length > 0 ? 2 : 0);
      for (const relation of relations.filter((one) => /_\d{8}$/.test(one) && !one.endsWith(today())))
        expect(relation).toMatch(/^idempotency_keys_/);
    },
  );
});

test('updates of attempts and intents stay on their page (HOT)', async () => {
  const store = createShardStore({
    connectionString: cluster.services.shards[0]!,
    applicationName: 'hot',
    ownShard: 7,
  });
  for (let turn = 0; turn < 5; turn++) {
    const intents = Array.from({ length: 150 }, () => freshIntent());
    await store.commit(intents.map((intent) => created(intent)));
    await store.commit(intents.map((intent) => started(attemptFor(intent))));
    await store.commit(intents.map((intent) => moved(attemptFor(intent), { said: 'charged' })));
  }
  // A session tells its counts when it ends.
  await store.close();
  await vi.waitFor(
    async () => {
      const { rows } = await owner.query<{ parent: string; updates: number; hot: number }>(
        `select regexp_replace(relname, '_[0-9]{8}$', '') as parent, sum(n_tup_upd)::int as updates, sum(n_tup_hot_upd)::int as hot
         from pg_stat_user_tables where relname ~ '^(transactions|payment_intents)_[0-9]{8}$' group by 1 order by 1`,
      );
      expect(rows.map(({ parent }) => parent)).toEqual(['payment_intents', 'transactions']);
      for (const { updates, hot } of rows) {
        // Sessions of tests before this one tell theirs late.
        expect(updates).toBeGreaterThanOrEqual(750);
        expect(hot).toBeGreaterThan(0.95 * updates);
      }
    },
    { timeout: 10_000, interval: 100 },
  );
});

describe('keys at midnight', () => {
  /** The rows a batch returns when the database's clock says `now`; committed. */
  async function commitAt(now: string, facts: readonly Fact[]): Promise<string | null> {
    const { text, values } = await statementFor(facts);
    const { rows } = await owner.query<{ claimed: string | null }>(
      text.replaceAll('now()', `timestamptz '${now}'`),
      values,
    );
    return rows[0]!.claimed;
  }

  async function daysOf(key: string): Promise<string[]> {
    const { rows } = await owner.query<{ day: string }>(
      'select day::text as day from idempotency_keys where key = $1 order by day',
      [key],
    );
    return rows.map(({ day }) => day);
  }

  const day = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

  test('in a day’s first minute a claim takes both days, so that one begun before midnight is met', async () => {
    const [first, second] = [freshIntent(), freshIntent()];
    const key = `midnight ${first.paymentIntentId}`;
    const [one, two] = [claimed(key, first.paymentIntentId), claimed(key, second.paymentIntentId)];
    expect(await commitAt(`${day(1)}T00:00:30Z`, [one, created(first, true)])).not.toBeNull();
    expect(await daysOf(key)).toEqual([day(0), day(1)]);
    expect(await commitAt(`${day(0)}T23:59:59Z`, [two, created(second, true)])).toBeNull();
    expect(await commitAt(`${day(1)}T00:00:40Z`, [two, created(second, true)])).toBeNull();
    expect(await commitAt(`${day(1)}T12:00:00Z`, [two, created(second, true)])).toBeNull();
  });

  test('a key of the evening before is met after midnight', async () => {
    const [first, second] = [freshIntent(), freshIntent()];
    const key = `evening ${first.paymentIntentId}`;
    const [one, two] = [claimed(key, first.paymentIntentId), claimed(key, second.paymentIntentId)];
    expect(await commitAt(`${day(0)}T23:59:59Z`, [one, created(first, true)])).not.toBeNull();
    expect(await daysOf(key)).toEqual([day(0)]);
    expect(await commitAt(`${day(1)}T00:00:01Z`, [two, created(second, true)])).toBeNull();
    expect(await commitAt(`${day(1)}T10:00:00Z`, [two, created(second, true)])).toBeNull();
    expect(await daysOf(key)).toEqual([day(0)]);
  });
});

test('a turn over two adjoining ranges of this database is owned; over a gap it is fenced', async () => {
  const store = createShardStore({
    connectionString: cluster.services.shards[0]!,
    applicationName: 'ranges',
    ownShard: 7,
  });
  const wide = () => [created(freshIntent({}, 100)), created(freshIntent({}, 900))];
  await owner.query(
    'update owned_ranges set high = 511; insert into owned_ranges (low, high) values (512, 1023)',
  );
  expect(await store.commit(wide())).toEqual([{ effective: true }, { effective: true }]);
  await owner.query('update owned_ranges set low = 513 where low = 512');
  await expect(store.commit(wide())).rejects.toThrow('owned_ranges');
  await owner.query('delete from owned_ranges where low = 513; update owned_ranges set high = 1023');
  await store.close();
});

test('a second try of the same attempt in the same turn as the move that frees it waits for the next turn', async () => {
  const store = createShardStore({
    connectionString: cluster.services.shards[0]!,
    applicationName: 'free',
    ownShard: 7,
  });
  const intent = freshIntent();
  await store.commit([created(intent)]);
  await store.commit([started(attemptFor(intent))]);
  const [second, freed] = await store.commit([started(attemptFor(intent, 2)), declined(attemptFor(intent))]);
  expect([second!.effective, freed!.effective]).toEqual([false, true]);
  expect((await store.commit([started(attemptFor(intent, 2))]))[0]!.effective).toBe(true);
  await store.close();
});

test('a connection lost right after a move leaves the move and its event, or neither', async () => {
  const link = createConnection({
    connectionString: cluster.services.shards[0]!,
    applicationName: 'lost after one',
  });
  expect(await link.whenConnected(5000)).toBe(true);
  const intent = freshIntent();
  await commitTurn(link, [created(intent)], 7);
  await commitTurn(link, [started(attemptFor(intent))], 7);
  let queries = 0;
  const lostAfterOne: PgLink = {
    ...link,
    query: (config) => (queries++ === 0 ? link.query(config) : Promise.reject(new ConnectionLost(false))),
  };
  const paid = moved(attemptFor(intent), { said: 'charged' });
  await Promise.allSettled([commitTurn(lostAfterOne, [paid], 7)]);
  await link.close();
  const { rows } = await owner.query<{ status: string; told: string | null }>(
    'select t.status, o.type as told from transactions t left join outbox o using (transaction_id) where transaction_id = $1',
    [paid.attempt.transactionId],
  );
  expect(rows).toEqual([{ status: 'SUCCESS', told: 'payment.succeeded' }]);
});

test('of moves that two gateways make at once, each that counts makes its intent final', async () => {
  const link = (name: string) =>
    createShardStore({ connectionString: cluster.services.shards[0]!, applicationName: name, ownShard: 7 });
  const stores = [link('one'), link('two')];
  try {
    let contested = 0;
    for (let round = 0; round < 40; round++) {
      const intents = Array.from({ length: 8 }, () => freshIntent());
      const attempts = intents.map((intent) => attemptFor(intent));
      await stores[0]!.commit(intents.map((intent) => created(intent)));
      await stores[0]!.commit(attempts.map((attempt) => started(attempt)));
      const [one, two] = [attempts.slice(0, 6), attempts.slice(3)];
      const effects = await Promise.all([
        commitAsLane(
          stores[0]!,
          one.map((attempt) => moved(attempt)),
        ),
        commitAsLane(
          stores[1]!,
          two.map((attempt) => moved(attempt)),
        ),
      ]);
      contested += effects.flat().filter(({ effective }) => !effective).length;
    }
    // Each of the three attempts both had was moved once.
    expect(contested).toBe(40 * 3);
    const { rows } = await owner.query(
      `select count(*)::int as count from transactions t join payment_intents i using (payment_intent_id)
       where t.status = 'SUCCESS' and i.status <> 'SUCCESS'`,
    );
    expect(rows).toEqual([{ count: 0 }]);
    expect((await owner.query('select kind from incidents')).rows).toEqual([]);
  } finally {
    await Promise.all(stores.map((store) => store.close()));
  }
});

test.each([0, 1, 2])(
  'an attempt that another gateway has just moved (place %i of 3) is not effective, and the intents of its neighbours end with them',
  async (place) => {
    const store = createShardStore({
      connectionString: cluster.services.shards[0]!,
      applicationName: 'neighbours',
      ownShard: 7,
    });
    const other = new pg.Client(cluster.owner.shards[0]);
    await other.connect();
    try {
      const intents = Array.from({ length: 3 }, () => freshIntent()).sort((a, b) =>
        a.paymentIntentId < b.paymentIntentId ? -1 : 1,
      );
      await store.commit(intents.map((intent) => created(intent)));
      await store.commit(intents.map((intent) => started(attemptFor(intent))));
      await other.query('begin');
      await other.query(
        "update transactions set status = 'FAILED', revision = 2 where transaction_id = $1::uuid",
        [attemptFor(intents[place]!).transactionId],
      );
      const committing = commitAsLane(
        store,
        intents.map((intent) => moved(attemptFor(intent), { said: 'charged' })),
      );
      const { rows: me } = await other.query('select pg_backend_pid() as pid');
      await vi.waitFor(async () => {
        const { rows } = await other.query(
          'select from pg_stat_activity where $1 = any (pg_blocking_pids(pid))',
          [me[0].pid],
        );
        expect(rows).toHaveLength(1);
      });
      await other.query('commit');
      const effects = await committing;
      expect(effects.map(({ effective }) => effective)).toEqual(intents.map((_, at) => at !== place));
      const { rows } = await other.query(
        `select status from payment_intents where payment_intent_id = any ($1::uuid[]) order by payment_intent_id`,
        [intents.map(({ paymentIntentId }) => paymentIntentId)],
      );
      expect(rows.map(({ status }) => status)).toEqual(
        intents.map((_, at) => (at === place ? 'PENDING' : 'SUCCESS')),
      );
    } finally {
      await other.end();
      await store.close();
    }
  },
);
