/**
 * Bench of the way between two threads: what a message costs by batch size and by encoding, and when a batch should leave.
 *
 * First table: round trips of a typical shard request, one batch under way at a time, microseconds per message (there and
 * back, both threads' work and the wake-ups included). Second table: 64 envelopes, each sent from a task of its own as
 * requests of 64 sockets are, through post.ts with either schedule: how many posts it took, microseconds per message.
 * Three rounds, medians.
 *
 * Run: node bench/post.bench.ts
 *
 * @module
 */

import { once } from 'node:events';
import { cpus } from 'node:os';
import { isMainThread, MessageChannel, type MessagePort, Worker, workerData } from 'node:worker_threads';
import { decode, encode } from '../src/messages/codec.ts';
import type { Ask, Envelope } from '../src/messages/envelope.ts';
import { createPost, type Schedule } from '../src/runtime/post.ts';

const ENCODINGS = ['structured clone', 'msgpackr', 'JSON'] as const;
const BATCHES = [1, 8, 64];
const ROUNDS = 3;
const MESSAGES_PER_ROUND = 64_000;
const BURSTS_PER_ROUND = 500;
const BURST = 64;

type Encoding = (typeof ENCODINGS)[number];

const WRITE: Record<Encoding, (port: MessagePort, batch: Envelope[]) => void> = {
  'structured clone': (port, batch) => port.postMessage(batch),
  msgpackr: (port, batch) => {
    const bytes = encode(batch);
    port.postMessage(bytes, [bytes.buffer]);
  },
  JSON: (port, batch) => port.postMessage(JSON.stringify(batch)),
};

const READ: Record<Encoding, (message: never) => Envelope[]> = {
  'structured clone': (batch: Envelope[]) => batch,
  msgpackr: (bytes: Uint8Array) => decode(bytes),
  JSON: (text: string) => JSON.parse(text) as Envelope[],
};

/** As large as the request that starts an attempt. */
function sampleAsk(id: number): Ask {
  return {
    kind: 'ask',
    id,
    service: 'shard',
    shard: 517,
    deadline: 123_456.789,
    body: {
      type: 'start-attempt',
      intentId: '01990000abcd7816890abcdef0123450',
      merchantId: 'merchant_demo',
      nonce: '00112233445566778899aabbccddeeff',
      processor: 'SANDBOX',
      processorAccount: 'acct_demo',
      card: { brand: 'visa', masked: '411111******1111', expiryMonth: 12, expiryYear: 2030, token: 'tok_1' },
      sendBefore: 1_790_000_000_000,
      successUrl: 'https://shop.example/paid',
      cancelUrl: null,
      sessionExpiresAt: 1_790_000_000_000,
      claimedAmount: null,
      claimedCurrency: null,
      key: null,
      now: 1_790_000_000_000,
    },
  };
}

function answer(batch: Envelope[]): Envelope[] {
  return batch.map(({ id }) => ({
    kind: 'reply',
    id,
    body: {
      type: 'attempt-started',
      transactionId: '01990000abcd7816890abcdef0123451',
      amount: 12_345,
      currency: 'INR',
      orderId: `order-${id}`,
      leg: 1,
      replayed: null,
    },
  }));
}

/** The other thread: answers each batch as a whole. */
function serve({ port, encoding }: { port: MessagePort; encoding: Encoding }): void {
  port.on('message', (message: unknown) => WRITE[encoding](port, answer(READ[encoding](message as never))));
}

function startOther(encoding: Encoding): { port: MessagePort; worker: Worker } {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { port: port2, encoding },
    transferList: [port2],
  });
  return { port: port1, worker };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

/** Microseconds per message of `messages` round trips in batches of `size`. */
async function roundTrips(
  port: MessagePort,
  encoding: Encoding,
  size: number,
  messages: number,
): Promise<number> {
  const startedAt = process.hrtime.bigint();
  for (let sent = 0; sent < messages; sent += size) {
    const batch = Array.from({ length: size }, (_, i) => sampleAsk(sent + i));
    WRITE[encoding](port, batch);
    const [message] = await once(port, 'message');
    READ[encoding](message as never);
  }
  return Number(process.hrtime.bigint() - startedAt) / 1e3 / messages;
}

async function measureEncodings(): Promise<void> {
  const rows: Record<string, Record<string, number>> = {};
  for (const encoding of ENCODINGS) {
    const { port, worker } = startOther(encoding);
    const row: Record<string, number> = {};
    for (const size of BATCHES) {
      const messages = Math.min(MESSAGES_PER_ROUND, size * 5000);
      await roundTrips(port, encoding, size, messages / 4);
      const rounds = [];
      for (let round = 0; round < ROUNDS; round++)
        rounds.push(await roundTrips(port, encoding, size, messages));
      row[`${size} a batch`] = Number(median(rounds).toFixed(2));
    }
    rows[encoding] = row;
    port.close();
    await worker.terminate();
  }
  console.log('Round trip, µs per message');
  console.table(rows);
}

/** One burst: each envelope is sent from a task of its own; resolves when all are answered. */
function burst(send: (ask: Ask) => void, port: MessagePort): Promise<{ posts: number }> {
  const tasks = new MessageChannel();
  let answered = 0;
  let posts = 0;
  return new Promise((resolve) => {
    const hear = (bytes: Uint8Array) => {
      posts += 1;
      answered += decode(bytes).length;
      if (answered < BURST) return;
      port.off('message', hear);
      tasks.port1.close();
      resolve({ posts });
    };
    port.on('message', hear);
    tasks.port2.on('message', (id: number) => send(sampleAsk(id)));
    for (let id = 0; id < BURST; id++) tasks.port1.postMessage(id);
  });
}

async function measureSchedules(): Promise<void> {
  const schedules: Record<string, Schedule> = { queueMicrotask, setImmediate };
  const rows: Record<string, Record<string, number>> = {};
  for (const [name, schedule] of Object.entries(schedules)) {
    const { port, worker } = startOther('msgpackr');
    const post = createPost(port, { batchMessagesMax: 8192 }, (flush) => schedule(flush));
    const micros: number[] = [];
    const posts: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const startedAt = process.hrtime.bigint();
      let posted = 0;
      for (let i = 0; i < BURSTS_PER_ROUND; i++) posted += (await burst(post.send, port)).posts;
      if (round === 0) continue;
      micros.push(Number(process.hrtime.bigint() - startedAt) / 1e3 / (BURST * BURSTS_PER_ROUND));
      posts.push(posted / BURSTS_PER_ROUND);
    }
    rows[name] = {
      'µs per message': Number(median(micros).toFixed(2)),
      'posts per 64': Number(median(posts).toFixed(1)),
    };
    port.close();
    await worker.terminate();
  }
  console.log('64 envelopes from 64 tasks, through post.ts');
  console.table(rows);
}

if (isMainThread) {
  console.log(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}`);
  await measureEncodings();
  await measureSchedules();
} else {
  serve(workerData as { port: MessagePort; encoding: Encoding });
}
