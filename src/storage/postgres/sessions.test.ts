import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { sessionStoreContract } from '../sessions-contract.ts';
import { createPostgresSessions } from './sessions.ts';

sessionStoreContract('postgres', async () => {
  const cluster = await startCluster(1);
  const stores: [ReturnType<typeof createPostgresSessions>, ReturnType<typeof createPostgresSessions>] = [
    createPostgresSessions(cluster.services.control),
    createPostgresSessions(cluster.services.control),
  ];
  return {
    stores,
    breakServer: () => cluster.postgres.stop(),
    close: async () => {
      await Promise.all(stores.map((store) => store.close()));
      await cluster.stop();
    },
  };
});

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster(1);
});
afterAll(() => cluster?.stop());

test('the sweeper deletes what is over, in several bites, and leaves the rest', async () => {
  const owner = new pg.Client(cluster.owner.control);
  await owner.connect();
  await owner.query(`
    insert into checkout_sessions (session_id, session, expires_at, grace_until)
    select 'sess_' || lpad(n::text, 32, '0'), '{}', now(), now() + case when n <= 2500 then -1 else 60 end * interval '1 s'
    from generate_series(1, 2600) n`);
  const sessions = createPostgresSessions(cluster.services.control);
  expect(await sessions.sweep()).toBe(2500);
  expect(await sessions.sweep()).toBe(0);
  const { rows } = await owner.query('select count(*)::int as left from checkout_sessions');
  expect(rows).toEqual([{ left: 100 }]);
  await sessions.close();
  await owner.end();
});

test('a round that is too full refuses the next call and answers those it took', async () => {
  const sessions = createPostgresSessions(cluster.services.control);
  const id = `sess_${randomBytes(16).toString('hex')}`;
  const gets = Array.from({ length: 9000 }, () => sessions.get(id).then(() => 'answered', String));
  const answers = await Promise.all(gets);
  expect(answers.filter((answer) => answer === 'answered')).toHaveLength(8192);
  expect(new Set(answers)).toEqual(
    new Set(['answered', 'SessionStoreError: the session store cannot be reached']),
  );
  await sessions.close();
});
