/**
 * Two gateways on one database, paused (SIGSTOP) and resumed: never two charges (design 7: this is what makes pausing a process at
 * any instruction safe).
 *
 * Nine trials of ten take a pair of named points between commit B and commit D; where one of them is of commit B2, the first bank
 * refuses the card and the second takes it. The card's first poster is stopped at a point;
 * meanwhile the second gateway takes the same card of the same session and is stopped at another point; then both are resumed, in
 * either order. In half of the pairs a third gateway's recovery has come to its conclusion by then, in the other half it has had
 * no time.
 *
 * One of ten stops a gateway at any moment under load, for longer than its statements may take, while its shoppers go to the other.
 *
 * @module
 */

import { PAYMENT_POINTS, type PaymentPoint } from '../../src/domain/fault-points.ts';
import type { ClientLog } from '../../src/verification/client-log.ts';
import { eventually, pause as sleep } from '../support/eventually.ts';
import { shuffled } from '../support/random.ts';
import { type BookLine, CARDS, chargesOf } from '../support/shop.ts';
import type { World } from '../support/world.ts';
import type { Campaign, CampaignReport, CampaignRun } from './campaign.ts';
import { arm, type Ship, startFleet, strikeAt } from './fleet.ts';
import { allFinal, openCase } from './judgement.ts';
import { type Checkout, createLoggedShop, type LoggedShop } from './logged-shop.ts';
import { addMerchantOfTwoBanks, inWorld, SEND_BEFORE_MS, SHORT_TIMES } from './setting.ts';

/** The instants of an attempt from before it is durable to after its outcome is. */
const POINTS = PAYMENT_POINTS.slice(PAYMENT_POINTS.indexOf('before-commit-b'));
/** Those that only a payment passes which goes on to the second bank. */
const FALLBACK_POINTS: readonly PaymentPoint[] = ['before-commit-b2', 'after-commit-b2'];
const PAIRS = POINTS.flatMap((first) => POINTS.map((second) => [first, second] as const));

/**
 * Recovery reaches every conclusion while a gateway stands still. The bank may be silent for longer than in other campaigns: a sender that
 * goes on after some seconds must still read its answer.
 */
const WITNESS = { ...SHORT_TIMES, SLUICE_PROCESSOR_TIMEOUT_MS: '10000', SLUICE_SHARD_THREADS: '1' };
/** One without recovery of its own, to be stopped. */
const VICTIM = { ...WITNESS, SLUICE_ROLES: 'api,checkout' };

const AMOUNT = 5000;
/** Pairs of gateways at work at once: a trial mostly waits. */
const LANES = 3;
const LONG_EVERY = 10;
const LONG_FIRST = 4;

/** Enough for a charge that was sent to be answered, and for the point after the answer to be reached. */
const AFTER_ANSWER_MS = 1500;
/** Recovery concludes some 9 s after commit B: `send_before`, the proof's time, and three questions a second apart. */
const CONCLUDED_MS = 13_000;
/** As long as a resumed sender may still begin to send, and as a charge takes to reach the book. */
const RESUMED_MS = SEND_BEFORE_MS + 1500;
const FINAL_MS = 60_000;
const AGREED_MS = 10_000;
const EVERY_MS = 100;

/** Above a lane's statement_timeout (5 s) and its query_timeout (7 s). */
const LONG_MS = 8000;
const LONG_SHOPPERS = 12;
/** A shopper of a gateway that stands still goes to the other after this. */
const LONG_PATIENCE_MS = 1500;

interface PairTrial {
  kind: 'pair';
  points: readonly [PaymentPoint, PaymentPoint];
  resumed: 'once recovery has concluded' | 'at once';
  order: 'first to last' | 'last to first';
}

interface LongTrial {
  kind: 'long';
  /** Milliseconds from the first post to the stop. */
  momentMs: number;
}

/** Each time a pair comes again, recovery's half is the other one; after four times it has had every variant. */
const VARIANTS = [
  ['once recovery has concluded', 'first to last'],
  ['at once', 'last to first'],
  ['once recovery has concluded', 'last to first'],
  ['at once', 'first to last'],
] as const;

export const pause: Campaign = {
  name: 'pause',
  summary:
    'SIGSTOP of two gateways at pairs of named points, and of one for long; a trial is a pair or a long stop',
  countDefault: 100,
  run: (run) => inWorld({ callbackDelayMs: 300 }, (world) => pauseAll(world, run)),
};

/** The trials of a run, by its seed. */
export function trialsOf(count: number, random: () => number): Array<PairTrial | LongTrial> {
  const pairs = shuffled(PAIRS, random);
  const turn = Math.floor(random() * VARIANTS.length);
  let made = 0;
  return Array.from({ length: count }, (_, i): PairTrial | LongTrial => {
    if (i % LONG_EVERY === LONG_FIRST) return { kind: 'long', momentMs: 20 + random() * 200 };
    const place = made % pairs.length;
    const [resumed, order] = VARIANTS[(turn + place + Math.floor(made / pairs.length)) % VARIANTS.length]!;
    made++;
    return { kind: 'pair', points: pairs[place]!, resumed, order };
  });
}

/** What the trials share. */
interface Stage {
  world: World;
  merchant: { merchantId: string; secretKey: string };
  log: ClientLog;
  witness: LoggedShop;
  /** How often a gateway was stopped at each point. */
  stops: Map<PaymentPoint, number>;
  /** Pairs of which both gateways were stopped. */
  bothStopped: number;
  /** Posts without an answer while a gateway stood still for long. */
  longUnanswered: number;
  violations: string[];
}

async function pauseAll(world: World, run: CampaignRun): Promise<CampaignReport> {
  const trials = trialsOf(run.count, run.random);
  const lanes = Math.min(LANES, trials.length);
  const merchant = await addMerchantOfTwoBanks(world);
  const { log, judge } = openCase(world);
  const fleet = await startFleet(world, [WITNESS, ...Array.from({ length: 2 * lanes }, () => VICTIM)]);
  const [witness, ...victims] = fleet.ships;
  const stage: Stage = {
    world,
    merchant,
    log,
    witness: createLoggedShop(world, witness!.gateway, { log, merchant }),
    stops: new Map(POINTS.map((point) => [point, 0])),
    bothStopped: 0,
    longUnanswered: 0,
    violations: [],
  };
  let begun = 0;
  let made = 0;
  const work = async (pair: readonly [Ship, Ship]): Promise<void> => {
    while (begun < trials.length) {
      const trial = trials[begun++]!;
      if (trial.kind === 'pair') await stopBoth(stage, pair, trial);
      else await stopForLong(stage, pair, trial);
      made++;
      if (made % 10 === 0) run.tell(`${made} of ${trials.length} trials`);
    }
  };
  await Promise.all(
    Array.from({ length: lanes }, (_, lane) => work([victims[2 * lane]!, victims[2 * lane + 1]!])),
  );
  await allFinal(world);
  const { violations, figures } = await judge();
  return {
    trials: made,
    figures: {
      ...Object.fromEntries([...stage.stops].map(([point, times]) => [`stopped at ${point}`, times])),
      'both gateways stopped': stage.bothStopped,
      'posts without an answer in long stops': stage.longUnanswered,
      ...figures,
    },
    violations: [...stage.violations, ...violations],
  };
}

async function stopBoth(stage: Stage, pair: readonly [Ship, Ship], trial: PairTrial): Promise<void> {
  const { points, resumed, order } = trial;
  const name = `stopped at ${points[0]}, then at ${points[1]}, resumed ${resumed}, ${order}`;
  const checkout = await stage.witness.openCheckout(AMOUNT);
  const fallsBack = points.some((point) => FALLBACK_POINTS.includes(point));
  const card = fallsBack ? CARDS.connectionRefused : CARDS.success;
  const posts: Promise<unknown>[] = [];
  let stopped = 0;
  for (const [i, ship] of pair.entries()) {
    const point = points[i]!;
    const reached = await strikeAt(ship, `${point}=stop`, async () => {
      const post = shopAt(stage, ship).pay(checkout, card);
      posts.push(post);
      // Answered after commit B: the point may still come with the charge.
      if ((await post)?.status === 202) await sleep(AFTER_ANSWER_MS);
    });
    if (!reached) continue;
    stopped++;
    stage.stops.set(point, stage.stops.get(point)! + 1);
  }
  if (stopped === 2) stage.bothStopped++;
  // The witness may answer the same shopper, and its recovery asks the bank.
  await stage.witness.pay(checkout, card);
  if (resumed === 'once recovery has concluded') await leftProcessing(stage, checkout);
  for (const ship of order === 'first to last' ? pair : [...pair].reverse()) ship.gateway.kill('SIGCONT');
  await neverTwice(stage, checkout, name);
  for (const ship of pair) await wake(ship);
  await endsAsBooked(stage, checkout, name);
  await Promise.all(posts);
}

/** A point that was not reached in its trial must not be in the next; one reached only now is left at once. */
async function wake(ship: Ship): Promise<void> {
  ship.gateway.send('none');
  await eventually(async () => {
    ship.gateway.kill('SIGCONT');
    const { status } = await fetch(`${ship.gateway.opsUrl}/healthz`, { signal: AbortSignal.timeout(1000) });
    if (status !== 200) throw new Error(`/healthz answered ${status}`);
  });
  await arm(ship, 'none');
}

/** One gateway stands still under load; its shoppers go to the other with the same checkouts, and come back. */
async function stopForLong(
  stage: Stage,
  [victim, other]: readonly [Ship, Ship],
  trial: LongTrial,
): Promise<void> {
  const [atVictim, atOther] = [shopAt(stage, victim, LONG_PATIENCE_MS), shopAt(stage, other)];
  const checkouts = await Promise.all(
    Array.from({ length: LONG_SHOPPERS }, () => stage.witness.openCheckout(AMOUNT)),
  );
  const shoppers = checkouts.map(async (checkout, i) => {
    await sleep((trial.momentMs * 2 * i) / LONG_SHOPPERS);
    if ((await atVictim.pay(checkout, CARDS.success)) !== null) return checkout;
    stage.longUnanswered++;
    await atOther.pay(checkout, CARDS.success);
    return checkout;
  });
  await sleep(trial.momentMs);
  victim.gateway.kill('SIGSTOP');
  await Promise.all([...shoppers, sleep(LONG_MS)]);
  victim.gateway.kill('SIGCONT');
  await Promise.all(checkouts.map((checkout) => atVictim.pay(checkout, CARDS.success)));
  await wake(victim);
  const name = `stopped for ${LONG_MS} ms under load`;
  await Promise.all(checkouts.map((checkout) => endsAsBooked(stage, checkout, name)));
}

function shopAt({ world, merchant, log }: Stage, { gateway }: Ship, patienceMs?: number): LoggedShop {
  return createLoggedShop(world, gateway, { log, merchant, ...(patienceMs !== undefined && { patienceMs }) });
}

/** Resolves when the intent is no longer PROCESSING, or after the time in which recovery would have ended that. */
async function leftProcessing(stage: Stage, { paymentIntentId }: Checkout): Promise<void> {
  for (const until = performance.now() + CONCLUDED_MS; performance.now() < until; await sleep(EVERY_MS)) {
    if ((await statusOf(stage, paymentIntentId)) !== 'PROCESSING') return;
  }
}

/**
 * Reads both books again and again for the whole window. That nothing happens has no event to wait for: a resumed sender
 * that wrongly charges does so within its time to send, so this time must pass, whatever the intent shows meanwhile.
 */
async function neverTwice({ world, violations }: Stage, checkout: Checkout, name: string): Promise<void> {
  const { paymentIntentId } = checkout;
  for (const until = performance.now() + RESUMED_MS; performance.now() < until; await sleep(EVERY_MS)) {
    const charges = await chargesAtBoth(world, paymentIntentId);
    if (charges.length <= 1) continue;
    violations.push(`${paymentIntentId}, ${name}: charged ${charges.length} times`);
    return;
  }
}

async function chargesAtBoth(world: World, paymentIntentId: string): Promise<BookLine[]> {
  const books = world.banks().map(({ url }) => chargesOf({ bankUrl: url }, paymentIntentId));
  return (await Promise.all(books)).flat();
}

/** A late charge is heard of by callback, after the intent was final: so the two are compared until they agree. */
async function endsAsBooked(stage: Stage, checkout: Checkout, name: string): Promise<void> {
  const { paymentIntentId } = checkout;
  const look = async (): Promise<void> => {
    const status = await statusOf(stage, paymentIntentId);
    const { length } = await chargesAtBoth(stage.world, paymentIntentId);
    if (status === 'PROCESSING' || (status === 'SUCCESS') !== (length === 1) || length > 1)
      throw new Error(`${status} with ${length} charges`);
  };
  const settled = eventually(
    async () => {
      if ((await statusOf(stage, paymentIntentId)) === 'PROCESSING') throw new Error('PROCESSING');
    },
    { withinMs: FINAL_MS, everyMs: EVERY_MS },
  );
  await settled
    .then(() => eventually(look, { withinMs: AGREED_MS, everyMs: EVERY_MS }))
    .catch((error: Error) => stage.violations.push(`${paymentIntentId}, ${name}: ends ${error.message}`));
}

/** As the witness shows the intent. */
async function statusOf({ witness }: Stage, paymentIntentId: string): Promise<string> {
  const answer = await witness.showIntent(paymentIntentId);
  if (answer?.status !== 200) throw new Error(`the witness does not show ${paymentIntentId}`);
  return answer.body.status;
}
