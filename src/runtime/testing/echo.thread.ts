/**
 * Echo: a thread for tests of the machinery. It answers its peers, and a test tells it by a BroadcastChannel to ask,
 * to die, to hang, or to hand over what it counts.
 *
 * @module
 */

import { BroadcastChannel } from 'node:worker_threads';
import { createPeer, type Peer } from '../peer.ts';
import { enterThread } from '../thread-guest.ts';

export interface EchoOptions {
  /** Name of the BroadcastChannel on which the test commands and hears. */
  channel: string;
  /** Fails before it is ready. */
  failAtStart?: boolean;
  /** Never says ready. */
  neverReady?: boolean;
  /** Its drain never ends. */
  drainForever?: boolean;
  /** It stays alive and its onFatal never ends, as with a listener that cannot be closed. */
  neverCloses?: boolean;
}

/** Test to thread. */
export interface Command {
  to: string;
  id: number;
  order:
    | { type: 'ask'; peer: string; service: string; body?: unknown }
    | { type: 'channels' }
    | { type: 'metrics' }
    | { type: 'threads' }
    | { type: 'throw' }
    | { type: 'reject' }
    | { type: 'exit' }
    | { type: 'hang' }
    | { type: 'exhaust' };
}

/** Thread to test: the answer to a command, or (id 0) a step of its life. */
export interface Word {
  from: string;
  id: number;
  answer: unknown;
}

const guest = enterThread<EchoOptions>();
const channel = new BroadcastChannel(guest.options.channel);
channel.unref();
const peers = new Map<string, Peer>();
let channels = 0;

function say(id: number, answer: unknown): void {
  channel.postMessage({ from: guest.name, id, answer } satisfies Word);
}

guest.onPeer(({ name }, port) => {
  channels += 1;
  const peer = createPeer(port, {
    name,
    limits: { pendingRepliesMax: 1000, postBatchMessagesMax: 100 },
    handle: ({ service, body }) => (service === 'echo' ? body : new Promise(() => undefined)),
    onFailure: guest.fail,
  });
  peers.set(name, peer);
});

function obey({ id, order }: Command): Promise<void> | void {
  switch (order.type) {
    case 'ask':
      return peers
        .get(order.peer)!
        .ask(order.service, 0, order.body, 5000)
        .then((answer) => say(id, answer));
    case 'channels':
      return say(id, channels);
    case 'metrics':
      return guest.gatherMetrics().then((page) => say(id, page));
    case 'threads':
      return guest.threadStatuses().then((statuses) => say(id, statuses));
    case 'throw':
      throw new Error('asked to throw');
    case 'reject':
      return Promise.reject(new Error('asked to reject'));
    case 'exit':
      return process.exit(3);
    case 'hang':
      for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    case 'exhaust': {
      // Each is large enough to be moved nowhere: what the collector would have to copy all at once when the heap is full ends the
      // whole process instead of this thread.
      const hoard: unknown[] = [];
      for (;;) hoard.push(new Array(40_000).fill(0));
    }
  }
}

channel.onmessage = (event: unknown) => {
  const command = (event as { data: Command | Word }).data;
  if ('to' in command && command.to === guest.name) void obey(command);
};
guest.onHeartbeat(() => ({ channels }));
guest.onFatal(() => (guest.options.neverCloses ? new Promise(() => undefined) : undefined));
guest.onLeave(() => say(0, 'leaves'));
guest.onDrain(async () => {
  say(0, 'drain begins');
  if (guest.options.drainForever) await new Promise(() => undefined);
  await new Promise((resolve) => setImmediate(resolve));
  say(0, 'drain ends');
});
if (guest.options.neverCloses) setInterval(() => undefined, 60_000);
if (guest.options.failAtStart) throw new Error('asked to fail at start');
if (!guest.options.neverReady) guest.ready({ index: guest.index });
