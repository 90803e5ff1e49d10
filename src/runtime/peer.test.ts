import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import type { Ask } from '../messages/envelope.ts';
import { createPeer, type PeerOptions } from './peer.ts';

const LIMITS = { pendingRepliesMax: 100, postBatchMessagesMax: 10 };

/** Two peers over one channel; `right` answers with `handle`. */
function connect(handle: PeerOptions['handle'], limits = LIMITS) {
  const { port1, port2 } = new MessageChannel();
  const failures: unknown[] = [];
  const onFailure = (error: unknown) => failures.push(error);
  const left = createPeer(port1, { name: 'right', limits, handle: () => null, onFailure });
  const right = createPeer(port2, { name: 'left', limits, handle, onFailure });
  onTestFinished(() => {
    left.close();
    right.close();
  });
  return { left, right, failures, port1, port2 };
}

test('asks are answered, each by its own reply, in batches of any size', async () => {
  const { left } = connect(({ body }) => Promise.resolve({ echoed: body }));
  const answers = await Promise.all(Array.from({ length: 95 }, (_, i) => left.ask('shard', i, { i }, 5000)));
  expect(answers).toEqual(Array.from({ length: 95 }, (_, i) => ({ ok: true, body: { echoed: { i } } })));
  expect(left.pending).toBe(0);
});

test('a tick’s envelopes travel in one post', async () => {
  const { left, port2 } = connect(({ body }) => body);
  let posts = 0;
  port2.on('message', () => {
    posts += 1;
  });
  await Promise.all([1, 2, 3].map((body) => left.ask('shard', 0, body, 5000)));
  expect(posts).toBe(1);
});

test('the asker is bounded: over it the ask is refused and nothing is sent', async () => {
  const { left } = connect(() => new Promise(() => undefined), { ...LIMITS, pendingRepliesMax: 2 });
  void left.ask('shard', 0, 'a', 5000);
  void left.ask('shard', 0, 'b', 5000);
  const third = await left.ask('shard', 0, 'c', 5000);
  expect(third).toMatchObject({ ok: false, refusal: { code: 'overloaded' } });
});

test('an ask past its deadline is not begun', async () => {
  const begun: Ask[] = [];
  const { left } = connect((ask) => begun.push(ask));
  const answer = await left.ask('shard', 0, null, -1);
  expect(answer).toMatchObject({ ok: false, refusal: { code: 'deadline_passed' } });
  expect(begun).toEqual([]);
});

test.each([
  [
    'throws',
    () => {
      throw new Error('a bug');
    },
  ],
  ['rejects', () => Promise.reject(new Error('a bug'))],
])('a handler that %s is internal_error to the asker and heard here', async (_, handle) => {
  const { left, failures } = connect(handle);
  const answer = await left.ask('shard', 0, null, 5000);
  expect(answer).toMatchObject({ ok: false, refusal: { code: 'internal_error' } });
  expect(failures).toEqual([new Error('a bug')]);
});

test('a closed channel settles all that is owed, and refuses what is asked later', async () => {
  const { left, right, port1 } = connect(() => new Promise(() => undefined));
  const owed = [left.ask('shard', 0, 'a', 5000), left.ask('shard', 0, 'b', 5000)];
  const closed = once(port1, 'close');
  right.close();
  await closed;
  const died = { ok: false, refusal: { code: 'thread_died', detail: expect.stringContaining('right') } };
  expect(await Promise.all(owed)).toMatchObject([died, died]);
  expect(left.gone).toBe(true);
  expect(await left.ask('shard', 0, 'c', 5000)).toMatchObject(died);
});

test('replies posted before a close still arrive', async () => {
  const { left, right } = connect(({ body }) => {
    setImmediate(() => right.close());
    return body;
  });
  expect(await left.ask('shard', 0, 'last word', 5000)).toEqual({ ok: true, body: 'last word' });
});
