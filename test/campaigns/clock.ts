/**
 * Clock: the wall clock of gateway, bank or PostgreSQL jumps an hour under load, and the database's clock passes midnight.
 *
 * One trial is one step and its taking back. Around it: an order with a key from before the step is the same order after it;
 * a session lives by the clock of the database that keeps it; a charge that waits to be sent while the clock jumps is not
 * sent after its time, whichever way the clock went. At the end two hours pass for everybody, so that recovery gets to what was
 * left open by a clock that was ahead, and the records must tell one story.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClientLog } from '../../src/verification/client-log.ts';
import { queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { PROFILE } from '../support/profile.ts';
import { shuffled } from '../support/random.ts';
import { CARDS } from '../support/shop.ts';
import { createSteppedClock, type SteppedClock } from '../support/stepped-clock.ts';
import type { Gateway, World } from '../support/world.ts';
import type { Campaign, CampaignReport, CampaignRun } from './campaign.ts';
import { allFinal, openCase } from './judgement.ts';
import { createLoggedShop, type LoggedShop, newKey, newOrder, type Order } from './logged-shop.ts';
import { inWorld, SEND_BEFORE_MS, SHORT_TIMES } from './setting.ts';
import { paidMore, type Shoppers, startShoppers } from './shoppers.ts';

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
const SHOPPERS = 8;
/** Payments that must go through after each step and after its taking back. */
const PAYMENTS_AFTER = 15;

interface Clocks {
  gateway: SteppedClock;
  bank: SteppedClock;
  postgres: SteppedClock;
}

export interface Stage {
  world: World;
  clocks: Clocks;
  /** Two, on one clock. */
  gateways: readonly Gateway[];
  log: ClientLog;
  /** One at each gateway. */
  shops: readonly LoggedShop[];
  shoppers: Shoppers;
  violations: string[];
}

/** One kind of trial. */
export interface Step {
  name: string;
  make(stage: Stage): Promise<void>;
}

export const clock: Campaign = {
  name: 'clock',
  summary: 'wall clocks step an hour, and midnight passes; one trial is one step and its taking back',
  countDefault: 20,
  async run(run) {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-clocks-'));
    chmodSync(folder, 0o711);
    const [gateway, bank, postgres] = ['gateway', 'bank', 'postgres'].map((name) =>
      createSteppedClock(folder, name),
    );
    const clocks = { gateway: gateway!, bank: bank!, postgres: postgres! };
    const options = { cluster: { environment: clocks.postgres.env }, bankEnv: clocks.bank.env };
    try {
      return await inWorld(options, (world) => stepClocks(world, clocks, run));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function stepClocks(world: World, clocks: Clocks, run: CampaignRun): Promise<CampaignReport> {
  const environment = { ...SHORT_TIMES, ...clocks.gateway.env };
  const gateways = [await world.startGateway(environment), await world.startGateway(environment)];
  const { log, judge } = openCase(world);
  const shops = gateways.map((gateway) => createLoggedShop(world, gateway, { log }));
  const shoppers = startShoppers(shops, SHOPPERS, run.random);
  const violations: string[] = [];
  const stage: Stage = { world, clocks, gateways, log, shops, shoppers, violations };
  const made: Record<string, number> = {};
  const steps: Step[] = [];
  while (steps.length < run.count) steps.push(...shuffled(STEPS, run.random));
  try {
    for (const step of steps.slice(0, run.count)) {
      run.tell(`  ${step.name}`);
      await step.make(stage);
      made[step.name] = (made[step.name] ?? 0) + 1;
    }
  } finally {
    await shoppers.leave();
  }
  for (const each of Object.values(clocks)) each.set(2 * HOUR_S);
  await allFinal(world);
  const judgement = await judge({ now: clocks.gateway.now() });
  return {
    trials: Math.min(run.count, steps.length),
    figures: { ...judgement.figures, 'payments under load': shoppers.paid(), ...made },
    violations: [...violations, ...unhealthy(gateways), ...judgement.violations],
  };
}

/** No thread was taken for dead or hung, and no process gave up, because a clock jumped. */
function unhealthy(gateways: readonly Gateway[]): string[] {
  const bad = /thread_died|thread_hung|process_gives_up/;
  return gateways.flatMap((gateway, index) => {
    const found = bad.exec(gateway.log());
    return found === null ? [] : [`gateway ${index + 1} says ${found[0]}`];
  });
}

function jump(who: keyof Clocks, offset: number): Step {
  const name = `${who} ${offset > 0 ? 'ahead' : 'back'}`;
  return {
    name,
    async make(stage) {
      const { shops, clocks, shoppers } = stage;
      const order = newKeyedOrder(4200);
      const before = await shops[0]!.intent(...order);
      const open = await shops[0]!.openCheckout(777);
      clocks[who].set(offset);
      await paidMore(shoppers, PAYMENTS_AFTER);
      await sameOrder(stage, name, order, before?.body.paymentIntentId);
      // Only the clock of who keeps the sessions ends them: the control database's, or Redis's own, which goes right.
      const expected = PROFILE.redis === 0 && who === 'postgres' && offset > 0 ? 410 : 202;
      const paid = await shops[1]!.pay(open, CARDS.success);
      if (paid?.status !== expected) {
        stage.violations.push(`${name}: a session from before was answered ${paid?.status}, not ${expected}`);
      }
      clocks[who].set(0);
      await paidMore(shoppers, PAYMENTS_AFTER);
      await sameOrder(stage, `${name}, taken back`, order, before?.body.paymentIntentId);
    },
  };
}

type KeyedOrder = readonly [order: Order, key: Record<string, string>];

function newKeyedOrder(amount: number): KeyedOrder {
  return [newOrder(amount), newKey()];
}

/** The same order with the same key at both gateways at once: one intent, the known one if there is one. */
async function sameOrder(
  { shops, violations }: Stage,
  when: string,
  order: KeyedOrder,
  known?: string,
): Promise<string> {
  const answers = await Promise.all(shops.map((shop) => shop.intent(...order)));
  const ids = answers.map((answer) => answer?.body.paymentIntentId ?? `answer ${answer?.status}`);
  const intent = known ?? ids[0]!;
  if (ids.some((id) => id !== intent))
    violations.push(`${when}: one key made ${[intent, ...ids].join(', ')}`);
  return intent;
}

/** A charge stands before its first byte while the gateway's clock jumps; it goes on only when its time is over. */
function jumpBeforeSend(offset: number): Step {
  const name = `gateway ${offset > 0 ? 'ahead' : 'back'} before a charge leaves`;
  return {
    name,
    async make({ world, clocks, log, shops, violations }) {
      const victim = await world.startGateway({
        ...SHORT_TIMES,
        ...clocks.gateway.env,
        SLUICE_ROLES: 'api,checkout',
        SLUICE_FAULT_POINTS: 'before-send=stop',
      });
      const checkout = await shops[0]!.openCheckout(777);
      const paying = createLoggedShop(world, victim, { log }).pay(checkout, CARDS.success);
      await eventually(() => assert.match(victim.log(), /fault-point before-send/));
      const stoppedAt = performance.now();
      clocks.gateway.set(offset);
      // Ahead, the wall clock alone says that the time is over; back, only the monotonic one does.
      const restMs = offset > 0 ? 0 : SEND_BEFORE_MS + 200;
      await eventually(() => assert.ok(performance.now() - stoppedAt >= restMs));
      victim.kill('SIGCONT');
      await paying;
      const transactionId = `${checkout.paymentIntentId.replace('pi_', 'txn_').slice(0, -1)}1`;
      const end = await eventually(async () => {
        const told = await shops[0]!.transaction(transactionId);
        assert.match(String(told?.body.status), /^(SUCCESS|FAILED)$/);
        return told!.body.status;
      });
      if (end !== 'FAILED') violations.push(`${name}: ${transactionId} ends ${end}`);
      clocks.gateway.set(0);
      const book = await fetch(`${world.bankUrl}/_bank/charges?reference=${transactionId}`);
      if ((await book.text()) !== '') violations.push(`${name}: ${transactionId} was sent after its time`);
      await victim.stop();
    },
  };
}

/** The same key before and after midnight of the database's clock, and at both gateways in a day's first minute. */
const midnight: Step = {
  name: 'midnight',
  async make(stage) {
    const { clocks, world, shops, shoppers } = stage;
    const order = newKeyedOrder(2359);
    clocks.postgres.set(secondsToMidnight() - 2);
    const day = await databaseDay(world);
    const before = await shops[0]!.intent(...order);
    await eventually(async () => assert.notEqual(await databaseDay(world), day), { everyMs: 100 });
    await sameOrder(stage, 'after midnight', order, before?.body.paymentIntentId);
    await sameOrder(stage, 'in the first minute', newKeyedOrder(2359));
    const today = (await databaseDay(world)).replaceAll('-', '');
    const tables = ['payment_intents', 'transactions', 'outbox', 'idempotency_keys', 'processor_callbacks'];
    for (const table of tables) {
      const rows = await queryShards<{ there: boolean }>(
        world,
        'select to_regclass($1) is not null as there',
        [`${table}_${today}`],
      );
      if (rows.some(({ there }) => !there))
        stage.violations.push(`midnight: there is no partition ${table}_${today}`);
    }
    clocks.postgres.set(0);
    await paidMore(shoppers, PAYMENTS_AFTER);
    await sameOrder(stage, 'midnight, taken back', order, before?.body.paymentIntentId);
  },
};

/** A key claimed just after midnight, and the database's clock is set back into the day before. */
const backOverMidnight: Step = {
  name: 'back over midnight',
  async make(stage) {
    const order = newKeyedOrder(11);
    stage.clocks.postgres.set(secondsToMidnight() + 600);
    const before = await stage.shops[0]!.intent(...order);
    stage.clocks.postgres.set(secondsToMidnight() + 600 - HOUR_S);
    await sameOrder(stage, 'back over midnight', order, before?.body.paymentIntentId);
    stage.clocks.postgres.set(0);
    await paidMore(stage.shoppers, PAYMENTS_AFTER);
  },
};

function secondsToMidnight(): number {
  return DAY_S - ((Date.now() / 1000) % DAY_S);
}

async function databaseDay(world: World): Promise<string> {
  const [row] = await queryShards<{ day: string }>(
    world,
    "select (now() at time zone 'utc')::date::text as day",
  );
  return row!.day;
}

export const STEPS: readonly Step[] = [
  ...(['gateway', 'bank', 'postgres'] as const).flatMap((who) => [jump(who, HOUR_S), jump(who, -HOUR_S)]),
  jumpBeforeSend(HOUR_S),
  jumpBeforeSend(-HOUR_S),
  midnight,
  backOverMidnight,
];
