/**
 * Overload doors: where a campaign can offer more work than can be done.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { createPaymentActor } from '../../src/actors/payment-actor.ts';
import type { Effect, Fact } from '../../src/domain/facts.ts';
import { makeId, showIntentId } from '../../src/domain/ids.ts';
import type { ShardReply } from '../../src/messages/replies.ts';
import type { CreateIntent, ShardRequest } from '../../src/messages/requests.ts';
import * as clock from '../../src/runtime/clock.ts';
import { createLane } from '../../src/runtime/turn.ts';
import { failureOf } from '../../src/storage/postgres/errors.ts';
import { createShardStore } from '../../src/storage/postgres/shard-store.ts';
import type { Loaded, Needs } from '../../src/storage/storage.ts';
import type { ClientLog } from '../../src/verification/client-log.ts';
import { anIntent } from '../support/payments.ts';
import type { World } from '../support/world.ts';
import { type LoggedShop, newOrder } from './logged-shop.ts';

/** `refused` as it must be: at once, and telling when to come again. Anything else is told in words. */
export type DoorAnswer = 'done' | 'refused' | (string & {});

export interface Door {
  name: string;
  ask(): Promise<DoorAnswer>;
  /** What is done per second when as many ask as find work. */
  ceiling(): Promise<number>;
  close(): Promise<void>;
}

const CEILING_MS = 3000;

/** A merchant's orders over HTTP. */
export function openMerchantDoor(shop: LoggedShop): Door {
  const ask = async (): Promise<DoorAnswer> => {
    const told = await shop.intent(newOrder(100));
    if (told?.status === 201) return 'done';
    if (told === null) return 'left without an answer';
    const refused = (told.status === 429 || told.status === 503) && told.headers.get('retry-after') !== null;
    return refused ? 'refused' : `answered ${told.status} ${told.body.code}`;
  };
  return { name: 'merchant', ask, ceiling: () => closedLoop(ask, 8), close: () => Promise.resolve() };
}

const SHARD = 7;
/** A thousandth of the gateway's, so that a driver beside the lane in one thread can pass it tenfold. */
const MAILBOX_MAX = 9;
const TURN_COMMANDS_MAX = 3;
const DEADLINE_MS = 5000;

/** New intents into a lane of our own beside those of the gateway. */
export function openLaneDoor(world: World, log: ClientLog, random: () => number): Door {
  const store = createShardStore({
    connectionString: world.cluster.services.shards[0]!,
    applicationName: 'overload',
    ownShard: SHARD,
  });
  const lane = createLane<ShardRequest, Needs, Loaded, Fact, Effect, ShardReply>(
    createPaymentActor({ paymentsMax: 1000, writeBehindMs: 1000 }),
    { ...store, failureOf },
    clock,
    { mailboxMax: MAILBOX_MAX, turnCommandsMax: TURN_COMMANDS_MAX, lingerMsMax: 5, triesMax: 5 },
    () => undefined,
  );

  const ask = async (): Promise<DoorAnswer> => {
    const command = newIntent(world.merchantId, random);
    const { orderId, amount, currency, paymentIntentId } = command.intent;
    const n = await log.begin({ do: 'intent', orderId, amount, currency });
    let submitting = true;
    let early = false;
    const reply = await new Promise<ShardReply>((resolve) => {
      lane.submit(command, clock.monotonicMs() + DEADLINE_MS, (settled) => {
        early = submitting;
        resolve(settled);
      });
      submitting = false;
    });
    if (lane.depth() > MAILBOX_MAX) return `the mailbox holds ${lane.depth()} of ${MAILBOX_MAX}`;
    if (reply.type === 'intent-created') {
      log.end(n, { outcome: 'ok', paymentIntentId: showIntentId(paymentIntentId) });
      return 'done';
    }
    log.end(n, { outcome: 'refused' });
    const code = reply.type === 'refused' ? reply.refusal.code : reply.type;
    return code === 'overloaded' && early ? 'refused' : `answered ${code}${early ? '' : ' late'}`;
  };
  return {
    name: 'lane',
    ask,
    ceiling: () => closedLoop(ask, TURN_COMMANDS_MAX * 2),
    async close() {
      await lane.close();
      await store.close();
    },
  };
}

function newIntent(merchantId: string, random: () => number): CreateIntent {
  const now = Date.now();
  const bytes = Uint8Array.from({ length: 8 }, () => Math.floor(random() * 256));
  const paymentIntentId = makeId(now, SHARD, bytes);
  const intent = anIntent({ paymentIntentId, merchantId, orderId: `order_${randomUUID()}`, createdAt: now });
  return { type: 'create-intent', intent, answer: '{}', key: null, now };
}

/** As many at once, again and again; what was done per second. */
async function closedLoop(ask: () => Promise<DoorAnswer>, atOnce: number): Promise<number> {
  const startedAt = performance.now();
  let done = 0;
  const loop = async (): Promise<void> => {
    while (performance.now() - startedAt < CEILING_MS) if ((await ask()) === 'done') done++;
  };
  await Promise.all(Array.from({ length: atOnce }, loop));
  return Math.max(1, Math.round((done * 1000) / (performance.now() - startedAt)));
}
