/**
 * Which part's absence takes a gateway out of its balancer, and which is only named.
 *
 * @module
 */

import { expect, test } from 'vitest';
import type { OutcomeCode } from '../domain/outcomes.ts';
import type { AskShard } from '../messages/ask.ts';
import { createPlacement } from '../runtime/placement.ts';
import { SessionStoreError, SessionStoreRefused } from '../storage/sessions.ts';
import { evenShardMap } from '../storage/shard-map.ts';
import { createReadyChecks, type ReadyDeps } from './ready-checks.ts';

type Status = NonNullable<Awaited<ReturnType<ReadyDeps['guest']['threadStatuses']>>>[number];

const thread = (kind: string, state: Status['state'], vaultDown = 0): Status =>
  ({ name: kind, kind, state, heartbeat: { counters: { vaultDown } } }) as unknown as Status;

/** Answers as a lane does: every database but those of the shards in `dead`. */
const askWithout =
  (dead: (shard: number) => boolean): AskShard =>
  async (shard) => ({
    type: 'refused',
    refusal: { code: dead(shard) ? 'shard_unavailable' : 'payment_not_found', detail: '' },
  });

const askRefused =
  (code: OutcomeCode): AskShard =>
  async () => ({ type: 'refused', refusal: { code, detail: '' } });

const WELL: ReadyDeps = {
  guest: {
    placement: createPlacement(evenShardMap(2), 1, 1024),
    threadStatuses: async () => [thread('api', 'ready'), thread('pci', 'ready')],
  },
  ask: askWithout(() => false),
  control: { ping: async () => undefined },
  sessions: { ping: async () => undefined },
};

const away = (error: Error) => ({ ping: () => Promise.reject(error) });
const threads = (...statuses: Status[]): Partial<ReadyDeps> => ({
  guest: { ...WELL.guest, threadStatuses: async () => statuses },
});

test.each<[string, Partial<ReadyDeps>, boolean, string[]]>([
  ['nothing', {}, true, []],
  ['one shard database', { ask: askWithout((shard) => shard > 511) }, true, ['lane_1']],
  ['every shard database', { ask: askWithout(() => true) }, false, ['lane_0', 'lane_1']],
  ['room for one more command', { ask: askRefused('overloaded') }, true, []],
  ['a turn in time', { ask: askRefused('deadline_passed') }, true, []],
  ['a thread of its lanes', { ask: askRefused('thread_died') }, false, ['lane_0', 'lane_1']],
  ['the session store', { sessions: away(new SessionStoreError('away')) }, true, ['sessions']],
  ['a session store that may be used', { sessions: away(new SessionStoreRefused('evicts')) }, false, []],
  ['the vault', threads(thread('pci', 'ready', 1)), true, ['vault']],
  ['a thread', threads(thread('background', 'starting')), false, []],
  ['the control database', { control: away(new Error('away')) }, false, []],
  [
    'a bus',
    { parts: [{ name: 'bus', needed: false, look: () => Promise.reject(new Error('away')) }] },
    true,
    ['bus'],
  ],
  [
    'the will to take more',
    { parts: [{ name: 'taking', needed: true, look: () => Promise.reject(new Error('draining')) }] },
    false,
    [],
  ],
])('without %s', async (_, without, ready, degraded) => {
  expect(await createReadyChecks({ ...WELL, ...without })()).toMatchObject({ ready, degraded });
});

test('a part that does not answer is away within a second, and says so', async () => {
  const silent = { ping: () => new Promise<void>(() => undefined) };
  const { checks } = await createReadyChecks({ ...WELL, control: silent })();
  expect(checks.control).toEqual({ ok: false, detail: 'no answer in time' });
});
