/**
 * Delivery lane: one shard database's events on their way to endpoints.
 *
 * In the good case an event is read, posted, and recorded once, with many others. One whose answer takes longer is parked: written as
 * waiting, with a next try far enough in the future that only a crash lets it come, so that the events not dispatched stay few; its
 * result is a second record. All of an event's deliveries are begun in the same commit that marks it dispatched.
 *
 * In hand is what this lane has read and not written yet. It is bounded, and what is read again while in hand is passed over.
 *
 * @module
 */

import type { MerchantEvent } from '../domain/merchant-event.ts';
import type { Timers } from '../runtime/clock.ts';
import type { DeliveryRecord, DueDelivery, WebhookQueue } from '../storage/webhook-deliveries.ts';
import type { WebhookEndpoint } from '../storage/webhook-endpoints.ts';
import type { EndpointGates } from './endpoint-gates.ts';
import { messageOf } from './message.ts';
import { createRecordWriter, deliveryKey } from './record-writer.ts';
import { nextTryAt } from './schedule.ts';
import type { SendResult, WebhookSender } from './send.ts';

export interface DeliveryDeps {
  /** Names this gateway in the leases; another one each start. */
  holder: string;
  /** Rejects when the control database cannot be heard. */
  endpointsOf(merchantId: string): Promise<readonly WebhookEndpoint[]>;
  /** An endpoint's secrets, newest first. Rejects when the token cannot open them. */
  secretsOf(endpoint: WebhookEndpoint): Promise<readonly string[]>;
  send: WebhookSender['send'];
  /** An endpoint answered 410 at `url`: it hears nothing any more, unless it has another URL by now. */
  disable(endpointId: string, at: number, url: string): Promise<void>;
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds of a clock that never jumps: for the lease. */
  monotonicMs(): number;
  /** From 0 to below 1. */
  random(): number;
  timers: Timers;
  /** `sinceCommitMs` for what was delivered. */
  onTry(failure: string | null, sinceCommitMs: number): void;
  onDead(reason: 'schedule' | 'gone' | 'endpoint'): void;
  onTrouble(event: string, error: unknown): void;
}

export interface DeliveryLane {
  start(): void;
  /** Resolves when what is in hand is written, or `withinMs` are over; then the lease is given back. */
  stop(withinMs: number): Promise<void>;
  /** Events and deliveries in hand. */
  inHand(): number;
}

const LEASE_MS = 5000;
const PAGE = 500;
const IN_HAND_MAX = 6000;
/** No answer after so long: parked. */
const PARK_AFTER_MS = 1000;
/** Longer than a try with all its delays takes, so that a parked delivery comes again only when its lane has died. */
const GUARD_MS = 30_000;
/** Something of ours was in the way; the endpoint has nothing to do with it. */
const NOT_MADE_AGAIN_MS = 5000;
const POLL_FULL_MS = 0;
const POLL_SOME_MS = 25;
const POLL_IDLE_MS = 100;
const POLL_FAILED_MS_MAX = 5000;
const DUE_EVERY_MS = 250;

/** A delivery in hand. */
interface Delivery {
  event: MerchantEvent;
  endpoint: WebhookEndpoint;
  /** As its row has it; null when it has none. */
  expectedTries: number | null;
  replays: number;
  tries: number;
}

/** A new event in hand: its deliveries' records until all are there or it is parked. */
interface Hand {
  eventId: string;
  open: Set<Delivery>;
  records: DeliveryRecord[];
  parked: boolean;
  timer: unknown;
}

export function createDeliveryLane(
  queue: WebhookQueue,
  gates: EndpointGates,
  deps: DeliveryDeps,
): DeliveryLane {
  const { holder, now, monotonicMs, timers } = deps;
  const events = new Set<string>();
  const deliveries = new Set<string>();
  /** Written while a read was under way: the read may still show them as they were. */
  const justWritten = new Set<string>();
  const hands = new Set<Hand>();
  const writer = createRecordWriter({
    queue,
    holder,
    timers,
    onSettled(eventIds, keys, written) {
      if (!written) heldUntil = 0;
      for (const eventId of eventIds) events.delete(eventId);
      for (const key of keys) deliveries.delete(key);
      for (const name of [...eventIds, ...keys]) justWritten.add(name);
      if (events.size + deliveries.size + writer.size() === 0) onEmpty?.();
    },
    onFailed: (error) => deps.onTrouble('webhook_record_failed', error),
  });
  /** By the monotonic clock; renewed when a third of it is gone. */
  let heldUntil = 0;
  let lookForDueAt = 0;
  let failures = 0;
  let stopping = false;
  let timer: unknown;
  let underWay: Promise<void> = Promise.resolve();
  let onEmpty: (() => void) | undefined;

  function next(ms: number): void {
    if (!stopping) timer = timers.setTimeout(() => (underWay = run()), ms);
  }

  async function run(): Promise<void> {
    try {
      const pauseMs = await round();
      failures = 0;
      next(pauseMs);
    } catch (error) {
      deps.onTrouble('webhook_round_failed', error);
      next(Math.min(POLL_IDLE_MS * 2 ** Math.min(failures++, 10), POLL_FAILED_MS_MAX));
    }
  }

  /** Resolves with the milliseconds until the next one. */
  async function round(): Promise<number> {
    if (!(await held())) return LEASE_MS / 5;
    justWritten.clear();
    const dueBefore = lookForDueAt;
    const found = (await takeNew()) + (monotonicMs() >= dueBefore ? await takeDue() : 0);
    if (!gates.room() || inHand() >= IN_HAND_MAX) return POLL_SOME_MS;
    return found >= PAGE ? POLL_FULL_MS : found > 0 ? POLL_SOME_MS : POLL_IDLE_MS;
  }

  async function held(): Promise<boolean> {
    const at = monotonicMs();
    if (heldUntil - at > (LEASE_MS * 2) / 3) return true;
    heldUntil = (await queue.hold(holder, LEASE_MS)) ? at + LEASE_MS : 0;
    return heldUntil > 0;
  }

  /** Resolves with the number of events taken in hand. */
  async function takeNew(): Promise<number> {
    const read = await queue.newEvents(events.size + PAGE);
    const fresh = read.filter(({ eventId }) => !events.has(eventId) && !justWritten.has(eventId));
    const endpoints = await endpointsOfAll(fresh);
    let taken = 0;
    for (const event of fresh) {
      if (stopping || !gates.room() || inHand() >= IN_HAND_MAX) break;
      const known = endpoints.get(event.merchantId);
      if (known === undefined) continue;
      taken++;
      tell(
        event,
        known.filter((endpoint) => hears(endpoint, event)),
      );
    }
    return taken;
  }

  async function takeDue(): Promise<number> {
    const read = await queue.due(now(), deliveries.size + PAGE);
    const due = read.filter(({ event, endpointId }) => {
      const key = deliveryKey(event.eventId, endpointId);
      return !deliveries.has(key) && !justWritten.has(key);
    });
    const endpoints = await endpointsOfAll(due.map(({ event }) => event));
    let taken = 0;
    for (const one of due) {
      if (stopping || !gates.room() || inHand() >= IN_HAND_MAX) break;
      const known = endpoints.get(one.event.merchantId);
      if (known === undefined) continue;
      taken++;
      tryAgain(
        one,
        known.find(({ endpointId }) => endpointId === one.endpointId),
      );
    }
    if (taken < PAGE) lookForDueAt = monotonicMs() + DUE_EVERY_MS;
    return taken;
  }

  /** Without those merchants whose endpoints nobody could tell: what is theirs stays where it is. */
  async function endpointsOfAll(
    of: readonly MerchantEvent[],
  ): Promise<ReadonlyMap<string, readonly WebhookEndpoint[]>> {
    const found = new Map<string, readonly WebhookEndpoint[]>();
    const merchants = [...new Set(of.map(({ merchantId }) => merchantId))];
    const answers = await Promise.allSettled(merchants.map((merchantId) => deps.endpointsOf(merchantId)));
    for (const [i, answer] of answers.entries()) {
      if (answer.status === 'fulfilled') found.set(merchants[i]!, answer.value);
      else deps.onTrouble('webhook_endpoints_unavailable', answer.reason);
    }
    return found;
  }

  /** A new event: to each endpoint that wants it, or to nobody. */
  function tell(event: MerchantEvent, endpoints: readonly WebhookEndpoint[]): void {
    events.add(event.eventId);
    const hand: Hand = {
      eventId: event.eventId,
      open: new Set(
        endpoints.map((endpoint) => ({ event, endpoint, expectedTries: null, replays: 0, tries: 0 })),
      ),
      records: [],
      parked: false,
      timer: undefined,
    };
    if (hand.open.size === 0) {
      writer.put([event.eventId], [], true);
      return;
    }
    hands.add(hand);
    hand.timer = timers.setTimeout(() => park(hand), PARK_AFTER_MS);
    for (const delivery of [...hand.open]) begin(delivery, (record) => settle(hand, delivery, record));
  }

  function settle(hand: Hand, delivery: Delivery, record: DeliveryRecord): void {
    hand.open.delete(delivery);
    if (hand.parked) {
      writer.put([], [{ ...record, expectedTries: 0 }], true);
      return;
    }
    hand.records.push(record);
    if (hand.open.size > 0) return;
    timers.clearTimeout(hand.timer);
    hands.delete(hand);
    writer.put([hand.eventId], hand.records, true);
  }

  function park(hand: Hand): void {
    hand.parked = true;
    hands.delete(hand);
    const guards = [...hand.open].map((delivery) => waiting(delivery, now() + GUARD_MS));
    for (const { eventId, endpointId } of guards) deliveries.add(deliveryKey(eventId, endpointId));
    writer.put([], hand.records, true);
    writer.put([hand.eventId], guards, false);
  }

  function tryAgain(
    { event, endpointId, tries, replays }: DueDelivery,
    endpoint: WebhookEndpoint | undefined,
  ): void {
    deliveries.add(deliveryKey(event.eventId, endpointId));
    if (endpoint === undefined || endpoint.disabledAt !== null) {
      const row = { eventId: event.eventId, endpointId, expectedTries: tries, replays };
      writer.put([], [{ ...row, tries, state: 'dead', nextAt: null, lastTry: null }], true);
      deps.onDead('endpoint');
      return;
    }
    begin({ event, endpoint, expectedTries: tries, replays, tries }, (record) =>
      writer.put([], [record], true),
    );
  }

  /** Lets the endpoint's gate decide whether it is now. `done` is called once. */
  function begin(delivery: Delivery, done: (record: DeliveryRecord) => void): void {
    const again = gates.offer(gateOf(delivery.endpoint), {
      run: () => tryOnce(delivery, done),
      put: (at) => done(waiting(delivery, at)),
    });
    if (again !== null) done(waiting(delivery, again));
  }

  async function tryOnce(
    delivery: Delivery,
    done: (record: DeliveryRecord) => void,
  ): Promise<SendResult | null> {
    const { endpoint, event } = delivery;
    try {
      const secrets = await deps.secretsOf(endpoint);
      const at = now();
      const result = await deps.send(endpoint.url, messageOf(event), secrets);
      if (result.failure !== 'busy') {
        done(recordOf(delivery, at, result));
        if (result.status === 410) disable(endpoint);
        return result;
      }
    } catch (error) {
      deps.onTrouble('webhook_not_made', error);
    }
    done(waiting(delivery, Math.max(now() + NOT_MADE_AGAIN_MS, gates.later(gateOf(endpoint)))));
    return null;
  }

  function recordOf(delivery: Delivery, at: number, result: SendResult): DeliveryRecord {
    const { status, failure, durationMs, retryAfterMs } = result;
    const tries = delivery.tries + 1;
    const lastTry = { at, durationMs, status, failure };
    deps.onTry(failure, now() - delivery.event.createdAt);
    if (failure === null) return { ...row(delivery), tries, state: 'delivered', nextAt: null, lastTry };
    const nextAt = status === 410 ? null : nextTryAt(tries, now(), deps.random(), retryAfterMs);
    if (nextAt === null) deps.onDead(status === 410 ? 'gone' : 'schedule');
    return { ...row(delivery), tries, state: nextAt === null ? 'dead' : 'waiting', nextAt, lastTry };
  }

  function disable({ endpointId, url }: WebhookEndpoint): void {
    deps
      .disable(endpointId, now(), url)
      .catch((error: unknown) => deps.onTrouble('webhook_disable_failed', error));
  }

  function inHand(): number {
    return events.size + deliveries.size;
  }

  return {
    start: () => next(0),
    async stop(withinMs) {
      stopping = true;
      timers.clearTimeout(timer);
      await underWay;
      if (inHand() + writer.size() > 0) await within(withinMs);
      // What is still on its way is left to whoever holds the lease next.
      if (hands.size > 0) {
        for (const hand of [...hands]) {
          timers.clearTimeout(hand.timer);
          park(hand);
        }
        await within(withinMs / 4);
      }
      if (heldUntil > 0)
        await queue
          .release(holder)
          .catch((error: unknown) => deps.onTrouble('webhook_release_failed', error));
    },
    inHand,
  };

  /** Resolves when nothing is in hand, or the time is over. */
  async function within(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      onEmpty = resolve;
      timers.setTimeout(resolve, ms);
    });
  }
}

function hears({ disabledAt, eventTypes }: WebhookEndpoint, { type }: MerchantEvent): boolean {
  return disabledAt === null && (eventTypes === null || eventTypes.includes(type));
}

/** Another URL is another server: what the one before asked for, or suffered, is no matter of it. */
function gateOf({ endpointId, url }: WebhookEndpoint): string {
  return `${endpointId} ${url}`;
}

function row({ event, endpoint, expectedTries, replays }: Delivery) {
  return { eventId: event.eventId, endpointId: endpoint.endpointId, expectedTries, replays };
}

/** No try was made: the count stays. */
function waiting(delivery: Delivery, nextAt: number): DeliveryRecord {
  return { ...row(delivery), tries: delivery.tries, state: 'waiting', nextAt, lastTry: null };
}
