/**
 * Webhooks while gateways are killed (SIGKILL) or stand still (SIGSTOP) for three times a lease, and the merchant's endpoints fail
 * now and then: every event of the outbox arrives at each endpoint that wants it, with a right signature, one body under one id, and
 * the database says so.
 *
 * Two gateways work on the same databases. A trial strikes one of them or both, at any moment under load; of four trials the last is
 * a long stop. An event's first try at an endpoint may be refused, reset, or left without an answer; its second is taken, so that no
 * event waits for more than the first step of the schedule.
 *
 * @module
 */

import assert from 'node:assert/strict';
import {
  type IntentId,
  showEventId,
  showIntentId,
  showTransactionId,
  type TransactionId,
} from '../../src/domain/ids.ts';
import { queryShards } from '../support/databases.ts';
import { pause } from '../support/eventually.ts';
import { CARDS, createShop } from '../support/shop.ts';
import type { World } from '../support/world.ts';
import type { Campaign, CampaignReport, CampaignRun } from './campaign.ts';
import { type Fleet, type Ship, startFleet } from './fleet.ts';
import { allFinal, openCase } from './judgement.ts';
import { letShoppersIn } from './kill-shoppers.ts';
import { type Arrival, type MoodyReceiver, startMoodyReceiver } from './moody-receiver.ts';
import { inWorld, SHORT_TIMES } from './setting.ts';
import { CARD_MIX, paidMore } from './shoppers.ts';

const GATEWAY = { ...SHORT_TIMES, SLUICE_SHARD_THREADS: '0', SLUICE_ALLOW_PRIVATE_WEBHOOKS: 'on' };
const GATEWAYS = 2;
/** Some twenty payments a second of every end a payment can have. */
const SHOPPERS = {
  shoppers: 8,
  browsedMsMax: 500,
  cards: [...CARD_MIX, CARDS.insufficientFunds, CARDS.error500, CARDS.notChargedHtml502],
};
/** Payments acknowledged between two strikes, so that each meets deliveries under way. */
const PAID_BETWEEN = 15;
const MOMENT_MS_MAX = 300;
/** Three leases: the other gateway delivers meanwhile, and the one that wakes must write nothing of what it had in hand. */
const STOP_MS = 15_000;
const STOP_EVERY = 4;
/** What waits at the end: a first step of the schedule, behind it what was sent away meanwhile, and a parked delivery of a dead gateway. */
const SETTLED_MS = 120_000;
/** PostgreSQL and the receiver go by one clock, but round it differently. */
const CLOCK_MS = 2;

/** What the merchant registers: one endpoint hears everything, one only what was not paid. */
const ENDPOINTS: Readonly<Record<string, readonly string[] | null>> = {
  all: null,
  unpaid: ['payment.failed', 'payment.attempt_failed'],
};

export interface WebhookTrial {
  strike: 'kill' | 'stop';
  /** Places of the gateways that are struck. */
  victims: readonly number[];
  /** Milliseconds after enough payments have been acknowledged. */
  momentMs: number;
}

export const webhooks: Campaign = {
  name: 'webhooks',
  summary:
    'gateways killed or stopped for long while endpoints of merchants fail now and then; a trial is a kill or a stop',
  countDefault: 40,
  run: (run) => inWorld({}, (world) => strikeUnderLoad(world, run)),
};

/** The trials of a run, by its seed. */
export function trialsOf(count: number, random: () => number): WebhookTrial[] {
  const last = STOP_EVERY - 1;
  return Array.from({ length: count }, (_, i) => {
    const one = [Math.floor(random() * GATEWAYS)];
    const both = random() < 1 / 3;
    return {
      strike: i % STOP_EVERY === last ? 'stop' : 'kill',
      victims: both ? [0, 1] : one,
      momentMs: random() * MOMENT_MS_MAX,
    };
  });
}

async function strikeUnderLoad(world: World, run: CampaignRun): Promise<CampaignReport> {
  const trials = trialsOf(run.count, run.random);
  const { log, judge } = openCase(world);
  const fleet = await startFleet(world, Array(GATEWAYS).fill(GATEWAY));
  const receiver = await startMoodyReceiver(run.random, run.count >= STOP_EVERY);
  try {
    await register(world, fleet, receiver);
    const shoppers = letShoppersIn(world, fleet, log, run.random, SHOPPERS);
    let made = 0;
    const strikeAll = async (): Promise<void> => {
      for (const trial of trials) {
        await paidMore(shoppers, PAID_BETWEEN);
        await pause(trial.momentMs);
        const victims = trial.victims.map((place) => fleet.ships[place]!);
        await (trial.strike === 'kill' ? killAll(fleet, victims) : stopAll(victims));
        made++;
        run.tell(`${made} of ${trials.length} strikes, ${receiver.arrivals.length} webhooks arrived`);
      }
      await paidMore(shoppers, PAID_BETWEEN);
    };
    await Promise.race([strikeAll(), shoppers.left]);
    await shoppers.leave();
    await shoppers.payOnceMore();
    await allFinal(world);
    const settledMs = await allTold(world);
    const { violations, figures } = await judge();
    const told = await judgeWebhooks(world, receiver);
    return {
      trials: made,
      figures: {
        kills: trials.filter(({ strike }) => strike === 'kill').length,
        stops: trials.filter(({ strike }) => strike === 'stop').length,
        'gateways struck': trials.reduce((sum, { victims }) => sum + victims.length, 0),
        ...told.figures,
        'all told, ms after all was final': settledMs,
        ...figures,
      },
      violations: [...told.violations, ...violations],
    };
  } finally {
    await receiver.close();
  }
}

async function register(world: World, { ships }: Fleet, receiver: MoodyReceiver): Promise<void> {
  const shop = createShop(world, ships[0]!.gateway);
  for (const [name, eventTypes] of Object.entries(ENDPOINTS)) {
    const { status, body } = await shop.post('/v1/webhook-endpoints', {
      url: receiver.url(name),
      eventTypes,
    });
    assert.equal(status, 201);
    receiver.open(name, body.secret);
  }
}

async function killAll(fleet: Fleet, victims: readonly Ship[]): Promise<void> {
  await Promise.all(victims.map(fleet.kill));
  await fleet.raise();
}

async function stopAll(victims: readonly Ship[]): Promise<void> {
  for (const { gateway } of victims) gateway.kill('SIGSTOP');
  await pause(STOP_MS);
  for (const { gateway } of victims) gateway.kill('SIGCONT');
}

/** Resolves with the milliseconds until nothing waits any more, or enough time has passed: then the judgement names what does. */
async function allTold(world: World): Promise<number> {
  const text = `select from outbox where dispatched_at is null
    union all select from webhook_deliveries where state = 'waiting' limit 1`;
  const from = performance.now();
  while ((await queryShards(world, text)).length > 0 && performance.now() - from < SETTLED_MS)
    await pause(100);
  return Math.round(performance.now() - from);
}

/** An event as the databases have it, ids as they are shown. */
interface StoredEvent {
  id: string;
  paymentIntentId: string;
  transactionId: string | null;
  type: string;
  sequence: number;
  createdAt: number;
  deliveredAt: number | null;
  /** Of its deliveries. */
  deliveries: Array<{ state: string; tries: number; lastStatus: number | null }>;
}

async function storedEvents(world: World): Promise<StoredEvent[]> {
  const bare = (column: string, as: string): string => `replace(${column}::text, '-', '') as "${as}"`;
  const rows = await queryShards<StoredEvent>(
    world,
    `select ${bare('event_id', 'id')}, ${bare('payment_intent_id', 'paymentIntentId')}, ${bare('transaction_id', 'transactionId')},
      type, sequence, (extract(epoch from created_at) * 1000)::float8 as "createdAt",
      (extract(epoch from delivered_at) * 1000)::float8 as "deliveredAt",
      (select coalesce(jsonb_agg(jsonb_build_object('state', d.state, 'tries', d.tries, 'lastStatus', d.log -> -1 -> 'status')), '[]')
        from webhook_deliveries d where d.event_id = outbox.event_id) as deliveries
    from outbox`,
  );
  return rows.map((row) => ({
    ...row,
    id: showEventId(row.id),
    paymentIntentId: showIntentId(row.paymentIntentId as IntentId),
    transactionId: row.transactionId === null ? null : showTransactionId(row.transactionId as TransactionId),
    createdAt: Math.floor(row.createdAt),
  }));
}

async function judgeWebhooks(
  world: World,
  { arrivals, refused }: MoodyReceiver,
): Promise<{ violations: string[]; figures: Record<string, number> }> {
  const events = await storedEvents(world);
  const byId = Map.groupBy(arrivals, ({ id }) => id);
  const known = new Set(events.map(({ id }) => id));
  const accepted = arrivals.filter(({ acceptedAt }) => acceptedAt !== null);
  const pairs = new Set(accepted.map(({ id, endpoint }) => `${id} ${endpoint}`));
  return {
    violations: [
      ...refused.map((what) => `a signature was not right: ${what}`),
      ...[...byId.keys()].filter((id) => !known.has(id)).map((id) => `${id} arrived and is in no outbox`),
      ...events.flatMap((event) =>
        wrongs(event, byId.get(event.id) ?? []).map((what) => `${event.id} ${what}`),
      ),
      ...wrongSequences(events),
    ],
    figures: {
      events: events.length,
      'of payments with several events': events.filter(({ sequence }) => sequence > 1).length,
      'webhooks arrived': arrivals.length,
      'accepted more than once': accepted.length - pairs.size,
      ...Object.fromEntries(
        [...Map.groupBy(arrivals, ({ mood }) => mood)].map(([mood, of]) => [`mood ${mood}`, of.length]),
      ),
    },
  };
}

/** What is not as it should be with one event. */
function wrongs(event: StoredEvent, arrived: readonly Arrival[]): string[] {
  const found: string[] = [];
  const wanted = Object.entries(ENDPOINTS).filter(
    ([, types]) => types === null || types.includes(event.type),
  );
  for (const [name] of wanted)
    if (!arrived.some(({ endpoint, acceptedAt }) => endpoint === name && acceptedAt !== null))
      found.push(`was never accepted by ${name} (${arrived.length} tries in all)`);
  for (const { endpoint } of arrived)
    if (!wanted.some(([name]) => name === endpoint))
      found.push(`came to ${endpoint}, which does not want it`);
  const bodies = new Set(arrived.map(({ body }) => body));
  if (bodies.size > 1) found.push(`came with ${bodies.size} bodies: ${[...bodies].join(' ')}`);
  for (const body of bodies) found.push(...wrongFields(event, JSON.parse(body)));

  const firstAcceptedAt = Math.min(
    ...arrived.map(({ acceptedAt }) => acceptedAt ?? Number.POSITIVE_INFINITY),
  );
  const { deliveredAt, deliveries } = event;
  if (deliveredAt === null) found.push('is not marked delivered');
  else if (deliveredAt < firstAcceptedAt - CLOCK_MS)
    found.push(`is marked delivered ${firstAcceptedAt - deliveredAt} ms before it was accepted`);
  if (deliveries.length !== wanted.length)
    found.push(`has ${deliveries.length} deliveries, not ${wanted.length}`);
  for (const { state, tries, lastStatus } of deliveries)
    if (state !== 'delivered' || tries < 1 || lastStatus !== 204)
      found.push(`has a delivery that is ${state} after ${tries} tries, the last answered ${lastStatus}`);
  return found;
}

function wrongFields(event: StoredEvent, body: { type: string; timestamp: string; data: object }): string[] {
  const { paymentIntentId, transactionId, type, sequence } = event;
  const wanted = { paymentIntentId, transactionId, sequence };
  const told = Object.fromEntries(Object.entries(body.data).filter(([name]) => name in wanted));
  try {
    assert.deepEqual(
      { ...told, type: body.type, at: Date.parse(body.timestamp) },
      { ...wanted, type, at: event.createdAt },
    );
    return [];
  } catch {
    return [`says ${JSON.stringify(body)}, and the outbox ${JSON.stringify(event)}`];
  }
}

/** A payment's events count 1 to n. */
function wrongSequences(events: readonly StoredEvent[]): string[] {
  return [...Map.groupBy(events, ({ paymentIntentId }) => paymentIntentId)].flatMap(([intent, of]) => {
    const numbers = of.map(({ sequence }) => sequence).sort((a, b) => a - b);
    return numbers.every((number, i) => number === i + 1)
      ? []
      : [`${intent} has events numbered ${numbers.join(', ')}`];
  });
}
