import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type IntentId, intentIdOf } from '../domain/ids.ts';
import { INTENT_LIFETIME_MS, nextAttempt } from '../domain/payment-intent.ts';
import { isFinal } from '../domain/transaction.ts';
import { expireIntents } from './expire-intents.ts';
import { resolveAttempt } from './resolve-attempt.ts';
import { createWorld, START, type World, word } from './testing/world.ts';
import { createAttemptWalk } from './walk.ts';
import { createWatchList } from './watch-list.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

/** The rooms of recovery without their clockwork; questions are asked at every round, however recent the last. */
function createRounds(world: World, watchedMax: number) {
  const watch = createWatchList(watchedMax);
  const { deps, scan } = world;
  const walk = createAttemptWalk({ scan, database: 0, watch, now: deps.now, stopped: () => false });
  const lap = { at: null, atMost: '' };
  async function expire(): Promise<void> {
    await expireIntents({
      ...deps,
      scan,
      settledTo: walk.settledTo,
      oldestOpen: () => watch.oldest(0),
      stopping: () => false,
      lap,
    });
  }
  async function resolveDue(): Promise<void> {
    for (let w = watch.takeDue(world.now); w !== null; w = watch.takeDue(world.now)) {
      const resolution = await resolveAttempt(deps, w);
      if (resolution.kind === 'settled') watch.drop(w);
      else watch.again(w, world.now + SECOND);
    }
  }
  return {
    watch,
    walk,
    expire,
    resolveDue,
    async round() {
      await walk.round();
      await expire();
      await resolveDue();
    },
  };
}

test('A: an unresolved attempt does not keep younger intents from being closed', async () => {
  const world = createWorld();
  const stuck = world.addAttempt(world.addIntent(START));
  world.bank = async () => ({ kind: 'no_answer', detail: '' });
  for (let i = 0; i < 50_100; i++) {
    const id = world.addIntent(START + 1 + i);
    world.payments.get(id)!.intent.status = 'SUCCESS';
  }
  const late = world.addIntent(START + 60_000);
  // rows in id order once, so that the pretended scan is not quadratic
  const ids = [...world.payments.keys()].sort();
  world.scan.pendingIntents = async (after, before, limit) => {
    const from = ids.findIndex((id) => id > after);
    const looked = from === -1 ? [] : ids.slice(from, from + limit).filter((id) => id < before);
    const pending = looked.filter((id) => {
      const { intent, attempts } = world.payments.get(id)!;
      return intent.status === 'PENDING' && attempts.every((a) => isFinal(a.status));
    });
    return { rows: pending, next: looked.length === limit ? looked.at(-1)! : null };
  };
  const rounds = createRounds(world, 100);
  world.now = START + 3 * DAY;
  for (let i = 0; i < 10; i++, world.now += 60 * SECOND) await rounds.round();
  expect(isFinal(world.attempt(stuck).status)).toBe(false);
  expect(world.payments.get(late)!.intent.status).toBe('FAILED');
});

test('B: an attempt that ends reopenable while intents are walked does not leave its intent behind', async () => {
  const world = createWorld();
  const id = world.addAttempt(world.addIntent(START));
  world.bank = async () => ({ kind: 'no_answer', detail: '' });
  const rounds = createRounds(world, 10);
  world.now = START + 3 * DAY;
  await rounds.walk.round();
  const { pendingIntents } = world.scan;
  world.scan.pendingIntents = async (...window) => {
    const page = await pendingIntents(...window);
    if (world.attempt(id).status === 'SENT') {
      world.hear(id, word('declined', { source: 'callback', referenceClosed: true }));
      await rounds.resolveDue();
    }
    return page;
  };
  for (let i = 0; i < 5; i++, world.now += 60 * SECOND) await rounds.round();
  expect(world.payments.get(intentIdOf(id))!.intent.status).toBe('FAILED');
});

type Happening =
  | { what: 'intent' | 'round' | 'restart'; afterMs: number }
  | { what: 'pay'; pick: number; afterMs: number }
  | { what: 'word'; pick: number; said: 'charged' | 'declined' | 'closed'; afterMs: number };
const pause = fc.oneof(fc.nat(20 * SECOND), fc.nat(3 * HOUR), fc.nat(DAY));
const happening = fc.oneof(
  { weight: 3, arbitrary: fc.record({ what: fc.constant('intent' as const), afterMs: pause }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('pay' as const), pick: fc.nat(), afterMs: pause }) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('word' as const),
      pick: fc.nat(),
      afterMs: pause,
      said: fc.constantFrom('charged' as const, 'declined' as const, 'closed' as const),
    }),
  },
  { weight: 6, arbitrary: fc.record({ what: fc.constant('round' as const), afterMs: pause }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('restart' as const), afterMs: pause }) },
) as fc.Arbitrary<Happening>;

function happen(world: World, event: Happening): void {
  const all = [...world.payments.values()];
  if (event.what === 'intent') world.addIntent(world.now);
  else if (event.what === 'pay' && all.length > 0) {
    const payment = all[event.pick % all.length]!;
    if ('attempt' in nextAttempt(payment, world.now)) world.addAttempt(payment.intent.paymentIntentId);
  } else if (event.what === 'word') {
    const open = all.flatMap(({ attempts }) => attempts).filter(({ status }) => !isFinal(status));
    if (open.length === 0) return;
    const { transactionId } = open[event.pick % open.length]!;
    const closed = event.said === 'closed';
    world.hear(
      transactionId,
      word(event.said === 'charged' ? 'charged' : 'declined', {
        source: 'callback',
        referenceClosed: closed,
      }),
    );
  }
}

function checkWatermarks(world: World): void {
  const attemptsTo = world.progress.get('open-attempts') ?? '';
  const intentsTo = world.progress.get('pending-intents') ?? '';
  for (const { intent, attempts } of world.payments.values()) {
    for (const { transactionId, status } of attempts)
      if (!isFinal(status)) expect(transactionId > attemptsTo, 'an open attempt was passed').toBe(true);
    if (world.now - intent.createdAt < INTENT_LIFETIME_MS)
      expect(intent.paymentIntentId > attemptsTo, 'an attempt may still appear').toBe(true);
    if (intent.status === 'PENDING')
      expect(intent.paymentIntentId > intentsTo, 'a pending intent was passed').toBe(true);
  }
}

test('C: no watermark ever passes what is open, and in the end nothing is', async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  console.log(`seed ${seed}`);
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { minLength: 5, maxLength: 60 }),
      fc.nat(),
      async (history, salt) => {
        const world = createWorld();
        world.bank = async () => ({ kind: 'no_answer', detail: '' });
        let rounds = createRounds(world, 2 + (salt % 4));
        for (const event of history) {
          world.now += event.afterMs;
          if (event.what === 'round') await rounds.round();
          else if (event.what === 'restart') rounds = createRounds(world, 2 + (salt % 4));
          else happen(world, event);
          checkWatermarks(world);
        }
        world.bank = async () => ({ kind: 'found', word: word('charged') });
        for (let i = 0; i < 120; i++, world.now += HOUR) await rounds.round();
        checkWatermarks(world);
        const unfinished: IntentId[] = [...world.payments.values()]
          .filter(
            ({ intent, attempts }) => intent.status === 'PENDING' || attempts.some((a) => !isFinal(a.status)),
          )
          .map(({ intent }) => intent.paymentIntentId);
        expect(unfinished).toEqual([]);
      },
    ),
    { numRuns: 200, seed, verbose: 0 },
  );
});
